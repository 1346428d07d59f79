"""The node's two HTTP ports: opened after the handshake, on sockets that were bound before it."""

from __future__ import annotations

import socket

from aiohttp import web

from .errors import NodeError
from .evm_client import EvmClient
from .gossip import Gossip
from .node import Node
from .p2p import Hello
from .txpool import Submitted, TxPool


class NodeView:
    """The embedded node as its Ethereum port sees it (`eth_rpc.ChainView`)."""

    def __init__(self, node: Node, pool: TxPool) -> None:
        self._node = node
        self._pool = pool

    async def height(self) -> int:
        """As in `ChainView`."""
        return self._node.state.height

    async def highest(self) -> int | None:
        """As in `ChainView`."""
        return max(peer.height for peer in self._node.peers.values()) if self._node.catching_up else None

    async def submit(self, raw: bytes) -> Submitted:
        """As in `ChainView`."""
        return await self._pool.submit(raw)

    async def pending_nonce(self, sender: str, nonce: int) -> int:
        """As in `ChainView`."""
        return self._node.mempool.pending_nonce(sender, nonce)


async def serve(
    node: Node,
    gossip: Gossip,
    pool: TxPool,
    evm: EvmClient,
    identity: Hello,
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """Opens both ports; they stay open until the process ends."""
    from .eth_rpc import EthereumPort
    from .rpc import CometPort

    for app, bound in zip(
        (CometPort(node, gossip.network, identity).app(), EthereumPort(NodeView(node, pool), evm).app()),
        sockets,
        strict=True,
    ):
        await open_port(app, bound)


async def open_port(app: web.Application, bound: socket.socket) -> None:
    """Serves on a bound socket until the process ends. Raises NodeError."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, bound).start()
    except OSError as error:
        host, port = bound.getsockname()
        raise NodeError(f"the port {host}:{port} cannot be opened: {error.strerror or error}") from None
