"""The newest value of one key in a LevelDB database that nobody has open, read from its files without changing them.

It is how a stopped node of a Cosmos SDK chain tells where its application stands: no daemon has a command that says so
and leaves everything as it is, and to start one is to go on. Format: LevelDB's `log_format.md` and `table_format.md`,
as goleveldb writes it. Anything that is not as it should be is an error, never an older value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from console.errors import NodeError

_BLOCK = 32 * 1024
_HEADER = 7
"""Bytes before each piece of a journal: checksum, length, type."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_FOOTER = 48
_TRAILER = 5
"""Bytes after each block of a table: compression, checksum."""
_MAGIC = 0xDB4775248B80FB57
_MOST_BYTES = 256 << 20
"""Of one file: LevelDB's are of some megabytes."""
_DELETED, _PUT = 0, 1


class _Damaged(Exception):
    """What a file should not say."""


@dataclass(frozen=True, slots=True)
class _Table:
    number: int
    smallest: bytes
    largest: bytes
    """Keys as they are written, without their sequence."""


def newest_value(folder: Path, key: bytes) -> bytes | None:
    """The value of a key; None where there is none. Blocking; a few milliseconds for each megabyte not yet in a table.

    Args:
        folder: Of the database, which no process has open.
        key: As the program wrote it.

    Raises:
        NodeError: It is no such database, or is damaged or being written: nothing is known of the key.
    """
    try:
        tables, journals = _parts(folder)
        # What a journal holds is newer than what an older one does, and than every table.
        for number in reversed(journals):
            for record in reversed([*_records(_content(folder, f"{number:06d}.log"), key)]):
                for value in reversed([*_of_batch(record.content(), key)]):
                    return value
        found: tuple[int, bytes | None] | None = None
        for table in tables:
            if table.smallest <= key <= table.largest:
                hit = _in_table(_table_content(folder, table.number), key)
                if hit is not None and (found is None or hit[0] > found[0]):
                    found = hit
    except (OSError, _Damaged, IndexError, ValueError) as error:
        raise NodeError(
            f"the database {folder} tells nothing: {error}",
            safe="it was only read",
            next_step="see that nothing has it open; a node with another kind of database (pebbledb, rocksdb) cannot be"
            " read like this",
        ) from error
    return None if found is None else found[1]


# --- which files count ---


def _parts(folder: Path) -> tuple[list[_Table], list[int]]:
    """The tables and the numbers of the journals that are a part of the database now."""
    name = (folder / "CURRENT").read_text().strip()
    if not name.startswith("MANIFEST-") or not name.removeprefix("MANIFEST-").isdigit():
        raise _Damaged("CURRENT names no manifest")
    tables: dict[int, _Table] = {}
    journal = previous = 0
    for each in _records(_content(folder, name), b""):
        record, place = each.content(), 0
        while place < len(record):
            tag, place = _varint(record, place)
            match tag:
                case 1:
                    _name, place = _bytes(record, place)
                case 2:
                    journal, place = _varint(record, place)
                case 9:
                    previous, place = _varint(record, place)
                case 3 | 4:
                    _number, place = _varint(record, place)
                case 5:
                    _level, place = _varint(record, place)
                    _key, place = _bytes(record, place)
                case 6:
                    _level, place = _varint(record, place)
                    number, place = _varint(record, place)
                    tables.pop(number, None)
                case 7:
                    _level, place = _varint(record, place)
                    number, place = _varint(record, place)
                    _size, place = _varint(record, place)
                    smallest, place = _bytes(record, place)
                    largest, place = _bytes(record, place)
                    tables[number] = _Table(number, smallest[:-8], largest[:-8])
                case _:
                    raise _Damaged(f"the manifest has the unknown entry {tag}")
    there = (int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit())
    return list(tables.values()), sorted(number for number in there if number >= journal or number == previous)


def _content(folder: Path, name: str) -> bytes:
    path = folder / name
    if path.stat().st_size > _MOST_BYTES:
        raise _Damaged(f"{name} is too large")
    return path.read_bytes()


def _table_content(folder: Path, number: int) -> bytes:
    name = f"{number:06d}.ldb"
    return _content(folder, name if (folder / name).exists() else f"{number:06d}.sst")


# --- journals ---


@dataclass(frozen=True, slots=True)
class _Record:
    whole: bytes
    pieces: tuple[tuple[bytes, bytes], ...]
    """Checksum, and what it is of."""

    def content(self) -> bytes:
        """Compared with its checksums, which costs much more than to find it."""
        if any(_unmasked(checksum) != crc32c(piece) for checksum, piece in self.pieces):
            raise _Damaged("a journal does not match its checksum")
        return self.whole


