"""Who voted what: by the bytes of an account, whatever its prefix, on many pages, by either version of x/gov."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from console.chain.bech32 import bech32_text
from console.chain.cosmos import votes
from console.chain.cosmos.answers import parse_votes
from console.chain.cosmos.votes import CosmosVotes
from console.errors import ChainError, InputError
from console.model import Choice
from console.settings import NetworkSettings
from tests.console.chain.cosmos.sdk_node import CHAIN_ID, SdkNode, address_of, serving, validator
from tests.recorded.cosmos_replay import rest_body

pytestmark = pytest.mark.anyio

OPERATOR = "testchainvaloper13s3gjq4ydusuds6jtp3y66zdxkvexmgdeyxnp0"
ACCOUNT = "testchain13s3gjq4ydusuds6jtp3y66zdxkvexmgdgrce2p"
"""The same bytes."""
OTHERS = ("testchain189wtcctyke8cyncuv6he3c9zfqnjzgaxnrnjw0", "testchain18uys50pe5pcl2y9eycp2yclykg4csg0dn4vd4c")


def vote(voter: str, *options: str) -> dict[str, Any]:
    weight = f"{1 / len(options):.18f}"
    return {
        "proposal_id": "7",
        "voter": voter,
        "options": [{"option": f"VOTE_OPTION_{option}", "weight": weight} for option in options],
    }


@pytest.mark.parametrize("refused", [frozenset(), frozenset({"gov.v1."})])
@pytest.mark.parametrize("options", [("YES",), ("NO_WITH_VETO",), ("YES", "ABSTAIN")])
async def test_a_validators_vote_is_found_by_its_account(options: tuple[str, ...], refused: frozenset[str]) -> None:
    known = {**validator("val1", 30 * 10**6), "operator_address": OPERATOR}
    node = SdkNode(validators=[known, validator("val2", 10 * 10**6)], refused=refused, page=1)
    node.votes = [*(vote(each, "NO") for each in OTHERS), vote(ACCOUNT, *options)]
    async with serving(node) as served:
        source = CosmosVotes(NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", (served.rpcs[0].url,), (), None, ()))
        found = await source.read(7)
        with pytest.raises(InputError):
            await source.rules()
        await source.close()
    one = {"YES": Choice.YES, "NO_WITH_VETO": Choice.VETO}
    expected = one[options[0]] if len(options) == 1 else Choice.SPLIT
    said = {each.address: (each.choice, each.power) for each in found.votes}
    assert said == {address_of("val1"): (expected, 30), address_of("val2"): (Choice.NONE, 10)}


@pytest.mark.parametrize("endpoint", ["rpc", "rest"])
async def test_among_more_votes_than_one_reads_each_validators_is_found(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(votes, "MOST_PAGES", 2)
    operators = {place: bech32_text("testchainvaloper", bytes([place]) * 20) for place in range(1, 21)}
    bonded = [{**validator(f"val{place}", 10**7), "operator_address": each} for place, each in operators.items()]
    node = SdkNode(validators=bonded, page=200)
    node.votes = [
        vote(bech32_text("testchain", place.to_bytes(20)), "NO" if place < 200 else "ABSTAIN") for place in range(420)
    ]
    # Behind all that is read; the last two have not voted.
    node.votes += [vote(bech32_text("testchain", bytes([place]) * 20), "YES") for place in range(1, 19)]
    async with serving(node) as served:
        network = NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", (served.rpcs[0].url,), (), None, ())
        if endpoint == "rest":
            network = replace(network, cometbft_rpc=(), rest=(served.rests[0],))
        source = CosmosVotes(network)
        found = await source.read(7)
        # Nobody of those who are asked for has voted: none of it is told, and it is no failure.
        del node.votes[420:]
        nobody = await source.read(7)
        await source.close()
    said = {each.address: each.choice for each in found.votes}
    assert [said[address_of(f"val{place}")] for place in range(1, 21)] == [Choice.YES] * 18 + [Choice.NONE] * 2
    assert {each.choice for each in nobody.votes} == {Choice.NONE}


async def test_votes_that_nobody_tells() -> None:
    async with serving(SdkNode(refused=frozenset({"Votes"}))) as served:
        source = CosmosVotes(NetworkSettings("test", "cosmos", CHAIN_ID, 0, "", (served.rpcs[0].url,), (), None, ()))
        with pytest.raises(ChainError, match="the votes on proposal 7"):
            await source.read(7)
        await source.close()


def test_what_a_real_node_told() -> None:
    found = parse_votes(rest_body("voting", "cosmos/gov/v1/proposals/3/votes"))
    assert sorted(found.values()) == [Choice.YES, Choice.VETO, Choice.SPLIT]
