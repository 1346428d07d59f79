"""What operators script with, stock web3, against our endpoint and our contract: both read the same, and so do we.

web3 encodes, decodes, fills in gas and signs by itself here: an oracle for our own codec and transactions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import ContractCustomError

from console.chain.contracts import artefact
from console.chain.ipc import IpcChain
from tests.console.chain.test_transactions import HASH, TARGET, subnet_in
from tests.console.devnet.evm.world import OPERATORS, VALIDATORS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]


async def test_web3_reads_what_we_wrote_and_we_read_what_web3_wrote(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        web3 = AsyncWeb3(AsyncHTTPProvider(subnet.server.url))
        chain = IpcChain(subnet.network)
        abi = artefact("UpgradeRegistry").abi
        registry = web3.eth.contract(address=web3.to_checksum_address(subnet.network.registry), abi=abi)
        await subnet.propose()
        (ours,) = (await chain.view()).proposals
        (theirs,), total = await registry.functions.proposals(0, 10).call()
        assert total == 1
        fields = next(entry for entry in abi if entry.get("name") == "proposals")["outputs"][0]["components"]
        theirs_named = dict(zip([field["name"] for field in fields], theirs, strict=True))
        assert (theirs_named["name"], theirs_named["targetHeight"]) == (ours.name, ours.target_height)
        assert theirs_named["releaseHash"].hex() == ours.release_hash

        operator = OPERATORS[0]
        call = registry.functions.signalReady(1, HASH)
        made = await call.build_transaction(
            {"from": operator.address, "nonce": await web3.eth.get_transaction_count(operator.address)}
        )
        sent = await web3.eth.send_raw_transaction(operator.sign_transaction(dict[str, Any](made)).raw_transaction)
        receipt = await web3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.01)
        assert receipt["status"] == 1
        readiness = (await chain.view()).readiness
        assert readiness is not None
        assert [entry.ready for entry in readiness.validators] == [True, False, False, False]
        assert readiness.validators[0].address == VALIDATORS[0].address

        with pytest.raises(ContractCustomError):
            await registry.functions.signalArmed(1, TARGET + 1).call({"from": operator.address})
        await web3.provider.disconnect()
        await chain.close()
