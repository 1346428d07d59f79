"""Linear history: one block per height, executed once, the same on every replay."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from hypothesis import given, settings
from hypothesis import strategies as st

from console.devnet.evm import execution
from console.devnet.evm.blocks import Fork, Need
from console.devnet.evm.ledger import Ledger
from console.errors import DevnetError, HeldByOther
from tests.console.devnet.evm.world import (
    ADMIN,
    OPERATORS,
    POOR,
    START,
    VALIDATORS,
    World,
    account,
    block_hash,
    creation,
    genesis,
    sign,
)

TARGET = account(55).address
STORE = creation("600035" + "80600c57" + "60006000fd" + "5b" + "600055" + "60006000a0" + "00")
"""A contract that stores and logs calldata word 0, and reverts when it is zero."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "evm")


def pay(nonce: int, **fields: Any) -> str:
    return sign(ADMIN, nonce, to=TARGET, value=fields.pop("value", 7), gas=fields.pop("gas", 21_000), **fields)


FIRST = len(genesis().document["txs"]) - len(VALIDATORS)
"""The admin's nonce after the genesis, in which it signs all but one transaction of each validator."""


class TestHistory:
    def test_genesis_is_height_0(self, world: World) -> None:
        assert world.ledger.tip == 0
        assert all(item.ok for item in world.ledger.transactions(0))
        assert len(world.ledger.transactions(0)) == FIRST + len(VALIDATORS)

    def test_a_block_changes_the_root_only_with_transactions(self, world: World) -> None:
        before = world.ledger.root(0)
        assert world.mine().root == before
        assert world.mine(pay(FIRST)).root != before

    def test_an_executed_block_has_a_stored_answer(self, world: World) -> None:
        raws = [pay(FIRST), pay(FIRST + 5), "0xzz", pay(FIRST + 1)]
        first = world.mine(*raws)
        assert [item.ok for item in first.results] == [True, False, False, True]
        again = world.ledger.execute(
            1, "0x" + block_hash(1).lower(), START + 1, [raw.upper().replace("X", "x") for raw in raws]
        )
        assert again == first
        assert world.ledger.tip == 1

    def test_another_block_for_a_height_is_a_fork(self, world: World) -> None:
        raw = pay(FIRST)
        world.mine(raw)
        world.mine()
        root = world.ledger.root(1)
        for digest, time, txs in [
            (block_hash(1, "other"), START + 1, [raw]),
            (block_hash(1), START + 2, [raw]),
            (block_hash(1), START + 1, []),
            (block_hash(1), START + 1, [raw, raw]),
        ]:
            with pytest.raises(Fork) as caught:
                world.ledger.execute(1, digest, time, txs)
            assert caught.value.height == 1
        with pytest.raises(Fork):
            world.ledger.execute(0, block_hash(0), START, [])
        assert (world.ledger.tip, world.ledger.root(1)) == (2, root)

    def test_a_gap_names_the_first_missing_block(self, world: World) -> None:
        for height, need in [(2, 1), (50, 1)]:
            with pytest.raises(Need) as caught:
                world.ledger.execute(height, block_hash(height), START, [])
            assert caught.value.need == need
        world.mine()
        with pytest.raises(Need) as caught:
            world.ledger.execute(3, block_hash(3), START, [])
        assert caught.value.need == 2
        with pytest.raises(Need):
            world.ledger.state(2)

    def test_a_reopened_ledger_goes_on(self, world: World) -> None:
        first = world.mine(pay(FIRST))
        world.reopen()
        assert (world.ledger.tip, world.ledger.root(1)) == (1, first.root)
        assert world.mine(pay(FIRST + 1)).results[0].ok

    def test_a_block_that_breaks_half_way_leaves_nothing(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever stops an execution, state and block stand or fall together."""
        decode = execution.decode

        def breaks(raw: bytes, chain_id: int) -> execution.Transaction:
            transaction = decode(raw, chain_id)
            if transaction.inner.nonce == FIRST + 1:
                raise MemoryError
            return transaction

        with monkeypatch.context() as patched:
            patched.setattr(execution, "decode", breaks)
            with pytest.raises(MemoryError):
                world.mine(pay(FIRST), pay(FIRST + 1))
        assert world.ledger.tip == 0
        assert world.ledger.transactions(1) == []
        assert [item.ok for item in world.mine(pay(FIRST), pay(FIRST + 1)).results] == [True, True]

    def test_another_genesis_is_refused(self, world: World) -> None:
        world.ledger.close()
        with pytest.raises(DevnetError, match="another genesis"):
            Ledger(genesis(time=START + 1).document, world.folder)
        assert Ledger(world.genesis.document, world.folder).tip == 0

    def test_two_processes_do_not_share_a_folder(self, world: World) -> None:
        with pytest.raises(HeldByOther):
            Ledger(world.genesis.document, world.folder)

    @pytest.mark.parametrize("bad", [["0x00"], [sign(POOR, 0)], [sign(ADMIN, 0, data=b"\xfe", gas=100_000)]])
    def test_a_genesis_whose_transactions_fail_is_refused(self, tmp_path: Path, bad: list[str]) -> None:
        document = {**genesis().document, "txs": bad}
        for _ in range(2):
            with pytest.raises(DevnetError, match="transaction 0 of the genesis"):
                Ledger(document, tmp_path)
            # The refusal stored nothing that a second start could take for a history.
            with sqlite3.connect(tmp_path / "evm.sqlite") as connection:
                assert connection.execute("SELECT count(*) FROM blocks").fetchone() == (0,)
            connection.close()


class TestTransactions:
    def test_skipped_transactions_change_nothing(self, world: World) -> None:
        root = world.ledger.root(0)
        bad = {
            "not hex": "0xnope",
            "empty": "0x",
            "garbage": "0x02c0ffee",
            "of another chain": pay(FIRST, chain_id=1),
            "nonce too low": pay(FIRST - 1),
            "nonce too high": pay(FIRST + 1),
            "below the base fee": pay(FIRST, fee=99),
            "tip over the cap": pay(FIRST, tip=1001),
            "too little gas": pay(FIRST, gas=20_999),
            "more gas than a block": pay(FIRST, gas=execution.GAS_LIMIT + 1),
            "without balance": sign(POOR, 0, to=TARGET, gas=21_000),
            "value over balance": pay(FIRST, value=10**24),
            "too long creation code": sign(ADMIN, FIRST, data=bytes(49_153), gas=10**7),
        }
        executed = world.mine(*bad.values())
        assert {name: item.ok for name, item in zip(bad, executed.results, strict=True)} == dict.fromkeys(bad, False)
        assert all(item.gas == 0 for item in executed.results)
        assert executed.root == root
        assert world.ledger.transactions(1) == []

    def test_an_access_list_transaction_is_skipped(self, world: World) -> None:
        fields: dict[str, Any] = {
            "type": 1,
            "nonce": FIRST,
            "gas": 30_000,
            "gasPrice": 1000,
            "to": TARGET,
            "chainId": 31337,
            "accessList": [],
        }
        raw = "0x" + bytes(ADMIN.sign_transaction(fields).raw_transaction).hex()
        assert not world.mine(raw).results[0].ok

    def test_a_legacy_transaction_needs_a_chain_id(self, world: World) -> None:
        fields: dict[str, Any] = {"nonce": FIRST, "gas": 21_000, "gasPrice": 1000, "to": TARGET, "value": 1}
        bare = "0x" + bytes(ADMIN.sign_transaction(fields).raw_transaction).hex()
        assert [item.ok for item in world.mine(bare, pay(FIRST, legacy=True)).results] == [False, True]

    def test_the_other_signature_of_the_same_key_is_skipped(self, world: World) -> None:
        """Malleability: (r, n-s) recovers the same sender, and would give the transaction a second hash."""
        import rlp

        raw = bytes.fromhex(pay(FIRST)[2:])
        fields = rlp.decode(raw[1:])
        s = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - int.from_bytes(fields[-1], "big")
        parity = b"" if fields[-3] == b"\x01" else b"\x01"
        twin = b"\x02" + rlp.encode([*fields[:-3], parity, fields[-2], s.to_bytes(32, "big")])
        assert not world.mine("0x" + twin.hex()).results[0].ok

    def test_fees_are_paid_and_gas_is_counted(self, world: World) -> None:
        before = int(world.result("eth_getBalance", ADMIN.address, "latest"), 16)
        (result,) = world.mine(pay(FIRST, tip=50)).results
        after = int(world.result("eth_getBalance", ADMIN.address, "latest"), 16)
        assert result.gas == 21_000
        assert before - after == 7 + 21_000 * (100 + 50)
        assert int(world.result("eth_getBalance", "0x" + "00" * 20, "latest"), 16) == 21_000 * 50

    def test_a_reverting_transaction_costs_its_sender(self, world: World) -> None:
        deploy = sign(ADMIN, FIRST, data=STORE)
        assert world.mine(deploy).results[0].ok
        contract = world.ledger.transactions(1)[0].contract
        assert contract is not None
        address = "0x" + contract.hex()
        calls = [sign(ADMIN, FIRST + 1 + n, to=address, data=n.to_bytes(32, "big"), gas=100_000) for n in (0, 1)]
        results = world.mine(*calls).results
        assert [item.ok for item in results] == [False, True]
        assert results[0].gas > 21_000
        assert [log.log.address for log in world.ledger.logs(2, 2)] == [contract]
        assert world.nonce(ADMIN) == FIRST + 3

    def test_deep_recursion_ends_like_on_any_evm(self, world: World) -> None:
        """A contract that calls itself until the depth limit: no Python recursion error, no crash."""
        # PUSH1 0 x5, ADDRESS, GAS, CALL, STOP
        world.mine(sign(ADMIN, FIRST, data=creation("60006000600060006000305af100")))
        contract = world.ledger.transactions(1)[0].contract
        assert contract is not None
        raw = sign(ADMIN, FIRST + 1, to="0x" + contract.hex(), gas=10**9)
        assert world.mine(raw).results[0].ok

    def test_block_context(self, world: World) -> None:
        """block.number is the height, block.timestamp its time, blockhash(n-1) the block before."""
        # NUMBER, TIMESTAMP, BLOCKHASH(NUMBER-1), CHAINID, BASEFEE, COINBASE, GASLIMIT stored at 0..6.
        reads = ["43", "42", "60014303" + "40", "46", "48", "41", "45"]
        runtime = "".join(f"{read}60{slot:02x}55" for slot, read in enumerate(reads)) + "00"
        world.mine(sign(ADMIN, FIRST, data=creation(runtime)))
        world.mine()
        contract = world.ledger.transactions(1)[0].contract
        assert contract is not None
        world.mine(sign(ADMIN, FIRST + 1, to="0x" + contract.hex()))
        stored = [
            int(world.result("eth_getStorageAt", "0x" + contract.hex(), hex(slot), "latest"), 16) for slot in range(7)
        ]
        assert stored == [3, START + 3, int(block_hash(2), 16), 31337, 100, 0, 10**10]


ACCOUNTS = [ADMIN, *VALIDATORS, *OPERATORS]
STEPS = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, len(ACCOUNTS) - 1), st.integers(0, 2), st.sampled_from(["pay", "deploy", "store", "junk"])
        ),
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


def step(what: str, sender: LocalAccount, nonce: int, word: int, contract: str) -> str:
    """One transaction of a random block."""
    if what == "pay":
        return sign(sender, nonce, to=TARGET, value=3, gas=21_000)
    if what == "deploy":
        return sign(sender, nonce, data=STORE, gas=200_000)
    if what == "store":
        return sign(sender, nonce, to=contract, data=word.to_bytes(32, "big"), gas=90_000)
    return "0x02" + "00" * nonce


@settings(max_examples=6, derandomize=True, deadline=None, database=None)
@given(steps=STEPS, kill=st.integers(0, 5))
def test_replay_from_genesis_gives_the_same_roots(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[int, int, str]]], kill: int
) -> None:
    """Whatever the blocks hold, a fresh EVM fed with them comes to the same roots and answers."""
    first = World(tmp_path_factory.mktemp("first"))
    fed: list[tuple[int, str, int, list[str]]] = []
    answers = []
    contract = "0x" + "c0" * 20
    for number, block in enumerate(steps):
        raws = []
        ahead: dict[int, int] = {}
        for who, skew, what in block:
            sender = ACCOUNTS[who]
            nonce = first.nonce(sender) + ahead.get(who, 0) + (1 if skew == 2 else 0)
            ahead[who] = ahead.get(who, 0) + 1
            raws.append(step(what, sender, nonce, skew, contract))
        height = first.ledger.tip + 1
        fed.append((height, block_hash(height), START + 3 * height, raws))
        answers.append(first.ledger.execute(*fed[-1]))
        made = [item.contract for item in first.ledger.transactions(height) if item.contract and item.ok]
        contract = "0x" + made[-1].hex() if made else contract
        if number == kill:
            first.reopen()
    second = World(tmp_path_factory.mktemp("second"))
    assert second.ledger.root(0) == first.ledger.root(0)
    assert [second.ledger.execute(*block) for block in fed] == answers
    assert [first.ledger.execute(*block) for block in fed] == answers
    assert second.ledger.logs(0, 10) == first.ledger.logs(0, 10)
    # Every historical state is still whole.
    for height, answer in enumerate(answers, start=1):
        assert first.ledger.state(height).state_root == answer.root
        assert first.result("eth_getBalance", TARGET, hex(height)) == second.result(
            "eth_getBalance", TARGET, hex(height)
        )
