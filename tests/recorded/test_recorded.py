"""The recorded upgrades are whole, small, of no machine, and shown from beginning to end."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from console.app import UpgradeConsoleApp
from console.model import Crossing, ProposalStatus, Snapshot
from console.operations.replay_session import ReplaySession
from console.recording.file import load
from tests.pilot import screen_text, until
from tests.recorded.record import HERE, STORIES

pytestmark = pytest.mark.anyio
SMALL = 300_000


def snapshots(path: Path) -> list[Snapshot]:
    """All of a recording."""
    recording = load(path)
    moment, found = recording.timeline.first, []
    while moment is not None:
        found.append(recording.timeline.scene(moment.number).snapshot)
        moment = recording.timeline.after(moment.number)
    recording.close()
    return found


def crossings(found: list[Snapshot]) -> list[Crossing]:
    """The states that the node went through, in order."""
    attempts = [each.node.attempt for each in found if each.node is not None and each.node.attempt is not None]
    return [each.crossing for index, each in enumerate(attempts) if not index or attempts[index - 1] != each]


@pytest.mark.parametrize("name", STORIES)
async def test_a_story_is_whole_and_small(name: str) -> None:
    path = HERE / f"{name}.jsonl"
    assert path.stat().st_size < SMALL
    found = snapshots(path)
    assert found[0].upgrade is None
    assert STORIES[name][1](found[-1])
    assert all(before.taken_at <= after.taken_at for before, after in pairwise(found))


async def test_the_upgrade_is_crossed_and_the_other_is_called_off() -> None:
    way = crossings(snapshots(HERE / "upgrade.jsonl"))
    stations = [Crossing.HALTED, Crossing.WAITING_FOR_QUORUM, Crossing.COMMITTED]
    assert [each for each in dict.fromkeys(way) if each in stations] == stations
    last = snapshots(HERE / "aborted.jsonl")[-1]
    assert crossings([last]) == [Crossing.RESUMED_OLD]
    assert last.upgrade is not None
    assert last.upgrade.proposal.status is ProposalStatus.ABORTED


@pytest.mark.parametrize("name", STORIES)
def test_nothing_of_the_machine_is_in_it(name: str) -> None:
    text = (HERE / f"{name}.jsonl").read_text("ascii")
    assert not re.search(r"/tmp|/root|/work|key|secret|passphrase", text)
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
    assert min(ports) == 26601
    assert max(ports) < 26700
    assert set(re.findall(r"devnet-[0-9a-f]{6}", text)) == {"devnet-ab12cd"}


async def test_every_event_of_a_replay_is_drawn() -> None:
    session = ReplaySession(load(HERE / "upgrade.jsonl"))
    app = UpgradeConsoleApp(session)
    words: set[str] = set()
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.past is not None, "the first moment")
        await pilot.press("semicolon")
        while True:
            assert app.past is not None
            place = app.past.place
            await pilot.press("greater_than_sign")
            await until(pilot, lambda place=place: app.past is None or app.past.place != place, "the next event")  # type: ignore[misc]
            await pilot.pause()
            words |= set(re.findall(r"[A-Z_]{4,}", screen_text(app)))
            if app.past is None or app.past.place == app.past.total:
                break
    assert {"REPLAY", "ARMED", "HALTED", "COMMITTED"} <= words
    await session.close()
