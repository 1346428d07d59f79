"""The ballast: made where there is room, given back when there is none, and SQLite on a real full disk."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from console.node.ballast import ROOM_FACTOR, Ballast, is_disk_full
from console.node.journal import Journal

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.decode('utf-8', 'replace').strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("ab", buffering=0) as stream:
        for size in (MIB, 4096, 1):
            with suppress(OSError):
                while stream.write(bytes(size)):
                    pass
    assert os.statvfs(path).f_bavail == 0


def test_it_is_real_room_for_the_owner_only(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, MIB)
    assert not ballast.present
    assert ballast.ensure()
    status = ballast.path.stat()
    assert status.st_size == MIB
    assert status.st_blocks * 512 >= MIB
    assert stat.S_IMODE(status.st_mode) == 0o600
    inode = status.st_ino
    assert ballast.ensure()
    assert ballast.path.stat().st_ino == inode
    assert [path.name for path in tmp_path.iterdir()] == ["ballast"]


def test_it_is_dropped_once(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, MIB)
    assert not ballast.drop()
    ballast.ensure()
    assert ballast.drop()
    assert not ballast.path.exists()
    assert not ballast.drop()


@pytest.mark.parametrize("made", ["sparse", "short", "link"])
def test_what_would_give_nothing_back_is_made_anew(tmp_path: Path, made: str) -> None:
    ballast = Ballast(tmp_path, MIB)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(bytes(MIB))
    if made == "sparse":
        ballast.path.touch()
        os.truncate(ballast.path, MIB)
    elif made == "short":
        ballast.path.write_bytes(b"x")
    else:
        ballast.path.symlink_to(elsewhere)
    (tmp_path / ".ballast.new").write_bytes(b"left by a crash")
    assert not ballast.present
    assert ballast.ensure()
    assert not ballast.path.is_symlink()
    assert ballast.path.stat().st_blocks * 512 >= MIB
    assert elsewhere.read_bytes() == bytes(MIB)
    assert not (tmp_path / ".ballast.new").exists()


def test_without_much_more_room_it_is_not_made(tmp_path: Path) -> None:
    space = os.statvfs(tmp_path)
    ballast = Ballast(tmp_path, space.f_bavail * space.f_frsize // (ROOM_FACTOR - 1))
    assert not ballast.ensure()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_no_error(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "not there", MIB).ensure()
    assert not Ballast(tmp_path / "not there", MIB).drop()


def test_a_full_disk_is_told_from_other_errors() -> None:
    assert is_disk_full(OSError(errno.ENOSPC, "full"))
    assert is_disk_full(OSError(errno.EDQUOT, "quota"))
    assert not is_disk_full(OSError(errno.EIO, "broken"))
    assert not is_disk_full(sqlite3.OperationalError("database or disk is full"))
    assert not is_disk_full(None)
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError from OSError(errno.ENOSPC, "full")
    assert is_disk_full(caught.value)


def test_on_a_full_disk_sqlite_goes_on_after_the_drop(small_disk: Path) -> None:
    ballast = Ballast(small_disk, MIB)
    assert ballast.ensure()
    database = sqlite3.connect(small_disk / "some.db", isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE event (number INTEGER PRIMARY KEY, detail BLOB)")
        fill(small_disk / "filler")

        def write(number: int) -> None:
            database.execute("INSERT INTO event VALUES (?, ?)", (number, bytes(8000)))

        with pytest.raises(sqlite3.OperationalError) as caught:
            list(map(write, range(1000)))
        assert is_disk_full(caught.value)
        (kept,) = database.execute("SELECT count(*) FROM event").fetchone()
        assert ballast.drop()
        write(kept)
        assert not ballast.present
        for number in range(kept + 1, kept + 21):
            write(number)
        rows = database.execute("SELECT number FROM event ORDER BY number").fetchall()
        assert rows == [(number,) for number in range(kept + 21)]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not ballast.ensure(), "the disk is still full"
        (small_disk / "filler").unlink()
        assert ballast.ensure()
    finally:
        database.close()


def test_on_a_full_disk_the_journal_goes_on_with_the_ballasts_room(small_disk: Path) -> None:
    ballast = Ballast(small_disk, MIB)
    assert ballast.ensure()
    journal = Journal(small_disk / "journal.db", make_room=ballast.drop)
    try:
        fill(small_disk / "filler")
        for number in range(20):
            journal.record("test", number=number, text="x" * 8000)
        assert not ballast.present
        kept = [event["detail"]["number"] for event in journal.events() if event["kind"] == "test"]
        assert kept == list(range(20))
    finally:
        journal.close()
