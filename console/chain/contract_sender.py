"""Transactions beside those of the registry: contracts created, and calls of contracts that an account owns itself.

Signed, sent and awaited exactly as `console.chain.writer` does it for the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.addresses import checksummed, keccak
from console.chain.fields import quantity
from console.chain.plans import check_chain
from console.chain.refusals import refusal
from console.chain.registry import registry_interface
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.chain.writer import MOST_FEE_WEI, REQUEST_DEADLINE_S, Transaction
from console.errors import BadAnswer, ChainError, ContractRefused, EndpointDown
from console.settings import NetworkSettings

CREATE = "create"
"""`to` of a transaction that creates a contract, as the signer wants it said."""

_MOST_GAS = 10_000_000_000
_GAS_MARGIN = 50_000


@dataclass(frozen=True, slots=True)
class OtherTransaction(Transaction):
    """A transaction that is not the registry's; `registry` is the contract that is called, or `CREATE`."""

    @property
    def words(self) -> str:
        """What it does, in one line."""
        return self.function

    @property
    def shown(self) -> str:
        """The transaction as plain text, for the operator's eyes before it is signed."""
        where = f"on chain {self.chain_id}"
        target = f"creates a contract {where}" if self.registry == CREATE else f"to {self.registry} {where}"
        return "\n".join(
            (
                self.function,
                target,
                f"from {self.sender}, nonce {self.nonce}",
                f"gas at most {self.gas}, fee at most {self.gas * self.fee_wei} wei",
            )
        )


def created_address(sender: str, nonce: int) -> str:
    """Checksummed address of the contract that an account creates with a nonce: keccak of the RLP list of both."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    coded = number if len(number) == 1 and number[0] < 0x80 else bytes((0x80 + len(number),)) + number
    inner = bytes((0x80 + 20,)) + bytes.fromhex(sender[2:]) + coded
    return checksummed(keccak(bytes((0xC0 + len(inner),)) + inner)[-20:])


async def build_other(
    network: NetworkSettings,
    rpc: JsonRpc,
    urls: Sequence[str],
    sender: str,
    *,
    what: str,
    target: str,
    data: bytes,
    nonce: int | None = None,
) -> OtherTransaction:
    """Build a transaction on the first endpoint that answers.

    Args:
        network: Its `evm_chain_id` is what the endpoints must say.
        rpc: The client.
        urls: Ethereum endpoints in the order in which they are tried.
        sender: Checksummed address that will sign.
        what: One line: what it does.
        target: Whom it calls, checksummed, or `CREATE`.
        data: Call data, or creation code with its arguments.
        nonce: The only nonce that it may have; the account's next one when not given.

    Raises:
        ContractRefused: It would be refused now.
        ChainError: No endpoint gave a usable answer.
    """
    failures: list[ChainError] = []
    for url in urls:
        try:
            return await _build(network, rpc, url, sender, what, target, "0x" + data.hex(), nonce)
        except ContractRefused:
            raise
        except ChainError as error:
            failures.append(error)
    wrong = (error for error in failures if not isinstance(error, EndpointDown))
    raise next(wrong, failures[0] if failures else EndpointDown("no Ethereum endpoint is in the settings"))


async def _build(
    network: NetworkSettings, rpc: JsonRpc, url: str, sender: str, what: str, target: str, data: str, nonce: int | None
) -> OtherTransaction:
    where = endpoint_name(url)
    call = {"from": sender, "data": data} | ({} if target == CREATE else {"to": target})
    chain, estimate, count, price, priority = await rpc.batch(
        url,
        [
            Call("eth_chainId"),
            Call("eth_estimateGas", [call]),
            Call("eth_getTransactionCount", [sender, "pending"]),
            Call("eth_gasPrice"),
            Call("eth_maxPriorityFeePerGas"),
        ],
        deadline_s=REQUEST_DEADLINE_S,
    )
    check_chain(chain, network, where)
    if estimate.error is not None:
        raise refusal(estimate.error, registry_interface(), what=f"{what} on {where}")
    gas = quantity(estimate.result, "eth_estimateGas", high=_MOST_GAS)
    base = quantity(price.value(f"eth_gasPrice of {where}"), "eth_gasPrice")
    tip = None if priority.error is not None else quantity(priority.result, "eth_maxPriorityFeePerGas")
    following = quantity(count.value(f"eth_getTransactionCount of {where}"), "the nonce", high=(1 << 64) - 2)
    transaction = OtherTransaction(
        function=what,
        args=(),
        chain_id=network.evm_chain_id,
        registry=target,
        sender=sender,
        nonce=following if nonce is None else nonce,
        gas=min(gas * 5 // 4 + _GAS_MARGIN, _MOST_GAS),
        fee_wei=base * 5 // 4 + 1 if tip is None else 2 * base + tip,
        priority_wei=tip,
        data=data,
    )
    if transaction.gas * transaction.fee_wei > MOST_FEE_WEI:
        raise BadAnswer(f"{where} asks a fee of up to {transaction.gas * transaction.fee_wei} wei: {what}")
    return transaction
