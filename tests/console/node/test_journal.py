"""The journal: what it keeps, what it refuses, what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import JournalError
from console.model import Arming, Crossing, PlanOrigin, Preparation
from console.node import journal_runs
from console.node.journal import Journal
from console.node.journal_schema import SCHEMA
from console.node.protocol import attempt_to_json
from console.node.table import MOST_WRITES, IllegalStep
from tests.console.node.fakes import proposal


def test_an_attempt_survives_and_changes_are_events(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    attempt = journal.change(attempt, preparation=Preparation.STAGED)
    attempt = journal.change(attempt, preparation=Preparation.READY)
    journal.arm(attempt)
    attempt = journal.change(attempt, arming=Arming.ARMED)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.latest_attempt() == attempt
    assert again.armed_for == 100
    assert [event["kind"] for event in again.events()] == ["planned", "staged", "ready", "arming", "armed"]


def test_the_newest_event_of_a_kind_is_told_by_attempt(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.record("migration-tried", attempt, ok=False)
    journal.record("migration-tried", attempt, ok=True)
    journal.record("migration-tried", ok=None)
    assert journal.newest_by_attempt("migration-tried") == {attempt.id: {"ok": True}}
    assert journal.newest_by_attempt("own-build") == {}


def test_heights_at_rest_are_durable_now_and_then_and_at_once_while_something_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def durable() -> int:
        reader = Journal(tmp_path / "journal.db", read_only=True)
        found = reader.observation
        reader.close()
        assert found is not None
        return found.height

    journal = Journal(tmp_path / "journal.db")
    journal.observe(60, 59, "v1", at_rest=True)
    journal.observe(61, 60, "v1", at_rest=True)
    assert journal.observation is not None
    assert (journal.observation.height, durable()) == (61, 60)
    journal.observe(62, 61, "v1")
    assert (journal.observation.height, durable()) == (62, 62)
    monkeypatch.setattr(journal_runs, "AT_REST_S", 0.0)
    journal.observe(63, 62, "v1", at_rest=True)
    assert durable() == 63


def _flushes(path: Path, script: str) -> int:
    """How often a process that runs `script` on the journal `journal` asks the disk to flush."""
    code = (
        "import os, sys; from pathlib import Path; from console.model import Crossing, PlanOrigin;"
        "from console.node.journal import Journal;"
        "from tests.console.node.fakes import proposal; journal = Journal(Path(sys.argv[1]));"
        "attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, 'v0.2.0');"
        "attempt = journal.change(attempt, crossing=Crossing.HALTED); os.write(2, b'begin'); exec(sys.argv[2])"
    )
    log = path / "strace"
    command = ["strace", "-f", "-o", str(log), "-e", "trace=fdatasync,fsync,write", sys.executable, "-c", code]
    subprocess.run([*command, str(path / "journal.db"), script], check=True, capture_output=True, cwd=Path.cwd())
    after = log.read_text().split('"begin"', 1)[1]
    return after.count("sync(")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_states_on_the_way_are_flushed_with_the_next_one_that_must_be(tmp_path: Path) -> None:
    for name in ("nothing", "quiesced", "backed_up"):
        (tmp_path / name).mkdir()
    quiesce = "attempt = journal.change(attempt, crossing=Crossing.QUIESCED)"
    back_up = f"{quiesce}; attempt = journal.change(attempt, crossing=Crossing.BACKED_UP)"
    nothing = _flushes(tmp_path / "nothing", "pass")
    assert _flushes(tmp_path / "quiesced", quiesce) == nothing
    assert _flushes(tmp_path / "backed_up", back_up) > nothing


def test_restored_data_are_what_is_seen(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.observe(60, 59, "v1")
    journal.observe(61, 60, "v1", at_rest=True)
    journal.observe_restored(50)
    assert journal.observation is not None
    assert journal.observation.app_height == 50


WAYS = {
    Crossing.SWITCHED: (Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP),
    Crossing.RESUMED_OLD: (Crossing.HALTED,),
    Crossing.PARKED: (Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP),
}


@pytest.mark.parametrize("state", WAYS)
def test_a_flip_either_way_clears_the_armed_height_with_it(tmp_path: Path, state: Crossing) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.arm(attempt)
    for step in WAYS[state]:
        attempt = journal.change(attempt, crossing=step)
    assert journal.armed_for == 100
    journal.change(attempt, crossing=state)
    assert journal.armed_for == 0


def test_a_step_that_is_not_in_the_table_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    with pytest.raises(IllegalStep, match=r"no rule leads from \(no crossing\) to SWITCHED"):
        journal.change(attempt, crossing=Crossing.SWITCHED)
    assert journal.latest_attempt() == attempt


def test_an_attempt_that_goes_round_for_ever_is_given_to_the_operator(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    for step in WAYS[Crossing.SWITCHED]:
        attempt = journal.change(attempt, crossing=step)
    entered = len(WAYS[Crossing.SWITCHED])
    while attempt.crossing is not Crossing.NEEDS_OPERATOR:
        following = Crossing.STARTING if attempt.crossing is Crossing.SWITCHED else Crossing.SWITCHED
        attempt = journal.change(attempt, crossing=following)
        entered += 1
        assert entered <= MOST_WRITES + 1
    assert entered == MOST_WRITES + 1
    assert f"{MOST_WRITES} states" in attempt.note


def test_a_journal_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    old = sqlite3.connect(path)
    old.executescript(
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
        "CREATE TABLE attempt (id INTEGER PRIMARY KEY AUTOINCREMENT, proposal_id INTEGER NOT NULL UNIQUE, "
        "document TEXT NOT NULL) STRICT;"
        "INSERT INTO meta VALUES ('schema', '1');"
    )
    fresh = Journal(tmp_path / "fresh.db")
    known = attempt_to_json(fresh.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0"))
    first_fields = {name: known[name] for name in FIRST_FIELDS}
    old.execute("INSERT INTO attempt VALUES (1, 1, ?)", (json.dumps(first_fields),))
    old.commit()
    old.close()
    journal = Journal(path)
    attempt = journal.latest_attempt()
    assert attempt is not None
    assert (attempt.id, attempt.proposal_id, attempt.target_height) == (1, 1, 100)
    assert attempt.generation_hash == attempt.release_hash
    assert journal.open_attempt(proposal(), PlanOrigin.CHAIN, "v0.2.0").id == 2
    assert journal.meta("schema") == str(SCHEMA)


FIRST_FIELDS = (
    *("proposal_id", "name", "target_height", "freeze_blocks", "scheduled_at", "release_kind", "release_hash"),
    *("release_url", "breaking", "preparation", "arming", "crossing", "verdict", "failure_code", "tries_left", "note"),
)


def test_it_is_durable_before_the_next_line(tmp_path: Path) -> None:
    """A process killed right after a change has it; killed right before, it has not."""
    program = (
        "import sys; from pathlib import Path; from console.node.journal import Journal\n"
        "from console.node.faults import FaultPoints; from console.model import PlanOrigin, Preparation\n"
        "from tests.console.node.fakes import proposal\n"
        "journal = Journal(Path(sys.argv[1]), faults=FaultPoints(sys.argv[2]))\n"
        "attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, 'v0.2.0')\n"
        "journal.change(attempt, preparation=Preparation.FETCHING)\n"
    )
    for point, expected in (("before-fetching", Preparation.PLANNED), ("after-fetching", Preparation.FETCHING)):
        path = tmp_path / f"{point}.db"
        done = subprocess.run([sys.executable, "-c", program, str(path), f"{point}:1"], check=False, cwd=os.getcwd())
        assert done.returncode == -signal.SIGKILL
        attempt = Journal(path).latest_attempt()
        assert attempt is not None
        assert attempt.preparation is expected


def test_it_syncs_every_commit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    assert journal.db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert journal.db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_damaged_file_is_said_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(JournalError, match="cannot be read"):
        Journal(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(path).set_meta("schema", "99")
    with pytest.raises(JournalError, match="newer version"):
        Journal(path)


def test_a_full_disk_stops_the_step_and_keeps_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path)
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.db.execute("PRAGMA max_page_count = 1")

    def fill() -> None:
        for number in range(200):
            journal.record("noise", attempt, text="x" * 1000, number=number)

    with pytest.raises(JournalError, match="cannot be written"):
        fill()
    journal.close()
    assert Journal(path).latest_attempt() == attempt


def test_reading_only_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(path).close()
    reader = Journal(path, read_only=True)
    with pytest.raises((JournalError, sqlite3.Error)):
        reader.set_meta("a", "b")


def test_what_cannot_be_read_is_not_taken_for_missing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.set_meta("stopped_by_operator", "1")
    journal.db.execute("ALTER TABLE meta RENAME TO elsewhere")
    with pytest.raises(JournalError, match="cannot be read"):
        journal.meta("stopped_by_operator")
    journal.db.execute("DROP TABLE run")
    with pytest.raises(JournalError, match="cannot be read"):
        journal.runs()


@pytest.mark.parametrize(
    ("key", "value", "fact"),
    [
        ("armed_for", "a hundred", "armed_for"),
        ("observation", "{", "observation"),
        ("observation", '{"height": 1}', "observation"),
        ("signer_hrs", "7", "signer_mark"),
        ("signer_hrs", "[1, 2]", "signer_mark"),
    ],
)
def test_a_damaged_fact_is_said(tmp_path: Path, key: str, value: str, fact: str) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.set_meta(key, value)
    with pytest.raises(JournalError, match="cannot be read"):
        getattr(journal, fact)


def test_the_signer_mark_never_falls(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.raise_signer_mark((99, 0, 3))
    journal.raise_signer_mark((98, 5, 3))
    assert journal.signer_mark == (99, 0, 3)


def test_a_change_that_fails_half_way_leaves_no_open_transaction(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    with pytest.raises(UnicodeEncodeError):
        journal.set_meta("version", "\ud800")
    journal.set_meta("version", "v0.2.0")
    assert journal.meta("version") == "v0.2.0"
