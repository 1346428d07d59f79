"""Log lines that a controller tells: the last ones, and what came after a place, rotated, cut or rubbish."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.node import protocol
from console.node.log_lines import lines_after, tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "node.log"


def add(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_one_line_without_an_end_is_shown_too(log: Path) -> None:
    log.write_bytes(b"y" * 100_000)
    assert tail(log, 10)[0].startswith("y" * 1000)


def test_every_line_is_told_once(log: Path) -> None:
    add(log, "a\nb\nc\nd")
    told, place = lines_after(log, "", 2)
    # What is not whole yet comes when it is.
    assert told == ["b", "c"]
    assert lines_after(log, place, 2) == ([], place)
    add(log, "d\ne\n")
    told, place = lines_after(log, place, 2)
    assert told == ["dd", "e"]
    assert lines_after(log, place, 2) == ([], place)


def test_much_comes_in_messages_that_fit_and_nothing_is_left_out(log: Path) -> None:
    add(log, "first\n")
    _, place = lines_after(log, "", 1)
    wanted = [f"{number} \x1b[31m" + "ä" * (number % 700) for number in range(500)]
    add(log, "".join(f"{line}\n" for line in wanted))
    found: list[str] = []
    while (answer := lines_after(log, place, 1))[0]:
        assert len(protocol.encode({"lines": answer[0], "place": answer[1]})) < protocol.MAX_LINE
        found += answer[0]
        place = answer[1]
    assert [line.split(" ")[0] for line in found] == [str(number) for number in range(500)]
    assert "\x1b" not in "".join(found)


def test_a_rotated_log_is_read_to_its_end_first(log: Path) -> None:
    add(log, "a\n")
    _, place = lines_after(log, "", 1)
    add(log, "b\n")
    log.rename(log.with_name("node.log.1"))
    assert lines_after(log, place, 1)[0] == ["b"]
    add(log, "c\n")
    told = []
    for _ in range(4):
        lines, place = lines_after(log, place, 1)
        told += lines
    assert told == ["b", "c"]


def test_a_log_that_comes_goes_or_shrinks(log: Path) -> None:
    assert lines_after(log, "", 5) == ([], "")
    add(log, "a\nb\n")
    told, place = lines_after(log, "", 5)
    assert told == ["a", "b"]
    log.write_text("c\n")
    told, place = lines_after(log, place, 5)
    assert told == ["c"]
    log.unlink()
    assert lines_after(log, place, 5) == ([], place)


def test_a_line_without_an_end_is_told_in_pieces(log: Path) -> None:
    add(log, "a\n")
    _, place = lines_after(log, "", 1)
    add(log, "y" * 60_000)
    told, after = lines_after(log, place, 1)
    assert told[0].startswith("y" * 1000)
    assert after != place


@pytest.mark.parametrize("place", ["x", "1", "1:", ":1", "1:-1", "1:2:3"])
def test_what_is_no_place_is_refused(log: Path, place: str) -> None:
    add(log, "a\n")
    with pytest.raises(ValueError, match="a log has no place"):
        lines_after(log, place, 1)
