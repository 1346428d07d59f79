"""The doubles of a network behind real servers, and a clock that the test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from console.settings import NetworkSettings
from tests.console.chain.network_double import CometDouble, EthereumDouble, NetworkDouble
from tests.console.chain.servers import JsonRpcServer, json_rpc


class Clock:
    """Monotonic seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    """A network of doubles that answers."""

    network: NetworkDouble
    nodes: list[CometDouble]
    ports: list[EthereumDouble]
    comet: list[JsonRpcServer]
    ethereum: list[JsonRpcServer]

    @property
    def settings(self) -> NetworkSettings:
        return self.network.settings([each.url for each in self.comet], [each.url for each in self.ethereum])

    def forget(self) -> None:
        """Forget what was asked."""
        for server in (*self.comet, *self.ethereum):
            server.requests.clear()

    async def stop(self, *servers: JsonRpcServer) -> None:
        for server in servers:
            await server.stop()


@asynccontextmanager
async def serving(network: NetworkDouble | None = None, *, count: int = 4) -> AsyncIterator[Served]:
    """A network with `count` nodes."""
    network = network or NetworkDouble()
    nodes = [CometDouble(network, index) for index in range(count)]
    ports = [EthereumDouble(network) for _ in range(count)]
    async with AsyncExitStack() as stack:
        yield Served(
            network,
            nodes,
            ports,
            [await stack.enter_async_context(json_rpc(node.answer)) for node in nodes],
            [await stack.enter_async_context(json_rpc(port.answer)) for port in ports],
        )
