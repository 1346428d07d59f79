"""Which blocks a validator signed: what is asked, what is kept, and what is said when nothing is known."""

from __future__ import annotations

from typing import Any

import pytest

from console.chain.signing_record import KEPT, SigningRecords
from console.model import Signed
from tests.console.chain.network_double import KEYS
from tests.console.chain.network_servers import Served, serving
from tests.console.chain.servers import Refusal

pytestmark = pytest.mark.anyio
FIRST, SECOND, THIRD = (key.consensus_address for key in KEYS[:3])


def records_of(served: Served) -> SigningRecords:
    return SigningRecords(served.settings, [server.url for server in served.comet])


async def test_ten_commits_of_one_request_serve_every_validator_and_are_asked_for_once() -> None:
    async with serving(count=2) as served:
        served.nodes[0].signers = {0: 2, 2: 3}
        records = records_of(served)
        found = await records.read(FIRST, 100)
        # The newest block's own commit is still being collected.
        assert [height for height, _mark in found.blocks] == list(range(90, 100))
        assert {mark for _height, mark in found.blocks} == {Signed.BLOCK}
        assert served.comet[0].requests == [["commit"] * 10]
        assert (found.source, found.problem) == (f"http://127.0.0.1:{served.comet[0].url.rsplit(':', 1)[1]}", "")
        second = await records.read(SECOND, 100)
        assert [height for height, _mark in second.blocks] == list(range(80, 100))
        assert {mark for _height, mark in second.blocks} == {Signed.ABSENT}
        assert {mark for _height, mark in (await records.read(THIRD, 100)).blocks} == {Signed.NOTHING}
        for _again in range(9):
            found = await records.read(FIRST, 100)
        asked = len(served.comet[0].requests)
        assert [height for height, _mark in found.blocks] == list(range(1, 100))
        await records.read(FIRST, 100)
        assert len(served.comet[0].requests) == asked
        served.network.height = 150
        for _again in range(6):
            found = await records.read(FIRST, 150)
        assert [height for height, _mark in found.blocks] == list(range(150 - KEPT, 150))
        await records.close()


async def test_pruned_blocks_are_left_out_and_not_asked_for_again() -> None:
    async with serving(count=1) as served:
        honest = served.nodes[0].answer

        def pruned(method: str, params: Any) -> Any:
            if int(params["height"]) < 95:
                raise Refusal(-32603, "height 94 is not available, lowest height is 95")
            return honest(method, params)

        served.comet[0].answer = pruned
        records = records_of(served)
        assert [height for height, _mark in (await records.read(FIRST, 100)).blocks] == list(range(95, 100))
        await records.read(FIRST, 100)
        assert len(served.comet[0].requests) == 1
        await records.close()


async def test_the_next_endpoint_is_asked_and_a_reason_given_when_none_tells() -> None:
    async with serving(count=3) as served:
        await served.stop(served.comet[0])
        served.nodes[1].network = type(served.network)(chain_id="other")
        records = records_of(served)
        found = await records.read(FIRST, 100)
        assert (len(found.blocks), found.source.rsplit(":", 1)[1]) == (10, served.comet[2].url.rsplit(":", 1)[1])
        await served.stop(*served.comet[1:])
        known = await records.read(FIRST, 101)
        assert len(known.blocks) == 10
        assert "does not answer" in known.problem
        fresh = records_of(served)
        nothing = await fresh.read(FIRST, 101)
        assert (nothing.blocks, nothing.source) == ((), "")
        assert "does not answer" in nothing.problem
        assert (await fresh.read(FIRST, None)).problem == "the chain's height is not known"
        await fresh.close()
        await records.close()