def _records(content: bytes, wanted: bytes) -> Iterator[_Record]:
    """The records of a journal that hold some bytes, in their order.

    What stands torn at its end was never acknowledged, and the database drops it as well.
    """
    place, whole = 0, b""
    pieces: list[tuple[bytes, bytes]] = []
    while place + _HEADER <= len(content):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:
            place += left
            continue
        length = int.from_bytes(content[place + 4 : place + 6], "little")
        kind = content[place + 6]
        if kind == 0 and length == 0:
            # Room that was set aside.
            place += left
            continue
        end = place + _HEADER + length
        if end > len(content):
            return
        if length > left - _HEADER or kind not in {_FULL, _FIRST, _MIDDLE, _LAST}:
            raise _Damaged("a journal is damaged")
        if kind in {_FULL, _FIRST}:
            whole, pieces = b"", []
        whole += content[place + _HEADER : end]
        pieces.append((content[place : place + 4], content[place + 6 : end]))
        place = end
        if kind in {_FULL, _LAST}:
            if wanted in whole:
                yield _Record(whole, tuple(pieces))
            whole, pieces = b"", []


def _of_batch(record: bytes, key: bytes) -> Iterator[bytes | None]:
    """What a batch did with a key, in its order: values, and None where it was deleted."""
    # After its sequence and the number of its entries.
    place = 12
    while place < len(record):
        kind = record[place]
        found, place = _bytes(record, place + 1)
        value: bytes | None = None
        if kind == _PUT:
            value, place = _bytes(record, place)
        elif kind != _DELETED:
            raise _Damaged(f"a batch has the unknown entry {kind}")
        if found == key:
            yield value


# --- tables ---


def _in_table(content: bytes, key: bytes) -> tuple[int, bytes | None] | None:
    """The newest that a table has of a key."""
    footer = content[-_FOOTER:]
    if len(footer) < _FOOTER or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise _Damaged("a table has no end")
    _offset, place = _varint(footer, 0)
    _size, place = _varint(footer, place)
    for last, handle in _entries(_block(content, footer[place:])):
        if last[:-8] < key:
            continue
        for internal, value in _entries(_block(content, handle)):
            if internal[:-8] == key:
                tag = int.from_bytes(internal[-8:], "little")
                return tag >> 8, value if tag & 0xFF == _PUT else None
        if last[:-8] > key:
            return None
    return None


def _block(content: bytes, handle: bytes) -> bytes:
    """A block of a table as it was before its compression."""
    offset, place = _varint(handle, 0)
    size, _ = _varint(handle, place)
    raw, trailer = content[offset : offset + size], content[offset + size : offset + size + _TRAILER]
    if len(trailer) < _TRAILER or _unmasked(trailer[1:]) != crc32c(raw + trailer[:1]):
        raise _Damaged("a table does not match its checksum")
    if trailer[0] > 1:
        raise _Damaged(f"a table has the unknown compression {trailer[0]}")
    return unsnapped(raw) if trailer[0] else raw


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key with sequence, and value; a key leaves out what it has in common with the one before."""
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        more, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + more]
        place += more + length
        yield key, block[place - length : place]


def unsnapped(raw: bytes) -> bytes:
    """What was compressed with Snappy (its format_description.txt). Raises ValueError, IndexError for what was not."""
    size, place = _varint(raw, 0)
    out = bytearray()
    while place < len(raw):
        tag = raw[place]
        place += 1
        if tag & 3 == 0:
            length = (tag >> 2) + 1
            if length > 60:
                wide = length - 60
                length = int.from_bytes(raw[place : place + wide], "little") + 1
                place += wide
            out += raw[place : place + length]
            place += length
            continue
        if tag & 3 == 1:
            length, offset = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | raw[place]
            place += 1
        else:
            length, wide = (tag >> 2) + 1, 2 if tag & 3 == 2 else 4
            offset = int.from_bytes(raw[place : place + wide], "little")
            place += wide
        if not 0 < offset <= len(out) or len(out) + length > size:
            raise ValueError("a compressed block is damaged")
        start = len(out) - offset
        # It may reach into what it adds itself.
        piece = bytes(out[start : start + length])
        out += (piece * (length // len(piece) + 1))[:length]
    if len(out) != size:
        raise ValueError("a compressed block is damaged")
    return bytes(out)


# --- numbers ---


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _bytes(raw: bytes, place: int) -> tuple[bytes, int]:
    length, place = _varint(raw, place)
    if place + length > len(raw):
        raise _Damaged("an entry reaches beyond its record")
    return raw[place : place + length], place + length


def _unmasked(stored: bytes) -> int:
    turned = (int.from_bytes(stored, "little") - 0xA282EAD8) & 0xFFFFFFFF
    return (turned >> 17 | turned << 15) & 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return tuple(table)


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli)."""
    crc = 0xFFFFFFFF
    table = _crc_table()
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
