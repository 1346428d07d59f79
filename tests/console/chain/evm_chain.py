"""JSON-RPC answered by the tests' own EVM in this process: what a diamond is read from, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth.vm.message import Message

from console.addresses import ZERO_ADDRESS, checksummed
from console.chain.cuts import Cut, encode_cut
from console.chain.diamond import Diamond, Place, read_diamond
from console.chain.rpc import Call, JsonRpc, Reply, RpcError
from console.text import untrusted
from tests.contracts.evm import GAS, Chain, Contract
from tests.contracts.gateway import deploy_gateway
from tests.contracts.registry import OWNER, PARENT, members

CHAIN_ID = 31337
URL = "http://127.0.0.1:1"
REGISTRY = checksummed(OWNER)


class EvmRpc(JsonRpc):
    """One endpoint. `answers` replaces what it says to a method."""

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        self.chain = chain
        self.answers: dict[str, Any] = {}
        self.requests = 0

    async def batch(self, url: str, calls: Sequence[Call], *, deadline_s: float | None = None) -> tuple[Reply, ...]:
        self.requests += 1
        return tuple(self._answer(each) for each in calls)

    def _answer(self, call: Call) -> Reply:
        if call.method in self.answers:
            return Reply(self.answers[call.method])
        assert isinstance(call.params, Sequence)
        match call.method:
            case "eth_chainId":
                return Reply(hex(CHAIN_ID))
            case "eth_blockNumber":
                return Reply(hex(self.chain.number))
            case "eth_getCode":
                return Reply("0x" + self.chain.code(str(call.params[0])).hex())
            case "eth_call":
                request: Any = call.params[0]
                done = send(self.chain, request["to"], bytes.fromhex(request["data"][2:]), REGISTRY, keep=False)
                if done.is_success:
                    return Reply("0x" + done.output.hex())
                return Reply(error=RpcError(3, untrusted("execution reverted"), "0x" + done.output.hex()))
        raise AssertionError(call.method)


def send(chain: Chain, to: str, data: bytes, sender: str, *, keep: bool = True) -> Any:
    """A call with raw data."""
    raw, origin = bytes.fromhex(to[2:]), bytes.fromhex(sender[2:])
    code = chain.code(to)
    return chain.apply(Message(gas=GAS, to=raw, sender=origin, value=0, data=data, code=code), keep=keep)  # type: ignore[arg-type]


class Bench:
    """A gateway diamond that belongs to `REGISTRY`, and a reader of it."""

    def __init__(self) -> None:
        self.chain = Chain(100)
        self.diamond: Contract = deploy_gateway(self.chain, OWNER, PARENT, members([7, 5]))
        self.rpc = EvmRpc(self.chain)
        self.place = Place("gateway", checksummed(self.diamond.address), (URL,), CHAIN_ID, REGISTRY)

    async def read(self) -> Diamond:
        return await read_diamond(self.rpc, self.place)

    def cut(self, cut: Cut, *, sender: str = REGISTRY) -> bool:
        """Make a cut; whether the diamond took it."""
        return bool(send(self.chain, self.place.address, encode_cut(cut), sender).is_success)

    def deploy(self, name: str) -> str:
        """Checksummed address of a new copy of a shipped contract."""
        return checksummed(self.chain.deploy(name).address)


__all__ = ["CHAIN_ID", "REGISTRY", "URL", "ZERO_ADDRESS", "Bench", "EvmRpc", "send"]
