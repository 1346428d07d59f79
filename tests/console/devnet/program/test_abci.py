"""The ABCI socket in CometBFT's own bytes, over the fake EVM; both versions of the protocol come to the same state."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from console.devnet.program import protobuf as pb
from console.devnet.program.abci import HaltReached
from console.devnet.program.abci_messages import NONCE_QUERY, Request
from console.devnet.program.abci_server import AbciServer
from console.devnet.program.app import Application
from console.devnet.program.app_store import AppStore
from console.devnet.program.config import Address
from console.devnet.program.errors import MalformedError
from console.devnet.program.evm_client import EvmClient
from console.devnet.program.mempool import Mempool
from console.devnet.program.rules import genesis_app_hash, rules_for
from console.devnet.program.txpool import TxPool

from .fake_evm import FakeEvm, raw_tx
from .network import CHAIN_ID, GATEWAY, free_ports, key_of

pytestmark = pytest.mark.anyio
NODES = ("node1", "node2")


@pytest.fixture
def evm() -> Iterator[FakeEvm]:
    served = FakeEvm(free_ports(1)[0])
    served.start()
    yield served
    served.stop()


class Comet:
    """One connection of a CometBFT to an application."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: Request, body: bytes = b"") -> pb.Fields:
        await self.write(pb.delimited(pb.embedded(int(request), body)))
        size = shift = 0
        while True:
            (byte,) = await self._reader.readexactly(1)
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        ((number, _, payload),) = pb.fields(await self._reader.readexactly(size))
        assert number == int(request) + 1
        return pb.Fields(payload)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def ended(self) -> bool:
        return await self._reader.read() == b""

    async def init_chain(self) -> pb.Fields:
        validators = b"".join(pb.embedded(4, update(name, 10)) for name in NODES)
        state = json.dumps({"gateway": GATEWAY}).encode()
        return await self.ask(Request.INIT_CHAIN, pb.text(2, CHAIN_ID) + validators + pb.embedded(5, state))

    async def block_037(self, height: int, *txs: bytes) -> tuple[pb.Fields, bytes]:
        """Executes a block; EndBlock's answer and the app hash."""
        header = pb.number(3, height) + pb.embedded(4, pb.number(1, 1000 + height))
        await self.ask(Request.BEGIN_BLOCK, pb.embedded(1, block_hash(height)) + pb.embedded(2, header))
        for tx in txs:
            assert (await self.ask(Request.DELIVER_TX, pb.embedded(1, tx))).number(1) == 0
        ended = await self.ask(Request.END_BLOCK, pb.number(1, height))
        return ended, (await self.ask(Request.COMMIT)).bytes(2)

    async def block_038(self, height: int, *txs: bytes) -> tuple[pb.Fields, bytes]:
        """Executes a block; FinalizeBlock's answer and the app hash."""
        time = pb.embedded(6, pb.number(1, 1000 + height))
        body = b"".join(pb.embedded(1, tx) for tx in txs) + pb.embedded(4, block_hash(height)) + pb.number(5, height)
        finalized = await self.ask(Request.FINALIZE_BLOCK, body + time)
        await self.ask(Request.COMMIT)
        assert len(finalized.all(2)) == len(txs)
        return finalized, finalized.bytes(5)


def block_hash(height: int) -> bytes:
    return bytes([height]) * 32


def update(name: str, power: int) -> bytes:
    """A ValidatorUpdate."""
    key = key_of(name).public_key.format(compressed=True)
    return pb.embedded(1, pb.embedded(2, key)) + pb.number(2, power)


