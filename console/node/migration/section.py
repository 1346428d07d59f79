"""The `migration` section of a release manifest: read strictly, written canonically, hashed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from console.errors import MigrationError
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
from console.node.migration.state_keys import KeyPattern, parse_pattern
from console.text import untrusted

MAX_OPERATIONS = 256
MAX_CREATION_BYTES = 49_152
"""Creation code and constructor arguments together (EIP-3860)."""
MAX_RUNTIME_BYTES = 24_576
"""Code of a contract (EIP-170)."""
MAX_INLINE_BYTES = 1 << 20
"""Code and arguments of all operations together."""
MAX_PATTERNS = 256
MAX_WASM_BYTES = 1 << 20
MAX_FUEL = 10_000_000_000
"""About five seconds of a laptop (facts/evm.md §6)."""
MAX_MEMORY_PAGES = 1024
"""64 MiB."""
MAX_URL_LENGTH = 512

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_EXPORT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SCHEMES = ("https", "http", "ipfs")


def parse_migration(value: object) -> Migration:
    """Read a manifest's `migration`, decoded from strict JSON.

    Args:
        value: `{"kind": "none"}`, `{"kind": "compiled", "id": …}`, `{"kind": "standard", "operations": […]}` or
            `{"kind": "wasm", "sha256": …, "size": …, "entry_point": …, "writable_keys": […], "fuel": …,
            "memory_pages": …}` with `readable_keys` and `url` where wanted (docs/migrations.md).

    Raises:
        MigrationError: Anything is missing, not known, of another type or beyond its bounds.
    """
    section = _Fields("the migration", value)
    kind = section.text("kind", 16)
    migration: Migration
    if kind == "none":
        migration = NoMigration()
    elif kind == "compiled":
        migration = CompiledMigration(section.matching("id", _NAME, "a name of letters, digits, '.', '_' and '-'"))
    elif kind == "standard":
        migration = StandardMigration(_operations(section))
    elif kind == "wasm":
        migration = _wasm(section)
    else:
        raise MigrationError(
            f"the migration's kind {untrusted(kind, 16)!r} is none of none, compiled, standard and wasm",
            safe="nothing of it was run",
        )
    section.finish()
    return migration


def as_section(migration: Migration) -> dict[str, Any]:
    """The section that `parse_migration` reads as this migration, every value in its one spelling."""
    match migration:
        case NoMigration():
            return {"kind": "none"}
        case CompiledMigration():
            return {"kind": "compiled", "id": migration.id}
        case StandardMigration():
            return {"kind": "standard", "operations": [_operation_section(each) for each in migration.operations]}
        case WasmMigration():
            section: dict[str, Any] = {
                "kind": "wasm",
                "sha256": migration.sha256,
                "size": migration.size,
                "entry_point": migration.entry_point,
                "writable_keys": [str(pattern) for pattern in migration.writable],
                "fuel": migration.fuel,
                "memory_pages": migration.memory_pages,
            }
            if migration.readable is not None:
                section["readable_keys"] = [str(pattern) for pattern in migration.readable]
            if migration.url:
                section["url"] = migration.url
            return section


def migration_hash(migration: Migration) -> str:
    """64 hex digits that stand for the migration wherever it is named: on the chain and by its auditors.

    SHA-256 of the section's canonical bytes: ASCII JSON, keys sorted, no blanks, hex in lower case, absent defaults
    left out. A module is in it by its own SHA-256, and so are the keys and limits that it was audited with.
    """
    text = json.dumps(as_section(migration), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _operations(section: _Fields) -> tuple[Operation, ...]:
    found = []
    spent = 0
    for number, value in enumerate(section.array("operations", 1, MAX_OPERATIONS), start=1):
        fields = _Fields(f"operation {number} of the migration", value)
        operation = _operation(fields)
        fields.finish()
        spent += _inline_bytes(operation)
        if spent > MAX_INLINE_BYTES:
            raise MigrationError(f"the migration's operations hold more than {MAX_INLINE_BYTES} bytes of code")
        found.append(operation)
    return tuple(found)


def _operation(fields: _Fields) -> Operation:
    name = fields.text("operation", 32)
    if name == "deploy_contract":
        code = _code(fields, MAX_CREATION_BYTES)
        given = "constructor_args" in fields
        arguments = fields.hexadecimal("constructor_args", 0, MAX_CREATION_BYTES) if given else b""
        place = _place(fields)
        if isinstance(code, CodeOnChain):
            if arguments or isinstance(place, FromDeployer):
                raise fields.wrong("deploys code by its hash, which runs no constructor: it takes an address alone")
        elif len(code.bytecode) + len(arguments) > MAX_CREATION_BYTES:
            raise fields.wrong(f"holds more than {MAX_CREATION_BYTES} bytes of code and arguments")
        return DeployContract(code, arguments, place)
    if name == "upgrade_contract":
        address, code = fields.address("address"), _code(fields, MAX_RUNTIME_BYTES)
        expected = fields.hexadecimal("expected_code_hash", 32, 32) if "expected_code_hash" in fields else None
        return UpgradeContract(address, code, expected)
    if name == "patch_state":
        patch = PatchState(
            fields.address("address"),
            fields.hexadecimal("slot", 32, 32),
            fields.hexadecimal("expected", 32, 32),
            fields.hexadecimal("value", 32, 32),
        )
        if patch.expected == patch.value:
            raise fields.wrong("writes the value that it expects: it would change nothing")
        return patch
    raise fields.wrong(
        f"is {untrusted(name, 32)!r}, which is none of deploy_contract, upgrade_contract and patch_state"
    )


def _code(fields: _Fields, most: int) -> Code:
    if ("bytecode" in fields) == ("code_hash" in fields):
        raise fields.wrong("must have bytecode or code_hash, and not both")
    if "bytecode" in fields:
        return InlineCode(fields.hexadecimal("bytecode", 1, most))
    return CodeOnChain(fields.hexadecimal("code_hash", 32, 32))


def _place(fields: _Fields) -> FromDeployer | AtAddress:
    if ("deployer" in fields) == ("address" in fields):
        raise fields.wrong("must have a deployer or an address, and not both")
    if "address" in fields:
        return AtAddress(fields.address("address"))
    salt = fields.hexadecimal("salt", 32, 32) if "salt" in fields else None
    return FromDeployer(fields.address("deployer"), salt)


def _wasm(section: _Fields) -> WasmMigration:
    url = section.text("url", MAX_URL_LENGTH) if "url" in section else ""
    if "url" in section and not _is_url(url):
        raise section.wrong("has a url that is not https://, http:// or ipfs:// with a host")
    return WasmMigration(
        sha256=section.matching("sha256", _SHA256, "64 lower-case hex digits"),
        size=section.integer("size", 8, MAX_WASM_BYTES),
        entry_point=section.matching("entry_point", _EXPORT, "a name of letters, digits, '_', '.' and '-'"),
        writable=_patterns(section, "writable_keys"),
        readable=_patterns(section, "readable_keys") if "readable_keys" in section else None,
        fuel=section.integer("fuel", 1, MAX_FUEL),
        memory_pages=section.integer("memory_pages", 1, MAX_MEMORY_PAGES),
        url=url,
    )


def _patterns(section: _Fields, name: str) -> tuple[KeyPattern, ...]:
    found = []
    for value in section.array(name, 1, MAX_PATTERNS):
        pattern = parse_pattern(value) if isinstance(value, str) else None
        if pattern is None:
            raise section.wrong(
                f"has {untrusted(value, 40)!r} in {name}, which is neither a key like 0x00ff nor a prefix like 0x00*"
            )
        if pattern in found:
            raise section.wrong(f"has {untrusted(value, 40)!r} twice in {name}")
        found.append(pattern)
    return tuple(found)


def _is_url(url: str) -> bool:
    # isprintable is false for controls and for every blank but the plain one.
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(parts.hostname)


def _inline_bytes(operation: Operation) -> int:
    match operation:
        case DeployContract():
            code = operation.code
            return len(operation.constructor_args) + (len(code.bytecode) if isinstance(code, InlineCode) else 0)
        case UpgradeContract(code=InlineCode(bytecode)):
            return len(bytecode)
        case _:
            return 0


def _operation_section(operation: Operation) -> dict[str, str]:
    match operation:
        case DeployContract():
            section = {"operation": "deploy_contract", **_code_section(operation.code)}
            if operation.constructor_args:
                section["constructor_args"] = _hex(operation.constructor_args)
            match operation.place:
                case AtAddress(address):
                    section["address"] = address
                case FromDeployer(deployer, salt):
                    section["deployer"] = deployer
                    if salt is not None:
                        section["salt"] = _hex(salt)
            return section
        case UpgradeContract():
            section = {"operation": "upgrade_contract", "address": operation.address, **_code_section(operation.code)}
            if operation.expected_code_hash is not None:
                section["expected_code_hash"] = _hex(operation.expected_code_hash)
            return section
        case PatchState():
            return {
                "operation": "patch_state",
                "address": operation.address,
                "slot": _hex(operation.slot),
                "expected": _hex(operation.expected),
                "value": _hex(operation.value),
            }


def _code_section(code: Code) -> dict[str, str]:
    match code:
        case InlineCode(bytecode):
            return {"bytecode": _hex(bytecode)}
        case CodeOnChain(keccak256):
            return {"code_hash": _hex(keccak256)}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


class _Fields:
    """The members of one JSON object, each taken once; what is left over is refused.

    Args:
        what: The object in words, for sentences.
        value: What stands in its place.
    """

    def __init__(self, what: str, value: object) -> None:
        self._what = what
        if not isinstance(value, Mapping):
            raise MigrationError(f"{what} is not a JSON object")
        self._values: Mapping[str, object] = value
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def wrong(self, why: str) -> MigrationError:
        """The error that says what is wrong with this object."""
        return MigrationError(f"{self._what} {why}", safe="nothing of it was run")

    def finish(self) -> None:
        """Refuse a member that nobody asked for: a reader who knows it would do something else."""
        unknown = [name for name in self._values if name not in self._taken]
        if unknown:
            raise self.wrong(f"has {untrusted(unknown[0], 40)!r}, which is not known here")

    def text(self, name: str, most: int) -> str:
        """A string of 1 to `most` characters."""
        value = self._take(name)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise self.wrong(f"has a {name} that is not a string of 1 to {most} characters")
        return value

    def matching(self, name: str, pattern: re.Pattern[str], form: str) -> str:
        """A string of a form."""
        value = self._take(name)
        if not isinstance(value, str) or len(value) > 64 or not pattern.fullmatch(value):
            raise self.wrong(f"has a {name} that is not {form}")
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        """A whole number in bounds."""
        value = self._take(name)
        # JSON's true is an int in Python.
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(f"has a {name} that is not a whole number from {least} to {most}")
        return value

    def array(self, name: str, least: int, most: int) -> Sequence[object]:
        """A list with a number of members in bounds."""
        value = self._take(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.wrong(f"has no {name} list of {least} to {most} members")
        return value

    def hexadecimal(self, name: str, least: int, most: int) -> bytes:
        """Bytes, as 0x and two digits each."""
        value = self._take(name)
        form = f"{least} bytes" if least == most else f"{least} to {most} bytes"
        if not isinstance(value, str) or len(value) > 2 * most + 2 or not _HEX.fullmatch(value):
            raise self.wrong(f"has a {name} that is not 0x and hex digits of {form}")
        data = bytes.fromhex(value[2:])
        if len(data) < least:
            raise self.wrong(f"has a {name} that is not 0x and hex digits of {form}")
        return data

    def address(self, name: str) -> str:
        """An account: lower case, or mixed case with a right checksum (EIP-55); not the zero address."""
        written = self._take(name)
        data = self.hexadecimal(name, 20, 20)
        if not any(data):
            raise self.wrong(f"has the zero address as its {name}")
        text = _hex(data)
        if written != text and written != _checksummed(text):
            raise self.wrong(f"has a {name} whose checksum is wrong")
        return text

    def _take(self, name: str) -> object:
        if name not in self._values:
            raise self.wrong(f"has no {name}")
        self._taken.add(name)
        return self._values[name]


def _checksummed(address: str) -> str:
    # Imported late: most manifests write addresses in lower case.
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address(address))
