"""What is in a data folder, what may be linked, and copies that are the same to the last hole."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.errors import NodeError
from console.node import tree_copy
from console.node.tree_copy import CopyMethod, copy_file, copy_tree, probe_method, remove_tree
from console.node.tree_scan import Kind, scan, sealed

_S = 1_000_000_000


def write(path: Path, content: bytes = b"x", at: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(at * _S, at * _S))
    return path


@pytest.mark.parametrize(
    ("name", "at", "may"),
    [
        *(("000012.sst", 10, True), ("000012.blob", 10, True), ("000012.ldb", 10, True)),
        # Written after the MANIFEST: a killed process's table, whose number may be given again.
        *(("000012.sst", 20, False), ("000012.sst", 21, False)),
        *(("000012.log", 10, False), ("CURRENT", 10, False), ("LOCK", 10, False), ("LOG.old.1", 10, False)),
        *(("OPTIONS-000007", 10, False), ("MANIFEST-000001", 10, False), ("state.sst", 10, False)),
        *(("000012.sst.tmp", 10, False), ("000012.SST", 10, False), ("000012.unknown", 10, False)),
        *(("٣.sst", 10, False), ("000012.sst\n", 10, False)),
    ],
)
def test_only_tables_older_than_their_manifest_may_be_linked(tmp_path: Path, name: str, at: int, may: bool) -> None:
    write(tmp_path / "db" / "MANIFEST-000009", at=20)
    write(tmp_path / "db" / name, at=at)
    assert sealed(scan(tmp_path)) == ({f"db/{name}"} if may else set())


def test_tables_without_a_manifest_beside_them_are_copied(tmp_path: Path) -> None:
    write(tmp_path / "other" / "MANIFEST-000009", at=20)
    write(tmp_path / "db" / "000001.sst")
    assert sealed(scan(tmp_path)) == frozenset()


def test_rotated_parts_of_the_consensus_log_may_be_linked_and_its_head_not(tmp_path: Path) -> None:
    for name in ("wal", "wal.000", "wal.001", "wal.CORRUPTED"):
        write(tmp_path / "cs.wal" / name)
    write(tmp_path / "elsewhere" / "wal.000")
    assert sealed(scan(tmp_path)) == {"cs.wal/wal.000", "cs.wal/wal.001"}


def test_odd_names_and_links_within_come_through(tmp_path: Path) -> None:
    root = tmp_path / "data"
    names = ["a\nb", "space at end ", "-rf", "\u202ex"]
    for name in names:
        write(root / "sub" / name)
    odd = os.fsencode(root) + b"/\xff\xfe\x80"
    try:
        Path(os.fsdecode(odd)).write_bytes(b"not utf-8")
    except OSError:
        pytest.skip("the file system allows UTF-8 names only")
    (root / "within").symlink_to("sub/../sub")
    (root / "dangling").symlink_to("nothing")
    entries = scan(root)
    copy_tree(root, tmp_path / "copy", entries, clone=False, linked=frozenset(), hashed=frozenset())
    assert {entry.path for entry in scan(tmp_path / "copy")} == {entry.path for entry in entries}
    assert sorted(os.listdir(tmp_path / "copy" / "sub")) == sorted(names)
    assert os.path.exists(os.fsencode(tmp_path / "copy") + b"/\xff\xfe\x80")
    assert (tmp_path / "copy" / "within").readlink() == Path("sub/../sub")


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "../other", "sub/../../other"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    write(tmp_path / "data" / "sub" / "file")
    (tmp_path / "data" / "link").symlink_to(target)
    with pytest.raises(NodeError, match="a symbolic link out of the folder"):
        scan(tmp_path / "data")


def test_a_pipe_is_refused_and_a_socket_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A relative address: the path of a socket may have 107 bytes.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        assert [entry.path for entry in scan(tmp_path)] == [""]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NodeError, match="pipe is neither a file nor a folder"):
        scan(tmp_path)


def test_what_vanishes_is_forgiven_only_while_a_node_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "stays")
    write(tmp_path / "vanishes")
    (tmp_path / "folder").mkdir()
    real = os.scandir

    @contextmanager
    def scandir(path: str) -> Iterator[list[os.DirEntry[str]]]:
        with real(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        (tmp_path / "vanishes").unlink(missing_ok=True)
        (tmp_path / "folder").rmdir()
        yield entries

    monkeypatch.setattr(os, "scandir", scandir)
    assert [entry.path for entry in scan(tmp_path, living=True)] == ["", "stays"]
    write(tmp_path / "vanishes")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError):
        scan(tmp_path)


@pytest.mark.parametrize("hashed", [False, True])
def test_a_copy_has_the_bytes_the_holes_the_mode_and_the_times(tmp_path: Path, hashed: bool) -> None:
    source = tmp_path / "sparse"
    with source.open("wb") as stream:
        stream.write(b"head" * 3000)
        stream.seek(24 << 20)
        stream.write(b"tail")
        stream.truncate(40 << 20)
    source.chmod(0o640)
    os.utime(source, ns=(5, 1_234_567_891))
    copied = copy_file(str(source), str(tmp_path / "copy"), hashed=hashed)
    whole = source.read_bytes()
    assert (tmp_path / "copy").read_bytes() == whole
    assert copied.sha256 == (hashlib.sha256(whole).hexdigest() if hashed else "")
    status = (tmp_path / "copy").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 1_234_567_891)
    if source.stat().st_blocks * 512 < 1 << 20:
        assert status.st_blocks * 512 < 1 << 20


def test_a_copy_without_the_kernels_help_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_copy, "_copied_in_kernel", lambda *_: False)
    content = os.urandom((3 << 20) + 17)
    copy_file(str(write(tmp_path / "a", content)), str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == content


def test_the_copy_of_a_file_never_follows_or_overwrites(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(tmp_path / "file"))
    for source, target in (("link", "new"), ("file", "link"), ("file", "file")):
        with pytest.raises(OSError):
            copy_file(str(tmp_path / source), str(tmp_path / target))


def test_linked_files_are_the_same_file_and_others_are_not(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write(root / "db" / "000001.sst")
    write(root / "db" / "CURRENT")
    (root / "db").chmod(0o500)
    copied = copy_tree(
        root,
        tmp_path / "copy",
        scan(root),
        clone=False,
        linked=frozenset({"db/000001.sst"}),
        hashed=frozenset({"db/CURRENT"}),
    )
    assert {path: one.how for path, one in copied.items()} == {
        "db/000001.sst": CopyMethod.HARDLINK,
        "db/CURRENT": CopyMethod.COPY,
    }
    assert (tmp_path / "copy/db/000001.sst").samefile(root / "db/000001.sst")
    assert not (tmp_path / "copy/db/CURRENT").samefile(root / "db/CURRENT")
    assert (tmp_path / "copy" / "db").stat().st_mode & 0o777 == 0o500
    (root / "db").chmod(0o700)
    remove_tree(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert (root / "db" / "000001.sst").is_file()


def test_a_link_that_is_refused_becomes_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    root = tmp_path / "data"
    write(root / "MANIFEST-000001", at=20)
    write(root / "000001.sst")
    monkeypatch.setattr(os, "link", refused)
    assert probe_method(root, scan(root), sealed(scan(root)), tmp_path) in (CopyMethod.COPY, CopyMethod.REFLINK)
    paths = frozenset({"000001.sst"})
    copied = copy_tree(root, tmp_path / "copy", scan(root), clone=False, linked=paths, hashed=frozenset())
    assert copied["000001.sst"].how is CopyMethod.COPY
    assert not list(tmp_path.glob(".*"))


def test_an_error_in_one_thread_ends_the_copy_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    for number in range(40):
        write(root / f"file{number}")
    calls = []
    real = os.fsync

    def failing(descriptor: int) -> None:
        calls.append(threading.get_ident())
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="No space left"):
        copy_tree(root, tmp_path / "copy", scan(root), clone=False, linked=frozenset(), hashed=frozenset())
    assert len(calls) < 40


def test_removing_never_leaves_the_folder(tmp_path: Path) -> None:
    kept = write(tmp_path / "kept" / "file")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("gone", "link", "never was"):
        remove_tree(tmp_path / name)
    assert kept.is_file()
    assert sorted(os.listdir(tmp_path)) == ["kept"]


def test_everything_found_has_a_kind(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "file", b"12345")
    (tmp_path / "link").symlink_to("folder")
    found = {entry.path: (entry.kind, entry.size, entry.target) for entry in scan(tmp_path, skip="folder/none")}
    assert found == {
        "": (Kind.FOLDER, 0, ""),
        "folder": (Kind.FOLDER, 0, ""),
        "folder/file": (Kind.FILE, 5, ""),
        "link": (Kind.LINK, 0, "folder"),
    }
