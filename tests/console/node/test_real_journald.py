"""The real journalctl over what a real journald took of a unit: bounds, cursors, levels, foreign bytes, following."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from console.checks.errors_seen import recent_errors_of_unit
from console.errors import NodeError
from console.log_store import Level, LineFilter, LogStore, Selection
from console.model import Outcome
from console.node.journald import UnitJournal, unit_lines
from console.operations.logs import NodeLogs, follow, last_lines
from tests.real_machine import Inside, RealMachine

pytestmark = pytest.mark.anyio

UNIT = """[Service]
Type=oneshot
ExecStart=/bin/sh -c {script}
"""
WROTE = 5000


class InsideJournal(UnitJournal):
    """Of a unit of that machine."""

    def __init__(self, machine: RealMachine, unit: str) -> None:
        super().__init__(unit, runner=Inside(machine))
        self._machine = machine

    def following(self, after: str, since: float) -> tuple[str, ...]:
        return tuple(self._machine.command(*super().following(after, since)))


def says(machine: RealMachine, unit: str, script: str) -> None:
    """Have a unit of that name write, to its end, and see it in the journal."""
    machine.unit(f"{unit}.service", UNIT.format(script=f"'{script}; echo it ended'"))
    assert machine.run("systemctl", "start", unit).code == 0
    end = time.monotonic() + 30
    while not machine.run("journalctl", f"--unit={unit}", "--lines=1", "--output=cat").stdout.startswith("it ended"):
        # systemd itself writes that the unit ended.
        if "it ended" in machine.run("journalctl", f"--unit={unit}", "--lines=4", "--output=cat").stdout:
            return
        assert time.monotonic() < end


@pytest.fixture(scope="module")
def journal(real_machine: RealMachine) -> InsideJournal:
    """Of a unit that wrote five thousand numbered lines."""
    says(real_machine, "many", f"i=0; while [ $i -lt {WROTE} ]; do echo line $i; i=$((i+1)); done")
    return InsideJournal(real_machine, "many")


def numbered(texts: list[str]) -> list[int]:
    return [int(text.removeprefix("line ")) for text in texts if text.startswith("line ")]


def test_cursors_lead_back_and_on_without_a_gap(journal: InsideJournal) -> None:
    newest = journal.newest(100)
    assert len(newest) == 100
    before = journal.older(newest[0].cursor, 50)
    numbers = numbered([entry.text.decode() for entry in (*before, *newest)])
    assert numbers == list(range(numbers[0], WROTE))
    # With a bound they are those right after it, not the newest.
    after = journal.newer(before[9].cursor, 7)
    assert [entry.cursor for entry in after] == [entry.cursor for entry in before[10:17]]
    assert journal.newer(journal.newest(1)[0].cursor, 7) == ()
    moments = [entry.at for entry in (*before, *newest)]
    assert moments == sorted(moments)


def test_the_store_reads_a_journal_back_to_its_beginning(journal: InsideJournal) -> None:
    store = LogStore({}, journals={"node": journal})
    chosen = Selection(LineFilter())
    while store.step(chosen):
        pass
    entries = store.window(chosen, 0, store.total(chosen)).entries
    assert numbered([entry.text for entry in entries]) == list(range(WROTE))
    assert store.problems == ()
    store.close()


def test_levels_foreign_bytes_and_errors_as_a_node_writes_them(real_machine: RealMachine) -> None:
    says(
        real_machine,
        "node-like",
        'printf "3:04PM INF committed state height=99\\\\n";'
        ' printf "3:05PM ERR UPGRADE \\\\042v2\\\\042 NEEDED at height: 100\\\\n";'
        ' printf "\\\\033[31mred\\\\033[0m \\\\377\\\\n"; echo "<3>graver"',
    )
    runner = Inside(real_machine)
    lines = {str(line.text): line.level for line in unit_lines(runner, "node-like", 0.0)}
    assert lines["3:04PM INF committed state height=99"] is Level.INFO
    assert lines['3:05PM ERR UPGRADE "v2" NEEDED at height: 100'] is Level.ERROR
    assert lines["graver"] is Level.ERROR
    assert all(text.isprintable() for text in lines)
    assert any("red" in text for text in lines)


async def test_errors_of_now_a_wrong_name_and_a_later_moment(real_machine: RealMachine, journal: InsideJournal) -> None:
    runner, now = Inside(real_machine), time.time()
    assert (await recent_errors_of_unit("many", now, runner=runner)).outcome is Outcome.PASS
    assert unit_lines(runner, "many", now + 60) == ()
    with pytest.raises(NodeError, match="journald holds nothing of no-such-unit"):
        unit_lines(runner, "no-such-unit", now - 60)


async def test_who_follows_what_is_not_there_is_told_so_and_waits_for_it(real_machine: RealMachine) -> None:
    late = NodeLogs({}, {"node": InsideJournal(real_machine, "late")})
    async with asyncio.timeout(60), contextlib.aclosing(follow(late, 10, 0.01)) as told:
        assert "journald holds nothing of late that this user may read" in (await anext(told))[1]
        await asyncio.to_thread(says, real_machine, "late", "echo here")
        assert (await anext(told))[1] == "here"


async def test_it_is_followed_as_it_is_written(real_machine: RealMachine, journal: InsideJournal) -> None:
    says(real_machine, "talks", "echo one")
    talks = InsideJournal(real_machine, "talks")
    assert ("node", "one") in last_lines(NodeLogs({}, {"node": talks}), 10)
    async with asyncio.timeout(60), contextlib.aclosing(follow(NodeLogs({}, {"node": talks}), 10, 0.01)) as told:
        while (await anext(told))[1] != "it ended":
            pass
        await asyncio.to_thread(says, real_machine, "talks", "echo two")
        while (line := await anext(told))[1] != "two":
            assert line[1] not in {"one", "it ended"}, "told twice"
    end = time.monotonic() + 30
    while real_machine.run("pgrep", "journalctl").stdout.strip():
        assert time.monotonic() < end, "journalctl outlives who follows"
