"""Transactions on their way survive the process that signed them, and nothing is said twice."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.chain.delivery import Delivery
from console.chain.registry import registry_interface
from console.chain.sent import SentBook, SentBookError, SentTransaction
from console.chain.writer import RegistryWriter
from console.errors import ChainError, ContractRefused
from tests.console.chain.evm_facade import EvmFacade, facade, key_file, network_of
from tests.console.chain.servers import json_rpc
from tests.console.devnet.evm.world import VALIDATORS, call_data, sign

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]

VALIDATOR = VALIDATORS[0]
NEW_OPERATOR = "0x00000000000000000000000000000000000000aa"


class Died(BaseException):
    """The process is gone at this point."""


@asynccontextmanager
async def chain_in(folder: Path) -> AsyncIterator[tuple[EvmFacade, Any]]:
    async with facade(folder) as evm, json_rpc(evm.answer) as server:
        evm.mine()
        network = network_of(folder, server.url, evm.registry)

        def writer(**keywords: Any) -> RegistryWriter:
            return RegistryWriter(network, [server.url], SentBook(folder / "sent"), **keywords)

        yield evm, writer


def records(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "sent").glob("*.json"))


async def say(writer: RegistryWriter, folder: Path, operator: str = NEW_OPERATOR) -> Any:
    try:
        return await writer.send(key_file(folder, VALIDATOR), "setOperator", (operator,))
    finally:
        await writer.close()


async def die_before_sending(writer: RegistryWriter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        async def gone(*_: object, **__: object) -> None:
            raise Died

        patch.setattr(Delivery, "deliver", gone)
        with pytest.raises(Died):
            await say(writer, folder)


async def test_killed_between_record_and_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that were signed are the ones that are sent; the key is not asked for a second transaction."""
    async with chain_in(tmp_path) as (evm, writer):
        await die_before_sending(writer(), tmp_path, monkeypatch)
        assert evm.sent == []
        (name,) = records(tmp_path)
        assert oct((tmp_path / "sent" / name).stat().st_mode & 0o777) == "0o600"
        with monkeypatch.context() as patch:
            patch.setattr(RegistryWriter, "build", _never)
            receipt = await say(writer(), tmp_path)
        assert receipt.transaction_hash.startswith("0x")
        assert len(evm.sent) == 1
        assert records(tmp_path) == []


async def _never(*_: object, **__: object) -> None:
    raise AssertionError("a second transaction was built")


async def test_killed_between_sending_and_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_in(tmp_path) as (evm, writer):
        with monkeypatch.context() as patch:

            async def gone(*_: object, **__: object) -> None:
                raise Died

            patch.setattr(Delivery, "_await_receipt", gone)
            with pytest.raises(Died):
                await say(writer(), tmp_path)
        assert len(evm.sent) == 1
        with monkeypatch.context() as patch:
            patch.setattr(RegistryWriter, "build", _never)
            await say(writer(), tmp_path)
        # The same bytes may come twice; they count once.
        assert len(set(evm.sent)) == 1
        assert records(tmp_path) == []


async def test_another_call_waits_for_the_fate_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_in(tmp_path) as (evm, writer):
        await die_before_sending(writer(), tmp_path, monkeypatch)
        await say(writer(), tmp_path, "0x00000000000000000000000000000000000000bb")
        assert len(evm.sent) == 2
        assert registry_interface().encode("setOperator", (NEW_OPERATOR,))[2:] in evm.sent[0]


async def test_a_first_one_whose_nonce_is_gone_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_in(tmp_path) as (evm, writer):
        await die_before_sending(writer(), tmp_path, monkeypatch)
        nonce = int(evm.answer("eth_getTransactionCount", [VALIDATOR.address, "latest"]), 16)
        evm.mine(sign(VALIDATOR, nonce, to=evm.registry, data=call_data("freeze(uint64)", 9)))
        await say(writer(), tmp_path)
        assert records(tmp_path) == []


