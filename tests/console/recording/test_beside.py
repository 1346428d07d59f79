"""What is read beside the Snapshots while a session is recorded: only what is new, and why nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from console.model import AuditReading
from console.recording.beside import ENTRIES_BEFORE, STORAGE_S, Beside
from console.recording.file import RecordingFile, load
from console.recording.recorder import Recorder
from tests import fakes, session_fakes
from tests.console.recording.test_recorder import HEADER, at, scenes

pytestmark = pytest.mark.anyio


async def test_only_what_is_new_is_taken_and_storage_is_read_seldom(tmp_path: Path) -> None:
    session = session_fakes.FakeSession()
    many = [replace(fakes.audit_entries()[0], key=f"j{n}", at=float(n)) for n in range(ENTRIES_BEFORE + 9)]
    session.audited.reading = AuditReading(tuple(many), ())
    path = tmp_path / "r"
    file = RecordingFile(path)
    recorder = Recorder(file, pytest.fail, lambda: HEADER)
    running = asyncio.create_task(recorder.run())
    recorder.snapshot(at(0))
    beside = Beside(session, recorder)
    audit = session.audit()

    async def look() -> int:
        await beside.look(audit)
        await recorder.caught_up()
        return path.stat().st_size

    size = await look()
    assert (session.looks, session.storage_reads) == (1, 1)
    # Nothing new: not a byte.
    assert await look() == size
    assert (session.looks, session.storage_reads) == (2, 1)
    ended = replace(many[-1], words="and its end", good=False)
    session.audited.reading = AuditReading((*many[:-1], ended), ())
    assert size < await look() < size + 1000
    assert session.storage_reads == 2
    session.clock += STORAGE_S
    await look()
    assert session.storage_reads == 3
    session.node_error = fakes.no_node()
    await look()
    recorder.snapshot(at(100))
    await recorder.caught_up()
    running.cancel()
    file.close()
    recording = load(path)
    assert recording.audit().entries == (*many[9:-1], ended)
    last = scenes(recording.timeline)[-1].inside
    assert last is not None
    assert (last.processes, last.storage, last.problem) == (None, None, str(fakes.no_node()))
