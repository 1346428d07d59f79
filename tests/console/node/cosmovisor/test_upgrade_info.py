"""upgrade-info.json: exact, strict, and tolerant of what is cut off."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.cosmovisor.upgrade_info import (
    MAX_BYTES,
    Incomplete,
    Invalid,
    PlanFile,
    encode_plan,
    is_pending,
    manual_plan,
    parse_plan,
    read_plan,
    write_applied,
    write_plan,
)

FACTS = (
    b'{"name":"v2.0.0","time":"0001-01-01T00:00:00Z","height":5000000,'
    b'"info":"{\\"binaries\\":{\\"linux/amd64\\":\\"https://x/y?checksum=sha256:00\\"}}"}'
)

NAMES = st.text(min_size=1, max_size=20).filter(
    lambda name: not name.startswith(".") and all(not 0xD800 <= ord(letter) < 0xE000 for letter in name)
)
PLANS = st.builds(
    PlanFile,
    NAMES,
    st.integers(1, (1 << 63) - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


def test_the_nodes_own_file_is_read() -> None:
    plan = parse_plan(FACTS)
    assert isinstance(plan, PlanFile)
    assert (plan.name, plan.height) == ("v2.0.0", 5_000_000)
    assert json.loads(plan.info)["binaries"]["linux/amd64"].startswith("https://x/y")
    assert encode_plan(plan) == FACTS


def test_go_escapes_are_written() -> None:
    assert encode_plan(PlanFile("a<b", 7, "x&y\u2028>\x7f")) == (
        b'{"name":"a\\u003cb","time":"0001-01-01T00:00:00Z","height":7,"info":"x\\u0026y\\u2028\\u003e\x7f"}'
    )


@given(PLANS)
def test_what_is_written_is_read_back(plan: PlanFile) -> None:
    try:
        plan.folder(recase=False)
    except NodeError:
        assert isinstance(parse_plan(encode_plan(plan)), Invalid)
        return
    assert parse_plan(encode_plan(plan)) == plan


@given(PLANS, st.data())
def test_every_beginning_of_a_plan_is_incomplete(plan: PlanFile, data: st.DataObject) -> None:
    content = encode_plan(plan)
    cut = data.draw(st.integers(0, len(content) - 1))
    assert parse_plan(content[:cut]) == Incomplete(cut)


@given(st.binary(max_size=80))
def test_any_bytes_are_judged(content: bytes) -> None:
    assert isinstance(parse_plan(content), PlanFile | Incomplete | Invalid)


@given(st.text(alphabet='{}[]":,\\ ntrue0123name', max_size=60))
def test_near_json_is_judged(text: str) -> None:
    assert isinstance(parse_plan(text.encode()), PlanFile | Incomplete | Invalid)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"height":5}', "names no plan"),
        ('{"name":"","height":5}', "names no plan"),
        ('{"name":"v2"}', "height"),
        ('{"name":"v2","height":0}', "height"),
        ('{"name":"v2","height":-1}', "height"),
        ('{"name":"v2","height":1.5}', "height"),
        ('{"name":"v2","height":5e6}', "height"),
        ('{"name":"v2","height":true}', "height"),
        ('{"name":"v2","height":9223372036854775808}', "height"),
        ('{"name":"v2","height":NaN}', "NaN"),
        ('{"name":"v2","height":5,"time":"2026-01-01T00:00:00Z"}', "time"),
        ('{"name":"v2","height":5,"upgraded_client_state":{}}', "client state"),
        ('{"name":"v2","height":5,"upgradedClientState":{}}', "client state"),
        ('{"name":"v2","height":5,"height":6}', "twice"),
        ('{"name":"v2","height":5,"Height":6}', "'Height'"),
        ('{"name":"v2","height":5,"info":{}}', "info"),
        ('{"name":"..","height":5}', "cannot be the folder"),
        ('{"name":"\\ud800","height":5}', "not text"),
        ("[1]", "no JSON object"),
        ("null", "no JSON object"),
        ('{"name":"v2","height":5} x', "not JSON"),
        ("\0\0\0", "not JSON"),
        ("[" * 100_000, "nested"),
        ('{"name":"v2","height":' + "9" * 5000 + "}", "not JSON"),
    ],
)
def test_what_is_no_plan_is_said(content: str, why: str) -> None:
    found = parse_plan(content.encode())
    assert isinstance(found, Invalid)
    assert why in found.reason


def test_a_hostile_size_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "upgrade-info.json"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    assert read_plan(path) == Invalid(f"is larger than {MAX_BYTES} bytes")


def test_height_as_text_and_unknown_keys_are_read() -> None:
    assert parse_plan(b' {"name":"v2","time":null,"height":"5","new":1} \n') == PlanFile("v2", 5)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    assert read_plan(tmp_path / "none") is None
    assert read_plan(tmp_path) == Invalid("is no regular file")
    os.mkfifo(tmp_path / "pipe")
    assert read_plan(tmp_path / "pipe") == Invalid("is no regular file")


def test_a_manual_plan_is_lower_case_unless_recase_is_disabled(tmp_path: Path) -> None:
    assert manual_plan("V2", 9) == PlanFile("v2", 9)
    assert manual_plan("V2", 9, recase=False) == PlanFile("V2", 9)
    for name, height in (("", 9), ("..", 9), ("v2", 0), ("v2", -1), ("v2", 1 << 63)):
        with pytest.raises(NodeError):
            manual_plan(name, height)
    write_plan(tmp_path / "upgrade-info.json", manual_plan("V2", 9))
    assert (tmp_path / "upgrade-info.json").read_bytes() == (b'{"name":"v2","time":"0001-01-01T00:00:00Z","height":9}')
    assert (tmp_path / "upgrade-info.json").stat().st_mode & 0o777 == 0o600


def test_a_plan_is_pending_until_its_name_is_beside_the_binary(tmp_path: Path) -> None:
    plan = PlanFile("V2", 9)
    assert is_pending(plan, None)
    assert is_pending(plan, PlanFile("v1", 9))
    assert not is_pending(plan, PlanFile("v2", 9))
    assert not is_pending(None, None)
    assert not is_pending(Incomplete(3), None)
    write_applied(tmp_path, plan)
    assert not is_pending(plan, read_plan(tmp_path / "upgrade-info.json"))
