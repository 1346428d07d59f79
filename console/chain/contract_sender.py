"""Transactions beside those of the registry: contracts created, and calls of contracts that an account owns itself.

Signed, sent and awaited exactly as `console.chain.writer` does it for the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from console.addresses import checksummed, keccak
from console.chain.cost import cost_calls, read_cost
from console.chain.first_answer import first_answer
from console.chain.plans import check_chain
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.chain.transaction import Transaction
from console.chain.writer import REQUEST_DEADLINE_S
from console.errors import ContractRefused
from console.settings import NetworkSettings

CREATE = "create"
"""`to` of a transaction that creates a contract, as the signer wants it said."""


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
                f"from {self.sender}, nonce {self.cost.nonce}",
                f"gas at most {self.cost.gas}, fee at most {self.cost.most_wei} wei",
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
    code = "0x" + data.hex()
    call = {"from": sender, "data": code} | ({} if target == CREATE else {"to": target})

    async def ask(url: str) -> OtherTransaction:
        where = endpoint_name(url)
        chain, *costs = await rpc.batch(url, [Call("eth_chainId"), *cost_calls(call)], deadline_s=REQUEST_DEADLINE_S)
        check_chain(chain, network, where)
        cost = read_cost(costs, what, where)
        if nonce is not None:
            cost = replace(cost, nonce=nonce)
        return OtherTransaction(what, (), network.evm_chain_id, target, sender, cost, code)

    return await first_answer(urls, ask, final=(ContractRefused,))
