"""Batches: both forms, all or nothing, and which entry is next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.batch import (
    BatchError,
    encode_batch,
    missing_binaries,
    next_plan,
    parse_batch,
    parse_batch_csv,
    parse_batch_list,
    read_batch,
    write_batch,
)
from console.node.cosmovisor.upgrade_info import Incomplete, Invalid, PlanFile

GO_WRITES = (
    b"[\n"
    b'  {\n    "name": "v2",\n    "time": "0001-01-01T00:00:00Z",\n    "height": 100\n  },\n'
    b'  {\n    "name": "v3",\n    "time": "0001-01-01T00:00:00Z",\n    "height": 200\n  }\n'
    b"]"
)


def test_both_forms_say_the_same_in_the_order_of_heights() -> None:
    by_csv = parse_batch_csv("V3,/b/v3,200\r\n\r\nv2,/b/v2,100\n")
    by_list = parse_batch_list(["V3:/b/v3:200,v2:/b/v2:+100"])
    assert by_csv == by_list
    assert [entry.plan for entry in by_csv] == [PlanFile("v2", 100), PlanFile("v3", 200)]
    assert [entry.name for entry in by_csv] == ["v2", "V3"]


def test_only_csv_can_hold_a_path_with_a_colon() -> None:
    assert parse_batch_csv('v2,"/b/a:b,c",5')[0].binary == Path("/b/a:b,c")
    with pytest.raises(BatchError, match="only be given in a CSV file"):
        parse_batch_list(["v2:/b/a:b:5"])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BatchError) as caught:
        parse_batch_csv("v1,/b/1\nv2,/b/2,x\n..,/b/3,3\na/b,/b/4,4\nv5,,5\nv6,/b,0\nv7,/b,7\nV7,/b,8\nv9,/b,8\n")
    assert len(caught.value.sentences) == 8
    assert "nothing of the batch was added" in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", '"'])
def test_a_batch_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(BatchError):
        parse_batch_csv(text)


def test_binaries_that_are_missing_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "v2").touch()
    entries = parse_batch_csv(f"v1,{tmp_path}/v1,1\nv2,{tmp_path}/v2,2\nv3,{tmp_path},3\n")
    assert [sentence.split(":")[0] for sentence in missing_binaries(entries)] == ["v1", "v3"]


def test_the_files_are_what_go_writes(tmp_path: Path) -> None:
    write_batch(tmp_path, parse_batch_list(["V3:/b:200", "v2:/b:100"]))
    assert (tmp_path / "upgrade-info.json.batch").read_bytes() == GO_WRITES
    assert json.loads((tmp_path / "upgrade-info.json.V3").read_bytes())["name"] == "v3"
    assert read_batch(tmp_path / "upgrade-info.json.batch") == (PlanFile("v2", 100), PlanFile("v3", 200))
    assert read_batch(tmp_path / "none") is None
    assert isinstance(read_batch(tmp_path), Invalid)


def test_what_its_watcher_leaves_is_read() -> None:
    assert parse_batch(b"null") == ()
    assert parse_batch(b"[]") == ()
    assert encode_batch([]) == b"[]"
    assert parse_batch(b'[{"name":"v3","time":"0001-01-01T00:00:00Z","height":200}]') == (PlanFile("v3", 200),)


@pytest.mark.parametrize("content", [b"{}", b"[5]", b'[{"name":"v"}]', b"x]", b"[" * 99_999 + b"]", b"[1" + b"]" * 2])
def test_a_batch_that_is_wrong_is_said(content: bytes) -> None:
    assert isinstance(parse_batch(content), Invalid)


def test_half_a_batch_is_incomplete() -> None:
    for cut in range(len(GO_WRITES) - 1):
        assert parse_batch(GO_WRITES[:cut]) == Incomplete(cut)


@given(st.lists(st.integers(1, 50), max_size=6), st.integers(0, 60))
def test_the_next_is_the_lowest_that_is_not_past(heights: list[int], app_height: int) -> None:
    plans = [PlanFile(f"v{height}", height) for height in heights]
    found = next_plan(plans, app_height)
    later = [height for height in heights if height > app_height]
    assert (found.height if found else None) == (min(later) if later else None)


@given(st.text(max_size=60))
def test_any_text_is_a_batch_or_refused(text: str) -> None:
    for parse in (parse_batch_csv, lambda given: parse_batch_list([given])):
        try:
            entries = parse(text)
        except BatchError:
            continue
        assert all(entry.plan.height > 0 for entry in entries)
