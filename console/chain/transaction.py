"""A transaction before it is signed: its fields for the signer, and its words for the operator's eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.chain.cost import Cost
from console.chain.registry import registry_interface
from console.text import shortened, untrusted


@dataclass(frozen=True, slots=True)
class Transaction:
    """A call that would be accepted now, ready to be signed."""

    function: str
    args: tuple[object, ...]
    chain_id: int
    registry: str
    """Whom it calls."""
    sender: str
    cost: Cost
    data: str
    """Call data, 0x hex."""

    @property
    def fields(self) -> dict[str, object]:
        """What the signer signs, and `from`, which it checks against the key."""
        common: dict[str, object] = {
            "from": self.sender,
            "chainId": self.chain_id,
            "nonce": self.cost.nonce,
            "to": self.registry,
            "value": 0,
            "data": self.data,
            "gas": self.cost.gas,
        }
        if self.cost.priority_wei is None:
            return {**common, "gasPrice": self.cost.fee_wei}
        return {**common, "type": 2, "maxFeePerGas": self.cost.fee_wei, "maxPriorityFeePerGas": self.cost.priority_wei}

    @property
    def words(self) -> str:
        """What it does, in one line."""
        return describe_call(self.function, self.args)

    @property
    def shown(self) -> str:
        """The decoded call as plain text, for the operator's eyes before it is signed."""
        return "\n".join(
            (
                describe_call(self.function, self.args),
                f"to the UpgradeRegistry {self.registry} on chain {self.chain_id}",
                f"from {self.sender}, nonce {self.cost.nonce}",
                f"gas at most {self.cost.gas}, fee at most {self.cost.most_wei} wei",
            )
        )


def describe_call(function: str, args: Sequence[object]) -> str:
    """A call as plain text, arguments by name; foreign text in it is made safe."""
    signature = registry_interface().functions[function]
    named = zip(signature.names, args, signature.fields, strict=True)
    return f"{function}({', '.join(f'{name}={_spoken(arg, fields)}' for name, arg, fields in named)})"


def named_height(function: str, args: Sequence[object]) -> int | None:
    """The height that a call names, for the sentence of a refusal: an argument, or a field of a struct."""
    signature = registry_interface().functions.get(function)
    if signature is None:
        return None
    for name, arg, fields in zip(signature.names, args, signature.fields, strict=True):
        found = arg if name == "height" else None
        if isinstance(arg, list | tuple) and "targetHeight" in fields and len(arg) == len(fields):
            # Zero is a height that comes later.
            found = arg[fields.index("targetHeight")] or None
        if isinstance(found, int):
            return found
    return None


def _spoken(value: object, fields: Sequence[str] = ()) -> str:
    """A value as text: a struct by the names of its fields, a list by its items."""
    if isinstance(value, list | tuple):
        if fields and len(value) == len(fields) and not any(isinstance(item, list | tuple) for item in value):
            return f"({', '.join(f'{name}={_spoken(item)}' for name, item in zip(fields, value, strict=True))})"
        return f"[{', '.join(_spoken(item, fields) for item in value)}]"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        repr(str(untrusted(value, 512))) if isinstance(value, str) and value[:2] != "0x" else shortened(str(value), 80)
    )
