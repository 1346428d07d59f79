"""A file on its way: what came so far, and what must be known to go on after it (facts/safety.md §2).

It is in `.partial/` beside its later place, one for each source, so that two mirrors never mix in one file. Nothing in
it is believed: the whole file is hashed before it is moved.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path

from console.files import sync_folder
from console.model import FailureCode
from console.node.download.checksum import Checksum
from console.node.download.failure import SourceFailed

FOLDER = ".partial"
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOTE_BYTES = 4096
_STALE_S = 7 * 86400.0
"""Age after which what nobody went on with is removed."""
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')


class Partial:
    """One partial file, held by this process alone.

    Args:
        folder: Where the whole file will be.
        checksum: Of the whole file.
        source: URL that it is fetched from.

    Raises:
        SourceFailed: Another process holds it.
        OSError: The folder cannot be used.
    """

    def __init__(self, folder: Path, checksum: Checksum, source: str) -> None:
        place = folder / FOLDER
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._checksum = checksum
        self._name = f"{checksum.digest}.{hashlib.sha256(source.encode()).hexdigest()[:16]}"
        self._note = f"{self._name}.from"
        self.etag = ""
        """Strong ETag of the bytes that are here; empty where they cannot be gone on with."""
        self.total: int | None = None
        """Bytes of the whole file, as the server said with that ETag."""
        self.length = 0
        """Bytes that are here."""
        self._hash = hashlib.new(checksum.algorithm)
        self._hashed = True
        """Whether every byte of the file went through `_hash`."""
        self._place = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._descriptor = self._opened()
        except BaseException:
            os.close(self._place)
            raise
        self._read_note()

    def _opened(self) -> int:
        """The file that is there if it is one of ours, else a new one."""
        with suppress(OSError):
            descriptor = os.open(self._name, _FLAGS, dir_fd=self._place)
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid():
                return self._locked(descriptor)
            os.close(descriptor)
        self._unlink(self._name)
        self._unlink(self._note)
        return self._locked(os.open(self._name, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._place))

    def _locked(self, descriptor: int) -> int:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise SourceFailed("another process is fetching it") from None
        return descriptor

    def _read_note(self) -> None:
        """Take up what was noted with the bytes; whatever is odd about it means the beginning."""
        try:
            descriptor = os.open(self._note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._place)
            with os.fdopen(descriptor, "rb") as stream:
                document = json.loads(stream.read(_NOTE_BYTES))
            etag, total = document["etag"], document["total"]
            good = strong(etag) and isinstance(total, int) and not isinstance(total, bool)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            good, etag, total = False, "", None
        length = os.fstat(self._descriptor).st_size
        if good and 0 < length <= total:
            self.etag, self.total, self.length, self._hashed = etag, total, length, False
        elif length:
            self.begin("", None)

    def begin(self, etag: str, total: int | None) -> None:
        """Begin anew with the first byte of a body.

        Args:
            etag: As the server says it; only a strong one makes the bytes worth keeping.
            total: Bytes of the body, as the server says.

        Raises:
            OSError: The disk refused.
        """
        self._unlink(self._note)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.length, self._hash, self._hashed = 0, hashlib.new(self._checksum.algorithm), True
        self.etag, self.total = (etag, total) if strong(etag) and total else ("", None)
        if self.etag:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._note, flags, 0o600, dir_fd=self._place)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(json.dumps({"etag": etag, "total": total}).encode())

    def go_on(self) -> None:
        """Write after what is here. Raises OSError."""
        os.lseek(self._descriptor, self.length, os.SEEK_SET)

    def write(self, chunk: bytes) -> None:
        """Keep a piece of the body. Raises OSError."""
        if self._hashed:
            self._hash.update(chunk)
        rest = memoryview(chunk)
        while rest:
            written = os.write(self._descriptor, rest)
            self.length += written
            rest = rest[written:]

    @property
    def came_at_once(self) -> bool:
        """Whether every byte came in this try, and none is of an earlier one."""
        return self._hashed

    @property
    def free(self) -> int:
        """Bytes that this user may still write to the disk. Raises OSError."""
        found = os.fstatvfs(self._descriptor)
        return found.f_bavail * found.f_frsize

    def publish(self) -> Path:
        """Check the whole file and move it to its place, durable; blocking.

        Raises:
            SourceFailed: It has other bytes; they are thrown away.
            OSError: The disk refused.
        """
        # After a resume from the disk: what earlier runs wrote may not have survived as it was.
        digest = self._hash.hexdigest() if self._hashed else self._hash_of_all()
        if digest != self._checksum.digest:
            found = f"{self._checksum.algorithm} {digest}"
            raise SourceFailed(f"its bytes have {found}, not {self._checksum.digest}", code=FailureCode.HASH_MISMATCH)
        os.fsync(self._descriptor)
        target = self._folder / self._checksum.digest
        os.rename(self._name, target, src_dir_fd=self._place)
        sync_folder(self._folder)
        self._sweep()
        return target

    def _hash_of_all(self) -> str:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._descriptor), "rb", buffering=0) as stream:
            return hashlib.file_digest(stream, self._checksum.algorithm).hexdigest()

    def _sweep(self) -> None:
        """Remove what other sources left of this file, and what nobody goes on with."""
        for name in os.listdir(self._place):
            with suppress(OSError):
                old = time.time() - os.stat(name, dir_fd=self._place, follow_symlinks=False).st_mtime > _STALE_S
                if old or name.startswith(self._checksum.digest):
                    os.unlink(name, dir_fd=self._place)

    def close(self, *, keep: bool) -> None:
        """Let go of it.

        Args:
            keep: Whether what is here is to be gone on with, if it can be.
        """
        try:
            if not (keep and self.etag and self.length):
                self._unlink(self._note)
                self._unlink(self._name)
        finally:
            os.close(self._descriptor)
            os.close(self._place)

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._place)


def strong(etag: object) -> bool:
    """Whether an ETag promises the same bytes: quoted, and not weak (`W/`)."""
    return isinstance(etag, str) and bool(_STRONG_ETAG.fullmatch(etag))
