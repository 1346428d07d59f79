"""What the controller sees of consensus."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from console.chain.peers import CometPeers
from console.errors import BadAnswer, ChainError, EndpointDown
from tests.console.chain.network_double import KEYS, NetworkDouble
from tests.console.chain.network_servers import Served, serving

pytestmark = pytest.mark.anyio


def peers_of(served: Served) -> CometPeers:
    settings = served.settings
    return CometPeers(settings, settings.nodes[0])


class TestOwn:
    async def test_one_reading(self) -> None:
        async with serving() as served:
            served.nodes[0].app_behind = 1
            served.nodes[0].signers = {0: 2, 1: 2, 3: 2}
            peers = peers_of(served)
            reading = await peers.own()
            again = await peers.own()
            await peers.close()
        assert reading == again
        assert (reading.height, reading.app_height, reading.version, reading.peers) == (100, 99, "v0.1.5", 3)
        assert (reading.signed_power, reading.total_power, reading.own_signature) == (30, 40, True)
        assert reading.app_hash == hashlib.sha256(b"app 99").hexdigest().upper()
        assert not reading.catching_up
        assert [len(request) for request in served.comet[0].requests] == [7, 4]
        assert all(not server.requests for server in served.comet[1:])

    async def test_votes_for_nil_are_not_signatures(self) -> None:
        async with serving() as served:
            served.nodes[0].signers = {0: 3, 1: 2, 2: 2, 3: 2}
            peers = peers_of(served)
            reading = await peers.own()
            await peers.close()
        assert (reading.signed_power, reading.own_signature) == (30, False)

    async def test_a_changed_set_is_read_anew(self) -> None:
        async with serving() as served:
            peers = peers_of(served)
            assert (await peers.own()).total_power == 40
            served.network.validators = 5
            assert (await peers.own()).total_power == 50
            await peers.close()

    async def test_before_the_first_block(self) -> None:
        async with serving(NetworkDouble(height=0)) as served:
            peers = peers_of(served)
            reading = await peers.own()
            await peers.close()
        assert (reading.height, reading.signed_power, reading.own_signature) == (0, 0, False)

    async def test_down_and_another_chain(self) -> None:
        async with serving() as served:
            peers = peers_of(served)
            served.network.chain_id = "other"
            with pytest.raises(BadAnswer, match="belongs to chain"):
                await peers.own()
            await served.stop(served.comet[0])
            with pytest.raises(EndpointDown):
                await peers.own()
            await peers.close()


class TestPeers:
    async def test_the_highest_of_the_others(self) -> None:
        async with serving() as served:
            for node, behind in zip(served.nodes, (0, 5, 2, 9), strict=True):
                node.behind = behind
            await served.stop(served.comet[3])
            peers = peers_of(served)
            assert await peers.highest_peer() == 98
            assert served.comet[0].requests == []
            await served.stop(*served.comet)
            assert await peers.highest_peer() is None
            await peers.close()

    async def test_other_chains_and_junk_do_not_count(self) -> None:
        async with serving(count=3) as served:
            served.comet[1].answer = lambda method, params: {"sync_info": {"latest_block_height": str(2**62)}}
            served.nodes[2].network = NetworkDouble(chain_id="other", height=10**9)
            peers = peers_of(served)
            assert await peers.highest_peer() is None
            await peers.close()


class TestCommit:
    async def test_verified(self) -> None:
        async with serving() as served:
            served.nodes[0].signers = {0: 2, 2: 2, 3: 2}
            peers = peers_of(served)
            assert await peers.verified_commit(77) == {KEYS[0].address, KEYS[2].address, KEYS[3].address}
            await peers.close()
        assert served.comet[0].requests == [["commit", "validators", "validators", "validators"]]

    async def test_not_there(self) -> None:
        async with serving() as served:
            peers = peers_of(served)
            with pytest.raises(ChainError, match="must be less than"):
                await peers.verified_commit(101)
            await peers.close()

    async def test_too_little_power(self) -> None:
        async with serving() as served:
            served.nodes[0].signers = {0: 2, 2: 2}
            peers = peers_of(served)
            with pytest.raises(BadAnswer, match="20 of 40 power"):
                await peers.verified_commit(77)
            await peers.close()

    async def test_a_commit_of_another_height(self) -> None:
        async with serving() as served:
            honest = served.nodes[0].answer
            served.comet[0].answer = lambda method, params: honest(
                method, {"height": "76"} if method == "commit" else params
            )
            peers = peers_of(served)
            with pytest.raises(BadAnswer, match="answered height 76 when asked for 77"):
                await peers.verified_commit(77)
            await peers.close()


class TestAppHash:
    AFTER_80 = hashlib.sha256(b"app 80").hexdigest().upper()

    async def test_all_agree(self) -> None:
        async with serving() as served:
            await served.stop(served.comet[2])
            peers = peers_of(served)
            assert await peers.agreed_app_hash(80) == self.AFTER_80
            await peers.close()

    async def test_one_differs(self) -> None:
        async with serving() as served:
            honest = served.nodes[2].answer

            def forked(method: str, params: Any) -> Any:
                answer = honest(method, params)
                answer["signed_header"]["header"]["app_hash"] = "AB" * 32
                return answer

            served.comet[2].answer = forked
            peers = peers_of(served)
            with pytest.raises(BadAnswer, match=f"{served.comet[2].url} has app hash ABAB"):
                await peers.agreed_app_hash(80)
            await peers.close()

    async def test_the_next_block_is_not_there_yet(self) -> None:
        async with serving() as served:
            peers = peers_of(served)
            with pytest.raises(ChainError, match="must be less than"):
                await peers.agreed_app_hash(100)
            await peers.close()
