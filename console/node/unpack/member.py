"""The binary of an archive, copied through a cap into a new file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from console.errors import ReleaseError
from console.model import FailureCode
from console.node.unpack.expanding import DAMAGED, MAX_PIECE, Compression, expanded
from console.node.unpack.refused import ArchiveRefused
from console.node.unpack.tar_member import copy_from_tar
from console.node.unpack.zip_member import copy_from_zip
from console.text import untrusted

_TARS: dict[str, Compression] = {
    "tar": "",
    "tar.gz": "gz",
    "tgz": "gz",
    "tar.bz2": "bz2",
    "tbz2": "bz2",
    "tar.xz": "xz",
    "txz": "xz",
}
"""Forms of tar, and how each is compressed."""
_SINGLE: dict[str, Compression] = {"gz": "gz", "bz2": "bz2", "xz": "xz"}
"""What holds one file."""


def take_member(archive: Path, packing: str, names: Sequence[str], target: Path, cap: int) -> str:
    """Copy the one plain file of an archive that has one of these names; blocking.

    Links, devices and whatever else the archive holds are not looked at; the member itself must be a plain file and
    be there once. A single compressed file (`gz`) is that file, whatever its name.

    Args:
        archive: Verified by its own checksum.
        packing: How it is packed: `tar`, `tar.gz`, `tar.bz2`, `tar.xz` and their short forms, `zip`, `gz`, `bz2`, `xz`.
        names: Names that the member may have, as `bin/simd` and `simd`.
        target: New file for it, mode 0600; nothing may be there.
        cap: Most bytes of it.

    Returns:
        sha256 of the copied bytes, 64 hex digits. They are durable.

    Raises:
        ReleaseError: It does not hold just that; `target` is as it was.
    """
    try:
        output = _Output(target, cap)
    except OSError as error:
        raise _no_room(target, error) from error
    try:
        _copy(archive, packing, names, output.write)
        return output.finished()
    except _DiskRefused as error:
        output.remove()
        raise _no_room(target, error.cause) from error
    except ArchiveRefused as error:
        output.remove()
        raise _refused(archive, str(error)) from error
    except DAMAGED as error:
        output.remove()
        raise _refused(archive, f"cannot be read ({untrusted(error, 120)})") from error
    except BaseException:
        output.remove()
        raise
    finally:
        output.close()


class _DiskRefused(Exception):
    """The disk did not take the bytes: no fault of the archive."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Output:
    """A new file, its hash and its cap. Raises OSError when it cannot be made."""

    def __init__(self, path: Path, cap: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._stream = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)
        self._path = path
        self._cap = cap
        self._written = 0
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._written += len(piece)
        if self._written > self._cap:
            raise ArchiveRefused(f"holds a binary of more than {self._cap} bytes")
        self._digest.update(piece)
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            raise _DiskRefused(error) from error

    def finished(self) -> str:
        if not self._written:
            raise ArchiveRefused("holds an empty binary")
        try:
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise _DiskRefused(error) from error
        return self._digest.hexdigest()

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        self._stream.close()


def _copy(archive: Path, packing: str, names: Sequence[str], write: Callable[[bytes], None]) -> None:
    with archive.open("rb") as stream:
        if packing == "zip":
            copy_from_zip(stream, names, write)
        elif packing in _TARS:
            with expanded(stream, _TARS[packing]) as source:
                copy_from_tar(source, names, write)
        elif packing not in _SINGLE:
            # No reader of zstd is in the standard library before Python 3.14.
            raise ArchiveRefused(f"is packed as {untrusted(packing, 20) or 'nothing'}, which is not unpacked here")
        else:
            with expanded(stream, _SINGLE[packing]) as source:
                while piece := source.read(MAX_PIECE):
                    write(piece)


def _refused(archive: Path, why: str) -> ReleaseError:
    return ReleaseError(
        f"the archive {archive.name} {why}",
        code=FailureCode.UNSUPPORTED_RELEASE,
        safe="nothing of it was kept or started",
        next_step="unpack it yourself and give the binary with `upgrade-console node add-upgrade`",
    )


def _no_room(target: Path, error: OSError) -> ReleaseError:
    return ReleaseError(
        f"cannot unpack the release into {target.parent}: {error.strerror or error}",
        code=FailureCode.DISK_SPACE,
        safe="nothing of it was kept or started",
        next_step="free disk space",
    )
