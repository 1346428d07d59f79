"""Arming through local.toml: everything else keeps its bytes, and what was there comes back."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.local_toml import NAME, UndoRecord, plan_edit, restore

COMMENTED = b"""# our own overrides\r
log_level = "info" # keep\r
halt_height = 0   # never\r
\r
[eth.listen]\r
port  =  8546\r
"""

_KEYS = st.text("abcdefghij_-", min_size=1, max_size=8) | st.just("halt_height") | st.text(max_size=4)
_LEAVES = st.integers(-(2**63), 2**63 - 1) | st.text(max_size=12) | st.booleans() | st.floats(allow_nan=False)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)


def _armed_and_restored(folder: Path, height: int) -> bytes:
    edit = plan_edit(folder, height)
    edit.write()
    written = (folder / NAME).read_bytes()
    restore(UndoRecord.from_json(json.loads(json.dumps(edit.undo.to_json()))))
    return written


def test_a_missing_file_is_made_and_removed_again(tmp_path: Path) -> None:
    assert _armed_and_restored(tmp_path, 15000) == b"halt_height = 15000\n"
    assert os.listdir(tmp_path) == []


def test_only_the_number_changes_in_a_file_with_comments_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(COMMENTED)
    assert _armed_and_restored(tmp_path, 15000) == COMMENTED.replace(b"= 0 ", b"= 15000 ")
    assert (tmp_path / NAME).read_bytes() == COMMENTED


def test_a_file_without_the_key_gets_it_before_its_first_table(tmp_path: Path) -> None:
    before = b"[eth.listen]\nport = 1 # one\n"
    (tmp_path / NAME).write_bytes(before)
    assert _armed_and_restored(tmp_path, 7) == b"halt_height = 7\n" + before


def test_the_mode_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(COMMENTED)
    (tmp_path / NAME).chmod(0o640)
    edit = plan_edit(tmp_path, 9)
    edit.write()
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640


@settings(max_examples=150)
@given(table=st.dictionaries(_KEYS, _VALUES, max_size=5), lead=st.sampled_from(["", "# a comment\n\n"]))
def test_arming_any_settings_changes_the_height_only_and_restores_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any], lead: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    before = (lead + tomlkit.dumps(table)).encode("utf-8", "surrogatepass")
    try:
        parsed = tomllib.loads(before.decode())
    except ValueError:
        assume(False)
    (folder / NAME).write_bytes(before)
    try:
        written = _armed_and_restored(folder, 15000)
    except NodeError:
        # Refused, since only a value that is hard to edit may be: and then nothing was touched.
        assert "halt_height" in parsed
        assert (folder / NAME).read_bytes() == before
        return
    assert tomllib.loads(written.decode()) == {**parsed, "halt_height": 15000}
    assert (folder / NAME).read_bytes() == before


@settings(max_examples=150)
@given(before=st.binary(max_size=80))
def test_arbitrary_bytes_are_armed_and_restored_or_left_alone(
    tmp_path_factory: pytest.TempPathFactory, before: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_bytes(before)
    with suppress(NodeError):
        _armed_and_restored(folder, 3)
    assert (folder / NAME).read_bytes() == before


def test_a_killed_write_or_restore_is_repeated_without_harm(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(COMMENTED)
    edit = plan_edit(tmp_path, 15000)
    restore(edit.undo)
    assert (tmp_path / NAME).read_bytes() == COMMENTED
    edit.write()
    edit.write()
    restore(edit.undo)
    restore(edit.undo)
    assert (tmp_path / NAME).read_bytes() == COMMENTED


def test_an_edit_by_somebody_else_is_neither_overwritten_nor_undone(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(COMMENTED)
    edit = plan_edit(tmp_path, 15000)
    (tmp_path / NAME).write_bytes(COMMENTED + b"# mine\n")
    with pytest.raises(NodeError, match=r"edited by somebody else.*not written"):
        edit.write()
    (tmp_path / NAME).write_bytes(COMMENTED)
    edit.write()
    theirs = edit.content + b"# mine\n"
    (tmp_path / NAME).write_bytes(theirs)
    with pytest.raises(NodeError, match=r"edited by somebody else.*left as it is"):
        restore(edit.undo)
    assert (tmp_path / NAME).read_bytes() == theirs


def test_a_link_a_pipe_and_a_broken_file_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / NAME).symlink_to("elsewhere")
    with pytest.raises(NodeError, match="symbolic link"):
        plan_edit(tmp_path, 1)
    (tmp_path / NAME).unlink()
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(NodeError, match="not a regular file"):
        plan_edit(tmp_path, 1)
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).write_bytes(b"halt_height = = 1")
    with pytest.raises(NodeError, match="not readable as TOML"):
        plan_edit(tmp_path, 1)


@pytest.mark.parametrize("document", [None, [], {}, {"path": "x", "before": "!", "mode": 1, "after_sha256": ""}])
def test_a_record_that_is_none_is_refused(document: object) -> None:
    with pytest.raises(NodeError, match="cannot be read"):
        UndoRecord.from_json(document)
