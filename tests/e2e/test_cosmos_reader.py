"""A real Cosmos SDK chain through one upgrade, as the console reads it: vote, plan, halt, power back, crossed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.chain.cosmos.chain import CosmosChain
from console.chain.cosmos.votes import CosmosVotes
from console.model import (
    AgreementState,
    Bond,
    ChainView,
    Choice,
    NetworkIdentity,
    Proposal,
    ProposalStatus,
    Snapshot,
    at_its_halt,
    power_back,
    upgrade_of,
)
from console.settings import NetworkSettings
from tests.cosmos_network import CHAIN_ID, CosmosNetwork, Periods, cosmos_network
from tests.peers import COSMOS_V2, require
from widgets.outlook import outlook
from widgets.phases import Phase

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.anyio]

DEADLINE_S = 120.0
SLOWEST_S = 3.0
"""A look at a chain whose nodes answer; each request has two seconds."""


async def seen(chain: CosmosChain, what: str, holds: Callable[[ChainView], bool]) -> ChainView:
    """Look until something holds."""
    end = time.monotonic() + DEADLINE_S
    while True:
        view = await chain.view()
        if holds(view):
            return view
        assert time.monotonic() < end, f"never seen: {what}; {view}"
        await asyncio.sleep(0.3)


def named(view: ChainView, number: int) -> Proposal:
    return next(each for each in view.proposals if each.id == number)


def phase_of(view: ChainView) -> Phase:
    upgrade = upgrade_of(view, None, view.height)
    now = time.time()
    identity = NetworkIdentity("testchain", "cosmos", CHAIN_ID)
    snapshot = Snapshot(identity, view.height, view.age_s, view, "", None, "", upgrade, view.age_s, now)
    return outlook(snapshot, now).phase


async def later(work: Callable[[], object]) -> None:
    """Run what waits for the chain without holding up who looks at it."""
    await asyncio.to_thread(work)


async def test_an_upgrade_as_the_console_sees_it(tmp_path: Path) -> None:
    new = require(COSMOS_V2)
    with cosmos_network(tmp_path / "net", periods=Periods(voting_s=60, expedited_s=12)) as net:
        nodes = list(net.validators.values())
        network = NetworkSettings(
            "testchain", "cosmos", CHAIN_ID, 0, "", tuple(node.rpc for node in nodes), (), None, ()
        )
        chain, votes = CosmosChain(network), CosmosVotes(network)
        try:
            await follow(net, chain, votes, new)
        finally:
            await votes.close()
            await chain.close()


async def follow(net: CosmosNetwork, chain: CosmosChain, votes: CosmosVotes, new: Path) -> None:
    """From before the vote to after the crossing."""
    calm = await chain.view()
    assert sorted(str(each.moniker) for each in calm.validators) == ["val1", "val2", "val3", "val4"]
    assert {each.stake.bond for each in calm.validators if each.stake is not None} == {Bond.BONDED}
    assert calm.cosmos is not None
    assert calm.cosmos.application is not None
    assert calm.cosmos.application.version == "v1.0.0"
    assert (calm.proposals, phase_of(calm)) == ((), Phase.NOTHING_PENDING)

    height = net.height() + 45
    number = await asyncio.to_thread(net.propose_upgrade, "v2", height, expedited=True)
    voting = await seen(chain, "the vote", lambda view: bool(view.proposals))
    ballot = named(voting, number).ballot
    assert ballot is not None
    assert (named(voting, number).expedited, ballot.rules.quorum, ballot.passes) == (True, 334 * 10**15, False)
    await later(lambda: net.vote(number, "val1", "val2", "val3"))
    counted = await seen(chain, "the tally", lambda view: passing(named(view, number)))
    assert phase_of(counted) is Phase.VOTING
    said = [vote.choice for vote in (await votes.read(number)).votes]
    # The last two have the same power, and stand in the order of their addresses.
    assert (said[:2], set(said[2:])) == ([Choice.YES, Choice.YES], {Choice.YES, Choice.NONE})

    planned = await seen(chain, "the plan", lambda view: named(view, number).status is ProposalStatus.SCHEDULED)
    upgrade = upgrade_of(planned, None, planned.height)
    assert upgrade is not None
    assert (upgrade.proposal.target_height, upgrade.go, upgrade.total_power) == (height, True, 11)
    agreed = await seen(chain, "agreement", lambda view: view.agreement is not None and bool(view.agreement.state))
    assert agreed.agreement is not None
    assert agreed.agreement.state in {AgreementState.AGREED, AgreementState.UNCHECKED}

    await seen(chain, "the halt", lambda view: all(at_its_halt(node, named(view, number)) for node in view.nodes))
    begun = time.monotonic()
    halted = await chain.view()
    # Every process lives on, and answers what it is asked.
    assert time.monotonic() - begun < SLOWEST_S
    assert (phase_of(halted), power_back(halted, height).power) == (Phase.HALTED, 0)
    assert halted.agreement is not None
    assert halted.agreement.state is AgreementState.AGREED

    await later(lambda: crossed_over(net, new, "val1", "val2"))
    waiting = await seen(chain, "two nodes back", lambda view: power_back(view, height).power == 7)
    assert (phase_of(waiting), power_back(waiting, height).enough) == (Phase.WAITING_FOR_QUORUM, False)
    await later(lambda: crossed_over(net, new, "val3"))
    over = await seen(chain, "the crossing", lambda view: named(view, number).status is ProposalStatus.EXECUTED)
    assert over.height > height
    assert phase_of(over) is Phase.COMMITTED
    await seen(chain, "the new version", lambda view: version_of(view) == "v2.0.0")


def passing(proposal: Proposal) -> bool:
    return proposal.ballot is not None and proposal.ballot.tally.turnout == 9_000_000 and proposal.ballot.passes


def version_of(view: ChainView) -> str:
    application = None if view.cosmos is None else view.cosmos.application
    return "" if application is None else str(application.version)


def crossed_over(net: CosmosNetwork, new: Path, *monikers: str) -> None:
    """Stop nodes at their halt, and start them with the new binary."""
    net.stop(*monikers)
    for moniker in monikers:
        net.switch(moniker, "v2", new)
    net.start(*monikers)
