"""journald as a log source: what is asked of `journalctl`, and what its lines come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from console.checks.errors_seen import errors_in, recent_errors, recent_errors_of_unit
from console.errors import NodeError
from console.log_store.line import Level
from console.model import Outcome
from console.node.commands import CommandResult
from console.node.journald import unit_lines
from tests import fakes
from tests.console.checks.doubles import Teller

pytestmark = pytest.mark.anyio


@dataclass
class Journalctl:
    """Answers as `journalctl --output=json`."""

    entries: Sequence[object]
    code: int = 0
    stderr: str = ""
    asked: list[list[str]] = field(default_factory=list)
    older: Sequence[object] = ()
    """What there is of before, for who asks without a moment."""

    def run(self, arguments: Sequence[str], deadline_s: float) -> CommandResult:
        self.asked.append(list(arguments))
        since = any(word.startswith("--since=") for word in arguments)
        entries = self.entries if since else (*self.older, *self.entries)
        text = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in entries)
        return CommandResult(self.code, text, self.stderr)


def entry(message: object, priority: str = "6", at: int = int(fakes.NOW)) -> dict[str, object]:
    return {
        "MESSAGE": message,
        "PRIORITY": priority,
        "__REALTIME_TIMESTAMP": str(at * 1_000_000),
        "_PID": "7",
        "__CURSOR": "s=1;i=2",
    }


def test_a_bounded_question_and_lines_with_their_own_level_before_journalds() -> None:
    journal = Journalctl(
        [
            entry("started"),
            entry("E[2025-10-09|08:53:18.000] consensus failure"),
            entry("no space left", "3"),
            entry([27, 91, 51, 49, 109, 120]),
            entry(None),
            "{torn",
        ]
    )
    lines = unit_lines(journal, "val.service", fakes.NOW - 600, most=100)
    assert [line.level for line in lines] == [Level.INFO, Level.ERROR, Level.ERROR, Level.INFO]
    assert all(line.text.isprintable() for line in lines)
    (asked,) = journal.asked
    assert {"--unit=val.service", "--lines=100", f"--since=@{fakes.NOW - 600:.0f}", "--output=json"} <= {*asked}
    unit_lines(journal, "val.service", fakes.NOW, user=True)
    assert {"--user", "--user-unit=val.service"} <= {*journal.asked[1]}


@pytest.mark.parametrize("unit", ["", "--vacuum-time=1s"])
def test_what_is_no_unit_is_never_asked_for(unit: str) -> None:
    journal = Journalctl([])
    with pytest.raises(NodeError):
        unit_lines(journal, unit, 0.0)
    assert not journal.asked


async def test_no_permission_is_said_and_is_never_no_errors() -> None:
    with pytest.raises(NodeError, match="No journal files were opened"):
        await recent_errors_of_unit("v.service", fakes.NOW, runner=Journalctl([], 1, "No journal files were opened"))


async def test_nothing_at_all_of_a_unit_is_a_wrong_name_and_never_no_errors() -> None:
    with pytest.raises(NodeError, match="journald holds nothing"):
        await recent_errors_of_unit("v.service", fakes.NOW, runner=Journalctl([]))


async def test_errors_of_a_unit_and_of_the_nodes_own_log() -> None:
    few = await recent_errors_of_unit("v.service", fakes.NOW, runner=Journalctl([entry("fine"), entry("bad", "3")]))
    assert (few.outcome, few.evidence[1]) == (Outcome.WARN, "bad")
    quiet = Journalctl([], older=[entry("an hour ago")])
    assert (await recent_errors_of_unit("v.service", fakes.NOW, runner=quiet)).outcome is Outcome.PASS
    log = ["I[2025-10-09|08:50:00.000] fine", "E[2025-10-09|08:53:18.000] it failed"]
    found = await recent_errors(Teller(log=log), fakes.NOW)
    assert (found.outcome, found.sentence) == (Outcome.WARN, "1 error in the last 10m 00s")
    assert (await recent_errors(Teller(log=log[:1]), fakes.NOW)).outcome is Outcome.PASS


def test_an_old_error_is_not_recent_and_a_line_without_a_moment_belongs_to_the_one_before() -> None:
    lines = ["E[2025-10-09|08:00:00.000] old", "panic: old too", "I[2025-10-09|08:53:00.000] x", "panic: now"]
    errors, oldest = errors_in(lines, fakes.NOW - 600)
    assert errors == ["panic: now"]
    assert oldest is not None