async def test_one_that_stays_on_its_way_stops_the_next(tmp_path: Path) -> None:
    """Neither the same call nor another one is signed while the first may still be mined."""
    async with chain_in(tmp_path) as (evm, writer):
        evm.mining = False
        with pytest.raises(ChainError, match="trying again sends the same bytes"):
            await say(writer(deadline_s=0.3), tmp_path)
        with pytest.raises(ChainError, match="trying again sends the same bytes"):
            await say(writer(deadline_s=0.3), tmp_path)
        with pytest.raises(ChainError, match=r"an earlier transaction of .* is still on its way"):
            await say(writer(deadline_s=0.3), tmp_path, "0x00000000000000000000000000000000000000bb")
        assert len(set(evm.sent)) == 1
        assert len(records(tmp_path)) == 1
        evm.mining = True
        evm.mine(evm.sent[0])
        await say(writer(), tmp_path)
        assert records(tmp_path) == []


async def test_refused_in_its_block_is_over(tmp_path: Path) -> None:
    async with chain_in(tmp_path) as (evm, writer):

        def overtake() -> None:
            nonce = int(evm.answer("eth_getTransactionCount", [VALIDATORS[1].address, "latest"]), 16)
            evm.mine(sign(VALIDATORS[1], nonce, to=evm.registry, data=call_data("setOperator(address)", NEW_OPERATOR)))

        evm.before_send = overtake
        with pytest.raises(ContractRefused, match="already the operator key"):
            await say(writer(), tmp_path)
        assert records(tmp_path) == []


async def test_two_processes_with_one_key(tmp_path: Path) -> None:
    """The second waits for the first, and gives up in words."""
    book = SentBook(tmp_path)
    async with book.held(1, VALIDATOR.address, 1.0):
        with pytest.raises(SentBookError, match="another process is sending"):
            async with SentBook(tmp_path).held(1, VALIDATOR.address, 0.1):
                raise AssertionError("held twice")
        # Another sender, and another chain, have nothing to do with it.
        async with book.held(1, VALIDATORS[1].address, 0.1), book.held(2, VALIDATOR.address, 0.1):
            pass

        async def second() -> str:
            async with SentBook(tmp_path).held(1, VALIDATOR.address, 30.0):
                return "held"

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting == "held"


ENTRY = SentTransaction(
    hash="0x" + "1" * 64,
    raw="0x02ff",
    chain_id=1,
    sender="0x" + "a" * 40,
    nonce=3,
    target="0x" + "b" * 40,
    data="0x1234",
    words="freeze(id=1)",
)


async def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    async with SentBook(tmp_path).held(1, ENTRY.sender, 1.0) as book:
        assert book.read() is None
        book.write(ENTRY)
        assert book.read() == ENTRY
        book.close(ENTRY, "in block", block=9)
        book.close(ENTRY, "in block", block=9)
        assert book.read() is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", b'{"hash": 1}', b"x" * (256 * 1024 + 1)],
)
async def test_a_broken_record_stops_every_sending(tmp_path: Path, content: bytes) -> None:
    """What it stood for may be on the chain: nobody knows, so a person has to look."""
    async with SentBook(tmp_path).held(1, ENTRY.sender, 1.0) as book:
        (tmp_path / f"1-{ENTRY.sender}.json").write_bytes(content)
        with pytest.raises(SentBookError, match="nothing more was sent"):
            book.read()


@pytest.mark.parametrize(
    "change", [{"hash": "0x12"}, {"raw": "0x"}, {"sender": "me"}, {"nonce": "3"}, {"chain_id": True}, {"words": 1}]
)
async def test_a_record_with_a_wrong_field_is_broken(tmp_path: Path, change: dict[str, Any]) -> None:

    async with SentBook(tmp_path).held(1, ENTRY.sender, 1.0) as book:
        document = {**dataclasses.asdict(ENTRY), **change}
        (tmp_path / f"1-{ENTRY.sender}.json").write_text(json.dumps(document))
        with pytest.raises(SentBookError, match="cannot be used"):
            book.read()


async def test_without_a_record_nothing_is_sent(tmp_path: Path) -> None:
    async with chain_in(tmp_path) as (evm, writer):
        (tmp_path / "sent").write_text("a file in the folder's place")
        with pytest.raises(SentBookError, match="cannot be kept"):
            await say(writer(), tmp_path)
        assert evm.sent == []


async def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", tmp_path / f"1-{ENTRY.sender}.lock")
    with pytest.raises(SentBookError, match="cannot be kept"):
        async with SentBook(tmp_path).held(1, ENTRY.sender, 1.0):
            raise AssertionError("held through a link")
    assert not (tmp_path / "elsewhere").exists()
