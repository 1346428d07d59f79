"""Logs are followed through rotation and truncation, and nothing in them reaches the terminal as a command."""

from __future__ import annotations

import asyncio
import contextlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import InputError
from console.log_store import MAX_LINE, safe_text
from console.operations.logs import LogTail, NodeLogs, follow, last_lines, save_lines
from tests.console.operations.examples import a_network


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_the_last_lines_are_told_first_and_then_the_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    append(path, "one\ntwo\nthree\n")
    tail = LogTail(path, 2)
    assert tail.read() == ["two", "three"]
    assert tail.read() == []
    append(path, "four\nfi")
    assert tail.read() == ["four"]
    append(path, "ve\n")
    assert tail.read() == ["five"]
    tail.close()


def test_a_file_that_comes_later_is_told_whole(tmp_path: Path) -> None:
    tail = LogTail(tmp_path / "node.log", 1)
    assert tail.read() == []
    append(tmp_path / "node.log", "one\ntwo\n")
    assert tail.read() == ["one", "two"]
    tail.close()


def test_rotation_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    append(path, "one\n")
    tail = LogTail(path, 10)
    assert tail.read() == ["one"]
    append(path, "last words\nunfinished")
    path.rename(tmp_path / "node.log.1")
    append(path, "new file\n")
    assert tail.read() == ["last words", "unfinished", "new file"]
    path.unlink()
    assert tail.read() == []
    append(path, "again\n")
    assert tail.read() == ["again"]
    tail.close()


def test_truncation_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    append(path, "a long first line\n")
    tail = LogTail(path, 10)
    tail.read()
    path.write_text("short\n")
    assert tail.read() == ["short"]
    tail.close()


def test_only_the_end_of_a_big_file_is_read_and_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    append(path, "".join(f"line {number:06d}\n" for number in range(100_000)))
    tail = LogTail(path, 3)
    assert tail.read() == ["line 099997", "line 099998", "line 099999"]
    tail.close()
    assert len(last_lines(NodeLogs({"node": path}, {}), 60_000)) == 60_000


def test_a_line_without_end_is_cut_and_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    path.touch()
    tail = LogTail(path, 1)
    tail.read()
    append(path, "x" * 300_000)
    first = tail.read()
    append(path, "y\nnext\n")
    lines = [*first, *tail.read(), *tail.read(), *tail.read()]
    assert lines[-1] == "next"
    assert all(len(line) < MAX_LINE + 40 for line in lines)
    assert len(lines) < 5
    tail.close()


def test_a_line_cannot_command_the_terminal() -> None:
    assert safe_text(b"\x1b[32mINFO\x1b[0m\tdone\r\n") == "INFO    done"
    hostile = safe_text("\x1b]0;title\x07 \u202e \x9b2J".encode())
    assert hostile.isprintable()
    assert "U+001B" in hostile
    assert safe_text(b"\xff\xfe") == "\ufffd\ufffd"


@pytest.mark.anyio
async def test_both_logs_are_followed_and_closed(tmp_path: Path) -> None:
    files = {"node": tmp_path / "node.log", "controller": tmp_path / "controller.log"}
    append(files["node"], "old\nblock 1\n")
    async with asyncio.timeout(10), contextlib.aclosing(follow(NodeLogs(files, {}), 1, poll_s=0.01)) as lines:
        assert await anext(lines) == ("node", "block 1")
        append(files["controller"], "armed\n")
        assert await anext(lines) == ("controller", "armed")
        append(files["node"], "block 2\n")
        assert await anext(lines) == ("node", "block 2")


def test_lines_are_written_to_a_new_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    network = replace(a_network(tmp_path), folder=tmp_path)
    first, count = save_lines(network, "log", iter(["one", "two"]), 1_760_000_000.0)
    assert (Path(first).read_text(), count) == ("one\ntwo\n", 2)
    assert stat.S_IMODE(Path(first).stat().st_mode) == 0o600
    second, _count = save_lines(network, "log", ["other"], 1_760_000_000.0)
    assert second != first
    assert Path(first).read_text() == "one\ntwo\n"
    blocked = replace(network, folder=tmp_path / "file")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="cannot be written"):
        save_lines(blocked, "log", ["x"], 1.0)
