"""A call signed by a process of its own, where the tests around sign in theirs (tests/console/chain/signer_here)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console import bare_process
from console.chain import signing
from console.chain.sent import SentBook
from console.chain.writer import RegistryWriter
from tests.console.chain.evm_facade import facade, key_file, network_of
from tests.console.chain.servers import json_rpc
from tests.console.devnet.evm.world import VALIDATORS

pytestmark = pytest.mark.anyio

OPERATOR = "0x00000000000000000000000000000000000000aa"


async def test_a_call_is_signed_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, end = [], bare_process.end_group

    async def watched(process: asyncio.subprocess.Process) -> None:
        await end(process)
        ended.append((process.pid, process.returncode))

    monkeypatch.setattr(signing, "end_group", watched)
    async with facade(tmp_path) as evm, json_rpc(evm.answer) as server:
        evm.mine()
        network = network_of(tmp_path, server.url, evm.registry)
        writer = RegistryWriter(network, [server.url], SentBook(tmp_path / "sent"))
        try:
            receipt = await writer.send(key_file(tmp_path, VALIDATORS[0]), "setOperator", (OPERATOR,))
        finally:
            await writer.close()
        assert receipt.block == evm.height
    # One said the key's address, another signed; both ended by themselves.
    assert len(dict(ended)) == 2
    assert set(dict(ended).values()) == {0}