@contextlib.asynccontextmanager
async def application(folder: Path, evm: FakeEvm, halt_height: int = 0) -> AsyncIterator[tuple[AbciServer, Comet]]:
    folder.mkdir(exist_ok=True)
    store = AppStore(folder / "blocks.db")
    client = EvmClient(evm.url)
    app = Application(
        state_path=folder / "app.json",
        log_path=folder / "executed.jsonl",
        version="v0.1.5",
        rules=rules_for(1),
        migration="",
        halt_height=halt_height,
        evm=client,
        gateway="" if store.genesis is None else store.genesis.gateway,
        history=store.block,
    )
    mempool = Mempool()
    server = AbciServer(app, store, mempool, TxPool(mempool, app, client, lambda: app.state.height, lambda raw: None))
    address = Address("127.0.0.1", free_ports(1)[0])
    async with await server.listen(address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        yield server, Comet(reader, writer)
        writer.close()
    client.close()


async def test_both_versions_of_the_protocol_come_to_the_same_state(tmp_path: Path, evm: FakeEvm) -> None:
    ends: list[bytes] = []
    for name in ("037", "038"):
        async with application(tmp_path / name, evm) as (_, comet):
            assert (await comet.ask(Request.ECHO, pb.text(1, "hello"))).text(1) == "hello"
            await comet.ask(Request.FLUSH)
            info = await comet.ask(Request.INFO)
            assert (info.text(1), info.text(2), info.number(3), info.number(4)) == ("fendermint", "v0.1.5", 1, 0)
            genesis = (await comet.init_chain()).bytes(3)
            assert genesis == genesis_app_hash(CHAIN_ID, bytes.fromhex(evm.roots[0]))
            execute = comet.block_037 if name == "037" else comet.block_038
            updates = 1 if name == "037" else 3
            ended, first = await execute(1)
            assert ended.all(updates) == []
            # The gateway names other members: one more power, one who leaves, one who comes.
            ended, second = await execute(2, raw_tx("members=node1=15,node3=20", 0))
            assert set(ended.all(updates)) == {update("node1", 15), update("node3", 20), update("node2", 0)}
            assert len({genesis, first, second}) == 3
            ends.append(second)
        async with application(tmp_path / name, evm) as (server, comet):
            info = await comet.ask(Request.INFO)
            assert (info.number(4), info.bytes(5)) == (2, ends[-1])
            await execute_after_restart(comet, name)
            assert server.failed.done() is False
    assert ends[0] == ends[1]


async def execute_after_restart(comet: Comet, name: str) -> None:
    """Who decides is remembered: what has not changed is no update, and a lost EVM is fed with the kept blocks."""
    execute = comet.block_037 if name == "037" else comet.block_038
    ended, _ = await execute(3)
    assert ended.all(1 if name == "037" else 3) == []


async def test_an_evm_that_lost_its_blocks_gets_them_again(tmp_path: Path, evm: FakeEvm) -> None:
    async with application(tmp_path / "app", evm) as (_, comet):
        await comet.init_chain()
        for height in (1, 2):
            await comet.block_037(height, raw_tx("a", height - 1))
        evm.wipe()
        await comet.block_037(3)
    assert [each.get("txs") for each in evm.blocks[1:]] == [
        ["0x" + raw_tx("a", 0).hex()],
        ["0x" + raw_tx("a", 1).hex()],
        [],
    ]


async def test_transactions_wait_by_nonce_and_leave_with_their_block(tmp_path: Path, evm: FakeEvm) -> None:
    async with application(tmp_path / "app", evm) as (_, comet):
        await comet.init_chain()
        txs = [raw_tx("a", nonce) for nonce in (0, 1, 3)]
        for tx in reversed(txs):
            assert (await comet.ask(Request.CHECK_TX, pb.embedded(1, tx))).number(1) == 0
        refused = await comet.ask(Request.CHECK_TX, pb.embedded(1, b"nonsense"))
        assert (refused.number(1), refused.text(3)) == (1, "undecodable")

        async def nonce() -> bytes:
            query = pb.embedded(1, b"a 0") + pb.text(2, NONCE_QUERY)
            return (await comet.ask(Request.QUERY, query)).bytes(7)

        assert await nonce() == b"2", "what comes after a gap does not count"
        offered = b"".join(pb.embedded(2, tx) for tx in reversed(txs))
        chosen = (await comet.ask(Request.PREPARE_PROPOSAL, pb.number(1, 10_000) + offered)).all(1)
        assert chosen == txs[:2], "in the order of the nonces, up to the gap"
        assert (await comet.ask(Request.PREPARE_PROPOSAL, pb.number(1, 20) + offered)).all(1) == txs[:1]
        assert (await comet.ask(Request.PROCESS_PROPOSAL, b"".join(pb.embedded(1, tx) for tx in chosen))).number(1) == 1
        too_many = b"".join(pb.embedded(1, b"x") for _ in range(201))
        assert (await comet.ask(Request.PROCESS_PROPOSAL, too_many)).number(1) == 2
        await comet.block_037(1, *chosen)
        again = await comet.ask(Request.CHECK_TX, pb.embedded(1, txs[0]) + pb.number(2, 1))
        assert again.number(1) == 1, "a recheck finds it used"
        unknown = await comet.ask(Request.QUERY, pb.text(2, "/elsewhere"))
        assert unknown.number(1) == 1
        assert (await comet.ask(Request.LIST_SNAPSHOTS)).all(1) == []


@pytest.mark.parametrize("name", ["037", "038"])
async def test_the_halt_comes_before_anything_is_executed(tmp_path: Path, evm: FakeEvm, name: str) -> None:
    async with application(tmp_path / "app", evm, halt_height=2) as (server, comet):
        await comet.init_chain()
        execute = comet.block_037 if name == "037" else comet.block_038
        await execute(1)
        with pytest.raises(asyncio.IncompleteReadError):
            await execute(2)
        with pytest.raises(HaltReached):
            await server.failed
    assert len(evm.blocks) == 2


async def test_what_is_no_request_ends_the_connection_and_nothing_else(tmp_path: Path, evm: FakeEvm) -> None:
    async with application(tmp_path / "app", evm) as (server, comet):
        for nonsense in (b"\x02\xff\xff", b"\xff\xff\xff\xff\xff\x7f", pb.delimited(pb.embedded(99, b""))):
            async with application(tmp_path / "other", evm) as (_, other):
                await other.write(nonsense)
                assert await other.ended()
        assert (await comet.ask(Request.ECHO)).text(1) == ""
        assert not server.failed.done()


def test_the_wire_format() -> None:
    assert pb.delimited(pb.number(1, 300)) == bytes.fromhex("0308ac02")
    assert pb.number(2, -1) == b"\x10" + b"\xff" * 9 + b"\x01"
    assert pb.number(1, 0) == pb.text(1, "") == pb.blob(1, b"") == b""
    assert pb.Fields(pb.number(5, 7) + pb.text(2, "é")).text(2) == "é"
    for broken in (b"\x08", b"\x0a\x05abc", b"\x0b", b"\x08" + b"\xff" * 11):
        with pytest.raises(MalformedError):
            pb.fields(broken)
    with pytest.raises(MalformedError):
        pb.Fields(pb.embedded(1, b"\xff")).text(1)
