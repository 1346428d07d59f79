"""The devnet's folder: foreign ones are left alone, one command at a time, only ours is removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.devnet.folder import FolderLock, remove, require_devnet, require_usable
from console.devnet.layout import Layout
from console.errors import DevnetError, HeldByOther
from tests.console.devnet.test_record import example


def tree(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_missing_and_empty_folders_are_usable(tmp_path: Path) -> None:
    assert require_usable(Layout.of(tmp_path)) is None
    assert require_usable(Layout.of(tmp_path / "new")) is None
    assert not (tmp_path / "new").exists()


def test_a_folder_with_other_things_is_refused_unchanged(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    before = tree(tmp_path)
    with pytest.raises(DevnetError, match=r"is not empty and holds no devnet \(found thesis.tex\)"):
        require_usable(Layout.of(tmp_path))
    assert tree(tmp_path) == before


def test_a_lock_that_was_left_alone_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "devnet.lock").touch()
    assert require_usable(Layout.of(tmp_path)) is None


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DevnetError, match=r"cannot use .*: Not a directory"):
        require_usable(Layout.of(tmp_path / "file"))


def test_a_devnet_that_was_moved_is_refused(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    example(Path("/where/it/was")).save(layout)
    with pytest.raises(DevnetError, match="was created in /where/it/was"):
        require_usable(layout)


def test_no_devnet_is_said_with_the_command(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DevnetError, match=r"there is no devnet in .*devnet up"):
            require_devnet(Layout.of(folder))


def test_a_second_command_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path\n"
            "from console.devnet.folder import FolderLock\nfrom console.devnet.layout import Layout\n"
            "with FolderLock(Layout.of(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(HeldByOther, match=rf"at work in .* \(pid {holder.pid}\)"), FolderLock(layout):
        pass
    holder.communicate()
    with FolderLock(layout):
        pass


def test_a_lock_on_a_removed_file_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout.of(tmp_path)
    opened: list[str] = []
    real = os.open

    def opening(path: Path, *rest: int) -> int:
        descriptor = real(path, *rest)
        opened.append(str(path))
        if len(opened) == 1:
            layout.lock.unlink()
        return descriptor

    monkeypatch.setattr("console.devnet.folder.os.open", opening)
    with FolderLock(layout):
        assert len(opened) == 2
        with pytest.raises(HeldByOther), FolderLock(layout):
            pass


def test_wipe_removes_the_folder(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path / "net")
    outside = tmp_path / "outside"
    outside.write_text("kept")
    layout.nodes.mkdir(parents=True)
    (layout.nodes / "link").symlink_to(outside)
    (layout.folder / "link").symlink_to(tmp_path)
    binary = layout.nodes / "subnetd"
    binary.touch(mode=0o500)
    example(layout.folder).save(layout)
    with FolderLock(layout):
        remove(layout)
    assert not layout.folder.exists()
    assert outside.read_text() == "kept"
