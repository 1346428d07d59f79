"""Blocks, transactions, receipts and logs in the shapes of Ethereum's JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eth_bloom.bloom import BloomFilter
from eth_utils.address import to_checksum_address

from console.devnet.evm import execution
from console.devnet.evm.blocks import Block, StoredLog, StoredTransaction
from console.devnet.evm.ledger import Ledger

EMPTY_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
"""keccak(rlp([])): there are no uncles."""
ZERO_HASH = "0x" + "00" * 32


def block(ledger: Ledger, stored: Block, parent: bytes, *, full: bool) -> dict[str, Any]:
    """A block, with whole transactions or their hashes. Extra data is empty (facts/ipc.md §4)."""
    transactions = ledger.transactions(stored.height)
    events = ledger.logs(stored.height, stored.height)
    return {
        "number": hex(stored.height),
        "hash": _hex(stored.hash),
        "parentHash": _hex(parent),
        "nonce": "0x" + "00" * 8,
        "sha3Uncles": EMPTY_UNCLES,
        "logsBloom": _bloom(event.log for event in events),
        "transactionsRoot": ZERO_HASH,
        "stateRoot": _hex(stored.root),
        "receiptsRoot": ZERO_HASH,
        "miner": "0x" + "00" * 20,
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": "0x",
        "mixHash": ZERO_HASH,
        "size": hex(sum(len(item.raw) for item in transactions)),
        "gasLimit": hex(execution.GAS_LIMIT),
        "gasUsed": hex(stored.gas),
        "timestamp": hex(stored.time),
        "baseFeePerGas": hex(execution.BASE_FEE),
        "uncles": [],
        "transactions": [transaction(ledger, item, stored.hash) if full else _hex(item.hash) for item in transactions],
    }


def transaction(ledger: Ledger, stored: StoredTransaction, block_hash: bytes) -> dict[str, Any]:
    """A transaction that is part of a block."""
    decoded = ledger.decode(stored)
    inner = decoded.inner
    shown: dict[str, Any] = {
        "hash": _hex(stored.hash),
        "blockHash": _hex(block_hash),
        "blockNumber": hex(stored.height),
        "transactionIndex": hex(stored.position),
        "from": to_checksum_address(decoded.sender),
        "to": to_checksum_address(inner.to) if inner.to else None,
        "nonce": hex(inner.nonce),
        "gas": hex(inner.gas),
        "gasPrice": hex(_price(inner)),
        "value": hex(inner.value),
        "input": _hex(inner.data),
        "chainId": hex(inner.chain_id),
        "type": hex(_type(inner)),
        "r": hex(inner.r),
        "s": hex(inner.s),
    }
    if _type(inner) == 2:
        shown |= {
            "maxFeePerGas": hex(inner.max_fee_per_gas),
            "maxPriorityFeePerGas": hex(inner.max_priority_fee_per_gas),
            "accessList": [
                {
                    "address": to_checksum_address(address),
                    "storageKeys": [_hex(key.to_bytes(32, "big")) for key in keys],
                }
                for address, keys in inner.access_list
            ],
            "yParity": hex(inner.y_parity),
            "v": hex(inner.y_parity),
        }
    else:
        shown["v"] = hex(inner.v)
    return shown


def receipt(ledger: Ledger, stored: StoredTransaction, block_hash: bytes) -> dict[str, Any]:
    """What became of a transaction; status 0x0 for one that reverted."""
    decoded = ledger.decode(stored)
    events = [event for event in ledger.logs(stored.height, stored.height) if event.tx_position == stored.position]
    return {
        "transactionHash": _hex(stored.hash),
        "transactionIndex": hex(stored.position),
        "blockHash": _hex(block_hash),
        "blockNumber": hex(stored.height),
        "from": to_checksum_address(decoded.sender),
        "to": to_checksum_address(decoded.inner.to) if decoded.inner.to else None,
        "contractAddress": to_checksum_address(stored.contract) if stored.contract and stored.ok else None,
        "cumulativeGasUsed": hex(stored.cumulative),
        "gasUsed": hex(stored.gas),
        "effectiveGasPrice": hex(_price(decoded.inner)),
        "logs": logs(ledger, events),
        "logsBloom": _bloom(event.log for event in events),
        "status": hex(int(stored.ok)),
        "type": hex(_type(decoded.inner)),
    }


def logs(ledger: Ledger, events: Sequence[StoredLog]) -> list[dict[str, Any]]:
    """Events with their places."""
    shown: list[dict[str, Any]] = []
    height, block_hash, transactions = -1, b"", list[StoredTransaction]()
    for event in events:
        if event.height != height:
            height, transactions = event.height, ledger.transactions(event.height)
            found = ledger.block(height)
            assert found is not None
            block_hash = found.hash
        shown.append(
            {
                "address": to_checksum_address(event.log.address),
                "topics": [_hex(topic) for topic in event.log.topics],
                "data": _hex(event.log.data),
                "blockNumber": hex(event.height),
                "blockHash": _hex(block_hash),
                "transactionHash": _hex(transactions[event.tx_position].hash),
                "transactionIndex": hex(event.tx_position),
                "logIndex": hex(event.position),
                "removed": False,
            }
        )
    return shown


def _price(inner: Any) -> int:
    """What a transaction pays per gas; a legacy one's two fees are its gas price."""
    return int(min(inner.max_fee_per_gas, inner.max_priority_fee_per_gas + execution.BASE_FEE))


def _type(inner: Any) -> int:
    return int(getattr(inner, "type_id", 0) or 0)


def _bloom(events: Iterable[execution.Log]) -> str:
    bloom = BloomFilter()
    for event in events:
        bloom.add(event.address)
        for topic in event.topics:
            bloom.add(topic)
    return "0x" + int(bloom).to_bytes(256, "big").hex()


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
