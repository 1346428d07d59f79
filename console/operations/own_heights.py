"""Where one node stands, by its own RPC: the cheap pair of block store and application (facts/cosmos.md §5)."""

from __future__ import annotations

from dataclasses import dataclass

from console.chain.cometbft import overview_calls, parse_abci_info, parse_status
from console.chain.cosmos import queries
from console.chain.cosmos.answers import parse_applied
from console.chain.cosmos.source import RpcSource
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.errors import ChainError
from console.settings import NetworkSettings
from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class OwnHeights:
    """One reading."""

    height: int
    """Block store height."""
    app_height: int
    """H − 1 beside a height of H is a halt."""
    version: UntrustedText
    """As the application says it; empty where it does not."""
    catching_up: bool

    @property
    def words(self) -> str:
        """In one line."""
        return f"blocks to {self.height:,}, executed to {self.app_height:,}, version {self.version or 'not said'}"


async def own_heights(url: str) -> OwnHeights:
    """Ask once. Raises ChainError: it does not answer, or not as it should."""
    rpc = JsonRpc()
    where = endpoint_name(url)
    try:
        first, second = await rpc.batch(url, [overview_calls()[0], Call("abci_info", {})])
        status, info = (
            parse_status(first.value(f"status of {where}")),
            parse_abci_info(second.value(f"abci_info of {where}")),
        )
    finally:
        await rpc.close()
    return OwnHeights(status.height, info.height, info.version, status.catching_up)


async def heights_or_none(url: str) -> OwnHeights | None:
    """As `own_heights`; None while the node does not answer."""
    try:
        return await own_heights(url)
    except ChainError:
        return None


async def applied_at(network: NetworkSettings, url: str, name: str) -> int:
    """Height at which the chain applied a plan, by the node of that URL; 0 for not. Raises ChainError."""
    rpc = JsonRpc()
    try:
        told = await RpcSource(rpc, url, network.chain_id).ask([queries.applied_plan(name)])
    finally:
        await rpc.close()
    return parse_applied(told.of(0))
