"""Copies of a data folder that cost little: clones, links of sealed database files, else bytes (facts/safety.md §5)."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from console.errors import NodeError
from console.files import sync_folder
from console.node.data_folders import shown
from console.node.tree_scan import Entry, Kind

FICLONE = 0x40049409
"""ioctl of Linux: share the blocks of a whole file (btrfs, XFS, bcachefs, ZFS, NFS 4.2)."""
PROBE = ".rollback-point-probe"
"""A trial file; always this name, so that the next trial removes what a kill left."""
THREADS = 4
CHUNK = 256 << 10
"""Bytes read or written at once: they stay in the processor's cache while they are hashed."""
WRITE_BACK = 2 << 20
"""Bytes after which the disk begins to write, so that it works while we hash, and the sync at the end is short."""
READ_AHEAD = 64 << 20
"""Bytes of each file that are asked for in advance."""

_CANNOT_SHARE = frozenset(
    {
        errno.EXDEV,
        errno.EOPNOTSUPP,
        errno.ENOTSUP,
        errno.ENOTTY,
        errno.EINVAL,
        errno.ENOSYS,
        errno.EPERM,
        errno.EACCES,
        errno.EMLINK,
        errno.EBADF,
        errno.ETXTBSY,
    }
)


class CopyMethod(StrEnum):
    """How a file, or the cheapest file of a rollback point, is kept."""

    REFLINK = "reflink"
    HARDLINK = "hardlink"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Copied:
    """How one file was kept."""

    how: CopyMethod
    sha256: str
    """64 hex digits, or empty when it was not asked for."""


