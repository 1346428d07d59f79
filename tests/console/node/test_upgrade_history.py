"""What a journal tells of a node's upgrades, afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import JournalError
from console.model import Arming, Attempt, Crossing, PlanOrigin, Preparation
from console.node.journal import Journal
from console.node.upgrade_history import NodeUpgrade, node_upgrades
from tests.console.node.fakes import proposal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db")


def planned(journal: Journal) -> Attempt:
    return journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")


def halted(journal: Journal, attempt: Attempt) -> Attempt:
    for preparation in (Preparation.STAGED, Preparation.READY):
        attempt = journal.change(attempt, preparation=preparation)
    journal.open_run("genesis", attempt.target_height, "aa" * 32)
    attempt = journal.change(attempt, arming=Arming.ARMED)
    return journal.change(attempt, crossing=Crossing.HALTED)


def switched(journal: Journal, attempt: Attempt) -> Attempt:
    for crossing in (Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED, Crossing.STARTING):
        attempt = journal.change(attempt, crossing=crossing)
    journal.open_run("v0.2.0", 0, "bb" * 32)
    return attempt


def committed(journal: Journal, attempt: Attempt) -> Attempt:
    for crossing in (Crossing.WAITING_FOR_QUORUM, Crossing.PROBATION, Crossing.COMMITTED):
        attempt = journal.change(attempt, crossing=crossing)
    return attempt


def read(tmp_path: Path) -> NodeUpgrade:
    (found,) = node_upgrades(tmp_path, "node1")
    return found


def test_an_upgrade_that_nobody_touched_is_automatic(tmp_path: Path, journal: Journal) -> None:
    journal.record("operator-start", None)
    attempt = committed(journal, switched(journal, halted(journal, planned(journal))))
    journal.record("operator-stop", attempt)
    found = read(tmp_path)
    assert found.automatic
    assert found.halted_at is not None
    assert found.started_new_at is not None
    assert found.committed_at is not None
    assert found.halted_at <= found.started_new_at <= found.committed_at
    assert (found.operator_commands, found.config_edits, found.forced, found.rollbacks) == ((), 0, 0, 0)


def test_hands_edits_and_force_are_counted_while_it_lasts(tmp_path: Path, journal: Journal) -> None:
    attempt = planned(journal)
    journal.record("asked", method="config_set", who="ada", parameters={"changes": "auto_apply=no"})
    journal.record("asked", method="add_upgrade", who="ada", parameters={"name": "v0.2.0", "force": True})
    journal.record("operator-add-upgrade", attempt, name="v0.2.0")
    attempt = halted(journal, attempt)
    journal.record("asked", method="resume", who="ada", parameters={})
    journal.record("operator-resume", attempt)
    attempt = committed(journal, switched(journal, attempt))
    journal.record("asked", method="config_unset", who="ada", parameters={"key": "auto_apply"})
    found = read(tmp_path)
    assert (found.committed, found.automatic) == (True, False)
    assert found.operator_commands == ("add-upgrade", "resume")
    assert (found.config_edits, found.forced) == (1, 1)


def test_a_rollback_is_counted_and_whether_it_led_back(tmp_path: Path, journal: Journal) -> None:
    attempt = switched(journal, halted(journal, planned(journal)))
    attempt = journal.change(attempt, crossing=Crossing.ROLLBACK)
    found = read(tmp_path)
    assert (found.rollbacks, found.rollbacks_done, found.committed_at) == (1, 0, None)
    attempt = journal.change(attempt, crossing=Crossing.RESTORED)
    attempt = journal.change(attempt, crossing=Crossing.FLIPPED_BACK)
    journal.change(attempt, crossing=Crossing.PARKED)
    found = read(tmp_path)
    assert (found.rollbacks, found.rollbacks_done, found.automatic) == (1, 1, False)
    assert found.started_new_at is None


def test_no_journal_is_no_upgrades_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    assert node_upgrades(tmp_path / "none", "node1") == ()
    (tmp_path / "journal.db").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(JournalError):
        node_upgrades(tmp_path, "node1")
