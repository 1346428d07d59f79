"""One key of a database that goleveldb itself wrote (goleveldb/main.go), and what is no database."""

from __future__ import annotations

import random
import tarfile
from pathlib import Path

import pytest

from console.errors import NodeError
from console.node.level_db import crc32c, newest_value, unsnapped
from console.node.shape import cosmos, embedded
from console.node.stored_height import BLOCKS, DATABASE, stored_blocks_of_sdk, stored_height_of_sdk
from tests.console.node.level_databases import write_database, write_newest_block

MADE = Path(__file__).parent / "goleveldb" / "database.tar.gz"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three hundred heights: tables of several levels, a journal whose table was being written, and a young one."""
    with tarfile.open(MADE) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "db").rename(tmp_path / DATABASE)
    return tmp_path / DATABASE


def test_the_newest_value_of_journals_and_of_tables(database: Path) -> None:
    assert len(list(database.glob("*.ldb"))) > 3
    assert len(list(database.glob("*.log"))) == 2
    assert newest_value(database, b"s/latest") == b"\x08\xac\x02"
    assert newest_value(database, b"early") == b"once"
    assert newest_value(database, b"big") == bytes(70_000)
    for missing in (b"dropped", b"gone/1", b"gone/300", b"a", b"zzz", b"s/latesu", b"s/lates"):
        assert newest_value(database, missing) is None, missing
    assert stored_height_of_sdk(database.parent) == 300


def test_without_its_journals_the_tables_tell_what_was_flushed(database: Path) -> None:
    for journal in database.glob("*.log"):
        journal.unlink()
    assert 200 < stored_height_of_sdk(database.parent) < 300


def test_a_torn_end_is_dropped_as_the_database_drops_it(database: Path) -> None:
    newest = max(database.glob("*.log"))
    whole = newest.read_bytes()
    seen = []
    for length in range(len(whole), len(whole) - 1300, -61):
        newest.write_bytes(whole[:length])
        seen.append(stored_height_of_sdk(database.parent))
    assert seen == sorted(seen, reverse=True)
    assert {*seen} == {300, 299, 298, 297}


def test_no_flipped_bit_ever_tells_another_height(database: Path) -> None:
    chance = random.Random(7)
    refused = 0
    for path in sorted(database.iterdir()):
        whole = path.read_bytes()
        for _ in range(8):
            at = chance.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
            try:
                assert stored_height_of_sdk(database.parent) == 300, (path.name, at)
            except NodeError:
                refused += 1
        path.write_bytes(whole)
    assert refused > 5


def test_what_is_no_such_database_tells_nothing(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="there is no database"):
        stored_height_of_sdk(tmp_path)
    folder = tmp_path / DATABASE
    folder.mkdir()
    for current in ("OPTIONS-000003\n", "MANIFEST-000001\n", ""):
        (folder / "CURRENT").write_text(current)
        with pytest.raises(NodeError, match="tells nothing"):
            stored_height_of_sdk(tmp_path)


def test_the_newest_block_of_a_block_store(tmp_path: Path) -> None:
    for height in (1, 127, 128, 9_876_543):
        write_newest_block(tmp_path, height)
        assert stored_blocks_of_sdk(tmp_path / "data") == height
    store = tmp_path / "data" / BLOCKS
    for empty in (b"", b"\x08\x01"):
        write_database(store, b"blockStore", empty)
        assert stored_blocks_of_sdk(tmp_path / "data") == 0
    # JSON as it was before protobuf, something after the numbers, a number without an end, and another field.
    for odd in (b'{"base":"1","height":"7"}', b"\x10\x07\x18\x01", b"\x08\x01\x10\x87", b"\x18\x07"):
        write_database(store, b"blockStore", odd)
        with pytest.raises(NodeError, match="in a way that is not known"):
            stored_blocks_of_sdk(tmp_path / "data")
    write_database(store, b"other", b"\x10\x07")
    with pytest.raises(NodeError, match="does not say which height is newest"):
        stored_blocks_of_sdk(tmp_path / "data")


def test_a_stopped_node_of_the_sdk_tells_its_height_by_its_shape(database: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    assert cosmos(home, ()).application_height() is None
    database.rename(home / "data" / DATABASE)
    assert cosmos(home, ()).application_height() == 300
    with pytest.raises(NodeError, match="cannot be read"):
        embedded(home, (), tmp_path).stored_height()


def test_checksum_and_compression_as_their_documents_say() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    # Four bytes as they are, then a copy that reaches into what it adds.
    assert unsnapped(b"\x0c\x0cabcd\x11\x04") == b"abcdabcdabcd"
    for torn in (b"", b"\x05\x0cab", b"\x0c\x0cabcd\x11\x05", b"\x04\x0cabcd\x11\x04"):
        with pytest.raises((ValueError, IndexError)):
            unsnapped(torn)
