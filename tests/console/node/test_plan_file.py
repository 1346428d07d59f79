"""The plan file as the controller sees it: whose hand wrote it, and when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.node.cosmovisor.upgrade_info import PlanFile, write_plan
from console.node.journal import Journal
from console.node.plan_file import FileHalts, note_written_ahead, written_ahead


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "upgrade-info.json"


def test_without_a_file_there_is_nothing(tmp_path: Path, journal: Journal) -> None:
    assert FileHalts(tmp_path, journal).look() is None


def test_what_the_node_writes(tmp_path: Path, path: Path, journal: Journal) -> None:
    write_plan(path, PlanFile("V2", 100, "https://example.invalid/"))
    found = FileHalts(tmp_path, journal).look()
    assert found is not None
    assert (found.name, found.height, found.by_operator) == ("V2", 100, False)
    assert found.written_at == path.stat().st_mtime


def test_what_we_wrote_is_ours_until_the_node_writes_the_same(tmp_path: Path, path: Path, journal: Journal) -> None:
    halts = FileHalts(tmp_path, journal)
    note_written_ahead(journal, "V2", 100)
    write_plan(path, PlanFile("v2", 100))
    # Killed before the second note: nobody can tell.
    assert (found := halts.look()) is not None
    assert found.by_operator
    note_written_ahead(journal, "V2", 100, path.stat().st_mtime_ns)
    assert (found := halts.look()) is not None
    assert found.by_operator
    later = path.stat().st_mtime_ns + 1
    os.utime(path, ns=(later, later))
    assert (found := halts.look()) is not None
    assert not found.by_operator
    assert written_ahead(journal, "v2", 100)
    assert not written_ahead(journal, "v2", 101)


def test_half_a_file_leaves_what_was_there_and_a_deleted_one_nothing(
    tmp_path: Path, path: Path, journal: Journal
) -> None:
    halts = FileHalts(tmp_path, journal)
    path.write_text('{"name":"v2","heig')
    assert halts.look() is None
    write_plan(path, PlanFile("v2", 100))
    assert halts.look() is not None
    path.write_text('{"name":"v2","heig')
    assert (found := halts.look()) is not None
    assert found.height == 100
    path.unlink()
    assert halts.look() is None


@pytest.mark.anyio
async def test_the_same_plan_written_again_is_news(tmp_path: Path, path: Path, journal: Journal) -> None:
    write_plan(path, PlanFile("v2", 100))
    halts = FileHalts(tmp_path, journal)
    changes = halts.changes()
    async with asyncio.timeout(4.0):
        await anext(changes)
        for _ in range(3):
            path.write_bytes(path.read_bytes())
            await anext(changes)
    await changes.aclose()  # type: ignore[attr-defined]
