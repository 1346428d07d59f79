"""A release's migration from a file, and its module on a network's state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.devnet.migrations import SLOT_START, release_migration
from console.errors import BadAnswer, EndpointDown, InputError, MigrationError
from console.node.migration import NoMigration, StandardMigration, WasmMigration
from console.node.migration.outcome import Failure
from console.operations import migrations
from console.operations.migrations import read_migration, rehearse
from tests.console.chain.servers import Refusal, json_rpc

REGISTRY = "0x" + "5a" * 20
MADE = release_migration("wasm", REGISTRY)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "migration.wasm"
    file.write_bytes(MADE.module)
    return file


def section(tmp_path: Path, document: object) -> Path:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(document))
    return file


def test_a_section_and_a_whole_manifest_are_read(tmp_path: Path) -> None:
    assert read_migration(section(tmp_path, {"kind": "none"})) == NoMigration()
    assert read_migration(section(tmp_path, {"name": "v2", "migration": {"kind": "none"}})) == NoMigration()
    standard = release_migration("standard", REGISTRY).section
    assert isinstance(read_migration(section(tmp_path, standard)), StandardMigration)


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("{", InputError, "text that is not JSON"),
        ('{"kind":"none","kind":"none"}', InputError, "a key twice"),
        ("[" * 100, InputError, "nested deeper"),
        ('{"name":"v2"}', MigrationError, "has no kind"),
        ('{"migration":[]}', MigrationError, "not a JSON object"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, error: type[Exception], why: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)
    with pytest.raises(error, match=why):
        read_migration(file)


def test_files_that_are_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_migration(tmp_path / "none")
    monkeypatch.setattr(migrations, "MAX_SECTION_BYTES", 8)
    with pytest.raises(InputError, match="larger than 8 bytes"):
        read_migration(section(tmp_path, {"kind": "none"}))


@pytest.mark.anyio
async def test_the_state_is_that_of_one_block_of_the_first_endpoint_that_answers(tmp_path: Path, module: Path) -> None:
    asked: list[list[Any]] = []

    def answer(method: str, params: list[Any]) -> object:
        if method == "eth_blockNumber":
            return hex(77)
        asked.append(params)
        return "0x" + (0x10 if params[1].endswith("01") else 0).to_bytes(32, "big").hex()

    migration = read_migration(section(tmp_path, MADE.section))
    async with json_rpc(answer) as server:
        done = await rehearse(migration, module, ["http://127.0.0.1:1", server.url])
    assert done.height == 77
    assert done.run.ok, done.run.sentence
    assert [int.from_bytes(write.new or b"", "big") for write in done.run.writes] == [1, 0x12, 3, 4, 5, 6, 7, 8]
    assert asked == [[REGISTRY, f"0x{(SLOT_START + bytes([slot])).hex()}", hex(77)] for slot in range(8)]


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", ["0x", "12", None, "0x" + "0" * 65, "0xzz", "0x_1", Refusal(-32000, "pruned")])
async def test_an_endpoint_that_does_not_give_the_state_ends_it(tmp_path: Path, module: Path, wrong: object) -> None:
    def answer(method: str, params: list[Any]) -> object:
        if method == "eth_blockNumber":
            return "0x1"
        if isinstance(wrong, Refusal):
            raise wrong
        return wrong

    migration = read_migration(section(tmp_path, MADE.section))
    async with json_rpc(answer) as server:
        with pytest.raises(BadAnswer, match="eth_getStorageAt"):
            await rehearse(migration, module, [server.url])


@pytest.mark.anyio
async def test_what_cannot_be_run(tmp_path: Path, module: Path) -> None:
    with pytest.raises(InputError, match="only a WASM migration"):
        await rehearse(NoMigration(), module, [])
    migration = read_migration(section(tmp_path, MADE.section))
    assert isinstance(migration, WasmMigration)
    with pytest.raises(EndpointDown, match="no endpoint for this"):
        await rehearse(migration, module, [])
    module.write_bytes(MADE.module[:-1])
    async with json_rpc(lambda method, params: "0x1") as server:
        done = await rehearse(migration, module, [server.url])
    assert done.run.failure is Failure.WRONG_HASH
