"""The store against plain files: everything is found, in order, through rotation and truncation."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from console.log_store import Level, LineFilter, LogStore, Selection
from console.log_store import source as source_module
from console.log_store.block import BLOCK_BYTES

ALL = LineFilter()


def _line(second: int, text: str, level: str = "INFO") -> str:
    return f"2026-11-20T{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}Z {level:<7} {text}\n"


def _append(path: Path, *lines: str) -> None:
    with path.open("a") as stream:
        stream.writelines(lines)


def _texts(store: LogStore, selection: Selection | None = None) -> list[str]:
    chosen = selection or Selection(ALL)
    while store.step(chosen):
        pass
    window = store.window(chosen, 0, 1_000_000)
    return [entry.text[entry.head :] for entry in window.entries]


def _store(tmp_path: Path, *names: str) -> LogStore:
    return LogStore({name: tmp_path / f"{name}.log" for name in names or ("node",)})


def test_a_long_log_is_read_from_its_end_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    _append(path, *(_line(number // 3, f"line {number:06d}") for number in range(20_000)))
    assert path.stat().st_size > 2 * BLOCK_BYTES
    store, chosen = _store(tmp_path), Selection(ALL)
    assert store.step(chosen)
    known = store.total(chosen)
    assert 0 < known < 20_000
    assert store.window(chosen, known - 1, 5).entries[0].text.endswith("line 019999")
    assert _texts(store, chosen) == [f"line {number:06d}" for number in range(20_000)]
    assert store.unread == 0
    store.close()
    assert not store.step(chosen)


def test_new_lines_come_at_the_end_and_a_half_line_when_it_is_whole_or_stands_still(tmp_path: Path) -> None:
    path, chosen = tmp_path / "node.log", Selection(ALL)
    _append(path, _line(1, "one"))
    store = _store(tmp_path)
    assert _texts(store, chosen) == ["one"]
    _append(path, "tw")
    store.step(chosen)
    _append(path, "o\nlast words")
    store.step(chosen)
    assert _texts(store, chosen)[:2] == ["one", "two"]
    store.step(chosen)
    assert _texts(store, chosen) == ["one", "two", "last words"]


def test_rotated_files_are_older_and_rotation_loses_nothing(tmp_path: Path) -> None:
    path, chosen = tmp_path / "node.log", Selection(ALL)
    _append(tmp_path / "node.log.2", _line(1, "oldest"))
    _append(tmp_path / "node.log.1", _line(2, "older"), "unfinished")
    _append(tmp_path / "node.log.old", "not ours\n")
    _append(path, _line(3, "new"))
    store = _store(tmp_path)
    assert _texts(store, chosen) == ["oldest", "older", "unfinished", "new"]
    _append(path, _line(4, "after the look"), "last words")
    (tmp_path / "node.log.1").rename(tmp_path / "node.log.2")
    path.rename(tmp_path / "node.log.1")
    _append(path, _line(5, "fresh"))
    expected = ["older", "unfinished", "new", "after the look", "last words", "fresh"]
    assert _texts(store, chosen) == expected
    path.unlink()
    assert _texts(store, chosen) == expected[:-1]
    _append(path, _line(6, "again"))
    assert _texts(store, chosen) == [*expected[:-1], "again"]


def test_truncation_starts_again(tmp_path: Path) -> None:
    path, chosen = tmp_path / "node.log", Selection(ALL)
    _append(path, _line(1, "a long first line"), _line(2, "another"))
    store = _store(tmp_path)
    _texts(store, chosen)
    path.write_text("short\n")
    assert _texts(store, chosen) == ["short"]


def test_what_the_shim_gave_back_to_the_disk_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    with path.open("wb") as stream:
        stream.seek(1 << 20)
        stream.write(b"cut in two\n" + _line(5, "kept").encode())
    if os.lseek(descriptor := os.open(path, os.O_RDONLY), 0, os.SEEK_DATA) == 0:
        pytest.skip("this file system knows no holes")
    os.close(descriptor)
    assert _texts(_store(tmp_path))[-1] == "kept"
    assert len(_texts(_store(tmp_path))) <= 2


def test_two_logs_in_one_order(tmp_path: Path) -> None:
    _append(tmp_path / "node.log", _line(1, "n1"), "goroutine\n", _line(3, "n3"), _line(5, "n5"))
    _append(tmp_path / "controller.log", _line(2, "c2"), _line(3, "c3"), _line(4, "c4"))
    store = _store(tmp_path, "node", "controller")
    assert _texts(store) == ["n1", "goroutine", "c2", "n3", "c3", "c4", "n5"]
    assert _texts(store, Selection(LineFilter(frozenset({"controller"})))) == ["c2", "c3", "c4"]
    # What comes now came later, whatever its clock says.
    _append(tmp_path / "controller.log", _line(1, "late"))
    assert _texts(store)[-1] == "late"


def test_levels_texts_and_a_search_within(tmp_path: Path) -> None:
    lines = [_line(number, f"block {number}", ("DEBUG", "INFO", "WARN", "ERROR")[number % 4]) for number in range(40)]
    _append(tmp_path / "node.log", *lines, "panic: x\n")
    store = _store(tmp_path)
    errors = Selection(LineFilter(least=Level.ERROR))
    assert _texts(store, errors) == [*(f"block {number}" for number in range(3, 40, 4)), "panic: x"]
    threes = Selection(LineFilter(least=Level.WARNING, keeps=lambda text: "3" in text.rsplit(" ", 1)[-1]))
    assert _texts(store, threes) == [
        "block 3",
        "block 23",
        "block 30",
        "block 31",
        "block 34",
        "block 35",
        "block 38",
        "block 39",
    ]
    search = Selection(LineFilter(keeps=lambda text: re.search(r"block 3[0-4]", text) is not None), within=threes)
    assert _texts(store, search) == ["block 30", "block 31", "block 34"]
    assert store.progress(search)[0] == store.progress(search)[1] == 41
    _append(tmp_path / "node.log", _line(50, "block 33", "ERROR"))
    assert _texts(store, search)[-1] == "block 33"


def test_a_place_is_found_again_whatever_is_selected(tmp_path: Path) -> None:
    _append(tmp_path / "node.log", *(_line(number, f"n{number}") for number in range(0, 60, 2)))
    _append(tmp_path / "controller.log", *(_line(number, f"c{number}") for number in range(1, 60, 2)))
    store, everything = _store(tmp_path, "node", "controller"), Selection(ALL)
    _texts(store, everything)
    place = store.window(everything, 31, 1).places[0]
    assert store.row_of(everything, place) == 31
    only = Selection(LineFilter(frozenset({"node"})))
    _texts(store, only)
    assert store.row_of(only, place) == 16
    tens = Selection(LineFilter(keeps=lambda text: text.endswith("0")))
    _texts(store, tens)
    assert store.window(tens, store.row_of(tens, place), 1).entries[0].text.endswith("n40")
    assert store.whole(place)[1].endswith("c31")


def test_the_log_as_it_was_at_a_time(tmp_path: Path) -> None:
    store = _store(tmp_path)
    for second in range(10):
        store.add("node", f"line {second}", 1000.0 + second)
    assert [entry.text for entry in store.until(1004.5, 2)] == ["line 3", "line 4"]
    assert store.until(999.0, 2) == ()
    assert store.until(5000.0, 1)[0].at == 1009.0
    chosen = Selection(ALL)
    assert store.row_at(chosen, 1005.0) == 5


def test_no_more_lines_are_known_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MOST_LINES", 5000)
    path = tmp_path / "node.log"
    _append(path, *(_line(number // 3, f"line {number:06d}") for number in range(20_000)))
    store, chosen = _store(tmp_path), Selection(ALL)
    found = _texts(store, chosen)
    assert found[-1] == "line 019999"
    assert 5000 <= len(found) < 20_000
    assert store.forgotten
    _append(path, *(_line(7000, f"more {number:06d}") for number in range(20_000)))
    assert _texts(store, chosen)[-1] == "more 019999"
    assert store.total(chosen) < 5000 + 2 * BLOCK_BYTES // 30


def test_a_line_without_end_is_bounded_and_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    _append(path, _line(1, "first"), "x" * (5 << 20), "\n", _line(2, "after"))
    store = _store(tmp_path)
    found = _texts(store)
    assert found[0] == "first"
    assert found[-1] == "after"
    assert all(len(text) <= 1000 for text in found)
    assert len(found) < 40


def test_a_log_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "node.log").mkdir()
    store = LogStore({"node": tmp_path / "gone" / "node.log"})
    assert not store.step()
    assert store.missing
    assert store.problems == ()
    other = LogStore({"node": Path("/proc/self/mem"), "controller": tmp_path / ("n" * 300)})
    other.step()
    assert any("cannot be read" in problem for problem in other.problems)


def test_everything_selected_is_written(tmp_path: Path) -> None:
    _append(tmp_path / "node.log", _line(1, "x" * 3000), _line(3, "\x1b[2Jy"))
    _append(tmp_path / "controller.log", _line(2, "armed"))
    store, chosen = _store(tmp_path, "node", "controller"), Selection(ALL)
    _texts(store, chosen)
    lines = list(store.saved_lines(chosen))
    assert [line[:10].strip() for line in lines] == ["node", "controller", "node"]
    assert len(lines[0]) > 3000
    assert lines[2].endswith("<U+001B>[2Jy")
