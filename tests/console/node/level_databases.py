"""The databases of a Cosmos SDK home with nothing but where it stands, as goleveldb would write them."""

from __future__ import annotations

from pathlib import Path

from console.node.level_db import crc32c


def write_newest_block(home: Path, height: int) -> None:
    """Have CometBFT's block store end with a block."""
    write_database(home / "data" / "blockstore.db", b"blockStore", b"\x08\x01\x10" + varint(height))


def write_app_height(home: Path, height: int) -> None:
    """Have the application's database say what it has committed."""
    write_database(home / "data" / "application.db", b"s/latest", b"\x08" + varint(height))


def write_database(folder: Path, key: bytes, value: bytes) -> None:
    """A database of one key, in its journal; what was there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    sequence_and_count = bytes(8) + (1).to_bytes(4, "little")
    put = b"\x01" + varint(len(key)) + key + varint(len(value)) + value
    (folder / "000002.log").write_bytes(_record(sequence_and_count + put))
    # Its journals begin with number 2.
    (folder / "MANIFEST-000001").write_bytes(_record(b"\x02\x02"))
    (folder / "CURRENT").write_text("MANIFEST-000001\n")


def varint(number: int) -> bytes:
    """As protobuf and LevelDB write a number."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _record(content: bytes) -> bytes:
    piece = b"\x01" + content
    checksum = crc32c(piece)
    masked = ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return masked.to_bytes(4, "little") + len(content).to_bytes(2, "little") + piece
