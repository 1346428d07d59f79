"""The suite finds planted bugs: a suite that finds nothing proves nothing (facts/safety.md §3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import tracing
from tests.faults.conftest import Player
from tests.faults.mutants import MUTANTS, Mutant
from tests.faults.play import DEADLINE_S
from tests.faults.rig import Zygote

RESTLESS_S = 8.0
"""Seconds for a planted bug that may never come to rest: not to do so is what it is found by, however loaded we are."""


def find(mutant: Mutant, play: Player, folder: Path) -> None:
    """Play its runs with and without it."""
    if mutant.traced and not tracing.usable():
        pytest.skip("strace is not here or may not attach: no system call can be made to fail")
    runs = list(mutant.fault_runs())
    zygote = Zygote(mutant.plant(folder / "planted"))
    try:
        planted = play(runs, zygote, deadline_s=RESTLESS_S if mutant.breaks == "I5" else DEADLINE_S)
    finally:
        zygote.close()
    broken = [violation for outcome in planted for violation in outcome.violations]
    assert any(violation.startswith(mutant.breaks) for violation in broken), "\n".join(map(str, planted))
    sound = play(runs)
    assert not any(outcome.violations for outcome in sound), "\n".join(f"{entry}\n{entry.story}" for entry in sound)


@pytest.mark.parametrize("mutant", [entry for entry in MUTANTS if entry.quick], ids=lambda entry: entry.name)
def test_a_planted_bug_is_found(mutant: Mutant, play: Player, tmp_path_factory: pytest.TempPathFactory) -> None:
    find(mutant, play, tmp_path_factory.mktemp("mutant"))


@pytest.mark.soak
@pytest.mark.parametrize("mutant", [entry for entry in MUTANTS if not entry.quick], ids=lambda entry: entry.name)
def test_every_planted_bug_is_found(mutant: Mutant, play: Player, tmp_path_factory: pytest.TempPathFactory) -> None:
    find(mutant, play, tmp_path_factory.mktemp("mutant"))


def test_every_planted_bug_has_its_place_in_the_code() -> None:
    for mutant in MUTANTS:
        assert mutant.changed()
