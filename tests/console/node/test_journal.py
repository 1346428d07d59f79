"""The journal: what it keeps, what it refuses, what a kill leaves."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import JournalError
from console.model import Arming, Crossing, Preparation
from console.node.journal import Journal
from tests.console.node.fakes import proposal


def test_an_attempt_survives_and_changes_are_events(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal())
    attempt = journal.change(attempt, preparation=Preparation.READY)
    journal.arm(attempt)
    attempt = journal.change(attempt, arming=Arming.ARMED)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.latest_attempt() == attempt
    assert again.armed_for == 100
    assert [event["kind"] for event in again.events()] == ["planned", "ready", "arming", "armed"]


@pytest.mark.parametrize("state", [Crossing.SWITCHED, Crossing.RESUMED_OLD])
def test_a_flip_either_way_clears_the_armed_height_with_it(tmp_path: Path, state: Crossing) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal())
    journal.arm(attempt)
    journal.change(attempt, crossing=Crossing.HALTED)
    assert journal.armed_for == 100
    journal.change(attempt, crossing=state)
    assert journal.armed_for == 0


def test_it_is_durable_before_the_next_line(tmp_path: Path) -> None:
    """A process killed right after a change has it; killed right before, it has not."""
    program = (
        "import sys; from pathlib import Path; from console.node.journal import Journal\n"
        "from console.node.faults import FaultPoints; from console.model import Preparation\n"
        "from tests.console.node.fakes import proposal\n"
        "journal = Journal(Path(sys.argv[1]), faults=FaultPoints(sys.argv[2]))\n"
        "attempt = journal.open_attempt(proposal())\n"
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
    assert journal._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2


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
    attempt = journal.open_attempt(proposal())
    journal._db.execute("PRAGMA max_page_count = 1")

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
    journal._db.execute("ALTER TABLE meta RENAME TO elsewhere")
    with pytest.raises(JournalError, match="cannot be read"):
        journal.meta("stopped_by_operator")
    journal._db.execute("DROP TABLE run")
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
