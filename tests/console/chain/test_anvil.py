"""The chain client against anvil: reading and writing the contract on an Ethereum node that is not ours."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.console.chain.evm_facade import network_of
from tests.console.chain.test_transactions import OnChain, agreed_and_frozen
from tests.console.devnet.evm.world import CHAIN_ID, START, genesis
from tests.console.devnet.program.network import free_ports
from tests.peers import ANVIL, require

pytestmark = [pytest.mark.anyio, pytest.mark.peer, pytest.mark.usefixtures("signer_here")]

BASE_FEE = 100
"""Wei per gas, as on the devnet."""
DEADLINE_S = 30.0


@dataclass
class Anvil:
    """One that runs."""

    url: str

    @property
    def height(self) -> int:
        """Its newest block."""
        return int(self.ask("eth_blockNumber"), 16)

    def mine_to(self, height: int) -> None:
        """Empty blocks until `height`."""
        while self.height < height:
            self.ask("evm_mine")

    def ask(self, method: str, *params: Any) -> Any:
        """One call; its result."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
            answer = json.load(response)
        assert "error" not in answer, answer
        return answer["result"]


@contextmanager
def anvil(folder: Path) -> Iterator[Anvil]:
    """An anvil with the tests' contracts, deployed by the transactions of the devnet's genesis."""
    made = genesis()
    accounts = {address: {"balance": balance} for address, balance in made.document["alloc"].items()}
    (folder / "genesis.json").write_text(
        json.dumps({"config": {"chainId": CHAIN_ID}, "alloc": accounts, "gasLimit": "0x12a05f200", "difficulty": "0x0"})
    )
    (port,) = free_ports(1)
    command = [str(require(ANVIL)), "--port", str(port), "--chain-id", str(CHAIN_ID), "--hardfork", "shanghai"]
    command += ["--init", str(folder / "genesis.json"), "--timestamp", str(START), "--accounts", "1"]
    command += ["--gas-limit", "5000000000", "--block-base-fee-per-gas", str(BASE_FEE)]
    with open(folder / "anvil.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        found = Anvil(f"http://127.0.0.1:{port}")
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                found.ask("eth_chainId")
                break
            except OSError:
                assert process.poll() is None, (folder / "anvil.log").read_text()
                assert time.monotonic() < end, "anvil does not answer"
                time.sleep(0.05)
        for raw in made.document["txs"]:
            sent = found.ask("eth_sendRawTransaction", raw)
            while (receipt := found.ask("eth_getTransactionReceipt", sent)) is None:
                assert time.monotonic() < end, f"{sent} is not mined"
                time.sleep(0.01)
            assert receipt["status"] == "0x1"
        yield found
    finally:
        process.kill()
        process.wait()


async def test_an_upgrade_is_agreed_and_frozen_on_anvil(tmp_path: Path) -> None:
    with anvil(tmp_path) as chain:
        network = network_of(tmp_path, chain.url, genesis().registry)
        await agreed_and_frozen(OnChain(chain, chain, tmp_path, network, ahead=1))
