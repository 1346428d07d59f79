"""When a halt is believed: what each sign is worth, alone and together (facts/cosmos.md §4.3, §4.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import PlanOrigin
from console.node.chain_halt import (
    HaltSigns,
    Standing,
    back_together,
    ended_at_halt,
    missing_upgrade,
    says_needed,
    standing,
    too_early,
)
from tests import fakes

NOTHING = HaltSigns(
    height=100,
    wrote_file=False,
    said_so=False,
    block_height=None,
    app_height=None,
    told=True,
    by_operator=False,
)
AT = replace(NOTHING, block_height=100, app_height=99)
BELOW = replace(NOTHING, block_height=60, app_height=60)
SIGNS = st.builds(
    HaltSigns,
    height=st.just(100),
    wrote_file=st.booleans(),
    said_so=st.booleans(),
    block_height=st.none() | st.integers(95, 105),
    app_height=st.none() | st.integers(95, 105),
    told=st.booleans(),
    by_operator=st.booleans(),
)


@pytest.mark.parametrize(
    ("signs", "lasting", "expected"),
    [
        (replace(AT, wrote_file=True), False, Standing.AT_HALT),
        (replace(AT, wrote_file=True, told=False), False, Standing.AT_HALT),
        (AT, False, Standing.NOT),
        (AT, True, Standing.AT_HALT),
        (replace(AT, told=False), True, Standing.NOT),
        (replace(BELOW, wrote_file=True, said_so=True), False, Standing.ASK),
        (replace(NOTHING, wrote_file=True), False, Standing.ASK),
        (replace(NOTHING, wrote_file=True, said_so=True), False, Standing.AT_HALT),
        (replace(NOTHING, said_so=True), False, Standing.NOT),
        (replace(BELOW, by_operator=True, told=False), True, Standing.NOT),
        (replace(BELOW, by_operator=True, told=False, app_height=99), False, Standing.AT_HALT),
        (replace(BELOW, by_operator=True, app_height=99), False, Standing.NOT),
        (replace(AT, wrote_file=True, said_so=True, app_height=100), True, Standing.NOT),
    ],
)
def test_a_living_node(signs: HaltSigns, lasting: bool, expected: Standing) -> None:
    assert standing(signs, lasting=lasting) is expected


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        (replace(BELOW, wrote_file=True, said_so=True), True),
        (replace(BELOW, wrote_file=True), False),
        (replace(BELOW, said_so=True), False),
        (replace(NOTHING, wrote_file=True), True),
        (replace(NOTHING, said_so=True), True),
        (replace(NOTHING, app_height=99, said_so=True), True),
        (AT, True),
        (replace(AT, told=False), False),
        (replace(BELOW, by_operator=True), False),
        (replace(BELOW, by_operator=True, app_height=99), False),
        (NOTHING, False),
        (replace(NOTHING, wrote_file=True, said_so=True, app_height=100), False),
    ],
)
def test_a_node_that_ended(signs: HaltSigns, expected: bool) -> None:
    assert ended_at_halt(signs) is expected


@settings(derandomize=True, deadline=None)
@given(SIGNS, st.booleans())
def test_nothing_stands_against_an_executed_height_and_nothing_comes_of_nothing(
    signs: HaltSigns, lasting: bool
) -> None:
    found, ended = standing(signs, lasting=lasting), ended_at_halt(signs)
    if signs.passed:
        assert (found, ended) == (Standing.NOT, False)
    if found is Standing.AT_HALT:
        assert signs.wrote_file or signs.app_height == 99
    if ended:
        assert signs.wrote_file or signs.said_so or signs.at_height


def test_words_of_a_log() -> None:
    log = (
        b'\x1b[31mERR\x1b[0m UPGRADE "v2" NEEDED at height: 100: {"binaries":{}} module=x/upgrade\n'
        b'panic: BINARY UPDATED BEFORE TRIGGER! UPGRADE "v3" - in binary but not executed on chain. Downgrade your\n'
        b"panic: wrong app version 3, upgrade handler is missing for v4 upgrade plan\n"
    )
    assert says_needed(log, "V2", 100)
    assert not says_needed(log, "v2", 10)
    assert not says_needed(log, "v3", 100)
    assert too_early(log, "v3")
    assert not too_early(log, "v2")
    assert missing_upgrade(log) == "v4"
    assert missing_upgrade(b"exit 1") is None


def test_the_way_back_with_the_network_is_that_of_its_kind() -> None:
    assert back_together(fakes.attempt()) == "`upgrade-console node abort`"
    on_cosmos = replace(fakes.attempt(), origin=PlanOrigin.CHAIN, target_height=120)
    assert "node config set skip_upgrade_heights=120`, then `node start`" in back_together(on_cosmos)
