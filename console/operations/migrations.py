"""A release's migration before its release: read from a file, and a module tried on a network's state."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.chain.rpc import JsonRpc
from console.errors import BadAnswer, ChainError, EndpointDown, InputError
from console.node.migration import Migration, WasmMigration, parse_migration
from console.node.migration.dry_run import dry_run
from console.node.migration.exploits import require_sandbox
from console.node.migration.outcome import Run
from console.node.migration.section import MAX_WASM_BYTES
from console.node.migration.state_keys import ADDRESS_BYTES, EVM_KEY_BYTES, SLOT_BYTES
from console.strict_json import NotStrictJson, loads
from console.text import untrusted

MAX_SECTION_BYTES = 8 << 20
"""A manifest with 1 MiB of code in hex fits."""
RUN_SECONDS = 60.0
"""Wall clock of a run whose state comes over the network."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A dry run on a network's state."""

    run: Run
    height: int
    """The block whose state was read."""


def read_migration(file: Path) -> Migration:
    """The migration in a file: a manifest's section, or a whole manifest.

    Raises:
        InputError: The file cannot be read or is not strict JSON.
        MigrationError: What it says is not acceptable.
    """
    try:
        document = loads(_content(file, MAX_SECTION_BYTES))
    except NotStrictJson as error:
        raise InputError(f"{untrusted(file)} holds {error}") from error
    if isinstance(document, dict) and "kind" not in document and "migration" in document:
        document = document["migration"]
    return parse_migration(document)


async def rehearse(migration: Migration, file: Path, urls: Sequence[str]) -> Rehearsal:
    """Run a module on the state of a network's last block; nothing is changed anywhere.

    Args:
        migration: From `read_migration`; it must be WASM.
        file: The module.
        urls: Ethereum endpoints of the network; the first that answers is read.

    Raises:
        InputError: The migration has no module, or the file cannot be read.
        ChainError: No endpoint gives the state.
        MigrationError: The sandbox does not hold here, or cannot be started.
    """
    if not isinstance(migration, WasmMigration):
        raise InputError("only a WASM migration can be run: this one has no module")
    module = _content(file, MAX_WASM_BYTES)
    await asyncio.to_thread(require_sandbox)
    rpc = JsonRpc()
    try:
        url, height = await _first(rpc, urls)
        loop = asyncio.get_running_loop()

        def read(key: bytes) -> bytes | None:
            return asyncio.run_coroutine_threadsafe(_slot(rpc, url, height, key), loop).result(RUN_SECONDS)

        run = await asyncio.to_thread(dry_run, migration, module, read, seconds=RUN_SECONDS)
    finally:
        await rpc.close()
    return Rehearsal(run, height)


async def _first(rpc: JsonRpc, urls: Sequence[str]) -> tuple[str, int]:
    problems = []
    for url in urls:
        try:
            return url, _number((await rpc.call(url, "eth_blockNumber")).value("eth_blockNumber"), "eth_blockNumber")
        except ChainError as error:
            problems.append(error.what)
    raise EndpointDown("; ".join(problems) or "the network has no Ethereum endpoint")


async def _slot(rpc: JsonRpc, url: str, height: int, key: bytes) -> bytes | None:
    if len(key) != EVM_KEY_BYTES:
        return None
    address, slot = "0x" + key[:ADDRESS_BYTES].hex(), "0x" + key[ADDRESS_BYTES:].hex()
    reply = await rpc.call(url, "eth_getStorageAt", [address, slot, hex(height)])
    value = _number(reply.value("eth_getStorageAt"), "eth_getStorageAt")
    return value.to_bytes(SLOT_BYTES, "big") if value else None


def _number(value: object, what: str) -> int:
    digits = value[2:] if isinstance(value, str) and value.startswith("0x") else ""
    if not 1 <= len(digits) <= 2 * SLOT_BYTES or not digits.isascii() or not digits.isalnum():
        raise BadAnswer(f"{what} gave {untrusted(value, 40)!r}, which is no number")
    try:
        return int(digits, 16)
    except ValueError:
        raise BadAnswer(f"{what} gave {untrusted(value, 40)!r}, which is no number") from None


def _content(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise InputError(f"cannot read {untrusted(file)}: {error.strerror or error}") from error
    if len(content) > most:
        raise InputError(f"{untrusted(file)} is larger than {most} bytes")
    return content
