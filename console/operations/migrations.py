"""A release's migration before its release: read from a file, and a module tried on a network's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from console.chain.evm_state import EvmState
from console.errors import InputError
from console.given_file import read_given
from console.node.migration import Migration, WasmMigration, parse_migration
from console.node.migration.section import MAX_WASM_BYTES
from console.node.wasm_migrations import Trial, try_on
from console.strict_json import NotStrictJson, loads
from console.text import untrusted

MAX_SECTION_BYTES = 8 << 20
"""A manifest with 1 MiB of code in hex fits."""


def read_migration(file: Path) -> Migration:
    """The migration in a file: a manifest's section, or a whole manifest.

    Raises:
        InputError: The file cannot be read or is not strict JSON.
        MigrationError: What it says is not acceptable.
    """
    try:
        document = loads(read_given(file, MAX_SECTION_BYTES))
    except NotStrictJson as error:
        raise InputError(f"{untrusted(file)} holds {error}") from error
    if isinstance(document, dict) and "kind" not in document and "migration" in document:
        document = document["migration"]
    return parse_migration(document)


async def rehearse(
    migration: Migration, file: Path, urls: Sequence[str], tokens: Mapping[str, str] | None = None
) -> Trial:
    """Run a module on the state of a network's last block; nothing is changed anywhere.

    Args:
        migration: From `read_migration`; it must be WASM.
        file: The module.
        urls: Ethereum endpoints of the network; the first that answers is read.
        tokens: Access tokens by URL.

    Raises:
        InputError: The migration has no module, or the file cannot be read.
        ChainError: No endpoint gives the state.
        MigrationError: The sandbox does not hold here, or cannot be started.
    """
    if not isinstance(migration, WasmMigration):
        raise InputError("only a WASM migration can be run: this one has no module")
    module = read_given(file, MAX_WASM_BYTES)
    state = EvmState(urls, tokens)
    try:
        return await try_on(migration, module, state)
    finally:
        await state.close()
