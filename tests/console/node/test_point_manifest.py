"""The manifest of a rollback point: what is written is read back, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.point_manifest import (
    FILE,
    KeptFile,
    KeptTree,
    Manifest,
    _digest,
    is_point_name,
    parse_manifest,
    read_manifest,
    write_manifest,
)
from console.node.tree_copy import CopyMethod

KEPT = KeptFile(5, 1_700_000_000_123_456_789, 2**63 + 5, CopyMethod.HARDLINK, "")
TREE = KeptTree(
    "data", ("db",), {"db/link": "x"}, {"db/\udcff\n.sst": KEPT, "a": KeptFile(0, -1, 7, CopyMethod.COPY, "ab" * 32)}
)
MANIFEST = Manifest("one", 3, 1_700_000_000, 99, "v0.1.5", "cd" * 32, (99, 0, 3), (TREE,))


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    (tmp_path / "one").mkdir()
    write_manifest(tmp_path / "one", MANIFEST)
    return (tmp_path / "one" / FILE).read_bytes()


def test_what_was_written_is_read_back(tmp_path: Path, content: bytes) -> None:
    assert parse_manifest(content, "one") == MANIFEST
    assert read_manifest(tmp_path / "one") == MANIFEST
    assert MANIFEST.method is CopyMethod.HARDLINK
    assert (MANIFEST.file_count, MANIFEST.apparent_bytes) == (2, 5)


def test_every_single_changed_byte_is_found(content: bytes) -> None:
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        try:
            assert parse_manifest(bytes(changed), "one") == MANIFEST
        except NodeError:
            continue


def test_a_shortened_one_is_refused(content: bytes) -> None:
    for length in range(len(content)):
        with pytest.raises(NodeError, match="damaged"):
            parse_manifest(content[:length], "one")


def test_that_of_another_point_is_refused(content: bytes) -> None:
    with pytest.raises(NodeError, match="belongs to another"):
        parse_manifest(content, "two")


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "pipe"])
def test_what_is_no_file_is_no_manifest(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    if kind == "folder":
        (folder / FILE).mkdir()
    elif kind == "link":
        (folder / FILE).symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(folder / FILE)
    with pytest.raises(NodeError, match="cannot be used"):
        read_manifest(folder)


def changed(content: bytes, path: str, value: object) -> bytes:
    """The manifest with another value under a right checksum: made by somebody, not by decay."""
    document = json.loads(content)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    target = document["point"]
    for step in steps:
        target = target[step]
    target[last] = value
    document["sha256"] = _digest(document["point"])
    return json.dumps(document).encode()


COPY = [1, 1, 1, "copy", ""]
BAD_VALUES: dict[str, list[Any]] = {
    "name": ["", ".", "..", "../one", "a/b", ".hidden", "x.partial", "a\nb", "x" * 201, 5, None],
    "sequence": [-1, True, 1.5, "1", 2**63, None],
    "app_height": [-1, True, "9"],
    "signer": [[1, 2], [1, 2, 3, 4], "123", [1, 2, -3], {}],
    "exe_sha256": ["AB" * 32, "ab", 5],
    "trees": [[], {}, None, [[]], "x"],
    "trees/0/place": ["", "..", "/etc", "a/../b", "a//b", "./a", "a\0b", 5],
    "trees/0/folders": [["db", "db"], [".."], ["db", "a/b"], ["db", ""], "db", [], ["other"]],
    "trees/0/links": [{"db": "x"}, {"a": "x"}, {"/x": "y"}, {"x": 5}, []],
    "trees/0/files": [
        *({path: COPY} for path in ("../x", "/x", "no/folder", "db", "", "db/../a", "\ud800")),
        *({"a": kept} for kept in ([], COPY[:4], [*COPY, 1], "12345", None)),
        *({"a": [*COPY[:place], value, *COPY[place + 1 :]]} for place, value in enumerate([-1, "1", -1, "move", "x"])),
        {"a": [1, 10**30, *COPY[2:]]},
    ],
}


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in BAD_VALUES.items() for value in values], ids=repr
)
def test_values_that_we_never_write_are_refused(content: bytes, path: str, value: object) -> None:
    with pytest.raises(NodeError, match=r"damaged|belongs"):
        parse_manifest(changed(content, path, value), str(value) if path == "name" else "one")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0", b"null", b"[]", b'"x"', b"5", b"{}", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000),
        *(b'{"format": 1, "format": 1, "sha256": "", "point": {}}', b'{"format": NaN}', b'{"format": true}'),
    ],
)
def test_other_documents_are_refused(content: bytes) -> None:
    with pytest.raises(NodeError, match="damaged"):
        parse_manifest(content, "one")


def test_a_newer_format_is_named(content: bytes) -> None:
    document = {**json.loads(content), "format": 2}
    with pytest.raises(NodeError, match="has format 2, and this program reads 1"):
        parse_manifest(json.dumps(document).encode(), "one")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(["name", "sequence", "app_height", "signer", "trees", "trees/0", "trees/0/files"]), _JSON)
def test_no_document_raises_anything_else(path: str, value: object) -> None:
    content = _content()
    try:
        parse_manifest(changed(content, path, value), "one")
    except NodeError:
        return


def _content() -> bytes:
    point = {
        "name": "one",
        "sequence": 1,
        "taken_at": 1,
        "app_height": None,
        "generation": "genesis",
        "exe_sha256": "",
        "signer": None,
        "trees": [{"place": "data", "folders": [], "links": {}, "files": {"a": [1, 1, 1, "copy", ""]}}],
    }
    return json.dumps({"format": 1, "sha256": _digest(point), "point": point}).encode()


@given(st.text(max_size=220))
def test_a_point_is_named_like_a_folder_that_leads_nowhere_else(name: str) -> None:
    if is_point_name(name):
        assert name not in ("", ".", "..")
        assert "/" not in name
        assert "\0" not in name
        assert len((name + ".partial").encode("utf-8", "surrogateescape")) <= 255
