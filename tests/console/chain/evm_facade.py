"""The devnet's real EVM behind an Ethereum port that mines each transaction at once, for one test.

It runs in this process: that it also does in one of its own is tested with its server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from console.devnet.evm.genesis import Genesis
from console.devnet.evm.ledger import Ledger
from console.devnet.evm.server import Operations
from console.ports.keys import KeyReference
from console.settings import NetworkSettings, NodeSettings
from tests.console.chain.servers import Refusal
from tests.console.devnet.evm.world import CHAIN_ID, OPERATORS, START, VALIDATORS, block_hash, genesis

__all__ = ["EvmFacade", "facade", "key_file", "network_of", "node_of"]


class EvmFacade:
    """Ethereum JSON-RPC of one node: heights, blocks on demand, and switches for what goes wrong."""

    def __init__(self, evm: Operations, registry: str) -> None:
        self.registry = registry
        self.height = 0
        self.url = ""
        self.sent: list[str] = []
        self.mining = True
        """Whether a transaction is mined when it comes."""
        self.forgets = 0
        """How many transactions are taken and then lost."""
        self.before_send: Callable[[], None] | None = None
        self._evm = evm

    def mine(self, *raws: str) -> None:
        """The next block."""
        self.height += 1
        self._ask(
            {
                "op": "execute",
                "height": self.height,
                "block": block_hash(self.height),
                "time": START + self.height,
                "txs": list(raws),
            }
        )

    def mine_to(self, height: int) -> None:
        """Empty blocks until `height`."""
        while self.height < height:
            self.mine()

    def answer(self, method: str, params: Any) -> Any:
        if method == "eth_sendRawTransaction":
            return self._send(params[0])
        request = {"op": "rpc", "height": self.height, "requests": [{"method": method, "params": params}]}
        (response,) = self._ask(request)["responses"]
        if "error" in response:
            error = response["error"]
            raise Refusal(error["code"], error["message"], error.get("data"))
        return response["result"]

    def _send(self, raw: str) -> str:
        self.sent.append(raw)
        hook, self.before_send = self.before_send, None
        if hook is not None:
            hook()
        checked = self._ask({"op": "check", "height": self.height, "tx": raw})
        if not checked["ok"]:
            raise Refusal(-32000, checked["reason"])
        if self.forgets:
            self.forgets -= 1
        elif self.mining:
            self.mine(raw)
        return str(checked["hash"])

    def _ask(self, request: dict[str, Any]) -> Any:
        # Blocking, so that no two requests of a test overlap: one node, one state.
        return self._evm.answer(request)


@asynccontextmanager
async def facade(folder: Path, made: Genesis | None = None) -> AsyncIterator[EvmFacade]:
    """The EVM on a fresh genesis, that of the tests by default, and its facade (not behind a server yet)."""
    made = made or genesis()
    ledger = Ledger(made.document, folder / "evm")
    try:
        yield EvmFacade(Operations(ledger), made.registry)
    finally:
        ledger.close()


def key_file(folder: Path, account: Any) -> KeyReference:
    """A key file of an account as the devnet writes it."""
    path = folder / f"{account.address}.key"
    path.write_text("0x" + account.key.hex().removeprefix("0x"))
    path.chmod(0o600)
    return KeyReference(path)


def node_of(folder: Path, url: str, index: int) -> NodeSettings:
    """Settings of the node of one validator, with its operator's key."""
    return NodeSettings(
        name=f"node{index + 1}",
        home=folder,
        state_dir=folder,
        daemon="subnetd",
        arguments=(),
        address=VALIDATORS[index].address,
        cometbft_rpc="http://127.0.0.1:1",
        ethereum_rpc=url,
        operator_key=key_file(folder, OPERATORS[index]),
    )


def network_of(folder: Path, url: str, registry: str) -> NetworkSettings:
    """Settings of the network that one facade stands for."""
    return NetworkSettings(
        name="devnet",
        kind="ipc",
        chain_id="devnet-1",
        evm_chain_id=CHAIN_ID,
        registry=registry,
        cometbft_rpc=("http://127.0.0.1:1",),
        ethereum_rpc=(url,),
        proposer_key=None,
        nodes=(node_of(folder, url, 0),),
    )
