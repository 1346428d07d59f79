"""Who takes part in consensus: by the newest whole commits of the endpoint that is furthest."""

from __future__ import annotations

import pytest

from console.chain.taking_part import TakingPart
from console.errors import ChainError
from tests.console.chain.network_double import KEYS, NetworkDouble
from tests.console.chain.network_servers import serving

pytestmark = pytest.mark.anyio


async def test_a_validator_under_none_of_the_newest_commits_is_down() -> None:
    async with serving(count=2) as served:
        # One voted for nothing, one is absent.
        served.nodes[0].signers = {0: 2, 1: 2, 2: 3}
        # The other endpoint stands still: it would say that everybody signs.
        served.nodes[1].behind = 40
        async with TakingPart(served.settings, [each.url for each in reversed(served.comet)]) as reader:
            found = await reader.read()
        assert found.height == 100
        assert found.decided_at == served.network.time_ns(99) / 1e9
        assert found.total == 40
        assert found.silent == {key.consensus_address for key in KEYS[2:4]}
        assert found.source.endswith(served.comet[0].url.rsplit(":", 1)[1])
        await served.stop(served.comet[0])
        async with TakingPart(served.settings, [each.url for each in served.comet]) as reader:
            assert (await reader.read()).height == 60
        await served.stop(served.comet[1])
        async with TakingPart(served.settings, [each.url for each in served.comet]) as reader:
            with pytest.raises(ChainError):
                await reader.read()


async def test_another_chain_and_a_chain_that_has_just_begun_tell_nothing() -> None:
    async with serving(NetworkDouble(height=2), count=1) as served:
        async with TakingPart(served.settings, [served.comet[0].url]) as reader:
            with pytest.raises(ChainError, match="too early"):
                await reader.read()
        settings = served.settings
        served.network.chain_id = "another"
        async with TakingPart(settings, [served.comet[0].url]) as reader:
            with pytest.raises(ChainError, match="belongs to chain"):
                await reader.read()
