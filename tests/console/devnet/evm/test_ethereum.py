"""Every JSON-RPC method, as of a height, with Fendermint's quirks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_bloom.bloom import BloomFilter
from eth_utils.crypto import keccak

from console.devnet.evm.blocks import Need
from tests.console.devnet.evm.test_ledger import FIRST, STORE, TARGET, pay
from tests.console.devnet.evm.world import (
    ADMIN,
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


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three blocks: a payment, a proposal with two signals, an empty one."""
    made = World(tmp_path)
    made.mine(pay(FIRST))
    propose = propose_data(60)
    ready = call_data("signalReady(uint64,bytes32)", 1, HASH)
    made.mine(
        sign(ADMIN, FIRST + 1, to=made.genesis.registry, data=propose, tip=5),
        sign(OPERATORS[0], 0, to=made.genesis.registry, data=ready, legacy=True),
        sign(OPERATORS[1], 0, to=made.genesis.registry, data=ready),
        sign(OPERATORS[1], 1, to=made.genesis.registry, data=ready),
    )
    made.mine()
    return made


class TestConstants:
    @pytest.mark.parametrize(
        ("method", "answer"),
        [
            ("eth_accounts", []),
            ("eth_chainId", "0x7a69"),
            ("net_version", "21"),
            ("eth_gasPrice", "0x64"),
            ("eth_maxPriorityFeePerGas", "0x186a0"),
        ],
    )
    def test_constant(self, world: World, method: str, answer: Any) -> None:
        assert world.result(method) == answer

    def test_block_number_lags_by_one(self, world: World) -> None:
        assert [world.result("eth_blockNumber", height=h) for h in (0, 1, 2, 3)] == ["0x0", "0x0", "0x1", "0x2"]

    def test_unknown_methods(self, world: World) -> None:
        for method in ("eth_sendTransaction", "debug_traceCall", "eth_syncing", "", "x" * 500):
            assert world.error(method)["code"] == -32601
        assert world.ethereum.answer(0, {"params": []})["error"]["code"] == -32601

    def test_a_height_that_is_not_here(self, world: World) -> None:
        with pytest.raises(Need) as caught:
            world.answer("eth_chainId", height=4)
        assert caught.value.need == 4


BAD_PARAMS: list[tuple[str, list[Any]]] = [
    ("eth_call", []),
    ("eth_call", ["x"]),
    ("eth_call", [{"to": "0x12"}]),
    ("eth_call", [{"data": "zz"}]),
    ("eth_call", [{"value": "-0x1"}]),
    ("eth_getBalance", [5]),
    ("eth_getBalance", ["0x" + "zz" * 20]),
    ("eth_getBalance", [TARGET, "newest"]),
    ("eth_getBalance", [TARGET, {}]),
    ("eth_getBlockByNumber", []),
    ("eth_getBlockByHash", ["0x12"]),
    ("eth_getLogs", [{"topics": [None] * 5}]),
    ("eth_getLogs", [{"address": "0x1"}]),
    ("eth_feeHistory", ["0x1"]),
]


