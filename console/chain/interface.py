"""A contract's interface: calls encoded, answers and errors decoded from its ABI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.addresses import keccak
from console.chain.abi import AbiError, decode, encode
from console.errors import BadAnswer, InputError


@dataclass(frozen=True, slots=True)
class Signature:
    """A function or an error of a contract."""

    name: str
    selector: bytes
    """First four bytes of the keccak of its canonical spelling."""
    names: tuple[str, ...]
    """Names of its arguments."""
    types: tuple[str, ...]
    """Canonical types of its arguments."""
    fields: tuple[tuple[str, ...], ...]
    """For each argument that is a struct or an array of structs, the names of its fields; else empty."""
    outputs: tuple[str, ...]
    """Types of what a function returns, strings as bytes: foreign text is decoded by `console.text.untrusted`."""
    output_fields: tuple[tuple[str, ...], ...]
    """For each output that is a struct or an array of structs, the names of its fields; else empty."""


class Interface:
    """Functions and errors of a contract.

    Args:
        abi: Entries as solc writes them.
    """

    def __init__(self, abi: Sequence[Mapping[str, Any]]) -> None:
        self.functions: dict[str, Signature] = {}
        self.errors: dict[bytes, Signature] = {}
        for entry in abi:
            if entry["type"] == "function":
                signature = _signature(entry)
                self.functions[signature.name] = signature
            elif entry["type"] == "error":
                signature = _signature(entry)
                self.errors[signature.selector] = signature

    def encode(self, function: str, args: Sequence[object]) -> str:
        """Call data as 0x hex.

        Raises:
            InputError: A value does not fit its type.
        """
        signature = self.functions[function]
        if len(args) != len(signature.types):
            raise InputError(f"{function} takes {len(signature.types)} values, not {len(args)}")
        try:
            encoded = encode(signature.types, args)
        except AbiError:
            listed = ", ".join(f"{kind} {name}" for kind, name in zip(signature.types, signature.names, strict=True))
            raise InputError(f"a value does not fit {function}({listed})") from None
        return "0x" + (signature.selector + encoded).hex()

    def decode(self, function: str, data: bytes) -> tuple[Any, ...]:
        """What a function returned; strings come as bytes.

        Raises:
            BadAnswer: The bytes are not what the function returns.
        """
        return _decode(self.functions[function].outputs, data, f"the answer of {function}")

    def decode_error(self, data: bytes) -> tuple[str, dict[str, object]] | None:
        """Name and arguments of a custom error, None when it is not one of this contract's.

        Raises:
            BadAnswer: The selector is known and the rest does not fit.
        """
        signature = self.errors.get(data[:4])
        if signature is None:
            return None
        values = _decode(tuple(_foreign(kind) for kind in signature.types), data[4:], f"the error {signature.name}")
        return signature.name, dict(zip(signature.names, values, strict=True))


def functions_of(abi: Sequence[Mapping[str, Any]]) -> tuple[Signature, ...]:
    """Every function of an interface, those of one name with other arguments too."""
    return tuple(_signature(entry) for entry in abi if entry["type"] == "function")


def first_array_length(data: bytes) -> int:
    """Length of the array that a returned tuple begins with, read without decoding it.

    A few hostile bytes can describe an array of millions, every item of which points at the same large string.

    Raises:
        BadAnswer: There is no array there.
    """
    offset = int.from_bytes(data[:32], "big")
    if len(data) < 64 or offset + 32 > len(data):
        raise BadAnswer("an array was expected in a contract's answer")
    return int.from_bytes(data[offset : offset + 32], "big")


def _signature(entry: Mapping[str, Any]) -> Signature:
    inputs = entry.get("inputs", [])
    outputs = entry.get("outputs", [])
    types = tuple(_canonical(item) for item in inputs)
    name = str(entry["name"])
    return Signature(
        name=name,
        selector=keccak(f"{name}({','.join(types)})".encode())[:4],
        names=tuple(str(item["name"]) for item in inputs),
        types=types,
        fields=tuple(_fields(item) for item in inputs),
        outputs=tuple(_foreign(_canonical(item)) for item in outputs),
        output_fields=tuple(_fields(item) for item in outputs),
    )


def _fields(item: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(component["name"]) for component in item.get("components", ()))


def _canonical(item: Mapping[str, Any]) -> str:
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_canonical(component) for component in item["components"])
    return f"({inner}){kind[len('tuple') :]}"


def _foreign(kind: str) -> str:
    return kind.replace("string", "bytes")


def _decode(types: tuple[str, ...], data: bytes, what: str) -> tuple[Any, ...]:
    try:
        return decode(types, data)
    except AbiError:
        raise BadAnswer(f"{what} does not fit the contract's interface") from None
