"""A log in a journal: read back and on, in order with a file's, within bounds, and what refuses told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from console.errors import NodeError
from console.log_store import Level, LineFilter, LogStore, Selection
from console.log_store import journal_source as module
from console.log_store.journal_source import JournalEntry, JournalSource
from tests import fakes


class Scripted:
    """`JournalReader` over a list."""

    where = "systemd's journal of noded"

    def __init__(self, *texts: str) -> None:
        self.entries: list[JournalEntry] = []
        self.asked: list[str] = []
        self.refuses = ""
        for text in texts:
            self.write(text)

    def write(self, text: str, level: Level | None = None) -> None:
        number = len(self.entries)
        self.entries.append(JournalEntry(str(number), int((fakes.NOW + number) * 1e6), level, text.encode()))

    def _told(self, name: str, start: int, end: int) -> Sequence[JournalEntry]:
        self.asked.append(name)
        if self.refuses:
            raise NodeError(self.refuses, next_step="read it as root")
        return tuple(self.entries[max(0, start) : max(0, end)])

    def newest(self, count: int) -> Sequence[JournalEntry]:
        return self._told("newest", len(self.entries) - count, len(self.entries))

    def older(self, cursor: str, count: int) -> Sequence[JournalEntry]:
        return self._told("older", int(cursor) - count, int(cursor))

    def newer(self, cursor: str, count: int) -> Sequence[JournalEntry]:
        return self._told("newer", int(cursor) + 1, int(cursor) + 1 + count)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.0)
    monkeypatch.setattr(module, "TURN_LINES", 3)


def store_of(journal: Scripted, files: dict[str, Path] | None = None) -> LogStore:
    return LogStore(files or {}, lambda: fakes.NOW + 1000, {"node": journal})


def read(store: LogStore, turns: int = 60) -> list[str]:
    for _ in range(turns):
        if not store.step():
            break
    chosen = Selection(LineFilter())
    store.step(chosen)
    return [entry.text for entry in store.window(chosen, 0, store.total(chosen)).entries]


def test_it_is_read_back_to_its_beginning_and_on(tmp_path: Path) -> None:
    journal = Scripted(*(f"line {number}" for number in range(8)))
    store = store_of(journal)
    assert read(store) == [f"line {number}" for number in range(8)]
    for number in range(8, 20):
        journal.write(f"line {number}")
    assert read(store) == [f"line {number}" for number in range(20)]
    assert not store.missing
    assert store.paths == ("systemd's journal of noded",)
    store.close()


def test_with_a_files_lines_in_the_order_of_their_moments(tmp_path: Path) -> None:
    # 08:53:20 is NOW.
    (tmp_path / "controller.log").write_text("2025-10-09T08:53:21.5Z  INFO armed\n")
    journal = Scripted("first", "second", "third")
    store = store_of(journal, {"controller": tmp_path / "controller.log"})
    assert [line.partition(" INFO ")[2] or line for line in read(store)] == ["first", "second", "armed", "third"]
    store.close()


def test_a_line_without_a_level_belongs_to_the_one_before() -> None:
    journal = Scripted()
    journal.write("panic: it broke", Level.ERROR)
    journal.write("goroutine 1")
    store = store_of(journal)
    read(store)
    chosen = Selection(LineFilter(least=Level.ERROR))
    store.step(chosen)
    levels = [entry.level for entry in store.window(chosen, 0, 2).entries]
    assert levels == [Level.ERROR, Level.ERROR]
    store.close()


def test_what_refuses_is_said_and_asked_again_and_nothing_is_lost() -> None:
    journal = Scripted("one", "two")
    journal.refuses = "journald holds nothing of noded that this user may read"
    store = store_of(journal)
    assert read(store) == []
    assert store.problems == (f"{journal.refuses}: read it as root",)
    assert store.missing
    journal.refuses = ""
    assert read(store) == ["one", "two"]
    assert not store.problems
    journal.refuses = "it did not end within 20 s"
    journal.write("three")
    assert read(store) == ["one", "two"]
    assert store.problems == (f"{journal.refuses}: read it as root",)
    journal.refuses = ""
    assert read(store) == ["one", "two", "three"]
    store.close()


def test_no_more_is_known_than_the_bound_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 10)
    monkeypatch.setattr(module, "BLOCK_BYTES", 20)
    journal = Scripted(*(f"line {number:02}" for number in range(40)))
    store = store_of(journal)
    known = read(store)
    assert 10 <= len(known) <= 13
    assert known[-1] == "line 39"
    assert store.forgotten
    for number in range(40, 60):
        journal.write(f"line {number:02}")
    known = read(store)
    assert 10 <= len(known) <= 16
    assert known[-1] == "line 59"
    store.close()


def test_it_is_not_asked_for_more_than_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 1.0)
    now = [0.0]
    journal = Scripted("one")
    source = JournalSource(journal, lambda: now[0])
    assert source.forward(0, 0)
    for now[0] in (0.3, 0.6, 0.9):
        assert not source.forward(0, 0)
    assert journal.asked == ["newest"]
    now[0] = 1.1
    source.forward(0, 0)
    assert journal.asked == ["newest", "newer"]
    source.close()


def test_its_text_is_on_disk_without_a_name_and_a_full_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    journal = Scripted("one", "two")
    store = store_of(journal)
    assert read(store) == ["one", "two"]
    assert os.listdir(tmp_path) == []

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    journal.write("three")
    monkeypatch.setattr(os, "pwrite", full)
    assert read(store) == ["one", "two"]
    assert store.problems == ("systemd's journal of noded cannot be kept: No space left on device",)
    monkeypatch.undo()
    monkeypatch.setattr(module, "POLL_S", 0.0)
    assert read(store) == ["one", "two", "three"]
    store.close()
