"""What real nodes of SDK 0.45, 0.46 and 0.47 answered through a vote and an upgrade, read by both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from console.chain.cosmos.chain import CosmosChain
from console.chain.cosmos.votes import CosmosVotes
from console.model import ChainView, Choice, ProposalStatus, Tally, at_its_halt
from console.settings import NetworkSettings
from tests.recorded.cosmos_replay import Replayed, replayed
from tests.recorded.record_older import CHAINS, MOMENTS, Crossed

pytestmark = pytest.mark.anyio

_DEPOSIT, _UPGRADE = 1, 2
_NOBODY = "http://127.0.0.1:9"
_STATUS = {
    "deposit": None,
    "voting": ProposalStatus.VOTING,
    "scheduled": ProposalStatus.SCHEDULED,
    "halt": ProposalStatus.SCHEDULED,
    "after": ProposalStatus.EXECUTED,
}
_SDKS = {"0.45": ("v0.45.", "v0.46."), "0.46": ("v0.46.", "v0.47.")}

chains = pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.folder.name)


def by_rpc(node: Replayed) -> NetworkSettings:
    return NetworkSettings("test", "cosmos", "testchain-1", 0, "", (node.rpc,), (), None, ())


def by_rest(node: Replayed) -> NetworkSettings:
    return replace(by_rpc(node), cometbft_rpc=(_NOBODY,), rest=(node.rest,))


@asynccontextmanager
async def viewed(
    chain: Crossed, moment: str, way: Callable[[Replayed], NetworkSettings] = by_rpc
) -> AsyncIterator[ChainView]:
    with replayed(moment, chain.folder) as node:
        read = CosmosChain(way(node))
        try:
            await read.view()
            # On a busy machine the first view does not wait for them.
            while any(beside.value is None and beside.failure is None for beside in (read._staking, read._slow)):
                await read.view()
            yield await read.view()
        finally:
            await read.close()


@chains
@pytest.mark.parametrize("moment", MOMENTS)
async def test_both_ways_tell_one_state(chain: Crossed, moment: str) -> None:
    async with viewed(chain, moment) as asked, viewed(chain, moment, by_rest) as told:
        assert what_is_told(asked) == what_is_told(told)
    assert {each.stake.operator for each in asked.validators if each.stake is not None}


def what_is_told(view: ChainView) -> Any:
    """What does not depend on the height that an answer is of."""
    assert view.cosmos is not None
    return (
        view.proposals,
        replace(view.cosmos, told_by=""),
        sorted((str(each.moniker), each.power, each.stake and each.stake.tokens) for each in view.validators),
    )


@chains
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_proposal_of_content_is_followed_to_its_end(chain: Crossed, moment: str) -> None:
    async with viewed(chain, moment) as view:
        found = {each.id: each for each in view.proposals}
    assert view.cosmos is not None
    assert view.cosmos.application is not None
    assert view.cosmos.proposing is not None
    assert view.problem == ""
    assert str(view.cosmos.application.sdk_version).startswith(_SDKS[chain.folder.name][moment == "after"])
    assert view.cosmos.proposing.voting_s
    assert [each.amount for each in view.cosmos.proposing.min_deposit] == [1000]
    waiting = found[_DEPOSIT].ballot
    assert waiting is not None
    assert (found[_DEPOSIT].status, waiting.cancels, waiting.title) == (ProposalStatus.DEPOSIT, True, "not now")
    assert [each.amount for each in waiting.deposit] == [10]
    status = _STATUS[moment]
    assert (found[_UPGRADE].status if _UPGRADE in found else None) is status
    if status is None:
        return
    upgrade = found[_UPGRADE]
    ballot = upgrade.ballot
    assert ballot is not None
    assert (upgrade.name, ballot.title, upgrade.release_url) == (chain.plan, chain.plan, "https://releases.test/notes")
    assert (ballot.rules.quorum, ballot.rules.threshold, ballot.rules.veto) == (334 * 10**15, 5 * 10**17, 334 * 10**15)
    yes = 5_400_000 if moment == "voting" else 8_400_000
    assert ballot.tally == Tally(yes, 600_000, 0, 2_000_000)
    halted = [at_its_halt(node, upgrade) for node in view.nodes]
    assert halted == [moment == "halt"]


@chains
async def test_who_voted_what(chain: Crossed) -> None:
    with replayed("voting", chain.folder) as node:
        votes = CosmosVotes(by_rpc(node))
        try:
            told = await votes.read(_UPGRADE)
        finally:
            await votes.close()
    assert sorted((vote.power, vote.choice.name) for vote in told.votes) == sorted(
        [(4, Choice.YES.name), (3, Choice.NONE.name), (2, Choice.VETO.name), (2, Choice.SPLIT.name)]
    )
