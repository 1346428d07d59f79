"""Receipts: that a transaction is in a block, and what it did there."""

from __future__ import annotations

from dataclasses import dataclass

from console.addresses import checksummed, keccak
from console.chain.fields import data as read_data
from console.chain.fields import items, quantity, table
from console.chain.rpc import Reply
from console.errors import BadAnswer
from console.model import Verdict

_MOST_LOG_DATA = 64 * 1024
"""Bytes of one event's data."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block."""

    transaction_hash: str
    block: int
    """Height of the block."""
    gas_used: int
    logs: tuple[tuple[str, tuple[bytes, ...], bytes], ...]
    """(checksummed address, topics, data) of each event."""


def created_proposal(receipt: Receipt, registry: str) -> int:
    """Id of the proposal that a `propose` made, from its event.

    Raises:
        BadAnswer: The receipt holds no such event.
    """
    created = keccak(b"ProposalCreated(uint64,address,string,uint8,bytes32,string,uint64,bool)")
    for address, topics, _ in receipt.logs:
        if address == checksummed(registry) and len(topics) == 3 and topics[0] == created:
            return int.from_bytes(topics[1], "big")
    raise BadAnswer(f"the receipt of {receipt.transaction_hash} does not say which proposal was made")


def frozen_verdict(receipt: Receipt, registry: str) -> Verdict:
    """The verdict that a `freeze` stored, from its event: known without another look at the chain.

    Raises:
        BadAnswer: The receipt holds no such event.
    """
    frozen = keccak(b"ProposalFrozen(uint64,uint8,uint256,uint256,uint256,uint256)")
    for address, topics, data in receipt.logs:
        if address == checksummed(registry) and topics[:1] == (frozen,) and len(data) == 5 * 32:
            number = int.from_bytes(data[:32], "big")
            if number in {Verdict.CROSS, Verdict.ABORT}:
                return Verdict(number)
    raise BadAnswer(f"the receipt of {receipt.transaction_hash} does not hold a verdict")


def parse_receipt(reply: Reply, transaction_hash: str) -> tuple[Receipt, bool] | None:
    """Read the answer to `eth_getTransactionReceipt`.

    Returns:
        The receipt and whether the transaction was executed without a revert; None when it is in no block yet.

    Raises:
        BadAnswer: An error, or not a receipt of that transaction.
    """
    value = reply.value("eth_getTransactionReceipt")
    if value is None:
        return None
    entry = table(value, "receipt")
    if entry.get("transactionHash") != transaction_hash:
        raise BadAnswer("an endpoint gave the receipt of another transaction")
    logs: list[tuple[str, tuple[bytes, ...], bytes]] = []
    for item in items(entry.get("logs"), "receipt.logs", most=10_000):
        log = table(item, "log")
        topics = items(log.get("topics"), "log.topics", most=4)
        address = checksummed(read_data(log.get("address"), "log.address", most=20).rjust(20, b"\0"))
        told = tuple(read_data(topic, "log.topic", most=32) for topic in topics)
        logs.append((address, told, read_data(log.get("data"), "log.data", most=_MOST_LOG_DATA)))
    receipt = Receipt(
        transaction_hash=transaction_hash,
        block=quantity(entry.get("blockNumber"), "receipt.blockNumber", high=(1 << 63) - 1),
        gas_used=quantity(entry.get("gasUsed"), "receipt.gasUsed"),
        logs=tuple(logs),
    )
    return receipt, quantity(entry.get("status"), "receipt.status", high=1) == 1
