"""The session of a recording shows what was recorded and does nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import InputError
from console.model import AuditEntry, InsideReading
from console.operations.audit import event_entry
from console.operations.replay_session import IN_A_REPLAY, IN_THE_PAST, PastSession, ReplaySession
from console.ports.session import Session
from console.recording.file import load
from console.recording.format import audit_lines
from tests import fakes, node_fakes, session_fakes
from tests.console.recording.test_recorder import HEADER, WHOLE, at, written

pytestmark = pytest.mark.anyio
OPEN = {"snapshots", "log_lines", "close"}


async def test_it_tells_whose_session_it_was_and_every_snapshot(tmp_path: Path) -> None:
    opened = ReplaySession(load(written(tmp_path, WHOLE)))
    session: Session = opened
    assert (session.network, session.own_address) == (HEADER.network, HEADER.own_address)
    assert (session.read_only, session.bringing_up_devnet, session.now()) == (True, False, fakes.NOW)
    assert [each async for each in session.snapshots()] == [at(0), at(1)]
    assert [each async for each in session.log_lines()] == []
    assert session.check_proposal({}, at(0))
    assert session.earliest_height({}, at(0)) is None
    await opened.close()


@pytest.mark.parametrize("past", [False, True])
async def test_every_operation_of_a_session_is_refused(tmp_path: Path, past: bool) -> None:
    live: Session = session_fakes.FakeSession(at(0))
    session: Session = PastSession(live, fakes.NOW) if past else ReplaySession(load(written(tmp_path, WHOLE)))
    assert (session.network, session.standing, session.own_address) == (live.network, live.standing, live.own_address)
    assert session.read_only
    asked = [
        name
        for name, member in vars(Session).items()
        if not name.startswith("_") and getattr(member, "__code__", None) and member.__code__.co_flags & 0x80
    ]
    assert {"send", "ready", "governance"} <= set(asked)
    # Journals, a node's and a run's, keep when each of their entries was made.
    for name in set(asked) - OPEN - ({"node_timeline", "procedures"} if past else set()):
        operation = getattr(session, name)
        count = operation.__func__.__code__.co_argcount - 1
        with pytest.raises(InputError, match=IN_THE_PAST.partition(";")[0] if past else IN_A_REPLAY):
            await operation(*["x"] * count)


def journalled(*moments: float) -> list[AuditEntry]:
    """Entries of a journal, and one of what was signed here."""
    rows = ({"seq": n, "at": at, "attempt": 1, "kind": "ready", "detail": {}} for n, at in enumerate(moments, 1))
    signed = replace(fakes.audit_entries()[1], key="s0xab", at=moments[-1])
    return [*(event_entry(row) for row in rows), signed]


async def test_the_past_tells_what_is_kept_of_it(tmp_path: Path) -> None:
    then = fakes.NOW
    live = session_fakes.FakeSession(at(0))
    live.journal = tuple(replace(live.journal[0], number=n, at=then + n) for n in (3, 2, 1))
    inside = InsideReading(node_fakes.a_tree(), node_fakes.a_storage())
    session = PastSession(live, then + 2, inside)
    assert await session.node_timeline() == live.journal[1:]
    assert await session.node_processes() == inside.processes
    assert await session.node_storage() == inside.storage
    assert session.audit().read() == live.audited.reading
    with pytest.raises(InputError, match="not known of the past"):
        await PastSession(live, then).node_timeline()
    with pytest.raises(InputError, match="no node of network"):
        await PastSession(live, then, InsideReading(None, None, str(fakes.no_node()))).node_storage()


async def test_a_replay_tells_what_was_recorded(tmp_path: Path) -> None:
    entries = journalled(fakes.NOW - 60, fakes.NOW + 0.5)
    body = WHOLE + b"".join(audit_lines(fakes.NOW, entries))
    opened = ReplaySession(load(written(tmp_path, body)))
    assert opened.audit().read().entries == tuple(entries)
    assert [entry.number for entry in await opened.node_timeline()] == [2, 1]
    assert [entry.number for entry in await PastSession(opened, fakes.NOW).node_timeline()] == [1]
    with pytest.raises(InputError, match=IN_A_REPLAY):
        await PastSession(opened, fakes.NOW).node_processes()
    silent = ReplaySession(load(written(tmp_path, WHOLE))).audit().read()
    assert (silent.entries, silent.problems) == ((), (f"{IN_A_REPLAY}.",))
