"""Endpoints held against each other: the decision, and real servers that lag, fall silent and lie."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.agreement import (
    CONTRADICTIONS,
    EndpointsDisagree,
    Witnesses,
    agreement_of,
    refusal_of,
    require_agreement,
)
from console.chain.ipc import IpcChain
from console.errors import EndpointDown
from console.model import Agreement, AgreementState, RegistryCall, SigningKey
from console.operations.registry_call import RegistryCalls
from console.ports.keys import KeyReference
from console.settings import NetworkSettings
from tests.console.chain.network_double import EthereumDouble, NetworkDouble, proposal_row
from tests.console.chain.network_servers import Clock, Served, serving
from tests.console.chain.servers import json_rpc

CALL = RegistryCall("freeze", (1,), SigningKey.OPERATOR, 1, "The verdict is stored.")
A, B, C = "http://a", "http://b", "http://c"
TRUE, FALSE = (("p",), None, ()), (("q",), None, ())


class TestDecision:
    def test_nobody_and_one_alone(self) -> None:
        witnesses = Witnesses()
        assert witnesses.agreement().sentence == "not cross-checked: no endpoint has told its whole state yet"
        witnesses.heard_state(A, 5, TRUE)
        found = witnesses.agreement()
        assert (found.state, found.sentence) == (
            AgreementState.UNCHECKED,
            "not cross-checked: only http://a has told its state",
        )
        assert not found.blocks

    def test_two_agree_at_one_height(self) -> None:
        witnesses = Witnesses()
        witnesses.heard_state(A, 5, TRUE)
        witnesses.heard_state(B, 6, TRUE)
        assert "have not spoken of one height yet" in witnesses.agreement().sentence
        witnesses.heard_state(B, 5, TRUE)
        found = witnesses.agreement()
        assert (found.state, found.sentence) == (AgreementState.AGREED, "2 endpoints agree, last at height 5")

    def test_a_contradiction_has_to_last(self) -> None:
        witnesses = Witnesses()
        for number in range(CONTRADICTIONS):
            assert witnesses.agreement().state is AgreementState.UNCHECKED
            witnesses.heard_state(A, number, TRUE)
            witnesses.heard_state(B, number, FALSE)
        found = witnesses.agreement()
        assert found.state is AgreementState.DISAGREED
        assert found.blocks
        assert found.sentence == "http://a and http://b contradict each other about the proposals at height 2"

    def test_on_a_chain_that_stands_still_it_lasts_too(self) -> None:
        witnesses = Witnesses()
        for _ in range(CONTRADICTIONS):
            witnesses.heard_state(A, 7, TRUE)
            witnesses.heard_state(B, 7, FALSE)
        assert witnesses.agreement().state is AgreementState.DISAGREED

    def test_one_old_answer_is_not_held_against_many_new_ones(self) -> None:
        witnesses = Witnesses()
        witnesses.heard_state(B, 7, FALSE)
        for _ in range(10):
            witnesses.heard_state(A, 7, TRUE)
        assert witnesses.agreement().state is AgreementState.UNCHECKED
        assert witnesses.agreement(patient=False).state is AgreementState.DISAGREED

    def test_a_moment_of_skew_is_forgotten(self) -> None:
        witnesses = Witnesses()
        witnesses.heard_state(A, 7, TRUE)
        witnesses.heard_state(B, 7, FALSE)
        witnesses.heard_state(B, 7, TRUE)
        assert witnesses.agreement(patient=False).state is AgreementState.AGREED
        assert not witnesses.doubtful

    def test_our_own_synced_node_is_binding(self) -> None:
        witnesses = Witnesses(required=True)
        witnesses.heard_block(A, 5, "AA")
        witnesses.heard_block(B, 5, "BB")
        assert witnesses.agreement().sentence == "http://a and http://b have different blocks at height 5"
        found = witnesses.agreement("node1")
        assert (found.state, found.blocks) == (AgreementState.OWN, False)

    def test_another_chain_beside_ours(self) -> None:
        witnesses = Witnesses()
        witnesses.heard_foreign(B, "belongs to chain 5")
        assert witnesses.agreement().state is AgreementState.UNCHECKED
        witnesses.heard_state(A, 5, TRUE)
        assert witnesses.agreement().sentence == "http://b belongs to chain 5, and http://a says otherwise"
        witnesses.heard_state(B, 5, TRUE)
        assert witnesses.agreement().state is AgreementState.AGREED

    def test_where_a_check_is_required_one_alone_blocks(self) -> None:
        witnesses = Witnesses(required=True)
        witnesses.heard_state(A, 5, TRUE)
        assert witnesses.agreement().blocks
        assert "not cross-checked: only http://a has told its state; nothing was signed" in str(
            refusal_of(witnesses.agreement())
        )
        witnesses.heard_state(B, 5, TRUE)
        assert not witnesses.agreement().blocks

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(1, 40)), max_size=60))
    def test_honest_endpoints_never_contradict_however_far_they_lag(self, heard: list[tuple[str, int]]) -> None:
        witnesses = Witnesses()
        for endpoint, height in heard:
            witnesses.heard_state(endpoint, height, ((height,), None, ()))
            witnesses.heard_block(endpoint, height, f"{height:064X}")
        found = witnesses.agreement(patient=False)
        assert found.state is not AgreementState.DISAGREED
        met = any(one[0] != other[0] and one[1] == other[1] for one in heard for other in heard)
        if not met:
            assert found.state is AgreementState.UNCHECKED

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.lists(st.integers(1, 1000), min_size=CONTRADICTIONS, max_size=20), st.booleans())
    def test_a_liar_is_found_at_common_heights(self, heights: list[int], liar_first: bool) -> None:
        witnesses = Witnesses()
        for height in heights:
            for endpoint in (A, B) if liar_first else (B, A):
                witnesses.heard_state(endpoint, height, FALSE if endpoint == A else TRUE)
        assert witnesses.agreement().state is AgreementState.DISAGREED

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.lists(st.tuples(st.sampled_from([A, B]), st.integers(1, 9), st.sampled_from("XY")), max_size=40))
    def test_two_hashes_of_one_block_are_never_overlooked(self, heard: list[tuple[str, int, str]]) -> None:
        witnesses = Witnesses()
        first: dict[tuple[str, int], str] = {}
        last_fork = False
        for endpoint, height, block in heard:
            new = (endpoint, height) not in first
            first.setdefault((endpoint, height), block)
            other = first.get((B if endpoint == A else A, height))
            witnesses.heard_block(endpoint, height, block)
            if new and other is not None:
                last_fork = other != block
        assert (witnesses.agreement().state is AgreementState.DISAGREED) == last_fork


class Liar(EthereumDouble):
    """Tells another release hash than everybody else."""

    def __init__(self, network: NetworkDouble, **changes: Any) -> None:
        super().__init__(network)
        self.changes = changes

    def answer(self, method: str, params: Any) -> Any:
        honest = self.network.proposals
        self.network.proposals = [proposal_row(**self.changes)]
        try:
            return super().answer(method, params)
        finally:
            self.network.proposals = honest


def without_own(settings: NetworkSettings) -> NetworkSettings:
    return replace(settings, nodes=())


@asynccontextmanager
async def with_liar(**changes: Any) -> AsyncIterator[tuple[Served, NetworkSettings]]:
    """One honest endpoint, one that lies, and no node of our own."""
    async with serving(count=1) as served, json_rpc(Liar(served.network, **changes).answer) as liar:
        yield served, replace(without_own(served.settings), ethereum_rpc=(served.ethereum[0].url, liar.url))


@pytest.mark.anyio
class TestOnTheScreen:
    async def view(self, network: NetworkSettings, served: Served, views: int = 5) -> Agreement:
        clock = Clock()
        chain = IpcChain(network, clock=clock)
        try:
            for _ in range(views):
                clock.now += 1
                served.network.height += 1
                found = (await chain.view()).agreement
        finally:
            await chain.close()
        assert found is not None
        return found

    async def test_our_own_node_costs_no_further_request(self) -> None:
        async with serving() as served:
            found = await self.view(served.settings, served, views=3)
            assert found.state is AgreementState.OWN
            assert [len(server.requests) for server in served.ethereum] == [3, 0, 0, 0]

    async def test_a_second_endpoint_is_asked_once_per_view(self) -> None:
        async with serving(count=3) as served:
            found = await self.view(without_own(served.settings), served, views=4)
            assert found.state is AgreementState.AGREED
            assert sum(len(server.requests) for server in served.ethereum) <= 2 * 4

    async def test_a_liar_is_shown_within_some_views(self) -> None:
        async with with_liar(releaseHash=b"\x66" * 32) as (served, network):
            found = await self.view(network, served)
        assert found.state is AgreementState.DISAGREED
        assert "contradict each other about proposal 1 at height" in found.sentence

    async def test_a_liar_beside_our_own_synced_node_changes_nothing(self) -> None:
        async with with_liar(targetHeight=999) as (served, network):
            found = await self.view(replace(network, nodes=served.settings.nodes), served)
        assert found.state is AgreementState.OWN

    async def test_an_own_node_that_catches_up_is_not_binding(self) -> None:
        async with with_liar(targetHeight=999) as (served, network):
            honest = served.nodes[0].answer

            def catching_up(method: str, params: Any) -> Any:
                found = honest(method, params)
                if method == "status":
                    found["sync_info"]["catching_up"] = True
                return found

            served.comet[0].answer = catching_up
            found = await self.view(replace(network, nodes=served.settings.nodes), served, views=8)
        assert found.state is AgreementState.DISAGREED

    async def test_one_that_lags_and_one_that_is_silent_contradict_nobody(self) -> None:
        async with serving(count=3) as served:
            served.ports[1].behind = 50
            await served.ethereum[2].stop()
            found = await self.view(without_own(served.settings), served)
        assert found.state is AgreementState.UNCHECKED

    async def test_two_blocks_of_one_height(self) -> None:
        async with serving(count=2) as served:
            for index, node in enumerate(served.nodes):
                honest = node.answer

                def forked(method: str, params: Any, *, honest: Any = honest, index: int = index) -> Any:
                    found = honest(method, params)
                    if method == "status":
                        found["sync_info"]["latest_block_hash"] = f"{index:064X}"
                    return found

                served.comet[index].answer = forked
            found = await self.view(without_own(served.settings), served, views=1)
        assert found.state is AgreementState.DISAGREED
        assert "have different blocks at height" in found.sentence


@pytest.mark.anyio
class TestBeforeASignature:
    async def test_own_agreed_and_alone(self) -> None:
        async with serving(count=2) as served:
            assert (await agreement_of(served.settings)).state is AgreementState.OWN
            network = without_own(served.settings)
            assert (await agreement_of(network)).state is AgreementState.AGREED
            alone = replace(network, ethereum_rpc=network.ethereum_rpc[:1])
            assert (await require_agreement(alone)).state is AgreementState.UNCHECKED
            with pytest.raises(EndpointsDisagree, match="not cross-checked"):
                await require_agreement(replace(alone, require_agreement=True))

    async def test_a_contradiction_is_refused_before_the_signer_is_started(self) -> None:
        async with with_liar(releaseHash=b"\x66" * 32) as (_, network):
            with pytest.raises(
                EndpointsDisagree, match=r"about proposal 1 at height 100; nothing was signed; find out"
            ):
                await RegistryCalls(network, None, key=KeyReference(Path("/nowhere/key"))).review(CALL)

    async def test_silence_is_told_as_silence(self) -> None:
        async with serving(count=1) as served:
            network = without_own(served.settings)
            await served.ethereum[0].stop()
            with pytest.raises(EndpointDown):
                await require_agreement(network)

    async def test_a_lagging_one_is_no_contradiction(self) -> None:
        async with serving(count=2) as served:
            served.ports[1].behind = 9
            found = await agreement_of(without_own(served.settings), rounds=2, round_s=0.0)
        assert found.state is AgreementState.UNCHECKED
