"""The registry's whole story by raw transactions, at the chain's heights, through the Ethereum interface."""

from __future__ import annotations

from pathlib import Path

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from console.chain.registry import registry_interface
from console.devnet.evm.ledger import Ledger
from tests.console.devnet.evm.world import (
    ADMIN,
    FREEZE,
    OPERATORS,
    START,
    VALIDATORS,
    WINDOW,
    World,
    block_hash,
    call_data,
    propose_data,
    sign,
)

HASH = b"\xaa" * 32
EXE = b"\xee" * 32
APP = b"\xab" * 32
VIEW = registry_interface().functions["proposal"].outputs[0].replace("bytes,", "string,")
STATUS, VERDICT, READY, ARMED, GO, CONFIRMED, TOTAL = 10, 11, 14, 15, 16, 17, 18
SCHEDULED, EXECUTED, ABORTED, EXPIRED = 4, 5, 6, 7
NONE, CROSS, ABORT = 0, 1, 2


def row(world: World, number: int = 1, at: int | None = None) -> tuple[object, ...]:
    shown: tuple[object, ...] = world.view("proposal(uint64)", VIEW, number, at=at)
    return shown


def scheduled(world: World, height: int = 40) -> None:
    assert world.send_data(VALIDATORS[0], propose_data(height))


def ready_and_armed(world: World, count: int, height: int = 40) -> None:
    for operator in OPERATORS[:count]:
        assert world.send(operator, "signalReady(uint64,bytes32)", 1, HASH)
        assert world.send(operator, "signalArmed(uint64,uint64)", 1, height)


def test_a_network_crosses(tmp_path: Path) -> None:
    world = World(tmp_path)
    scheduled(world)
    assert world.view("scheduledId()", "uint64") == 1
    assert not world.send(OPERATORS[3], "signalReady(uint64,bytes32)", 1, b"\xbb" * 32)
    assert world.send(OPERATORS[3], "reportFailure(uint64,uint16)", 1, 3)
    ready_and_armed(world, 3)
    shown = row(world)
    assert (shown[READY], shown[ARMED], shown[GO], shown[TOTAL]) == (30, 30, 30, 40)
    assert not world.send(OPERATORS[0], "freeze(uint64)", 1)
    world.mine_to(40 - FREEZE - 1)
    assert world.send(OPERATORS[0], "freeze(uint64)", 1)
    assert world.ledger.tip == 40 - FREEZE
    assert (row(world)[STATUS], row(world)[VERDICT]) == (SCHEDULED, CROSS)
    assert not world.send(OPERATORS[3], "signalReady(uint64,bytes32)", 1, HASH)
    world.mine_to(40)
    for operator in OPERATORS[:3]:
        assert world.send(operator, "confirmCrossed(uint64,bytes32,bytes32)", 1, EXE, APP)
    assert row(world)[STATUS] == EXECUTED
    assert world.view("scheduledId()", "uint64") == 0
    # The past stands: the same question at earlier heights.
    assert (row(world, at=40 - FREEZE - 1)[VERDICT], row(world, at=40)[CONFIRMED]) == (NONE, 0)
    assert row(world, at=42)[STATUS] == SCHEDULED


def test_a_network_aborts(tmp_path: Path) -> None:
    world = World(tmp_path)
    scheduled(world)
    ready_and_armed(world, 2)
    world.mine_to(40 - FREEZE)
    assert world.send(ADMIN, "freeze(uint64)", 1)
    assert (row(world)[STATUS], row(world)[VERDICT]) == (ABORTED, ABORT)
    world.mine_to(40)
    assert not world.send(OPERATORS[0], "confirmCrossed(uint64,bytes32,bytes32)", 1, EXE, APP)
    scheduled(world, 80)


def test_nobody_freezes(tmp_path: Path) -> None:
    """At height H-3 the verdict is open, at H-2 it is Abort; a transaction of H-2 would have been in time."""
    world = World(tmp_path / "one")
    scheduled(world)
    ready_and_armed(world, 4)
    world.mine_to(37)
    assert (row(world)[STATUS], row(world)[VERDICT]) == (SCHEDULED, NONE)
    world.mine()
    assert (row(world)[STATUS], row(world)[VERDICT]) == (ABORTED, ABORT)
    assert row(world, at=37)[VERDICT] == NONE
    assert not world.send(ADMIN, "freeze(uint64)", 1)

    other = World(tmp_path / "two")
    scheduled(other)
    ready_and_armed(other, 4)
    other.mine_to(37)
    assert other.send(ADMIN, "freeze(uint64)", 1)
    assert other.ledger.tip == 38
    assert row(other)[VERDICT] == CROSS


def test_an_unconfirmed_crossing_expires(tmp_path: Path) -> None:
    world = World(tmp_path)
    scheduled(world)
    ready_and_armed(world, 3)
    world.mine_to(34)
    assert world.send(ADMIN, "freeze(uint64)", 1)
    world.mine_to(40 + WINDOW)
    assert row(world)[STATUS] == SCHEDULED
    world.mine()
    assert row(world)[STATUS] == EXPIRED


def test_a_whole_block_of_signals_and_its_replay(tmp_path: Path) -> None:
    """All validators in one block; the events, the readiness page and a replay on a fresh EVM agree."""
    world = World(tmp_path / "one")
    scheduled(world)
    registry = world.genesis.registry
    ready = call_data("signalReady(uint64,bytes32)", 1, HASH)
    armed = call_data("signalArmed(uint64,uint64)", 1, 40)
    raws = [
        sign(operator, nonce, to=registry, data=data)
        for operator in OPERATORS
        for nonce, data in enumerate((ready, armed))
    ]
    assert all(item.ok for item in world.mine(*raws).results)
    request = {"to": registry, "data": "0x" + call_data("readiness(uint64,uint256,uint256)", 0, 0, 256).hex()}
    kinds = registry_interface().functions["readiness"].outputs
    page, total = decode(kinds, bytes.fromhex(world.result("eth_call", request, "latest")[2:]))
    assert total == 4
    assert [(item[0], item[2]) for item in page] == [
        (validator.address.lower(), operator.address.lower())
        for validator, operator in zip(VALIDATORS, OPERATORS, strict=True)
    ]
    assert {item[3:6] for item in page} == {(2, START + 2, 2)}
    topic = "0x" + keccak(text="ArmedSignalled(uint64,address,address,uint64)").hex()
    found = world.result("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x2", "topics": [topic]})
    assert len(found) == 4

    fresh = Ledger(world.genesis.document, tmp_path / "two")
    stored = world.ledger.transactions(1)[0].raw
    fresh.execute(1, block_hash(1), START + 1, ["0x" + stored.hex()])
    fresh.execute(2, block_hash(2), START + 2, raws)
    assert [fresh.root(height) for height in range(3)] == [world.ledger.root(height) for height in range(3)]
