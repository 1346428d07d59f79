"""The two messages that a validator without gas signs instead of sending a call: EIP-712.

Whoever holds such a signature may bring it into a block (`voteBySig`, `signalReadyBySig`). Nothing else of this kind is
ever signed here: the signer process builds the message from these types, not from what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from console.addresses import checksummed
from console.errors import InputError

DOMAIN_NAME = "UpgradeRegistry"
DOMAIN_VERSION = "1"

_DOMAIN_TYPE = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


@dataclass(frozen=True, slots=True)
class VoteMessage:
    """A vote."""

    FORM: ClassVar[str] = "Vote"
    TYPE: ClassVar[tuple[tuple[str, str], ...]] = (
        ("id", "uint64"),
        ("support", "bool"),
        ("validator", "address"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
    )

    chain_id: int
    registry: str
    """0x and 40 hex digits: the contract that counts it."""
    id: int
    support: bool
    validator: str
    """Who signs: 0x and 40 hex digits."""
    nonce: int
    """`nonces(validator)`: a signature counts once."""
    deadline: int
    """The last block in which it counts."""

    @property
    def signer(self) -> str:
        """Checksummed address that has to sign."""
        return checksummed(self.validator)

    @property
    def message(self) -> dict[str, object]:
        """The message's fields by their names in the contract."""
        return {
            "id": self.id,
            "support": self.support,
            "validator": checksummed(self.validator),
            "nonce": self.nonce,
            "deadline": self.deadline,
        }


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """Readiness for a release."""

    FORM: ClassVar[str] = "Ready"
    TYPE: ClassVar[tuple[tuple[str, str], ...]] = (
        ("id", "uint64"),
        ("releaseHash", "bytes32"),
        ("signer", "address"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
    )

    chain_id: int
    registry: str
    id: int
    release_hash: str
    """64 hex digits."""
    signer: str
    """Who signs, the validator or its operator: 0x and 40 hex digits."""
    nonce: int
    deadline: int

    @property
    def message(self) -> dict[str, object]:
        """The message's fields by their names in the contract."""
        return {
            "id": self.id,
            "releaseHash": "0x" + self.release_hash.lower(),
            "signer": checksummed(self.signer),
            "nonce": self.nonce,
            "deadline": self.deadline,
        }


TypedMessage = VoteMessage | ReadyMessage
_FORMS: Mapping[str, type[VoteMessage] | type[ReadyMessage]] = {"Vote": VoteMessage, "Ready": ReadyMessage}


def document(message: TypedMessage) -> dict[str, Any]:
    """The message as EIP-712's JSON, for a wallet (`eth_signTypedData_v4`) and for `eth_account`."""
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN_TYPE],
            message.FORM: [{"name": name, "type": kind} for name, kind in message.TYPE],
        },
        "primaryType": message.FORM,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": message.chain_id,
            "verifyingContract": checksummed(message.registry),
        },
        "message": message.message,
    }


def to_request(message: TypedMessage) -> dict[str, object]:
    """The message as the signer process is given it: its form and plain values."""
    return {"form": message.FORM, **{each.name: getattr(message, each.name) for each in fields(message)}}


def from_request(request: object) -> TypedMessage:
    """Read what `to_request` wrote, strictly.

    Raises:
        InputError: Another form, a field too many or too few, or a value of the wrong type or range.
    """
    values = dict(request) if isinstance(request, dict) else {}
    form = values.pop("form", None)
    kind = _FORMS.get(form) if isinstance(form, str) else None
    if kind is None:
        raise InputError("only a vote or a readiness is signed as typed data")
    if set(values) != {each.name for each in fields(kind)}:
        raise InputError(f"the {kind.FORM} has not exactly its fields")
    _check_whole(values, "chain_id", 256, low=1)
    _check_whole(values, "id", 64, low=1)
    _check_whole(values, "nonce", 256)
    _check_whole(values, "deadline", 256)
    for name in ("registry", "validator" if kind is VoteMessage else "signer"):
        if not _is_hex(values[name], 40, prefix="0x"):
            raise InputError(f"`{name}` of the {kind.FORM} is not an address")
    if kind is VoteMessage and not isinstance(values["support"], bool):
        raise InputError("`support` of the Vote is not true or false")
    if kind is ReadyMessage and not _is_hex(values["release_hash"], 64):
        raise InputError("`release_hash` of the Ready is not 64 hex digits")
    return kind(**values)


def describe(message: TypedMessage) -> str:
    """What the message says, in one sentence for the person who signs."""
    if isinstance(message, VoteMessage):
        said = f"vote {'YES' if message.support else 'NO'} on proposal {message.id}"
    else:
        said = f"readiness for proposal {message.id} with the release sha256:{message.release_hash.lower()}"
    return (
        f"{said}, as {checksummed(message.signer)}, at the registry {checksummed(message.registry)} of chain"
        f" {message.chain_id}, nonce {message.nonce}, until block {message.deadline}"
    )


def _check_whole(values: Mapping[str, object], name: str, bits: int, *, low: int = 0) -> None:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < 1 << bits:
        raise InputError(f"`{name}` of the message is not a whole number in range")


def _is_hex(value: object, digits: int, *, prefix: str = "") -> bool:
    if not isinstance(value, str) or len(value) != digits + len(prefix) or not value.startswith(prefix):
        return False
    return all(character in "0123456789abcdefABCDEF" for character in value[len(prefix) :])
