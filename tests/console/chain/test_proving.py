"""What another network says of its crossings: registry, confirmations and header times, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from console.chain.proving import RegistryProof
from console.errors import BadAnswer, EndpointDown
from console.model import ProofReading, ProofState, proof_of
from tests.console.chain.network_double import EVM_CHAIN_ID, RELEASE_HASH, NetworkDouble, proposal_row
from tests.console.chain.network_servers import Served, serving

pytestmark = pytest.mark.anyio

BINARY = bytes.fromhex("22" * 32)
HOUR_NS = 3600 * 10**9


def crossed(**changes: Any) -> NetworkDouble:
    """A network at 100 that executed a manifest at 60; three of four confirmed the binary. A block takes an hour."""
    confirmed = {index: {"confirmedAt": 62, "exeHash": BINARY} for index in range(3)}
    row = proposal_row(1, status=5, verdict=1, releaseKind=1, targetHeight=60, confirmedPower=30)
    return NetworkDouble(proposals=[row], readiness=confirmed, block_ns=HOUR_NS, **changes)


async def read(served: Served, release_hash: str = "11" * 32) -> ProofReading:
    proof = RegistryProof(served.settings)
    try:
        return await proof.read(release_hash, {BINARY.hex()})
    finally:
        await proof.close()


async def test_a_crossing_is_found_by_what_the_validators_confirmed_and_timed_by_two_headers() -> None:
    async with serving(crossed()) as served:
        found = await read(served)
        assert [len(server.requests) for server in served.ethereum] == [2, 0, 0, 0]
        assert [len(server.requests) for server in served.comet] == [1, 0, 0, 0]
    assert found.crossed_ns is not None
    assert found.newest_ns - found.crossed_ns == 40 * HOUR_NS
    proof = proof_of("first", 48 * 3600, "11" * 32, {BINARY.hex()}, found)
    assert (proof.state, proof.elapsed_s) == (ProofState.RUNNING, 40 * 3600)


async def test_what_was_not_executed_has_no_time() -> None:
    async with serving() as served:
        found = await read(served, RELEASE_HASH.hex())
        assert [len(server.requests) for server in served.ethereum] == [1, 0, 0, 0]
    assert (found.confirmations, found.crossed_ns) == ((), None)


async def test_an_endpoint_that_is_down_or_of_another_chain_is_left_for_the_next() -> None:
    async with serving(crossed()) as served:
        await served.stop(served.ethereum[0], served.comet[0])
        assert (await read(served)).crossed_ns is not None
        await served.stop(*served.ethereum[1:])
        with pytest.raises(EndpointDown, match=served.ethereum[0].url):
            await read(served)
    async with serving(crossed(evm_chain_id=EVM_CHAIN_ID + 1)) as served:
        with pytest.raises(BadAnswer, match="belongs to chain"):
            await read(served)


async def test_a_consensus_endpoint_of_another_chain_is_refused() -> None:
    async with serving(crossed(chain_id="other-1")) as served:
        with pytest.raises(BadAnswer, match="belongs to chain"):
            await read(served)


async def test_a_header_that_nobody_keeps_is_looked_for_everywhere_and_then_not_known() -> None:
    network = crossed()
    network.proposals[0]["targetHeight"] = 101
    async with serving(network) as served:
        found = await read(served)
        assert [len(server.requests) for server in served.comet] == [1, 1, 1, 1]
    assert found.crossed_ns is None
