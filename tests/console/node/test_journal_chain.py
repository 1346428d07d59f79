"""The journal's rows hold on to each other: what is done to the file shows; what the controller does never does."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from console.hash_chain import Head
from console.model import PlanOrigin, Preparation
from console.node.heads_noted import NOTED_EVERY_S, HeadsNoted, heads_in_log
from console.node.journal import Journal
from console.node.journal_schema import SCHEMA
from tests.console.node.fakes import proposal


def _journal(path: Path, rows: int = 5) -> Journal:
    journal = Journal(path)
    for number in range(rows):
        journal.record("said-ready", value=number)
    return journal


def _wrong(path: Path, *marks: Head) -> tuple[str, ...]:
    journal = Journal(path, read_only=True)
    try:
        return journal.check_events(marks)[1]
    finally:
        journal.close()


def test_what_the_controller_writes_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = _journal(path, 2)
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.change(attempt, preparation=Preparation.FETCHING)

    def undone() -> None:
        journal.put_event(None, "undone", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        journal.write(undone)
    journal.close()
    journal = _journal(path, 2)
    head = journal.head()
    assert head is not None
    assert journal.check_events([head]) == (head.seq, ())
    assert head.seq == 6
    # While it is checked the controller goes on.
    reader = Journal(path, read_only=True)
    reader.rows("BEGIN")
    assert reader.newest_seq() == 6
    journal.record("asked", method="stop")
    assert reader.newest_seq() == 6
    reader.rows("ROLLBACK")
    assert reader.check_events([head]) == (7, ())


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("DELETE FROM event WHERE seq = 3", "1 of 5 rows are missing, the first is row 3"),
        ("DELETE FROM event WHERE seq > 3", "2 of 5 rows are missing, the first is row 4"),
        ("DELETE FROM event", "5 of 5 rows are missing, the first is row 1"),
        ("UPDATE event SET detail = '{}' WHERE seq = 2", "row 2 is not what was written: the hash does not fit"),
        ("UPDATE event SET at = at + 1 WHERE seq = 5", "row 5 is not what was written: the hash does not fit"),
        ("UPDATE event SET hash = 'x' WHERE seq = 1", "2 rows (1, 2) are not what was written: the hash does not fit"),
        ("UPDATE meta SET value = 'another' WHERE key = 'journal_id'", "row 1 is not what was written: the hash does"),
    ],
)
def test_what_is_done_to_the_file_shows(tmp_path: Path, done: str, told: str) -> None:
    path = tmp_path / "journal.db"
    _journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute(done)
    (words,) = _wrong(path)
    assert words.startswith(told)


def test_rows_that_come_after_a_cut_do_not_hide_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    _journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM event WHERE seq > 3")
    _journal(path, 2).close()
    assert _wrong(path) == ("2 of 7 rows are missing, the first is row 4",)


def test_an_older_copy_shows_against_the_heads_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, log = tmp_path / "journal.db", tmp_path / "controller.log"
    journal = _journal(path, 3)
    journal.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    older = path.read_bytes()
    now = [0.0]
    heads = HeadsNoted(journal, lambda: now[0])
    with caplog.at_level(logging.INFO):
        heads.note()
        journal.record("asked", method="stop")
        heads.note()
        now[0] = NOTED_EVERY_S
        heads.note()
        now[0] = 2 * NOTED_EVERY_S
        heads.note()
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    for record in caplog.records:
        handler.handle(record)
    handler.close()
    noted = list(heads_in_log(log))
    assert [head.seq for head in noted] == [3, 4]
    journal.close()
    assert _wrong(path, *noted) == ()
    for name in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    path.write_bytes(older)
    assert _wrong(path) == ()
    assert _wrong(path, *noted) == ("1 of 4 rows are missing, the first is row 4",)
    assert list(heads_in_log(tmp_path / "none")) == []


def test_rows_of_an_older_version_are_taken_in(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    _journal(path, 2500).close()
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE event DROP COLUMN hash")
        database.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
        database.execute("DELETE FROM meta WHERE key = 'journal_id'")
    before = Journal(path, read_only=True)
    assert not before.chained
    assert before.head() is None
    assert before.events(2498)[0]["seq"] == 2499
    before.close()
    journal = _journal(path, 1)
    assert (journal.meta("schema"), journal.meta("chained_late")) == (str(SCHEMA), "2500")
    assert journal.check_events() == (2501, ())
    journal.close()
