"""The one member of a zip, by its directory; `extract` is never called."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Callable, Collection
from typing import BinaryIO

from console.node.unpack.expanding import MAX_PIECE
from console.node.unpack.names import MAX_MEMBERS, plain_name, shown
from console.node.unpack.refused import ArchiveRefused

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_LONG_END_MARK = b"PK\x06\x07"
_LONGEST_COMMENT = (1 << 16) - 1
_MAX_DIRECTORY = 4 << 20
"""Bytes; ten thousand members with long names."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


def copy_from_zip(stream: BinaryIO, names: Collection[str], write: Callable[[bytes], None]) -> None:
    """Hand over the bytes of the only member of these names, as `copy_from_tar`.

    Raises:
        ArchiveRefused: There is none, more than one, or it is no plain file.
    """
    _check_directory(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            found = [entry for entry in archive.infolist() if plain_name(entry.filename) in names]
            if not found:
                raise ArchiveRefused(f"does not hold {shown(names)}")
            if len(found) > 1:
                raise ArchiveRefused(f"holds {shown(names)} more than once")
            member = found[0]
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir() or kind not in (0, stat.S_IFREG):
                raise ArchiveRefused(f"holds {shown(names)} as something else than a plain file")
            if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
                raise ArchiveRefused(f"holds {shown(names)} encrypted, or packed in a rare way")
            left = member.file_size
            with archive.open(member) as source:
                while piece := source.read(MAX_PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise ArchiveRefused(f"holds {shown(names)} longer than it says")
                    write(piece)
            if left:
                raise ArchiveRefused(f"holds {shown(names)} shorter than it says")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefused(f"is no zip that can be read ({error})") from error


def _check_directory(stream: BinaryIO) -> None:
    """Refuse a directory that would not fit into memory, before anything of it is read."""
    size = stream.seek(0, os.SEEK_END)
    tail_at = stream.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = stream.read(_END.size + _LONGEST_COMMENT)
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END.size:
        raise ArchiveRefused("is no zip")
    _, disk, first_disk, here, entries, directory, _, comment = _END.unpack_from(tail, at)
    if tail_at + at + _END.size + comment != size or disk or first_disk or here != entries:
        raise ArchiveRefused("is a zip with something behind its end")
    if tail[max(0, at - 20) : at].startswith(_LONG_END_MARK) or entries > MAX_MEMBERS or directory > _MAX_DIRECTORY:
        raise ArchiveRefused(f"has more than {MAX_MEMBERS} members, or is in the format for huge files")
    stream.seek(0)
