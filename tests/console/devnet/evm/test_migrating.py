"""Migrations on the EVM's state: all or nothing, before the block's own transactions, the same wherever they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from console.devnet import migrations
from console.devnet.evm import migrating
from console.devnet.evm.blocks import Executed, Fork
from console.devnet.evm.migrating import MigrationFailed
from console.devnet.migrations import NOTE, ReleaseMigration, release_migration
from tests.console.devnet.evm.test_ledger import FIRST, pay
from tests.console.devnet.evm.world import ADMIN, START, World, block_hash, creation

RUNTIME = bytes.fromhex("60005460005260206000f3")
"""Every call returns slot 0."""
ADDRESS = "0x" + "ab" * 20


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "evm")


def word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()


def standard(*operations: dict[str, str]) -> str:
    return ReleaseMigration({"kind": "standard", "operations": list(operations)}).carried


def deploy(**changes: str) -> dict[str, str]:
    code = creation(RUNTIME.hex()).hex()
    return {"operation": "deploy_contract", "bytecode": "0x" + code, "address": ADDRESS, **changes}


def patch(address: str, slot: int, expected: int, value: int) -> dict[str, str]:
    written = {"slot": word(slot), "expected": word(expected), "value": word(value)}
    return {"operation": "patch_state", "address": address, **written}


def migrated(world: World, carried: str, *raws: str, before: bytes | None = None) -> Executed:
    height = world.ledger.tip + 1
    return world.ledger.execute(height, block_hash(height), START + height, list(raws), carried, before)


def called(world: World, address: str) -> int:
    return int(world.result("eth_call", {"to": address, "data": "0x"}, "latest"), 16)


def stored(world: World, address: str, slot: int) -> int:
    return int(world.result("eth_getStorageAt", address, word(slot), "latest"), 16)


def test_the_devnets_own_standard_migration(world: World) -> None:
    world.mine()
    migrated(world, release_migration("standard", world.genesis.registry).carried)
    assert stored(world, NOTE, 0) == 42
    assert called(world, NOTE) == 43


def test_the_devnets_own_module(world: World) -> None:
    migrated(world, release_migration("wasm", world.genesis.registry).carried)
    start = int.from_bytes(migrations.SLOT_START + b"\0", "big")
    slots = [stored(world, world.genesis.registry, start + number) for number in range(9)]
    assert slots == [1, 2, 3, 4, 5, 6, 7, 8, 0]


def test_transactions_of_the_block_meet_the_migrated_state(world: World) -> None:
    migrated(world, standard(deploy(), patch(ADDRESS, 0, 0, 7)), pay(FIRST))
    assert called(world, ADDRESS) == 7
    assert len(world.ledger.transactions(world.ledger.tip)) == 1
    assert world.mine(pay(FIRST + 1)).results[0].ok


def test_where_a_deployer_puts_its_contract(world: World) -> None:
    code = creation(RUNTIME.hex())
    salt = bytes(31) + b"\x05"
    operation = {"operation": "deploy_contract", "bytecode": "0x" + code.hex(), "deployer": ADMIN.address}
    nonce = world.nonce(ADMIN)
    migrated(world, standard({**operation, "salt": "0x" + salt.hex()}, operation))
    account = bytes.fromhex(ADMIN.address[2:])
    by_salt = keccak(b"\xff" + account + salt + keccak(code))[12:]
    assert world.result("eth_getCode", "0x" + by_salt.hex(), "latest") == "0x" + RUNTIME.hex()
    assert world.nonce(ADMIN) == nonce + 2
    by_nonce = keccak(b"\xd6\x94" + account + bytes([nonce + 1]))[12:]
    assert world.result("eth_getCode", "0x" + by_nonce.hex(), "latest") == "0x" + RUNTIME.hex()


def test_code_that_the_chain_has_is_known_by_its_hash(world: World) -> None:
    migrated(world, standard(deploy()))
    digest = "0x" + keccak(RUNTIME).hex()
    other = "0x" + "cd" * 20
    by_hash = {"operation": "deploy_contract", "code_hash": digest, "address": other}
    migrated(world, standard(by_hash, patch(other, 0, 0, 9)))
    assert called(world, other) == 9


FAILING: list[tuple[list[dict[str, str]], str]] = [
    ([patch(ADDRESS, 0, 0, 1)], "there is no contract at"),
    ([deploy(), patch(ADDRESS, 0, 1, 2)], "not the expected"),
    ([deploy(), deploy()], "operation 2: there is something at"),
    ([deploy(bytecode="0x60006000fd")], "failed: reverted"),
    ([deploy(bytecode="0x5b600056")], "failed: Out of gas"),
    ([deploy(bytecode="0x00")], "left no code"),
    ([{"operation": "upgrade_contract", "address": ADDRESS, "bytecode": "0x00"}], "there is no contract at"),
    (
        [
            deploy(),
            {
                "operation": "upgrade_contract",
                "address": ADDRESS,
                "bytecode": "0x00",
                "expected_code_hash": word(1),
            },
        ],
        "which is not what is expected",
    ),
    (
        [{"operation": "deploy_contract", "address": ADDRESS, "code_hash": word(1)}],
        "the chain keeps no code under",
    ),
]


@pytest.mark.parametrize(("operations", "why"), FAILING, ids=[why for _, why in FAILING])
def test_what_fails_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch, operations: list[dict[str, str]], why: str
) -> None:
    monkeypatch.setattr(migrating, "CONSTRUCTOR_GAS", 200_000)
    tip, root = world.ledger.tip, world.ledger.root(world.ledger.tip)
    for _ in range(2):
        with pytest.raises(MigrationFailed) as failed:
            migrated(world, standard(*operations))
        assert why.lower() in str(failed.value).lower()
    assert (world.ledger.tip, world.ledger.root(tip)) == (tip, root)
    assert world.result("eth_getCode", ADDRESS, "latest") == "0x"
    assert world.mine().root == root


def module(writable: str) -> str:
    made = release_migration("wasm", "0x" + "22" * 20)
    section: dict[str, Any] = {**made.section, "writable_keys": [writable]}
    return ReleaseMigration(section, made.module).carried


@pytest.mark.parametrize(
    ("carried", "why"),
    [
        (module("0x00*"), "which is not in its list"),
        (module("0x22*"), "there is no contract at"),
        ("{}", "is not a migration"),
        ('{"section":{"kind":"none"},"module":"?"}', "is not a migration"),
        ('{"section":{"kind":"odd"},"module":""}', "none of none, compiled"),
        (ReleaseMigration({"kind": "compiled", "id": "m1"}).carried, "no migration m1 is compiled"),
        (module("0x22*").replace('"fuel":1000000', '"fuel":100'), "used all of its 100 fuel"),
        (module("0x22*").replace('"module":"AGFz', '"module":"AGFy'), "not the one that the manifest names"),
    ],
)
def test_a_module_or_a_release_that_fails(world: World, carried: str, why: str) -> None:
    with pytest.raises(MigrationFailed) as failed:
        migrated(world, carried)
    assert why in str(failed.value)
    assert world.ledger.tip == 0


class TestTwoReleasesAtOneHeight:
    """Some nodes migrate at H and some do not; all share this EVM."""

    carried = standard(deploy(), patch(ADDRESS, 0, 0, 7))

    @pytest.mark.parametrize("first_migrates", [True, False])
    def test_each_is_told_what_its_release_makes_of_the_block(self, world: World, first_migrates: bool) -> None:
        sent = [pay(FIRST)]
        order = [self.carried, ""] if first_migrates else ["", self.carried]
        roots = {carried: migrated(world, carried, *sent).root for carried in order[:1]}
        height = world.ledger.tip
        again = (height, block_hash(height), START + height, sent)
        roots[order[1]] = world.ledger.execute(*again, order[1]).root
        assert roots[""] != roots[self.carried]
        for carried in (*order, *order):
            executed = world.ledger.execute(*again, carried)
            assert executed.root == roots[carried]
            assert [result.ok for result in executed.results] == [True]

        # The next block says what it is built on, and the history is of that.
        after = migrated(world, "", pay(FIRST + 1), before=roots[self.carried])
        assert after.results[0].ok
        assert called(world, ADDRESS) == 7
        assert world.ledger.root(height) == roots[self.carried]
        assert world.ledger.execute(*again, "").root == roots[""]

    def test_a_network_that_goes_back_leaves_the_migration(self, world: World) -> None:
        height = world.ledger.tip + 1
        migrated(world, self.carried, pay(FIRST))
        again = (height, block_hash(height), START + height, [pay(FIRST)])
        without = world.ledger.execute(*again, "").root
        migrated(world, "", before=without)
        assert world.result("eth_getCode", ADDRESS, "latest") == "0x"
        assert len(world.ledger.transactions(height)) == 1

    def test_a_root_that_the_block_never_came_to_is_a_fork(self, world: World) -> None:
        migrated(world, self.carried)
        with pytest.raises(Fork):
            migrated(world, "", before=b"\x01" * 32)
        assert world.ledger.tip == 1

    def test_a_failing_variant_leaves_the_block_as_it_is(self, world: World) -> None:
        executed = world.mine(pay(FIRST))
        with pytest.raises(MigrationFailed):
            world.ledger.execute(1, block_hash(1), START + 1, [pay(FIRST)], standard(patch(ADDRESS, 0, 0, 1)))
        assert world.ledger.root(1) == executed.root
        assert len(world.ledger.transactions(1)) == 1


@pytest.mark.parametrize("kind", ["standard", "wasm"])
def test_a_replay_from_genesis_comes_to_the_same(world: World, tmp_path: Path, kind: str) -> None:
    carried = release_migration(kind, world.genesis.registry).carried
    blocks = [("", pay(FIRST)), (carried, pay(FIRST + 1)), ("", pay(FIRST + 2))]
    roots = [migrated(world, each, raw).root for each, raw in blocks]
    again = World(tmp_path / "again")
    assert [migrated(again, each, raw).root for each, raw in blocks] == roots
    world.reopen()
    assert [world.ledger.root(height) for height in (1, 2, 3)] == roots
    # And a stored answer is given for the same migration alone.
    assert world.ledger.execute(2, block_hash(2), START + 2, [pay(FIRST + 1)], carried).root == roots[1]
    assert world.ledger.execute(2, block_hash(2), START + 2, [pay(FIRST + 1)], "").root != roots[1]
    assert json.loads(carried)["section"]["kind"] == kind
