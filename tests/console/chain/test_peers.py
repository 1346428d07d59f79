"""What the controller sees of consensus."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from console.chain.peers import CometPeers
from console.errors import BadAnswer, ChainError, EndpointDown
from tests.console.chain.network_double import ED_KEYS, KEYS, NetworkDouble
from tests.console.chain.network_servers import Served, serving
from tests.console.chain.servers import Refusal

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


class TestCosmos:
    """Keys without Ethereum addresses, and settings that need not name the validator."""

    @pytest.mark.parametrize("address", ["", ED_KEYS[0].consensus_address])
    async def test_our_validator_is_the_one_of_our_nodes_key(self, address: str) -> None:
        async with serving(NetworkDouble(keys=ED_KEYS, address=address)) as served:
            served.nodes[0].signers = {0: 2, 1: 2, 3: 2}
            peers = peers_of(served)
            reading = await peers.own()
            signers = await peers.verified_commit(100)
            await peers.close()
        assert (reading.own_power, reading.own_signature, reading.signed_power) == (10, True, 30)
        assert reading.own_address in signers
        assert signers == {ED_KEYS[index].consensus_address for index in (0, 1, 3)}

    async def test_a_full_node_is_no_validator(self) -> None:
        async with serving(NetworkDouble(keys=ED_KEYS, address="", validators=3)) as served:
            node = served.nodes[3]
            served.comet[0].answer = lambda method, params: node.answer(method, params)
            peers = peers_of(served)
            reading = await peers.own()
            await peers.close()
        assert (reading.own_power, reading.own_signature) == (0, False)

    async def test_an_address_of_the_settings_goes_before_the_nodes_key(self) -> None:
        async with serving(NetworkDouble(address=KEYS[2].address)) as served:
            served.nodes[0].signers = {0: 2, 1: 2, 3: 2}
            peers = peers_of(served)
            reading = await peers.own()
            await peers.close()
        assert (reading.own_address, reading.own_power, reading.own_signature) == (KEYS[2].address, 10, False)


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


class TestAppHashesOfOthers:
    async def test_each_endpoint_that_has_the_next_block_tells(self) -> None:
        async with serving() as served:
            served.nodes[1].behind = 30
            await served.stop(served.comet[3])
            peers = peers_of(served)
            assert await peers.app_hashes(80) == (TestAppHash.AFTER_80,)
            await peers.close()
        assert served.comet[0].requests == []


class TestRound:
    async def test_of_the_small_answer(self) -> None:
        async with serving() as served:
            served.comet[0].answer = lambda method, params: {"round_state": {"height/round/step": "101/12/4"}}
            peers = peers_of(served)
            assert await peers.consensus_round() == 12
            await peers.close()
        assert served.comet[0].requests == [["consensus_state"]]

    async def test_a_node_without_the_small_answer_is_asked_for_the_large_one(self) -> None:
        def large(method: str, params: Any) -> Any:
            if method == "dump_consensus_state":
                return {"round_state": {"height": "101", "round": 3, "step": 4}}
            raise Refusal(-32601, "Method not found")

        async with serving() as served:
            served.comet[0].answer = large
            peers = peers_of(served)
            with pytest.raises(BadAnswer):
                await peers.consensus_round()
            assert await peers.consensus_round() == 3
            await peers.close()

    @pytest.mark.parametrize("state", [{}, {"height/round/step": "1/2"}, {"height/round/step": "1/x/3"}, {"round": -1}])
    async def test_junk(self, state: dict[str, Any]) -> None:
        async with serving() as served:
            served.comet[0].answer = lambda method, params: {"round_state": state}
            peers = peers_of(served)
            with pytest.raises(BadAnswer):
                await peers.consensus_round()
            await peers.close()


class TestSignedByUs:
    US = KEYS[0].consensus_address

    async def test_heights_that_hold_our_signature_in_one_request(self) -> None:
        async with serving() as served:
            for node in served.nodes:
                node.signers = {0: 2, 2: 2, 3: 2}
            peers = peers_of(served)
            assert await peers.signed_by_us((70, 80, 500), self.US) == frozenset({70, 80})
            await peers.close()
        assert served.comet[0].requests == []
        assert [len(server.requests) for server in served.comet[1:]] == [1, 1, 1]

    async def test_a_vote_for_nil_is_a_signature_too(self) -> None:
        async with serving(count=2) as served:
            served.nodes[1].signers = {0: 3, 1: 2, 2: 2, 3: 2}
            peers = peers_of(served)
            assert await peers.signed_by_us((70,), self.US) == frozenset({70})
            await peers.close()

    async def test_without_our_signature(self) -> None:
        async with serving() as served:
            for node in served.nodes:
                node.signers = {1: 2, 2: 2, 3: 2}
            peers = peers_of(served)
            assert await peers.signed_by_us((70,), self.US) == frozenset()
            await peers.close()

    async def test_what_is_said_in_our_name_and_not_signed_by_us_does_not_count(self) -> None:
        async with serving(count=2) as served:
            honest = served.nodes[1].answer

            def liar(method: str, params: Any) -> Any:
                answer = honest(method, params)
                if method == "commit":
                    signatures = answer["signed_header"]["commit"]["signatures"]
                    signatures[0]["signature"] = signatures[1]["signature"]
                return answer

            served.comet[1].answer = liar
            peers = peers_of(served)
            assert await peers.signed_by_us((70,), self.US) == frozenset()
            await peers.close()

    async def test_nobody_tells(self) -> None:
        async with serving(count=2) as served:
            await served.stop(served.comet[1])
            peers = peers_of(served)
            assert await peers.signed_by_us((70,), self.US) is None
            assert await peers.signed_by_us((), self.US) is None
            await peers.close()
