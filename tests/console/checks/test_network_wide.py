"""A whole network after an upgrade, over the doubles' real servers: hashes, blocks, signatures, the set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.chain.network_look import NetworkLook
from console.checks.network_wide import (
    active_set,
    block_production,
    ethereum_moves,
    fleet_versions,
    parent_finality_moves,
    same_app_hash,
    versions,
)
from console.checks.signing import judged
from console.errors import ChainError
from console.model import FleetNode, Outcome, Signed, SigningRecord, Validator
from console.text import UntrustedText
from tests import fakes
from tests.console.chain.network_double import KEYS, NetworkDouble
from tests.console.chain.network_servers import Served, serving
from tests.console.checks.doubles import no_time

pytestmark = pytest.mark.anyio


def look_of(served: Served) -> NetworkLook:
    return NetworkLook(served.settings, [server.url for server in served.comet])


async def test_the_same_application_hash_everywhere_after_h_and_the_next_block() -> None:
    async with serving(count=3) as served, look_of(served) as look:
        found = await same_app_hash(look, 97, no_time)
        assert (found.outcome, len(found.evidence)) == (Outcome.PASS, 6)
        soon = await same_app_hash(look, 100, no_time)
        assert (soon.outcome, "no endpoint has a block after height" in soon.sentence) == (Outcome.FAIL, True)
        honest = served.nodes[1].answer

        def other(method: str, params: object) -> object:
            answer = honest(method, params)
            if method == "commit":
                answer["signed_header"]["header"]["app_hash"] = "00" * 32
            return answer

        served.comet[1].answer = other
        split = await same_app_hash(look, 97, no_time)
        assert (split.outcome, "2 different application hashes" in split.sentence) == (Outcome.FAIL, True)


async def test_blocks_are_counted_at_every_endpoint() -> None:
    async with serving(count=2) as served, look_of(served) as look:

        async def ten_blocks(_: float) -> None:
            served.network.height += 10

        found = await block_production(look, ten_blocks)
        assert (found.outcome, found.sentence) == (Outcome.PASS, "10 blocks in 10 s (1.00 a second)")
        still = await block_production(look, no_time)
        assert still.outcome is Outcome.FAIL

        async def and_one_is_gone(_: float) -> None:
            served.network.height += 10
            await served.stop(served.comet[1])

        partly = await block_production(look, and_one_is_gone)
        assert partly.outcome is Outcome.WARN


async def test_the_ethereum_side_moves_or_not() -> None:
    async with serving(count=1) as served, look_of(served) as look:

        async def a_block(_: float) -> None:
            served.network.height += 1

        assert (await ethereum_moves(look, a_block)).outcome is Outcome.PASS
        assert (await ethereum_moves(look, no_time)).outcome is Outcome.FAIL
        await served.stop(*served.ethereum)
        assert (await ethereum_moves(look, no_time)).outcome is Outcome.FAIL


async def test_signatures_above_h_are_verified_and_those_of_a_forger_are_not_counted() -> None:
    async with serving(count=1) as served, look_of(served) as look:
        served.nodes[0].signers = {0: 2, 1: 2, 2: 2}
        first = {key.consensus_address for key in KEYS[:3]}
        assert await look.signers(100, 95) == first
        assert await look.signers(100, 99) == frozenset()
        honest = served.nodes[0].answer

        def forged(method: str, params: object) -> object:
            answer = honest(method, params)
            if method == "commit":
                answer["signed_header"]["commit"]["signatures"][1]["signature"] = "AA" * 43 + "A="
            return answer

        served.comet[0].answer = forged
        with pytest.raises(ChainError):
            await look.signers(100, 95)


def chain_of(network: NetworkDouble, count: int) -> object:
    members = tuple(Validator(key.address, UntrustedText(""), 10, key.consensus_address) for key in KEYS[:count])
    return replace(fakes.chain(network.height), validators=members)


async def test_the_active_set_is_compared_with_that_before_h() -> None:
    async with serving(count=1) as served, look_of(served) as look:
        same = await active_set(look, chain_of(served.network, 4), 90)  # type: ignore[arg-type]
        assert same.outcome is Outcome.PASS
        one_less = await active_set(look, chain_of(served.network, 3), 90)  # type: ignore[arg-type]
        assert one_less.outcome is Outcome.WARN
        two_less = await active_set(look, chain_of(served.network, 2), 90)  # type: ignore[arg-type]
        assert two_less.outcome is Outcome.FAIL
        await served.stop(*served.comet)
        unknown = await active_set(look, chain_of(served.network, 4), 90)  # type: ignore[arg-type]
        assert unknown.outcome is Outcome.WARN


async def test_without_metrics_the_parent_is_not_said_to_move() -> None:
    assert (await parent_finality_moves(None, no_time)).outcome is Outcome.SKIP


def test_versions_are_what_was_confirmed_on_chain() -> None:
    def confirmed(snapshot: object) -> object:
        chain = snapshot.chain  # type: ignore[attr-defined]
        return versions(chain, chain.proposals[0])

    all_ = confirmed(fakes.committed())
    assert (all_.outcome, "4 of 4 validators" in all_.sentence) == (Outcome.PASS, True)  # type: ignore[attr-defined]
    some = confirmed(fakes.verifying())
    assert some.outcome is Outcome.WARN  # type: ignore[attr-defined]
    assert "not confirmed: node1, node4" in some.evidence  # type: ignore[attr-defined]
    chain = fakes.committed().chain
    assert chain is not None
    other = replace(fakes.said(2, confirmed=True), exe_hash="00" * 32)
    entries = (*(fakes.said(index, confirmed=True) for index in (0, 1, 3)), other)
    wrong = versions(replace(chain, readiness=fakes.readiness_of(1, entries)), chain.proposals[0])
    assert (wrong.outcome, "node3" in wrong.sentence) == (Outcome.FAIL, True)


def test_without_a_registry_a_version_is_what_nodes_say_and_never_more() -> None:
    chain = fakes.committed().chain
    assert chain is not None
    said = versions(replace(chain, readiness=None), None)
    assert (said.outcome, "say v0.2.0" in said.sentence) == (Outcome.PASS, True)
    few = versions(replace(chain, readiness=None, nodes=chain.nodes[:2]), None)
    assert (few.outcome, "of 2 validators no node is known" in few.sentence) == (Outcome.WARN, True)
    mixed = (replace(chain.nodes[0], version=UntrustedText("v0.1.5")), *chain.nodes[1:])
    assert versions(replace(chain, readiness=None, nodes=mixed), None).outcome is Outcome.WARN
    assert versions(replace(chain, readiness=None, nodes=()), None).outcome is Outcome.FAIL


def test_our_own_nodes_are_told_by_their_controllers() -> None:
    one = FleetNode("node1", "", fakes.node(1303, exe_sha256=fakes.HASH, generation="v0.2.0"))
    two = replace(one, name="node2", where="ssh host")
    same = fleet_versions((one, two))
    assert (same.outcome, same.sentence) == (Outcome.PASS, "one executable on 2 of our own nodes")
    old = replace(two, status=fakes.node(1303, exe_sha256="00" * 32))
    assert fleet_versions((one, old)).outcome is Outcome.WARN
    lost = replace(two, status=None, problem="SSH to host lost")
    apart = fleet_versions((one, lost))
    assert (apart.outcome, "node2: SSH to host lost" in apart.evidence) == (Outcome.WARN, True)
    assert fleet_versions((lost,)).outcome is Outcome.SKIP


def test_own_signatures_in_all_in_some_and_in_none_of_the_last_commits() -> None:
    def record(marks: str) -> SigningRecord:
        words = {"x": Signed.BLOCK, ".": Signed.ABSENT}
        return SigningRecord(tuple((100 + at, words[mark]) for at, mark in enumerate(marks)), "here", "")

    assert judged(record("x" * 30), "AB", 30).outcome is Outcome.PASS
    assert judged(record("." * 20 + "x" * 10), "AB", 30).outcome is Outcome.WARN
    assert judged(record("x" * 25 + "." * 5), "AB", 30).outcome is Outcome.FAIL
    assert judged(SigningRecord((), "", "nobody answers"), "AB", 30).outcome is Outcome.FAIL
