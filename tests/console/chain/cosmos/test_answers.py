"""Answers of the SDK's modules: REST and `abci_query` lead to the same, and nothing else is believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.cosmos import shapes
from console.chain.cosmos.answers import (
    GovProposal,
    next_page,
    parse_application,
    parse_applied,
    parse_chain_id,
    parse_gov_rules,
    parse_modules,
    parse_plan,
    parse_pool,
    parse_proposals,
    parse_signing_infos,
    parse_signing_window,
    parse_tally,
    parse_validators,
)
from console.chain.cosmos.shapes import as_json
from console.errors import BadAnswer
from console.model import Bond, Coin, Tally
from tests.console.chain.cosmos.sdk_node import (
    INFO,
    address_of,
    proposal,
    tally,
    upgrade_message,
    validator,
    written,
)
from tests.hostile import HOSTILE

CANCEL = {"@type": "/cosmos.upgrade.v1beta1.MsgCancelUpgrade", "authority": "cosmos1gov"}
AMOUNTS = st.integers(0, 10**60).map(str)
PARSERS = (
    parse_proposals, parse_tally, parse_gov_rules, parse_validators, parse_signing_infos, parse_signing_window,
    parse_pool, parse_applied, parse_plan, parse_modules, parse_application, parse_chain_id, next_page,
)  # fmt: skip


def legacy(name: str = "v2", height: int = 5000, *, wrapped: bool = True) -> dict[str, Any]:
    content = {
        "@type": "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal",
        "title": "Older",
        "description": "By the older module",
        "plan": {"name": name, "height": str(height), "info": INFO},
    }
    return {"@type": "/cosmos.gov.v1.MsgExecLegacyContent", "content": content} if wrapped else content


def one(entry: dict[str, Any]) -> GovProposal:
    (found,) = parse_proposals({"proposals": [entry]})
    return found


def test_a_proposal_with_every_field() -> None:
    found = one(proposal(42, upgrade_message("v2", 5000), expedited=True, final_tally_result=tally(5, 1, 2, 3)))
    assert (found.id, found.status, found.expedited, found.messages) == (42, "VOTING_PERIOD", True, 1)
    assert found.plan is not None
    assert (found.plan.name, found.plan.height, found.plan.info) == ("v2", 5000, INFO)
    assert found.final == Tally(5, 1, 2, 3)
    assert found.deposit == (Coin(found.deposit[0].denom, 10_000_000),)
    assert found.voting_ends_at == pytest.approx(1785930742)


@pytest.mark.parametrize("message", [legacy(), upgrade_message("v2", 5000)])
def test_older_content_in_its_wrapping_is_the_same_plan(message: dict[str, Any]) -> None:
    found = one(proposal(3, message))
    assert found.plan is not None
    assert (found.plan.name, found.plan.height) == ("v2", 5000)


def test_older_content_bare() -> None:
    entry = {"proposal_id": "7", "content": legacy(wrapped=False), "status": "PROPOSAL_STATUS_PASSED"}
    found = one(entry)
    assert (found.id, found.status, found.title, found.voting_ends_at) == (7, "PASSED", "Older", None)


def test_a_proposal_that_cancels_and_one_that_is_none_of_ours() -> None:
    other = {"@type": "/cosmos.bank.v1beta1.MsgSend", "amount": []}
    found = parse_proposals({"proposals": [proposal(2, CANCEL), proposal(1, other), proposal(3, other, CANCEL)]})
    assert [(each.id, each.plan, each.messages) for each in found] == [(2, None, 1), (3, None, 2)]


def test_a_plan_by_time_of_the_first_chains_is_passed_over() -> None:
    message = {"@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", "plan": {"name": "old", "height": "0"}}
    assert parse_proposals({"proposals": [proposal(1, message)]}) == ()


def test_tallies_of_both_versions_are_exact() -> None:
    huge = str(10**40 + 1)
    assert parse_tally({"tally": tally(int(huge), 0, 0, 0)}).yes == 10**40 + 1
    assert parse_tally({"tally": {"yes": "1", "abstain": "2", "no": "3", "no_with_veto": "4"}}) == Tally(1, 2, 3, 4)


def test_rules_of_every_sdk() -> None:
    rules = {"quorum": "0.334", "threshold": "0.5", "veto_threshold": "0.334000000000000000"}
    newer = parse_gov_rules({"params": {**rules, "expedited_threshold": "0.667"}})
    older = parse_gov_rules(
        {
            "tally_params": rules,
            "deposit_params": {"min_deposit": [{"denom": "x", "amount": "5"}]},
            "voting_params": {"voting_period": "20s"},
        }
    )
    assert newer.usual == older.usual == older.expedited
    assert newer.expedited.threshold == 667 * 10**15
    assert older.min_deposit[0].amount == 5
    timed = parse_gov_rules(
        {"params": {**rules, "voting_period": "172800s", "expedited_voting_period": "1.500000000s"}}
    )
    assert (timed.voting_s, timed.expedited_voting_s, older.voting_s) == (172_800.0, 1.5, 20.0)
    with pytest.raises(BadAnswer, match="voting_period"):
        parse_gov_rules({"params": {**rules, "voting_period": "soon"}})


def test_validators_and_what_they_missed() -> None:
    found = parse_validators({"validators": [validator("val1", 7), validator("b", 1, status="UNBONDING", jailed=True)]})
    assert [each.consensus_address for each in found] == [address_of("val1"), address_of("b")]
    assert [(each.stake.tokens, each.stake.bond, each.stake.jailed) for each in found] == [
        (7, Bond.BONDED, False),
        (1, Bond.UNBONDING, True),
    ]


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    number=st.integers(1, (1 << 64) - 1),
    height=st.integers(1, (1 << 63) - 1),
    name=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    counts=st.lists(AMOUNTS, min_size=4, max_size=4),
    status=st.sampled_from(["DEPOSIT_PERIOD", "VOTING_PERIOD", "PASSED", "REJECTED", "FAILED"]),
    flags=st.booleans(),
)
def test_protobuf_and_json_say_the_same(
    number: int, height: int, name: str, counts: list[str], status: str, flags: bool
) -> None:
    """Whatever a proposal holds, both ways of asking lead to one value."""
    entry = proposal(
        number % ((1 << 63) - 1) or 1,
        upgrade_message(name, height) if flags else legacy(name, height),
        status=status,
        expedited=flags,
        final_tally_result=tally(*(int(each) for each in counts)),
    )
    body = {"proposals": [entry], "pagination": {"next_key": "bW9yZQ=="}}
    raw = written(shapes.PROPOSALS["v1"], body)
    read = as_json(shapes.PROPOSALS["v1"], raw, "x")
    assert parse_proposals(read) == parse_proposals(body)
    assert next_page(read) == b"more"


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_refused(raw: bytes) -> None:
    for shape in (shapes.PROPOSALS["v1"], shapes.VALIDATORS, shapes.SIGNING_INFOS, shapes.GOV_PARAMS["v1beta1"]):
        try:
            read = as_json(shape, raw, "x")
            parse_proposals(read)
            parse_validators(read)
        except BadAnswer:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("proposals", "tally", "params", "validators", "info", "pool", "plan", "height", "pagination", "content")


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4) | JSON)
def test_any_json_is_an_answer_or_refused(value: object) -> None:
    for parse in PARSERS:
        try:
            parse(value)
        except BadAnswer:
            continue


@pytest.mark.parametrize("value", ["-1", "1.5", "", "1e9", 5, None, "9" * 79])
def test_an_amount_is_whole_digits(value: object) -> None:
    with pytest.raises(BadAnswer):
        parse_pool({"pool": {"bonded_tokens": value}})


@pytest.mark.parametrize("value", ["1.1", "-0.1", "0.3340000000000000001", "x", 1, []])
def test_a_share_is_a_decimal_of_at_most_one(value: object) -> None:
    with pytest.raises(BadAnswer):
        parse_gov_rules({"params": {"quorum": value, "threshold": "0.5", "veto_threshold": "0.3"}})


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_safe_when_it_is_read(text: str) -> None:
    found = one(proposal(1, upgrade_message("v2", 9), title=text, summary=text, metadata=text, proposer=text))
    for shown in (found.title, found.summary, found.metadata, found.proposer):
        assert all(character.isprintable() for character in shown)


def test_messages_within_messages_end() -> None:
    message = legacy()
    for _ in range(20):
        message = {"@type": "/cosmos.gov.v1.MsgExecLegacyContent", "content": message}
    with pytest.raises(BadAnswer):
        as_json(shapes.PROPOSALS["v1"], written(shapes.PROPOSALS["v1"], {"proposals": [proposal(1, message)]}), "x")
