"""A migration in words: what will change, line by line, for the console and the command line."""

from __future__ import annotations

from collections.abc import Mapping

from console.node.migration.kinds import (
    AtAddress,
    Code,
    CodeOnChain,
    CompiledMigration,
    DeployContract,
    FromDeployer,
    InlineCode,
    Migration,
    NoMigration,
    Operation,
    PatchState,
    StandardMigration,
    UpgradeContract,
    WasmMigration,
)
from console.node.migration.selectors import selectors
from console.node.migration.state_keys import ADDRESS_BYTES, EVM_KEY_BYTES, KeyPattern
from console.text import UntrustedText, size, untrusted

PAGE_BYTES = 64 * 1024

_SHOWN_WORDS = 16
_SHOWN_SELECTORS = 24
_WORD = 32
_LIKE_A_NUMBER = 1 << 64


def describe(migration: Migration, names: Mapping[str, str] | None = None) -> tuple[UntrustedText, ...]:
    """Say what a migration will change; indented lines belong to the line above them.

    Args:
        migration: The migration.
        names: Signatures of known functions by selector (`0x` and eight digits), to say more than the selector.
    """
    known = names or {}
    match migration:
        case NoMigration():
            lines = ["No migration: only the binary changes."]
        case CompiledMigration():
            lines = [
                f"Compiled into the binary, as {migration.id}.",
                "  What it changes cannot be read here: it is as trusted as the binary itself.",
            ]
        case StandardMigration():
            count = len(migration.operations)
            lines = [f"{count} standard operation{'s' if count != 1 else ''}, all or none, before the block's own:"]
            for number, operation in enumerate(migration.operations, start=1):
                first, *rest = _operation(operation, known)
                lines += [f"  {number}. {first}", *(f"     {line}" for line in rest)]
        case WasmMigration():
            lines = _wasm(migration)
    return tuple(untrusted(line) for line in lines)


def _operation(operation: Operation, known: Mapping[str, str]) -> list[str]:
    match operation:
        case DeployContract():
            return _deployment(operation, known)
        case UpgradeContract():
            before = operation.expected_code_hash
            return [
                f"Replace the code of the contract {operation.address}; its storage and balance stay.",
                f"the code there now must be {_hash(before)}" if before else "whatever code is there now",
                *_code(operation.code, "new code", known),
            ]
        case PatchState():
            return [
                f"Write one storage slot of {operation.address}.",
                f"slot {_value(operation.slot)}",
                f"now  {_value(operation.expected)}, or the migration fails",
                f"then {_value(operation.value)}",
            ]


def _deployment(operation: DeployContract, known: Mapping[str, str]) -> list[str]:
    match operation.place:
        case AtAddress(address):
            place = f"at {address}, where nothing may be yet"
        case FromDeployer(deployer, None):
            place = f"from {deployer}, at the address that its nonce gives at that height"
        case FromDeployer(deployer, salt):
            place = f"from {deployer}, at {_create2(deployer, salt or b'', operation)} (CREATE2)"
    arguments = operation.constructor_args
    return [
        f"Deploy a contract {place}.",
        *_code(operation.code, "creation code", known),
        *([f"constructor arguments, {len(arguments)} bytes:"] if arguments else []),
        *(f"  {line}" for line in _words(arguments)),
    ]


def _code(code: Code, what: str, known: Mapping[str, str]) -> list[str]:
    match code:
        case CodeOnChain(keccak256):
            return [f"{what}: what the chain keeps under {_hash(keccak256)}"]
        case InlineCode(bytecode):
            found = selectors(bytecode)
            shown = [f"  {selector} {known.get(selector, '')}".rstrip() for selector in found[:_SHOWN_SELECTORS]]
            more = [f"  and {len(found) - len(shown)} more"] if len(found) > len(shown) else []
            heading = f"functions read from it ({len(found)}):" if found else "no functions could be read from it"
            return [f"{what}: {size(len(bytecode))}, keccak256 {_hash(_keccak(bytecode))}", heading, *shown, *more]


def _words(arguments: bytes) -> list[str]:
    """ABI-encoded words without their types: numbers, what has the form of an address, and the rest as it is."""
    words = [arguments[at : at + _WORD] for at in range(0, len(arguments), _WORD)]
    shown = [f"{number}: {_value(word)}" for number, word in enumerate(words[:_SHOWN_WORDS])]
    return [*shown, f"and {len(words) - _SHOWN_WORDS} more"] if len(words) > _SHOWN_WORDS else shown


def _wasm(migration: WasmMigration) -> list[str]:
    origin = f"from {untrusted(migration.url, 120)}" if migration.url else "that comes with the release"
    pages = migration.memory_pages
    reads = ["any key"] if migration.readable is None else [_pattern(each) for each in migration.readable]
    return [
        f"A WebAssembly module {origin}.",
        f"  sha256 {migration.sha256}, {size(migration.size)}",
        f"  runs {migration.entry_point}, with at most {migration.fuel:,} fuel (wasmtime's own unit)"
        f" and {size(pages * PAGE_BYTES)} of memory",
        "  may write, and nothing else:",
        *(f"    {_pattern(each)}" for each in migration.writable),
        "  may read, besides those:",
        *(f"    {each}" for each in reads),
    ]


def _pattern(pattern: KeyPattern) -> str:
    start = pattern.start
    account = f"0x{start[:ADDRESS_BYTES].hex()}"
    if len(start) == EVM_KEY_BYTES and not pattern.prefix:
        return f"slot {_value(start[ADDRESS_BYTES:])} of {account}"
    if len(start) == ADDRESS_BYTES and pattern.prefix:
        return f"every slot of {account}"
    return f"{'every key that begins with' if pattern.prefix else 'the key'} 0x{start.hex()}"


def _value(word: bytes) -> str:
    number = int.from_bytes(word, "big")
    text = f"0x{word.hex()}"
    if len(word) == _WORD and number < _LIKE_A_NUMBER:
        return f"{number} (0x{number:x})"
    if len(word) == _WORD and not any(word[: _WORD - ADDRESS_BYTES]):
        return f"{text} (an address, perhaps: 0x{word[-ADDRESS_BYTES:].hex()})"
    return text


def _hash(digest: bytes) -> str:
    return f"0x{digest.hex()}"


def _create2(deployer: str, salt: bytes, operation: DeployContract) -> str:
    """EIP-1014."""
    code = operation.code.bytecode if isinstance(operation.code, InlineCode) else b""
    start = b"\xff" + bytes.fromhex(deployer[2:]) + salt
    return "0x" + _keccak(start + _keccak(code + operation.constructor_args))[12:].hex()


def _keccak(data: bytes) -> bytes:
    # Imported late: most migrations hold no code.
    from Crypto.Hash import keccak

    return keccak.new(data=data, digest_bits=256).digest()
