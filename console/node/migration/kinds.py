"""The four kinds of migration, as a sum of frozen values (the strategy document's §2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import MigrationKind
from console.node.migration.state_keys import KeyPattern


@dataclass(frozen=True, slots=True)
class NoMigration:
    """Only the binary changes."""


@dataclass(frozen=True, slots=True)
class CompiledMigration:
    """Code that is part of the new binary; nobody but its builders can say what it does."""

    id: str
    """Its name in the binary: letters, digits, `.`, `_`, `-`."""


@dataclass(frozen=True, slots=True)
class InlineCode:
    """Code that the manifest holds itself."""

    bytecode: bytes


@dataclass(frozen=True, slots=True)
class CodeOnChain:
    """Runtime code that some contract of the chain has already, by the hash under which the chain keeps it."""

    keccak256: bytes
    """32 bytes."""


Code = InlineCode | CodeOnChain


@dataclass(frozen=True, slots=True)
class FromDeployer:
    """The address follows from who deploys: CREATE2 with a salt, CREATE with the account's nonce at H without one."""

    deployer: str
    """0x and 40 lower-case digits."""
    salt: bytes | None
    """32 bytes."""


@dataclass(frozen=True, slots=True)
class AtAddress:
    """The address is given; nothing may be there yet."""

    address: str
    """0x and 40 lower-case digits."""


@dataclass(frozen=True, slots=True)
class DeployContract:
    """A new contract."""

    code: Code
    """Creation code, which runs; or code on the chain, which is put there as it is."""
    constructor_args: bytes
    """ABI-encoded; empty for code on the chain."""
    place: FromDeployer | AtAddress


@dataclass(frozen=True, slots=True)
class UpgradeContract:
    """Other runtime code for a contract; its storage and balance stay."""

    address: str
    """0x and 40 lower-case digits; there must be code already."""
    code: Code
    expected_code_hash: bytes | None
    """Keccak-256 of the code that must be there before; None for any."""


@dataclass(frozen=True, slots=True)
class PatchState:
    """One storage slot."""

    address: str
    """0x and 40 lower-case digits; there must be code."""
    slot: bytes
    """32 bytes."""
    expected: bytes
    """32 bytes that must be there before, or the migration fails."""
    value: bytes
    """32 bytes that are there afterwards."""


Operation = DeployContract | UpgradeContract | PatchState


@dataclass(frozen=True, slots=True)
class StandardMigration:
    """Operations without code of their own kind, in order, all or none."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class WasmMigration:
    """A WebAssembly module that changes granted keys, under limits that the manifest sets."""

    sha256: str
    """64 lower-case digits: of the module's bytes."""
    size: int
    """Bytes of the module."""
    entry_point: str
    """Exported function, from nothing to one i32: 0 for done."""
    writable: tuple[KeyPattern, ...]
    readable: tuple[KeyPattern, ...] | None
    """None when every key may be read. What may be written may be read."""
    fuel: int
    """The most it may use, in wasmtime's own unit."""
    memory_pages: int
    """The most linear memory, in pages of 64 KiB."""
    url: str
    """Where the module is; empty when it comes with the release. Foreign text: show with `untrusted`."""


Migration = NoMigration | CompiledMigration | StandardMigration | WasmMigration


def kind_of(migration: Migration) -> MigrationKind:
    """The kind by which a migration is voted on (contracts/IUpgradeRegistry.sol)."""
    match migration:
        case NoMigration():
            return MigrationKind.NONE
        case CompiledMigration():
            return MigrationKind.COMPILED
        case StandardMigration():
            return MigrationKind.STANDARD
        case WasmMigration():
            return MigrationKind.WASM
