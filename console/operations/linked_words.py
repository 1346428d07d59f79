"""Linked calls in words: the few functions that a proposal can call, with their arguments by name."""

from __future__ import annotations

from console.addresses import checksummed
from console.chain.abi import AbiError, decode
from console.chain.cuts import DIAMOND_CUT_SELECTOR
from console.chain.registry import registry_interface
from console.chain.selectors import known_names, selector_of
from console.text import shortened

_TRANSFER = bytes.fromhex(selector_of("transferOwnership(address)")[2:])


def described(target: str, data: bytes, registry: str) -> str:
    """A linked call in words; what is not known is told by its bytes.

    Args:
        target: Whom it calls, checksummed.
        data: Its call data.
        registry: The UpgradeRegistry's address.
    """
    if data[:4] == DIAMOND_CUT_SELECTOR:
        return f"diamondCut of {target}"
    if data[:4] == _TRANSFER and len(data) == 36:
        return f"transferOwnership(newOwner={checksummed(data[-20:])}) of {target}: it belongs to that account then"
    if target.lower() == registry.lower():
        for function in registry_interface().functions.values():
            if function.selector == data[:4]:
                return f"{function.name}({_arguments(function.names, function.types, data[4:])}) of the registry itself"
    selector = "0x" + data[:4].hex()
    named = known_names().get(selector, "a function that is not known here")
    return f"{named} {selector} of {target}, with {max(0, len(data) - 4)} bytes of arguments"


def _arguments(names: tuple[str, ...], types: tuple[str, ...], data: bytes) -> str:
    try:
        values = decode(tuple(kind.replace("string", "bytes") for kind in types), data)
    except AbiError:
        return "arguments that do not fit"
    return ", ".join(f"{name}={shortened(_told(value), 200)}" for name, value in zip(names, values, strict=True))


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_told(item) for item in value) + "]"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return checksummed(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
