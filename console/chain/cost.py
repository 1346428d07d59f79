"""What a transaction may cost at most, and its nonce, as one endpoint tells them in one request.

A call that would be refused is refused by the estimate, before anything is signed. Fees follow ipc-cli: type 2 with
the chain's priority fee and twice its base fee (facts/ipc.md §4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.chain.fields import quantity
from console.chain.refusals import refusal
from console.chain.registry import registry_interface
from console.chain.rpc import Call, Reply
from console.errors import BadAnswer

MOST_FEE_WEI = 10**18
"""One whole token: no call of ours costs that, so an endpoint that says so is wrong or lies."""

_GAS_MARGIN = 50_000
"""Gas on top of five quarters of the estimate: a call may cost more when another one was mined before it."""
_MOST_GAS = 10_000_000_000
_MOST_NONCE = (1 << 64) - 2


@dataclass(frozen=True, slots=True)
class Cost:
    """Nonce, gas and fees of a transaction that would be accepted now."""

    nonce: int
    """The account's next one."""
    gas: int
    """The most gas that it may use."""
    fee_wei: int
    """The most wei per gas."""
    priority_wei: int | None
    """Wei per gas for the proposer; None on chains before EIP-1559."""

    @property
    def most_wei(self) -> int:
        """All of it: wei that the sender has to hold."""
        return self.gas * self.fee_wei


def cost_calls(call: Mapping[str, str]) -> list[Call]:
    """What is asked for a call of `from`, `data`, and `to` unless it creates a contract."""
    return [
        Call("eth_estimateGas", [dict(call)]),
        Call("eth_getTransactionCount", [call["from"], "pending"]),
        Call("eth_gasPrice"),
        Call("eth_maxPriorityFeePerGas"),
    ]


def read_cost(replies: Sequence[Reply], what: str, where: str, *, height: int | None = None) -> Cost:
    """What `cost_calls` were answered with.

    Args:
        replies: In their order.
        what: The call, for the sentence of a refusal.
        where: The endpoint's name.
        height: The height that the call names; for the same.

    Raises:
        ContractRefused: It would be refused now.
        BadAnswer: An answer that is none, or a fee that nobody pays.
    """
    estimate, count, price, priority = replies
    if estimate.error is not None:
        raise refusal(estimate.error, registry_interface(), what=f"{what} on {where}", height=height)
    needed = quantity(estimate.result, "eth_estimateGas", high=_MOST_GAS)
    base = quantity(price.value(f"eth_gasPrice of {where}"), "eth_gasPrice")
    # Chains before EIP-1559 do not know this method; Fendermint takes both kinds.
    tip = None if priority.error is not None else quantity(priority.result, "eth_maxPriorityFeePerGas")
    nonce = quantity(count.value(f"eth_getTransactionCount of {where}"), "the nonce", high=_MOST_NONCE)
    gas = min(needed * 5 // 4 + _GAS_MARGIN, _MOST_GAS)
    fee_wei = base * 5 // 4 + 1 if tip is None else 2 * base + tip
    cost = Cost(nonce, gas, fee_wei, tip)
    if cost.most_wei > MOST_FEE_WEI:
        raise BadAnswer(f"{where} asks a fee of up to {cost.most_wei} wei for this: {what}")
    return cost
