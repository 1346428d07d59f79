"""Migrations of a release: read strictly, hashed, told in words, run without consequences (docs/migrations.md)."""

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
    kind_of,
)
from console.node.migration.section import as_section, migration_hash, parse_migration
from console.node.migration.state_keys import KeyPattern
from console.node.migration.words import describe

__all__ = [
    "AtAddress",
    "Code",
    "CodeOnChain",
    "CompiledMigration",
    "DeployContract",
    "FromDeployer",
    "InlineCode",
    "KeyPattern",
    "Migration",
    "NoMigration",
    "Operation",
    "PatchState",
    "StandardMigration",
    "UpgradeContract",
    "WasmMigration",
    "as_section",
    "describe",
    "kind_of",
    "migration_hash",
    "parse_migration",
]
