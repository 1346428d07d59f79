"""What is compressed, read forward through a cap; no step holds more than a few megabytes, whatever the bytes say."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal, Protocol

from console.node.unpack.refused import ArchiveRefused

MAX_PIECE = 1 << 20
"""Most bytes that are copied in one step."""
_MAX_HEADER = 1 << 16
"""Most bytes of a header, which a reader keeps whole: names and notes of a member are far shorter."""
_XZ_MEMORY = 128 << 20
"""Bytes that a decoder of xz may take; `xz -9` needs 65 MiB."""
_INPUT = 1 << 18
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)
"""What the readers of the standard library raise at bytes that are not what they should be."""


_MAX_HEADERS = 1 << 17
"""The same of all headers of one member: the reader calls itself for each."""
Compression = Literal["", "gz", "bz2", "xz"]


class Readable(Protocol):
    """Something that gives its bytes in order."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


class Forward:
    """A stream that goes forward only and ends in a refusal when it gives more than `cap` bytes.

    Args:
        source: Where the bytes come from.
        cap: Most bytes of it, skipped ones too.
    """

    def __init__(self, source: Readable, cap: int) -> None:
        self._source = source
        self._cap = cap
        self._at = 0
        self._headers = 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes of a header, fewer only at the end. Raises ArchiveRefused: no header is that long."""
        self._headers += size
        if not 0 <= size <= _MAX_HEADER or self._headers > _MAX_HEADERS:
            raise ArchiveRefused("has a header of unheard-of size")
        return self.piece(size)

    def next_member(self) -> None:
        """Let the headers of another member begin."""
        self._headers = 0

    def piece(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end. Raises ArchiveRefused: beyond the cap."""
        pieces: list[bytes] = []
        while size and (piece := self._source.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self._at += len(piece)
            if self._at > self._cap:
                raise ArchiveRefused(f"holds more than {self._cap} bytes")
        return b"".join(pieces)

    def seek(self, position: int, /) -> int:
        """Skip forward. Raises ArchiveRefused: backward, or beyond the cap."""
        if position < self._at:
            raise ArchiveRefused("leads back to what was read already")
        if position > self._cap:
            raise ArchiveRefused(f"holds more than {self._cap} bytes")
        while self._at < position and self.piece(min(position - self._at, MAX_PIECE)):
            pass
        return self._at

    def tell(self) -> int:
        """Bytes given so far."""
        return self._at


class _Xz:
    """xz streams, one after the other, with a bound on memory that the standard reader does not take."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = _xz_decoder()

    def read(self, size: int, /) -> bytes:
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._stream.read(_INPUT).lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = _xz_decoder()
            else:
                rest = self._stream.read(_INPUT) if self._decoder.needs_input else b""
                if not rest and self._decoder.needs_input:
                    raise EOFError("it ends too early")
            found = self._decoder.decompress(rest, size)
            if found:
                return found


def _xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


@contextmanager
def expanded(stream: BinaryIO, compression: Compression) -> Iterator[Readable]:
    """What a file holds once it is decompressed.

    Args:
        stream: The file, at its beginning.
        compression: How it is compressed; empty: not at all.
    """
    match compression:
        case "":
            # Nothing is packed; `tar` alone.
            yield stream
        case "gz":
            with gzip.GzipFile(fileobj=stream, mode="rb") as gz:
                yield gz
        case "bz2":
            with bz2.BZ2File(stream, "rb") as bzip:
                yield bzip
        case "xz":
            yield _Xz(stream)
