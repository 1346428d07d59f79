"""What reads a network, by its kind."""

from __future__ import annotations

from typing import Protocol

from console.model import ChainView
from console.settings import NetworkSettings


class Chain(Protocol):
    """A chain of either kind: `console.observer.ChainReader`, and what belongs to its life."""

    async def view(self) -> ChainView: ...
    async def check(self) -> None:
        """Check that there is somebody to tell of upgrades. Raises ChainError."""
        ...

    async def close(self) -> None: ...


def chain_of(network: NetworkSettings) -> Chain:
    """What reads the network; what only one kind needs is imported for that kind."""
    if network.kind == "cosmos":
        from console.chain.cosmos.chain import CosmosChain

        return CosmosChain(network)
    from console.chain.ipc import IpcChain

    return IpcChain(network)
