"""The subnet as the screen reads it: requests counted, parts failing one by one, nothing invented."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from console.chain.ipc import IpcChain
from console.chain.registry import NoRegistry
from console.errors import BadAnswer, EndpointDown
from console.model import ProposalStatus, RoundVotes
from tests.console.chain import servers
from tests.console.chain.network_double import EVM_CHAIN_ID, KEYS, REGISTRY, START_NS, NetworkDouble, proposal_row
from tests.console.chain.network_servers import Clock, Served, serving

pytestmark = pytest.mark.anyio

OVERVIEW = ["status", "abci_info", "net_info"]
ETHEREUM = ["eth_blockNumber", "eth_chainId", "eth_call", "eth_call", "eth_call", "eth_blockNumber"]


@asynccontextmanager
async def reading(served: Served, clock: Clock | None = None, *, age_s: float = 0.0) -> AsyncIterator[IpcChain]:
    """A reader that begins `age_s` seconds after block 100."""
    chain = IpcChain(served.settings, clock=clock or Clock(), wall=lambda: START_NS / 1e9 + 100 + age_s)
    try:
        yield chain
    finally:
        await chain.close()


class TestWhole:
    async def test_one_view_holds_everything(self) -> None:
        async with serving() as served, reading(served) as chain:
            served.nodes[2].app_behind = 1
            view = await chain.view()
        assert view.height == 100
        assert view.problem == ""
        assert view.age_s == 0
        assert view.block_time_s == 1.0
        assert view.block_time_unix == START_NS / 1e9 + 100
        assert [entry.moniker for entry in view.validators] == ["node1", "node2", "node3", "node4"]
        assert [entry.address for entry in view.validators] == [key.address for key in KEYS[:4]]
        assert [entry.power for entry in view.validators] == [10, 10, 10, 10]
        assert [(node.moniker, node.version, node.height, node.peers) for node in view.nodes] == [
            (f"node{number}", "v0.1.5", 100, 3) for number in (1, 2, 3, 4)
        ]
        assert [node.app_height for node in view.nodes] == [100, 100, 99, 100]
        assert all(node.reachable and node.age_s == 0 for node in view.nodes)
        (proposal,) = view.proposals
        assert proposal.status is ProposalStatus.SCHEDULED
        assert view.readiness is not None
        assert view.readiness.proposal_id == proposal.id
        assert len(view.readiness.validators) == 4

    async def test_no_proposal(self) -> None:
        async with serving(NetworkDouble(proposals=[])) as served, reading(served) as chain:
            view = await chain.view()
        assert view.proposals == ()
        assert view.readiness is None
        assert len(view.validators) == 4

    async def test_a_large_set(self) -> None:
        async with serving(NetworkDouble(validators=130, members=130), count=2) as served, reading(served) as chain:
            view = await chain.view()
        assert len(view.validators) == 130
        assert [entry.moniker for entry in view.validators[:3]] == ["node1", "node2", ""]

    async def test_before_the_first_block(self) -> None:
        async with serving(NetworkDouble(height=0, proposals=[])) as served, reading(served) as chain:
            view = await chain.view()
        assert view.block_time_s is None
        assert view.block_time_unix is None
        assert view.nodes[0].reachable

    async def test_a_chain_whose_plans_are_kept_elsewhere_has_no_registry_to_ask(self) -> None:
        async with serving() as served:
            chain = IpcChain(replace(served.settings, ethereum_rpc=()))
            view = await chain.view()
            await chain.close()
        assert (view.height, view.proposals, view.readiness) == (100, (), None)


class TestRequests:
    async def test_one_request_per_node_and_one_ethereum_request(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            for number in range(5):
                served.forget()
                clock.now += 1.0
                served.network.height += 1
                view = await chain.view()
                assert view.height == 101 + number
                assert [len(server.requests) for server in served.comet] == [1, 1, 1, 1]
                assert [len(server.requests) for server in served.ethereum] == [1, 0, 0, 0]
                assert served.ethereum[0].requests == [ETHEREUM]
        assert all(server.requests == [OVERVIEW] for server in served.comet)

    async def test_no_node_is_asked_twice_in_a_second(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            served.forget()
            clock.now += 0.6
            view = await chain.view()
            assert [len(server.requests) for server in served.comet] == [0, 0, 0, 0]
            assert all(node.reachable and node.age_s == pytest.approx(0.6) for node in view.nodes)
            assert view.age_s == 0
            clock.now += 0.41
            await chain.view()
            assert [len(server.requests) for server in served.comet] == [1, 1, 1, 1]

    async def test_batches_are_within_cometbfts_limit(self) -> None:
        async with serving() as served, reading(served) as chain:
            await chain.view()
        assert all(len(request) <= 10 for server in served.comet for request in server.requests)

    async def test_votes_are_asked_for_at_a_plans_height_of_one_node_and_in_its_own_way(self) -> None:
        clock = Clock()
        voter = KEYS[2].consensus_address[:12]
        vote = f"Vote{{2:{voter} 101/00/SIGNED_MSG_TYPE_PREVOTE(Prevote) 634ADAF1F402 7BB974E1BA40 000000000000 @ x}}"
        rounds = [{"round": 0, "prevotes": ["nil-Vote", vote], "precommits": ["nil-Vote", "nil-Vote"]}]
        told = {"round_state": {"height": "101", "round": 0, "step": 4, "votes": rounds}}
        network = NetworkDouble(proposals=[proposal_row(targetHeight=100)])
        async with serving(network) as served, reading(served, clock) as chain:
            for node in served.nodes[1:]:
                node.app_behind = 1
            served.nodes[0]._dump_consensus_state = lambda params: told  # type: ignore[attr-defined]
            views = []
            for _ in range(4):
                served.forget()
                views.append(await chain.view())
                clock.now += 1.0
            assert views[-1].votes == RoundVotes(101, 0, (voter,), (), (voter,))
            assert [len(server.requests) for server in served.comet] == [1, 1, 1, 1]
            assert served.comet[0].requests == [[*OVERVIEW, "dump_consensus_state"]]
            assert all(node.reachable for node in views[-1].nodes)
            network.height += 1
            await chain.view()
            clock.now += 1.0
            served.forget()
            assert (await chain.view()).votes is None
            assert served.comet[0].requests == [OVERVIEW]

    async def test_a_chain_that_stands_for_lack_of_power_says_whose(self) -> None:
        clock = Clock()
        network = NetworkDouble()
        votes = ["nil-Vote"] * 4
        for index in (0, 1):
            votes[index] = f"Vote{{{index}:{KEYS[index].consensus_address[:12]} 101/00/PREVOTE(Prevote) x}}"

        def told(params: object) -> dict[str, object]:
            rounds = [{"round": 0, "prevotes": votes, "precommits": ["nil-Vote"] * 4}]
            state = {"height": str(network.height + 1), "round": 0, "step": 4, "votes": rounds}
            return {"round_state": state}

        async with serving(network) as served, reading(served, clock) as chain:
            for node in served.nodes:
                node._dump_consensus_state = told  # type: ignore[attr-defined]
            for _ in range(9):
                assert (await chain.view()).stalled is None
                clock.now += 1.0
            served.forget()
            await chain.view()
            clock.now += 1.0
            asked = [request for server in served.comet for request in server.requests if len(request) > len(OVERVIEW)]
            assert len(asked) == 1, "one node is asked for votes"
            await chain.view()
            clock.now += 1.0
            found = (await chain.view()).stalled
            assert found is not None
            assert (found.height, found.for_s, found.power, found.needed, found.total) == (100, 11.0, 20, 27, 40)
            assert found.sentence == (
                "stands at block 100 for 11s: 20 of 40 power votes, 27 is needed; missing: node3 (10), node4 (10)"
            )
            # A third of the power more is enough, and so is a block.
            votes[2] = f"Vote{{2:{KEYS[2].consensus_address[:12]} 101/00/PREVOTE(Prevote) x}}"
            clock.now += 1.0
            assert (await chain.view()).stalled is None
            votes[2] = "nil-Vote"
            clock.now += 1.0
            assert (await chain.view()).stalled is not None
            network.height += 1
            clock.now += 1.0
            assert (await chain.view()).stalled is None

    async def test_who_looks_once_at_a_chain_that_stands_is_told_at_once(self) -> None:
        network = NetworkDouble()
        rounds = [{"round": 1, "prevotes": ["nil-Vote"] * 4, "precommits": ["nil-Vote"] * 4}]
        vote = f"Vote{{0:{KEYS[0].consensus_address[:12]} 101/01/PREVOTE(Prevote) x}}"
        rounds[0]["prevotes"] = [vote, "nil-Vote", "nil-Vote", "nil-Vote"]
        told = {"round_state": {"height": "101", "round": 1, "step": 4, "votes": rounds}}
        async with serving(network) as served:
            served.nodes[0]._dump_consensus_state = lambda params: told  # type: ignore[attr-defined]
            async with reading(served, age_s=5.0) as chain:
                assert (await chain.view()).stalled is None
            async with reading(served, age_s=300.0) as chain:
                view = await chain.view()
            found = view.stalled
        assert found is not None
        assert (found.power, found.for_s, len(found.missing)) == (10, 300.0, 3)

    async def test_validators_are_read_again_after_fifty_blocks_and_at_a_change(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:

            async def asked(height: int) -> int:
                served.forget()
                served.network.height = height
                clock.now += 1
                await chain.view()
                return sum("validators" in request for server in served.comet for request in server.requests)

            await chain.view()
            assert await asked(120) == 0
            assert await asked(151) == 0
            assert await asked(152) == 1
            assert await asked(153) == 0
            served.network.members = 5
            served.network.validators = 5
            assert await asked(154) + await asked(155) == 1
            assert await asked(156) == 0
            view = await chain.view()
        assert len(view.validators) == 5

    async def test_headers_are_asked_for_once(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            for _ in range(8):
                await chain.view()
                clock.now += 1
                served.network.height += 1
            served.forget()
            await chain.view()
        assert all(server.requests == [OVERVIEW] for server in served.comet)


class TestFailures:
    async def test_a_node_that_is_down(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            await served.stop(served.comet[2])
            clock.now += 3
            served.network.height = 103
            view = await chain.view()
        assert view.height == 103
        assert [node.reachable for node in view.nodes] == [True, True, False, True]
        assert (view.nodes[2].height, view.nodes[2].age_s) == (100, 3.0)
        assert view.nodes[2].moniker == "node3"
        assert view.problem == "1 of 4 nodes does not answer: node3"
        assert view.validators[2].moniker == "node3"

    async def test_down_from_the_beginning(self) -> None:
        async with serving() as served:
            await served.stop(served.comet[0], served.ethereum[0])
            async with reading(served) as chain:
                view = await chain.view()
        assert view.height == 100
        assert view.block_time_s == 1.0
        assert len(view.validators) == 4
        assert view.nodes[0].moniker == view.validators[0].moniker == "node1", "by what the settings call it"
        assert view.problem == "1 of 4 nodes does not answer: node1"
        assert view.proposals

    async def test_a_node_that_comes_back(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await served.stop(served.comet[1])
            assert "1 of 4" in (await chain.view()).problem
            await served.comet[1].start()
            clock.now += 1
            view = await chain.view()
        assert view.problem == ""
        assert view.nodes[1].reachable

    async def test_the_next_ethereum_endpoint_is_taken_and_kept(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            await served.stop(served.ethereum[0])
            served.network.proposals = [proposal_row(2), proposal_row(1, status=6)]
            clock.now += 1
            view = await chain.view()
            assert [proposal.id for proposal in view.proposals] == [2, 1]
            assert view.problem == ""
            healthy = next(server for server in served.ethereum if server.requests and server is not served.ethereum[0])
            served.forget()
            await served.ethereum[0].start()
            await chain.view()
            # One more may be asked beside it, because it is not our own node that speaks.
            assert healthy.requests
            assert sum(len(server.requests) for server in served.ethereum) <= 2

    async def test_an_endpoint_that_lags_is_left(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            served.ports[0].behind = 5
            seen = []
            for _ in range(3):
                clock.now += 1
                served.network.height += 1
                served.forget()
                await chain.view()
                seen.append([len(server.requests) for server in served.ethereum])
        # The second endpoint is a witness, because our own node is behind: one more request.
        assert seen[0] == [1, 0, 0, 0]
        assert [row[1] for row in seen[1:]] == [1, 1]
        assert all(sum(row) == 2 for row in seen[1:])

    async def test_what_a_lagging_endpoint_says_does_not_replace_newer_news(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            served.ports[0].behind = 50
            served.network.proposals = []
            clock.now += 1
            view = await chain.view()
        assert [proposal.id for proposal in view.proposals] == [1]

    async def test_no_ethereum_at_all(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            await served.stop(*served.ethereum)
            clock.now += 65
            served.network.height = 120
            view = await chain.view()
        assert view.height == 120
        assert [proposal.id for proposal in view.proposals] == [1]
        assert view.problem.startswith("plans are 1m 05s old: http://127.0.0.1:")
        assert view.age_s == 0

    async def test_no_ethereum_from_the_beginning(self) -> None:
        async with serving() as served:
            await served.stop(*served.ethereum)
            async with reading(served) as chain:
                view = await chain.view()
        assert view.height == 100
        assert view.proposals == ()
        assert view.problem.startswith("plans cannot be read: http://127.0.0.1:")

    async def test_no_cometbft(self) -> None:
        async with serving() as served:
            await served.stop(*served.comet)
            async with reading(served) as chain:
                view = await chain.view()
        assert view.height == 100
        assert view.proposals
        assert view.validators == ()
        assert "4 of 4 nodes do not answer" in view.problem

    async def test_everything_down(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            await served.stop(*served.ethereum, *served.comet)
            clock.now += 1
            with pytest.raises(EndpointDown, match="no RPC endpoint of network devnet answers"):
                await chain.view()
            for server in (*served.ethereum, *served.comet):
                await server.start()
            clock.now += 1
            assert (await chain.view()).height == 100

    async def test_a_silent_node_slows_only_the_first_view(self) -> None:
        clock = Clock()
        quiet = asyncio.Event()

        async def wait() -> None:
            await quiet.wait()

        async with serving() as served, reading(served, clock) as chain:
            served.comet[3].gate = wait
            await chain.view()
            clock.now += 2
            began = time.monotonic()
            view = await chain.view()
            assert time.monotonic() - began < 1.5
            assert [node.reachable for node in view.nodes] == [True, True, True, False]
            quiet.set()

    async def test_closing_with_a_request_under_way(self) -> None:
        async def wait() -> None:
            await asyncio.Event().wait()

        async with serving() as served:
            clock = Clock()
            chain = IpcChain(served.settings, clock=clock)
            served.comet[0].gate = wait
            await chain.view()
            clock.now += 2
            await chain.view()
            await chain.close()


class TestWrong:
    async def test_html_everywhere(self) -> None:
        async def html(request: web.Request) -> web.Response:
            return web.Response(text="<html>It works!</html>", content_type="text/html")

        async with serving() as served, servers.http(html) as url:
            settings = replace(served.settings, cometbft_rpc=(url,), ethereum_rpc=(url,))
            chain = IpcChain(settings)
            with pytest.raises(BadAnswer, match="answered with HTML instead of JSON-RPC"):
                await chain.view()
            with pytest.raises(BadAnswer, match="HTML"):
                await chain.check()
            await chain.close()

    async def test_html_from_one(self) -> None:
        async def html(request: web.Request) -> web.Response:
            return web.Response(text="<html>It works!</html>", content_type="text/html")

        async with serving() as served, servers.http(html) as url:
            settings = served.settings
            settings = replace(
                settings, cometbft_rpc=(url, *settings.cometbft_rpc), ethereum_rpc=(url, *settings.ethereum_rpc)
            )
            chain = IpcChain(settings, clock=Clock())
            view = await chain.view()
            await chain.close()
        assert view.proposals
        assert "HTML" in view.problem
        assert [node.reachable for node in view.nodes] == [False, True, True, True, True]

    async def test_another_evm_chain(self) -> None:
        async with serving(NetworkDouble(evm_chain_id=1)) as served:
            await served.stop(*served.comet)
            async with reading(served) as chain:
                says = f"belongs to chain 1, not to chain {EVM_CHAIN_ID} of network devnet"
                with pytest.raises(BadAnswer, match=says):
                    await chain.view()
                with pytest.raises(BadAnswer, match=says):
                    await chain.check()

    async def test_another_cometbft_chain(self) -> None:
        async with serving(NetworkDouble(chain_id="other\x1b[2J")) as served:
            async with reading(served) as chain:
                view = await chain.view()
            assert "belongs to chain" in view.problem
            assert view.problem.isprintable()
            assert not any(node.reachable for node in view.nodes)
            assert view.validators == ()
            await served.stop(*served.ethereum)
            async with reading(served) as chain:
                with pytest.raises(BadAnswer, match="belongs to chain"):
                    await chain.view()

    async def test_a_chain_id_that_changes_in_mid_session(self) -> None:
        clock = Clock()
        async with serving() as served, reading(served, clock) as chain:
            await chain.view()
            served.network.evm_chain_id = 5
            served.network.chain_id = "mainnet"
            clock.now += 1
            with pytest.raises(BadAnswer, match="belongs to chain"):
                await chain.view()

    async def test_no_registry(self) -> None:
        async with serving(NetworkDouble(code="0x")) as served, reading(served) as chain:
            with pytest.raises(NoRegistry, match=f"no contract at the registry address {REGISTRY}"):
                await chain.check()
            served.forget()
            view = await chain.view()
            assert [len(server.requests) for server in served.ethereum] == [1, 0, 0, 0]
        assert "no contract at the registry's address" in view.problem
        assert view.height == 100

    async def test_a_registry_that_is_there(self) -> None:
        async with serving() as served, reading(served) as chain:
            await served.stop(served.ethereum[0])
            await chain.check()
            await served.stop(*served.ethereum[1:])
            with pytest.raises(EndpointDown):
                await chain.check()

    @pytest.mark.parametrize("method", ["status", "abci_info", "net_info", "validators", "commit"])
    @pytest.mark.parametrize("junk", [None, 5, [], {"x": 1}, "x"])
    async def test_one_wrong_part_of_every_node(self, method: str, junk: object) -> None:
        async with serving(count=2) as served:
            for node, server in zip(served.nodes, served.comet, strict=True):
                server.answer = _spoiled(node.answer, method, junk)
            async with reading(served) as chain:
                view = await chain.view()
        assert view.proposals
        assert view.problem.isprintable()
        if method in {"status", "abci_info", "net_info"}:
            assert not any(node.reachable for node in view.nodes)
            assert view.problem
        elif method == "validators":
            assert view.validators == ()
            assert "validators cannot be read" in view.problem
        else:
            assert view.block_time_s is None
            assert view.problem == ""

    @pytest.mark.parametrize("method", ["eth_blockNumber", "eth_chainId", "eth_call"])
    @pytest.mark.parametrize("junk", [None, 5, [], "x", "0x-1", "0x" + "f" * 64, -1])
    async def test_one_wrong_part_of_ethereum(self, method: str, junk: object) -> None:
        async with serving(count=1) as served:
            served.ethereum[0].answer = _spoiled(served.ports[0].answer, method, junk)
            async with reading(served) as chain:
                view = await chain.view()
        assert view.height == 100
        assert view.proposals == ()
        assert view.problem.startswith("plans cannot be read: ")
        assert view.problem.isprintable()


class TestReadinessBelongsToItsProposal:
    async def test_a_block_between_the_parts_of_a_batch(self) -> None:
        """The membership is read, then a block brings a new proposal: the rows are not shown as the new one's."""
        async with serving(NetworkDouble(proposals=[]), count=1) as served:
            calls: list[str] = []
            honest = served.ports[0].answer

            def answer(method: str, params: object) -> object:
                result = honest(method, params)
                calls.append(method)
                if calls == ["eth_blockNumber", "eth_chainId", "eth_call"]:
                    served.network.height += 1
                    served.network.proposals = [proposal_row(1, proposedAt=101)]
                    served.network.readiness = {0: {"readyAt": 101}}
                return result

            served.ethereum[0].answer = answer
            async with reading(served) as chain:
                view = await chain.view()
        assert [proposal.id for proposal in view.proposals] == [1]
        assert view.readiness is not None
        assert view.readiness.validators[0].ready
        assert len(served.ethereum[0].requests) == 2


def _spoiled(answer: servers.Answer, method: str, junk: object) -> servers.Answer:
    return lambda asked, params: junk if asked == method else answer(asked, params)


def test_import_is_light() -> None:
    """The first frame waits for this import: neither Textual nor web3 nor what they bring."""
    code = (
        "import sys, console.chain.ipc;"
        "print(*[name for name in ('textual', 'web3', 'eth_account', 'eth_abi', 'eth') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
