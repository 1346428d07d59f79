"""When a list of the checklist is due, and what window H falls into."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.checks.countdown import DUE, Phase, is_due, maintenance
from console.maintenance import parse_maintenance
from console.model import Outcome, Snapshot, Traffic, TrafficSample
from tests import fakes


def before_h(seconds: float | None) -> Snapshot:
    """A Snapshot so long before H."""
    snapshot = fakes.go()
    assert snapshot.upgrade is not None
    return replace(snapshot, upgrade=replace(snapshot.upgrade, eta_s=seconds))


@pytest.mark.parametrize(
    ("phase", "seconds", "outcome"),
    [
        (Phase.DAY, 24 * 3600, Outcome.PASS),
        (Phase.DAY, 6 * 86400, Outcome.WARN),
        (Phase.DAY, 600, Outcome.WARN),
        (Phase.HOUR, 3600, Outcome.PASS),
        (Phase.HOUR, 12 * 3600, Outcome.FAIL),
        (Phase.HOUR, 300, Outcome.WARN),
        (Phase.NOW, 600, Outcome.PASS),
        (Phase.NOW, 3600, Outcome.FAIL),
        (Phase.NOW, None, Outcome.WARN),
    ],
)
def test_a_list_is_refused_or_warned_at_the_wrong_time(phase: Phase, seconds: float, outcome: Outcome) -> None:
    found = is_due(phase, before_h(seconds))
    assert found.outcome is outcome
    assert any(DUE[phase].words in line for line in found.evidence)
    assert bool(found.go_on) == (outcome is not Outcome.PASS)


@pytest.mark.parametrize("phase", list(Phase))
def test_after_h_every_list_is_refused_and_without_a_plan_none(phase: Phase) -> None:
    assert is_due(phase, fakes.halted()).outcome is Outcome.FAIL
    assert is_due(phase, fakes.idle()).outcome is Outcome.WARN


def test_the_windows_are_held_against_the_estimate_in_their_own_zones() -> None:
    # H is 23 blocks after 2025-10-09 08:53:20 UTC, a Thursday; Berlin is two hours ahead then.
    inside = parse_maintenance("Thu 10:00..12:00 Europe/Berlin")
    outside = parse_maintenance("val-2: Sat 10:00..12:00 UTC")
    traffic = Traffic((TrafficSample(1000, fakes.NOW - 300, 20, 40), TrafficSample(1200, fakes.NOW - 80, 20, 2)), "x")
    well = maintenance(fakes.go(), traffic, (inside,), "UTC")
    assert (well.outcome, "Thu 09 Oct 08:53 UTC" in well.sentence) == (Outcome.PASS, True)
    assert any("quietest about" in line for line in well.evidence)
    one = maintenance(fakes.go(), None, (inside, outside), "UTC")
    assert (one.outcome, "outside val-2's" in one.sentence) == (Outcome.WARN, True)
    assert maintenance(fakes.go(), None, (), "UTC").outcome is Outcome.WARN
    assert maintenance(fakes.idle(), None, (inside,), "UTC").outcome is Outcome.WARN
