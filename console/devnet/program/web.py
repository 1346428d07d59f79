"""The node's two HTTP ports: opened after the handshake, on sockets that were bound before it."""

from __future__ import annotations

import socket

from aiohttp import web

from .errors import NodeError
from .evm_client import EvmClient
from .gossip import Gossip
from .node import Node
from .p2p import Hello
from .txpool import TxPool


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
        (CometPort(node, gossip.network, identity).app(), EthereumPort(node, pool, evm).app()), sockets, strict=True
    ):
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.SockSite(runner, bound).start()
        except OSError as error:
            host, port = bound.getsockname()
            raise NodeError(f"the port {host}:{port} cannot be opened: {error.strerror or error}") from None
