"""The session of a recording shows what was recorded and does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import InputError
from console.operations.replay_session import IN_A_REPLAY, IN_THE_PAST, PastSession, ReplaySession
from console.ports.session import Session
from console.recording.file import load
from tests import fakes
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
    live: Session = fakes.FakeSession(at(0))
    session: Session = PastSession(live) if past else ReplaySession(load(written(tmp_path, WHOLE)))
    assert (session.network, session.standing, session.own_address) == (live.network, live.standing, live.own_address)
    assert session.read_only
    asked = [
        name
        for name, member in vars(Session).items()
        if not name.startswith("_") and getattr(member, "__code__", None) and member.__code__.co_flags & 0x80
    ]
    assert {"send", "ready", "governance"} <= set(asked)
    for name in set(asked) - OPEN:
        operation = getattr(session, name)
        count = operation.__func__.__code__.co_argcount - 1
        with pytest.raises(InputError, match=IN_THE_PAST.partition(";")[0] if past else IN_A_REPLAY):
            await operation(*["x"] * count)
