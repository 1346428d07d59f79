"""Which transaction is taken for an exported call: this very one, itself or inside a multisig's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.addresses import keccak
from console.errors import ChainError, ConsoleError, InputError
from console.operations.contract_export import ExportedCall
from console.operations.sent_elsewhere import SentElsewhere, import_sent
from tests.console.chain.servers import json_rpc
from tests.console.operations.examples import a_network

pytestmark = pytest.mark.anyio

HASH = "0x" + "11" * 32
SENDER = "0x" + "22" * 20
SAFE = "0x" + "33" * 20
DATA = bytes.fromhex("40e58ee5") + (7).to_bytes(32, "big")


class Chain:
    """One endpoint with one transaction."""

    def __init__(self, network: Any) -> None:
        self.chain_id = network.evm_chain_id
        self.sent: dict[str, Any] | None = {
            "hash": HASH,
            "from": SENDER,
            "to": network.registry.lower(),
            "input": "0x" + DATA.hex(),
        }
        self.receipt: dict[str, Any] | None = {
            "transactionHash": HASH,
            "blockNumber": "0x10",
            "gasUsed": "0x1",
            "status": "0x1",
            "logs": [],
        }

    def answer(self, method: str, _params: Any) -> Any:
        return {
            "eth_chainId": hex(self.chain_id),
            "eth_getTransactionByHash": self.sent,
            "eth_getTransactionReceipt": self.receipt,
        }[method]


async def taken(folder: Path, change: Any = None, transaction: str = HASH, **call: Any) -> SentElsewhere:
    network = a_network(folder)
    chain = Chain(network)
    if change is not None:
        change(chain, network)
    async with json_rpc(chain.answer) as server:
        network = replace(network, ethereum_rpc=(server.url,))
        exported = replace(ExportedCall(network.evm_chain_id, network.registry, DATA, "cancel(7)"), **call)
        return await import_sent(network, exported, transaction, wait_s=0)


def inside_a_safe(chain: Chain, network: Any, *, says: bool = True) -> None:
    assert chain.sent is not None
    assert chain.receipt is not None
    padded = "00" * 12 + network.registry[2:].lower()
    chain.sent |= {"to": SAFE, "input": "0x6a761202" + padded + "00" * 32 + DATA.hex() + "00" * 28}
    topic = "0x" + keccak(b"ProposalCancelled(uint64)").hex()
    told = {"address": network.registry.lower(), "topics": [topic], "data": "0x"}
    chain.receipt |= {"logs": [told] if says else [{**told, "address": SAFE}]}


async def test_the_call_itself(tmp_path: Path) -> None:
    found = await taken(tmp_path)
    assert (found.receipt.block, found.sender.lower(), found.through) == (16, SENDER, "")


async def test_the_call_through_a_multisig_counts_when_the_registry_says_so(tmp_path: Path) -> None:
    assert (await taken(tmp_path, inside_a_safe)).through.lower() == SAFE
    with pytest.raises(ChainError, match="the registry says nothing in it"):
        await taken(tmp_path, lambda chain, network: inside_a_safe(chain, network, says=False))


@pytest.mark.parametrize(
    ("change", "kind", "part"),
    [
        (lambda chain, _: chain.sent.update(input="0x" + DATA.hex() + "00"), InputError, "makes another call"),
        (lambda chain, _: chain.sent.update(to=SAFE), InputError, "makes another call"),
        (lambda chain, _: chain.sent.update(to=None), InputError, "makes another call"),
        (lambda chain, _: chain.receipt.update(status="0x0"), ChainError, "was reverted in block 16"),
        (lambda chain, _: setattr(chain, "receipt", None), ChainError, "in no block after 0 s"),
        (lambda chain, _: setattr(chain, "sent", None), ChainError, "in no block after 0 s"),
        (lambda chain, _: setattr(chain, "chain_id", 1), ChainError, "belongs to chain 1"),
        (lambda chain, _: chain.sent.update(hash="0x" + "44" * 32), ChainError, "another transaction"),
    ],
)
async def test_anything_else_is_not_taken(tmp_path: Path, change: Any, kind: type[ConsoleError], part: str) -> None:
    with pytest.raises(kind, match=part):
        await taken(tmp_path, change)


async def test_what_is_not_for_this_registry_is_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a transaction's hash"):
        await taken(tmp_path, transaction="0x12")
    with pytest.raises(InputError, match="not for the registry of network"):
        await taken(tmp_path, chain_id=5)
    with pytest.raises(InputError, match="not for the registry of network"):
        await taken(tmp_path, target=SAFE)