def probe_method(root: Path, entries: Sequence[Entry], apart: frozenset[str], target: Path) -> CopyMethod:
    """The cheapest way that works from `root` into the folder `target`, found by trying it on one file.

    Args:
        root: Where the entries are.
        entries: From `scan`.
        apart: Paths that would be linked.
        target: An existing folder.

    Raises:
        OSError: `target` cannot be written.
    """
    files = [entry for entry in entries if entry.kind is Kind.FILE and entry.size]
    # Whether links are allowed is shown by the kind of file that would be linked.
    files.sort(key=lambda entry: (entry.path not in apart, entry.size))
    trial = target / PROBE
    for entry in files[:3]:
        source = os.path.join(root, entry.path)
        trial.unlink(missing_ok=True)
        try:
            if _clone_trial(source, trial):
                return CopyMethod.REFLINK
            trial.unlink(missing_ok=True)
            os.link(source, trial, follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in _CANNOT_SHARE:
                raise
            return CopyMethod.COPY
        else:
            return CopyMethod.HARDLINK
        finally:
            trial.unlink(missing_ok=True)
    return CopyMethod.COPY


def copy_tree(
    root: Path,
    target: Path,
    entries: Sequence[Entry],
    *,
    clone: bool,
    linked: frozenset[str],
    hashed: frozenset[str],
) -> dict[str, Copied]:
    """Make `target` hold what `entries` found under `root`; all of it is on disk on return.

    Args:
        root: Where the entries are.
        target: A folder that does not exist yet.
        entries: From `scan`.
        clone: Share the blocks of what is not linked, where the file system can.
        linked: Paths that may be the same file in both.
        hashed: Paths whose sha256 is wanted.

    Raises:
        NodeError: A file became shorter meanwhile.
        OSError: The disk refused; what was made so far is left to the caller.
    """
    folders = [entry for entry in entries if entry.kind is Kind.FOLDER]
    files = [entry for entry in entries if entry.kind is Kind.FILE]
    for entry in folders:
        os.mkdir(os.path.join(target, entry.path), 0o700)
    copied: dict[str, Copied] = {}
    pending: dict[str, Future[Copied]] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            # Links before anything is synced: a file system's journal lets nobody in while it commits.
            for entry in files:
                if entry.path in linked and _link(os.path.join(root, entry.path), os.path.join(target, entry.path)):
                    copied[entry.path] = Copied(CopyMethod.HARDLINK, "")
            # The big ones first, so that no thread is left with one at the end.
            for entry in sorted(files, key=lambda entry: -entry.allocated):
                if entry.path not in copied:
                    pending[entry.path] = pool.submit(_copy_one, root, target, entry.path, clone, entry.path in hashed)
            for entry in entries:
                if entry.kind is Kind.LINK:
                    os.symlink(entry.target, os.path.join(target, entry.path))
            done, _ = wait(pending.values(), return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    copied.update({path: future.result() for path, future in pending.items()})
    for entry in reversed(folders):
        _finish_folder(os.path.join(root, entry.path), os.path.join(target, entry.path))
    return copied


def copy_file(source: str, target: str, *, clone: bool = False, hashed: bool = False) -> Copied:
    """Copy one regular file with its holes, mode, owner, times and extended attributes; it is on disk on return.

    Raises:
        NodeError: It became shorter meanwhile.
        OSError: The disk refused, or `target` exists.
    """
    reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            how = CopyMethod.REFLINK if clone and _cloned(reader, writer) else CopyMethod.COPY
            if how is CopyMethod.REFLINK:
                sha256 = _digest(reader) if hashed else ""
            else:
                sha256 = _copy_bytes(reader, writer, source, hashed)
            _keep_owner(source, target)
            shutil.copystat(source, target)
            os.fsync(writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    return Copied(how, sha256)


def make_folders(folder: Path) -> None:
    """Make a folder and its parents durably, for this user alone; those that exist stay as they are.

    Raises:
        OSError: One could not be made.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(mode=0o700)
        sync_folder(made.parent)


def make_folder_like(source: Path, target: Path) -> None:
    """Make an empty folder with the mode and the owner of `source`; it is on disk, its name is not yet.

    Raises:
        OSError: It could not be made.
    """
    target.mkdir(mode=0o700)
    if source.is_dir():
        _finish_folder(str(source), str(target))


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, also where a folder in it is not writable; none is no error.

    Raises:
        OSError: Something could not be removed.
    """
    if folder.is_symlink() or folder.is_file():
        folder.unlink(missing_ok=True)
        return
    if not folder.exists():
        return
    os.chmod(folder, 0o700)
    for place, names, _ in os.walk(folder):
        for name in names:
            within = os.path.join(place, name)
            if not os.path.islink(within):
                os.chmod(within, 0o700)
    shutil.rmtree(folder)


def _finish_folder(source: str, target: str) -> None:
    # Opened before it gets its mode, which may forbid opening.
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _keep_owner(source, target)
        shutil.copystat(source, target)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clone_trial(source: str, trial: Path) -> bool:
    reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        writer = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            return _cloned(reader, writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _cloned(reader: int, writer: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(writer, FICLONE, reader)
    except OSError as error:
        if error.errno not in _CANNOT_SHARE:
            raise
        return False
    return True


def _link(source: str, target: str) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _CANNOT_SHARE:
            raise
        return False
    return True


def _copy_one(root: Path, target: Path, path: str, clone: bool, hashed: bool) -> Copied:
    return copy_file(os.path.join(root, path), os.path.join(target, path), clone=clone, hashed=hashed)


def _keep_owner(source: str, target: str) -> None:
    """Only root can give files away; the node of anyone else runs as the one who copies."""
    if os.geteuid() != 0:
        return
    wanted, found = os.lstat(source), os.lstat(target)
    if (wanted.st_uid, wanted.st_gid) != (found.st_uid, found.st_gid):
        os.chown(target, wanted.st_uid, wanted.st_gid, follow_symlinks=False)


def _copy_bytes(reader: int, writer: int, source: str, hashed: bool) -> str:
    status = os.fstat(reader)
    if hasattr(os, "posix_fadvise"):
        # The disk is asked for much at once, instead of for a little more each time.
        os.posix_fadvise(reader, 0, min(status.st_size, READ_AHEAD), os.POSIX_FADV_WILLNEED)
    digest = hashlib.sha256()
    # One buffer for all: a fresh one for each chunk costs as much as the copy.
    buffer = memoryview(bytearray(CHUNK))
    position = written = 0
    for start, end in _data_ranges(reader, status):
        if hashed:
            _hash_zeros(digest, start - position)
        os.lseek(reader, start, os.SEEK_SET)
        os.lseek(writer, start, os.SEEK_SET)
        if not hashed and _copied_in_kernel(reader, writer, end - start):
            position = end
            continue
        left = end - os.lseek(reader, 0, os.SEEK_CUR)
        while left:
            count = os.readv(reader, [buffer[: min(CHUNK, left)]])
            if not count:
                raise NodeError(
                    f"{shown(source)} became shorter while it was copied",
                    safe="the copy is dropped",
                    next_step="make sure that nothing of the node is running",
                )
            if hashed:
                digest.update(buffer[:count])
            _write_all(writer, buffer[:count])
            left -= count
            written += count
            if written >= WRITE_BACK:
                _start_write_back(writer, written)
                written = 0
        position = end
    if hashed:
        _hash_zeros(digest, status.st_size - position)
    os.ftruncate(writer, status.st_size)
    return digest.hexdigest() if hashed else ""


def _start_write_back(writer: int, count: int) -> None:
    """Begin to write the last `count` bytes; Linux does so for pages that are said to be not needed."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(writer, os.lseek(writer, 0, os.SEEK_CUR) - count, count, os.POSIX_FADV_DONTNEED)


def _copied_in_kernel(reader: int, writer: int, left: int) -> bool:
    """Whether all was copied; both descriptors stand behind what was."""
    if sys.platform != "linux":
        return False
    while left:
        try:
            count = os.copy_file_range(reader, writer, left)
        except OSError as error:
            if error.errno not in _CANNOT_SHARE:
                raise
            return False
        if count == 0:
            return False
        left -= count
    return True


def _data_ranges(reader: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    if status.st_blocks * 512 >= status.st_size:
        yield 0, status.st_size
        return
    position = 0
    while position < status.st_size:
        try:
            start = os.lseek(reader, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            yield position, status.st_size
            return
        position = min(os.lseek(reader, start, os.SEEK_HOLE), status.st_size)
        yield start, position


def _hash_zeros(digest: hashlib._Hash, count: int) -> None:
    zeros = bytes(CHUNK)
    while count > 0:
        digest.update(zeros[: min(CHUNK, count)])
        count -= CHUNK


def _write_all(writer: int, view: memoryview) -> None:
    while view:
        view = view[os.write(writer, view) :]


def _digest(reader: int) -> str:
    digest = hashlib.sha256()
    os.lseek(reader, 0, os.SEEK_SET)
    while chunk := os.read(reader, CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
