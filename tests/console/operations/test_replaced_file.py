"""Files that are kept, replaced and put back: whole at every moment, and only what was meant."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.operations.kept_files import RECORD, all_kept, keep_files, read_kept
from console.operations.replaced_file import check_room, put_back, replace_file
from tests import fakes


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "daemon"
    path.parent.mkdir()
    path.write_bytes(b"old program")
    path.chmod(0o751)
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new"
    path.write_bytes(b"new program")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_replaced_with_the_rights_of_the_old_one_and_put_back_with_them(
    program: Path, new: Path, tmp_path: Path
) -> None:
    kept = keep_files(tmp_path / "kept" / "1", {"binary": program, "config": tmp_path / "none"}, "before v2", fakes.NOW)
    assert set(kept.files) == {"binary"}
    assert mode(kept.folder) == 0o700
    assert replace_file(new, program, sha256_of(new))
    assert (program.read_bytes(), mode(program)) == (b"new program", 0o751)
    assert not replace_file(new, program, sha256_of(new))
    program.chmod(0o600)
    again = read_kept(kept.folder)
    assert put_back(again, "binary")
    assert (program.read_bytes(), mode(program)) == (b"old program", 0o751)
    assert not put_back(again, "binary")
    with pytest.raises(NodeError, match="keeps no config"):
        put_back(again, "config")
    assert os.listdir(program.parent) == ["daemon"]


def test_a_link_is_followed_and_stays_a_link(program: Path, new: Path, tmp_path: Path) -> None:
    link = tmp_path / "daemon"
    link.symlink_to(program)
    kept = keep_files(tmp_path / "kept", {"binary": link}, "", fakes.NOW)
    replace_file(new, link, sha256_of(new))
    assert link.is_symlink()
    assert program.read_bytes() == b"new program"
    put_back(kept, "binary")
    assert link.is_symlink()
    assert program.read_bytes() == b"old program"


def test_bytes_that_are_not_the_verified_ones_replace_nothing(program: Path, new: Path) -> None:
    with pytest.raises(NodeError, match="is not what was verified"):
        replace_file(new, program, "ab" * 32)
    assert program.read_bytes() == b"old program"
    assert os.listdir(program.parent) == ["daemon"]


def test_a_full_disk_leaves_what_was_there(
    program: Path, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NodeError, match="No space left on device; what was there stays"):
        replace_file(new, program, sha256_of(new))
    with pytest.raises(NodeError, match="cannot keep a copy"):
        keep_files(tmp_path / "kept", {"binary": program}, "", fakes.NOW)
    monkeypatch.undo()
    assert program.read_bytes() == b"old program"
    assert os.listdir(program.parent) == ["daemon"]
    # What was begun without its record is no backup, and is made anew.
    assert all_kept(tmp_path) == ()
    assert read_kept(keep_files(tmp_path / "kept", {"binary": program}, "", fakes.NOW).folder).files


def test_a_backup_is_taken_once_and_a_damaged_one_is_none(program: Path, new: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "1"
    keep_files(folder, {"binary": program}, "first", fakes.NOW)
    replace_file(new, program, sha256_of(new))
    # Gone on with after a disconnect: what is kept is the old program still.
    assert keep_files(folder, {"binary": program}, "second", fakes.NOW).note == "first"
    assert [kept.name for kept in all_kept(tmp_path / "kept")] == ["1"]
    (folder / "files" / "binary").write_bytes(b"something else")
    with pytest.raises(NodeError, match="is not what was kept"):
        read_kept(folder)
    assert all_kept(tmp_path / "kept") == ()
    (folder / RECORD).write_text("[]")
    with pytest.raises(NodeError, match="is no whole backup"):
        read_kept(folder)


def test_room_and_rights_are_looked_at_before_anything_is_stopped(program: Path) -> None:
    check_room(program, 1000)
    with pytest.raises(NodeError, match="are needed; nothing was stopped"):
        check_room(program, 1 << 60)