class TestState:
    def test_balance(self, world: World) -> None:
        assert [world.result("eth_getBalance", TARGET, "latest", height=h) for h in (0, 1, 3)] == ["0x0", "0x7", "0x7"]
        assert world.result("eth_getBalance", TARGET) == "0x7"

    def test_history_by_number(self, world: World) -> None:
        assert world.result("eth_getBalance", TARGET, "0x0") == "0x0"
        assert world.result("eth_getBalance", TARGET, "earliest") == "0x0"
        assert world.result("eth_getBalance", TARGET, {"blockNumber": "0x0"}) == "0x0"
        assert world.result("eth_getBalance", TARGET, {"blockHash": "0x" + block_hash(1)}) == "0x7"
        for bad in ("0x4", {"blockHash": "0x" + "12" * 32}):
            assert world.error("eth_getBalance", TARGET, bad)["code"] == -32602
        assert world.error("eth_getBalance", TARGET, "0x2", height=1)["code"] == -32602

    @pytest.mark.parametrize("tag", ["latest", "pending", "safe", "finalized"])
    def test_tags_read_the_committed_state(self, world: World, tag: str) -> None:
        assert world.result("eth_getBalance", TARGET, tag, height=1) == "0x7"
        assert world.result("eth_getTransactionCount", ADMIN.address, tag, height=1) == hex(FIRST + 1)

    def test_nonce_code_storage(self, world: World) -> None:
        assert world.result("eth_getTransactionCount", ADMIN.address, "latest") == hex(FIRST + 2)
        assert world.result("eth_getCode", TARGET, "latest") == "0x"
        assert len(world.result("eth_getCode", world.genesis.registry, "latest")) > 10_000
        # Slot 5 holds the execution window, the proposal counter and the last scheduled id.
        word = world.result("eth_getStorageAt", world.genesis.registry, "0x5", "latest")
        assert int(word, 16) == WINDOW + (1 << 64) + (1 << 128)
        assert world.result("eth_getStorageAt", world.genesis.registry, "0x8", "0x1") == "0x" + "00" * 32
        assert world.error("eth_getStorageAt", world.genesis.registry, hex(2**256), "latest")["code"] == -32602

    def test_calls_see_the_committed_height(self, world: World) -> None:
        """block.number in a call is the height that was committed, at the latest as at any other."""
        number = "0x4360005260206000f3"
        for height in (0, 1, 3):
            assert int(world.result("eth_call", {"data": number}, "latest", height=height), 16) == height
        assert int(world.result("eth_call", {"data": number}, "0x2"), 16) == 2
        time = "0x4260005260206000f3"
        assert int(world.result("eth_call", {"data": time}, "0x2"), 16) == START + 2

    def test_historical_views(self, world: World) -> None:
        assert [world.view("scheduledId()", "uint64", at=height) for height in (0, 1, 2, 3)] == [0, 0, 1, 1]

    def test_calls_leave_nothing(self, world: World) -> None:
        data = call_data("signalReady(uint64,bytes32)", 1, HASH)
        request = {"from": VALIDATORS[2].address, "to": world.genesis.registry, "input": "0x" + data.hex()}
        for _ in range(2):
            assert world.result("eth_call", request, "latest") == "0x"

    def test_a_sender_without_balance_may_call_with_value(self, world: World) -> None:
        request = {"from": "0x" + "12" * 20, "to": TARGET, "value": hex(10**20)}
        assert world.result("eth_call", request, "latest") == "0x"
        assert world.result("eth_estimateGas", request) == hex(21_000 * 5 // 4)

    def test_a_revert_has_the_exit_code_and_bare_hex(self, world: World) -> None:
        data = "0x" + call_data("proposal(uint64)", 9).hex()
        for method in ("eth_call", "eth_estimateGas"):
            error = world.error(method, {"to": world.genesis.registry, "data": data}, "latest")
            assert error["code"] == 33
            assert error["message"].startswith("contract reverted")
            assert error["data"] == (keccak(text="UnknownProposal(uint64)")[:4] + (9).to_bytes(32, "big")).hex()

    def test_other_failures(self, world: World) -> None:
        assert world.error("eth_call", {"data": "0xfe"}, "latest")["code"] == 34
        loop = "0x5b600056"
        assert world.error("eth_call", {"data": loop, "gas": "0x186a0"}, "latest")["code"] == 7
        assert world.error("eth_call", {"data": loop, "gas": "0x1"}, "latest")["code"] == 7
        assert world.error("eth_call", {"data": "0x" + "00" * 49_153}, "latest")["code"] == 34

    def test_an_estimate_is_enough_and_a_quarter_more(self, world: World) -> None:
        data = call_data("signalReady(uint64,bytes32)", 1, HASH)
        request = {"from": VALIDATORS[2].address, "to": world.genesis.registry, "data": "0x" + data.hex()}
        estimate = int(world.result("eth_estimateGas", request), 16)
        (result,) = world.mine(sign(VALIDATORS[2], 1, to=world.genesis.registry, data=data, gas=estimate)).results
        assert result.ok
        assert estimate == result.gas * 5 // 4

    def test_an_estimate_of_a_creation(self, world: World) -> None:
        request = {"from": ADMIN.address, "data": "0x" + STORE.hex()}
        estimate = int(world.result("eth_estimateGas", request), 16)
        (result,) = world.mine(sign(ADMIN, FIRST + 2, data=STORE, gas=estimate)).results
        assert result.ok

    def test_bad_params(self, world: World) -> None:
        for method, params in BAD_PARAMS:
            assert world.error(method, *params)["code"] == -32602, (method, params)
            answer = world.ethereum.answer(3, {"method": method, "params": {"a": 1}})
            assert answer["error"]["code"] == -32602, method


class TestBlocks:
    def test_a_block(self, world: World) -> None:
        shown = world.result("eth_getBlockByNumber", "0x2", False)
        hashes = ["0x" + item.hash.hex() for item in world.ledger.transactions(2)]
        assert shown["transactions"] == hashes
        assert shown["hash"] == "0x" + block_hash(2).lower()
        assert shown["parentHash"] == "0x" + block_hash(1).lower()
        assert (shown["number"], shown["timestamp"]) == ("0x2", hex(START + 2))
        assert (shown["gasLimit"], shown["baseFeePerGas"]) == (hex(10**10), "0x64")
        assert int(shown["gasUsed"], 16) == sum(item.gas for item in world.ledger.transactions(2))
        assert shown["stateRoot"] == "0x" + world.ledger.root(2).hex()
        assert shown["extraData"] == "0x"
        assert world.result("eth_getBlockByHash", shown["hash"], False) == shown

    def test_whole_transactions(self, world: World) -> None:
        shown = world.result("eth_getBlockByNumber", "0x2", True)["transactions"]
        assert [item["hash"] for item in shown] == ["0x" + item.hash.hex() for item in world.ledger.transactions(2)]
        assert shown[0] == world.result("eth_getTransactionByHash", shown[0]["hash"])

    @pytest.mark.parametrize("tag", ["latest", "pending", "safe", "finalized"])
    def test_tags_name_the_block_before(self, world: World, tag: str) -> None:
        assert [world.result("eth_getBlockByNumber", tag, False, height=h)["number"] for h in (0, 1, 3)] == [
            "0x0",
            "0x0",
            "0x2",
        ]

    def test_blocks_beyond_the_height_are_null(self, world: World) -> None:
        assert world.result("eth_getBlockByNumber", "0x3", False, height=2) is None
        assert world.result("eth_getBlockByNumber", "0x63", False) is None
        assert world.result("eth_getBlockByHash", "0x" + block_hash(3), False, height=2) is None
        assert world.result("eth_getBlockByHash", "0x" + "12" * 32, False) is None
        assert world.result("eth_getBlockByNumber", "0x3", False)["number"] == "0x3"
        assert world.result("eth_getBlockReceipts", "0x3", height=2) is None

    def test_fee_history(self, world: World) -> None:
        shown = world.result("eth_feeHistory", "0x2", "latest", [10, 90])
        assert (shown["oldestBlock"], shown["baseFeePerGas"]) == ("0x1", ["0x64"] * 3)
        assert shown["gasUsedRatio"][0] == 21_000 / 10**10
        assert shown["reward"] == [["0x186a0", "0x186a0"]] * 2
        assert world.result("eth_feeHistory", 50, "0x2")["oldestBlock"] == "0x0"
        assert "reward" not in world.result("eth_feeHistory", 1, "latest", [])


class TestTransactions:
    def test_type_2(self, world: World) -> None:
        stored = world.ledger.transactions(2)[0]
        shown = world.result("eth_getTransactionByHash", "0x" + stored.hash.hex())
        assert shown["from"] == ADMIN.address
        assert shown["to"] == world.genesis.registry
        assert (shown["type"], shown["nonce"]) == ("0x2", hex(FIRST + 1))
        assert (shown["blockNumber"], shown["transactionIndex"]) == ("0x2", "0x0")
        assert (shown["gasPrice"], shown["maxFeePerGas"], shown["maxPriorityFeePerGas"]) == ("0x69", "0x3e8", "0x5")
        assert shown["chainId"] == "0x7a69"
        assert shown["accessList"] == []

    def test_legacy(self, world: World) -> None:
        stored = world.ledger.transactions(2)[1]
        shown = world.result("eth_getTransactionByHash", "0x" + stored.hash.hex())
        assert (shown["type"], shown["gasPrice"]) == ("0x0", "0x3e8")
        assert int(shown["v"], 16) in (31337 * 2 + 35, 31337 * 2 + 36)
        assert "maxFeePerGas" not in shown

    def test_receipts(self, world: World) -> None:
        receipts = world.result("eth_getBlockReceipts", "0x2")
        assert [item["status"] for item in receipts] == ["0x1", "0x1", "0x1", "0x0"]
        for stored, shown in zip(world.ledger.transactions(2), receipts, strict=True):
            assert shown == world.result("eth_getTransactionReceipt", "0x" + stored.hash.hex())
            assert int(shown["gasUsed"], 16) == stored.gas
        used = [int(item["gasUsed"], 16) for item in receipts]
        assert [int(item["cumulativeGasUsed"], 16) for item in receipts] == [sum(used[: n + 1]) for n in range(4)]
        assert [len(item["logs"]) for item in receipts] == [3, 1, 1, 0]
        assert [log["logIndex"] for item in receipts for log in item["logs"]] == ["0x0", "0x1", "0x2", "0x3", "0x4"]
        assert [item["effectiveGasPrice"] for item in receipts] == ["0x69", "0x3e8", "0x64", "0x64"]
        assert receipts[0]["contractAddress"] is None
        assert keccak(text="ProposalScheduled(uint64,uint64)") in BloomFilter(int(receipts[0]["logsBloom"], 16))
        assert int(receipts[3]["logsBloom"], 16) == 0

    def test_a_creation_names_its_contract(self, world: World) -> None:
        created = [(item["contractAddress"], item["to"]) for item in world.result("eth_getBlockReceipts", "0x0")]
        assert (world.genesis.gateway, None) in created
        assert (None, world.genesis.gateway) in created

    def test_beyond_the_height_there_is_nothing(self, world: World) -> None:
        digest = "0x" + world.ledger.transactions(2)[0].hash.hex()
        for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt"):
            assert world.result(method, digest, height=1) is None
            assert world.result(method, digest, height=2) is not None
            assert world.result(method, "0x" + "12" * 32) is None

    def test_a_skipped_transaction_has_no_receipt(self, world: World) -> None:
        raw = pay(FIRST + 9)
        world.mine(raw)
        assert world.result("eth_getTransactionReceipt", "0x" + keccak(bytes.fromhex(raw[2:])).hex()) is None


class TestLogs:
    """getLogs by its own index."""

    READY = "0x" + keccak(text="ReadySignalled(uint64,address,address)").hex()
    CREATED = "0x" + keccak(text="ProposalCreated(uint64,address,string,uint8,bytes32,string,uint64,bool)").hex()
    ONE = "0x" + (1).to_bytes(32, "big").hex()

    def find(self, world: World, height: int | None = None, **wanted: Any) -> list[str]:
        wanted.setdefault("fromBlock", "0x1")
        wanted.setdefault("toBlock", "0x3")
        found = world.result("eth_getLogs", wanted, height=height)
        return [item["logIndex"] for item in found]

    def word(self, number: int) -> str:
        return "0x" + "00" * 12 + VALIDATORS[number].address[2:].lower()

    def test_all_and_their_fields(self, world: World) -> None:
        found = world.result("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x3"})
        assert [item["logIndex"] for item in found] == ["0x0", "0x1", "0x2", "0x3", "0x4"]
        transactions = world.ledger.transactions(2)
        assert found[3] == {
            "address": world.genesis.registry,
            "topics": [self.READY, self.ONE, self.word(0)],
            "data": "0x" + "00" * 12 + OPERATORS[0].address[2:].lower(),
            "blockNumber": "0x2",
            "blockHash": "0x" + block_hash(2).lower(),
            "transactionHash": "0x" + transactions[1].hash.hex(),
            "transactionIndex": "0x1",
            "logIndex": "0x3",
            "removed": False,
        }

    def test_topics(self, world: World) -> None:
        assert self.find(world, topics=[self.READY]) == ["0x3", "0x4"]
        assert self.find(world, topics=[[self.READY, self.CREATED]]) == ["0x0", "0x3", "0x4"]
        assert self.find(world, topics=[None, self.ONE, self.word(1)]) == ["0x4"]
        assert self.find(world, topics=[self.READY, None, [self.word(0), self.word(1)]]) == ["0x3", "0x4"]
        assert self.find(world, topics=[[self.READY, None]]) == ["0x0", "0x1", "0x2", "0x3", "0x4"]
        assert self.find(world, topics=[self.ONE]) == []
        assert self.find(world, topics=[None, None, None, self.ONE]) == []
        assert self.find(world, topics=[]) == ["0x0", "0x1", "0x2", "0x3", "0x4"]

    def test_addresses(self, world: World) -> None:
        registry, gateway = world.genesis.registry, world.genesis.gateway
        assert self.find(world, address=gateway) == []
        assert len(self.find(world, address=registry.lower())) == 5
        assert len(self.find(world, address=[gateway, registry])) == 5
        # Its owner, its first cut, its first set; then, after what the registry is set to, its owner again.
        assert self.find(world, address=gateway, fromBlock="0x0") == ["0x0", "0x1", "0x2", "0x7"]

    def test_ranges(self, world: World) -> None:
        assert self.find(world, fromBlock="0x3") == []
        assert self.find(world, fromBlock="0x3", toBlock="0x2") == []
        assert len(self.find(world, toBlock="0x2")) == 5
        # The gateway's at genesis, what the registry is set to, the operators, and those of block 2.
        assert len(self.find(world, fromBlock="earliest", toBlock="latest")) == 4 + 4 + len(VALIDATORS) + 5
        assert self.find(world, height=1, toBlock="0x3") == []
        assert len(self.find(world, fromBlock=None, toBlock=None)) == 5
        assert self.find(world, height=2, fromBlock="0x1", toBlock="latest") == []

    def test_by_block_hash(self, world: World) -> None:
        assert len(world.result("eth_getLogs", {"blockHash": "0x" + block_hash(2)})) == 5
        assert world.result("eth_getLogs", {"blockHash": "0x" + block_hash(1)}) == []
        assert world.error("eth_getLogs", {"blockHash": "0x" + "12" * 32})["code"] == -32602
        assert world.error("eth_getLogs", {"blockHash": "0x" + block_hash(2)}, height=1)["code"] == -32602

    def test_too_many(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("console.devnet.evm.ethereum.MAX_LOGS", 3)
        assert world.error("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x3"})["code"] == -32005
