"""Storage of an EVM after one block: from one endpoint, the first that tells its height."""

from __future__ import annotations

from typing import Any

import pytest

from console.chain.evm_state import EvmState
from console.errors import EndpointDown
from tests.console.chain.servers import json_rpc

pytestmark = pytest.mark.anyio


async def test_slots_are_read_at_one_block_and_other_keys_hold_nothing() -> None:
    asked: list[list[Any]] = []

    def answer(method: str, params: list[Any]) -> object:
        if method == "eth_blockNumber":
            return hex(77)
        asked.append(params)
        return "0x" + (5 if params[1].endswith("01") else 0).to_bytes(32, "big").hex()

    address = b"\x5a" * 20
    async with json_rpc(answer) as server:
        state = EvmState(["http://127.0.0.1:1", server.url])
        assert await state.height() == 77
        assert await state.value(address + (1).to_bytes(32, "big"), 77) == (5).to_bytes(32, "big")
        assert await state.value(address + (2).to_bytes(32, "big"), 77) is None
        assert await state.value(address, 77) is None
        await state.close()
    assert [(each[0], each[2]) for each in asked] == [("0x" + "5a" * 20, "0x4d")] * 2


async def test_without_an_endpoint_there_is_no_state() -> None:
    state = EvmState([])
    with pytest.raises(EndpointDown, match="no endpoint for this"):
        await state.height()
    await state.close()
