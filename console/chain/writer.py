"""One call of the registry from its building to its receipt.

A call that would be refused is refused by the estimate, before anything is signed. Fees follow ipc-cli: type 2 with
the chain's priority fee and twice its base fee (facts/ipc.md §4).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.addresses import keccak
from console.chain.fields import data as read_data
from console.chain.fields import quantity
from console.chain.plans import check_chain
from console.chain.receipts import Receipt, parse_receipt
from console.chain.refusals import refusal
from console.chain.registry import (
    NoRegistry,
    check_registry_address,
    decode_proposal,
    no_registry,
    registry_interface,
    view_call,
)
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.chain.signing import Signed, SignerProcess
from console.errors import BadAnswer, ChainError, ContractRefused, EndpointDown, SignerError
from console.model import Verdict
from console.ports import KeyReference
from console.settings import NetworkSettings
from console.text import shortened, untrusted

RECEIPT_DEADLINE_S = 60.0
"""Seconds from sending until a transaction has to be in a block."""

REQUEST_DEADLINE_S = 10.0
"""Seconds for one request here: an estimate runs the call several times."""

LOOK_DEADLINE_S = 2.0
"""Seconds for one look for a receipt."""

SEND_AGAIN_S = 5.0
"""Seconds after which an unseen transaction is sent again, elsewhere: a node that restarts forgets it."""

NONCE_TRIES = 3
"""How often a transaction is built anew when another one took its nonce."""

MOST_FEE_WEI = 10**18
"""One whole token: no call of the registry costs that, so an endpoint that says so is wrong or lies."""

_GAS_MARGIN = 50_000
"""Gas on top of five quarters of the estimate: a call may cost more when another one was mined before it."""

_MOST_GAS = 10_000_000_000
_MOST_CODE = 64 * 1024
_FIRST_POLL_S, _LAST_POLL_S = 0.1, 1.0
_KNOWN = ("already known", "known transaction", "already exists in cache", "already in mempool")
_CLASHES = ("nonce", "underpriced")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A call that would be accepted now, ready to be signed."""

    function: str
    args: tuple[object, ...]
    chain_id: int
    registry: str
    sender: str
    nonce: int
    gas: int
    """The most gas it may use."""
    fee_wei: int
    """The most wei per gas."""
    priority_wei: int | None
    """Wei per gas for the proposer; None for a legacy transaction."""
    data: str
    """Call data, 0x hex."""

    @property
    def fields(self) -> dict[str, object]:
        """What the signer signs, and `from`, which it checks against the key."""
        common: dict[str, object] = {
            "from": self.sender,
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "to": self.registry,
            "value": 0,
            "data": self.data,
            "gas": self.gas,
        }
        if self.priority_wei is None:
            return {**common, "gasPrice": self.fee_wei}
        return {**common, "type": 2, "maxFeePerGas": self.fee_wei, "maxPriorityFeePerGas": self.priority_wei}

    @property
    def shown(self) -> str:
        """The decoded call as plain text, for the operator's eyes before it is signed."""
        return "\n".join(
            (
                describe_call(self.function, self.args),
                f"to the UpgradeRegistry {self.registry} on chain {self.chain_id}",
                f"from {self.sender}, nonce {self.nonce}",
                f"gas at most {self.gas}, fee at most {self.gas * self.fee_wei} wei",
            )
        )


class _NonceClash(Exception):
    """Another transaction of the sender has or had the nonce."""


def describe_call(function: str, args: Sequence[object]) -> str:
    """A call as plain text, arguments by name; foreign text in it is made safe."""
    names = registry_interface().functions[function].names
    return f"{function}({', '.join(f'{name}={_spoken(arg)}' for name, arg in zip(names, args, strict=True))})"


class RegistryWriter:
    """Sends calls to one network's registry, one at a time per sender.

    Args:
        network: The network.
        endpoint_urls: Ethereum endpoints in the order in which they are tried.
        deadline_s: Seconds from sending until the receipt.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        network: NetworkSettings,
        endpoint_urls: Sequence[str],
        *,
        deadline_s: float = RECEIPT_DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network = network
        self._urls = tuple(dict.fromkeys(endpoint_urls))
        self._deadline_s = deadline_s
        self._clock = clock
        self._rpc = JsonRpc(deadline_s=REQUEST_DEADLINE_S, tokens=network.tokens)
        self._signer = SignerProcess()
        self._addresses: dict[KeyReference, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def prepare(self) -> None:
        """Start a signer ahead of time. Raises SignerError."""
        await self._signer.prepare()

    async def close(self) -> None:
        """End a waiting signer and close the connections."""
        await self._signer.close()
        await self._rpc.close()

    async def address(self, key: KeyReference) -> str:
        """Checksummed address of a key; the signer is asked once. Raises SignerError."""
        if key not in self._addresses:
            self._addresses[key] = await self._signer.address(key)
        return self._addresses[key]

    async def build(self, sender: str, function: str, args: Sequence[object]) -> Transaction:
        """Build a call on the first endpoint that answers.

        Args:
            sender: Checksummed address that will sign.
            function: The registry's function.
            args: Its arguments, in order.

        Raises:
            ContractRefused: The call would be refused now.
            ChainError: No endpoint gave a usable answer.
            InputError: An argument does not fit.
        """
        check_registry_address(self._network)
        data = registry_interface().encode(function, args)
        failures: list[ChainError] = []
        for url in self._urls:
            try:
                return await self._build(url, sender, function, tuple(args), data)
            except (ContractRefused, NoRegistry):
                raise
            except ChainError as error:
                failures.append(error)
        raise _told(failures)

    async def send(self, key: KeyReference, function: str, args: Sequence[object]) -> Receipt:
        """Build, sign, send and await one call.

        Args:
            key: Where the signer finds the key.
            function: The registry's function.
            args: Its arguments, in order.

        Raises:
            ContractRefused: The registry refused, before signing or in the block.
            ChainError: Not sent, or not seen in a block before the deadline.
            SignerError: Not signed; nothing was sent.
            InputError: An argument does not fit; nothing was sent.
        """
        sender = await self.address(key)
        # Until the receipt: a second transaction with the next nonce could reach a node that lacks the first.
        async with self._locks.setdefault(sender, asyncio.Lock()):
            for _ in range(NONCE_TRIES):
                transaction = await self.build(sender, function, args)
                signed = await self._signer.sign(key, transaction.fields)
                self._check_signed(signed, sender)
                try:
                    return await self._deliver(transaction, signed)
                except _NonceClash:
                    continue
        raise ChainError(
            f"other transactions of {sender} took the nonce {NONCE_TRIES} times",
            safe="nothing was changed by this one",
            next_step="find out who else uses this key",
        )

    async def verdict(self, proposal_id: int) -> Verdict:
        """The verdict of a proposal, of the first endpoint that has one; NONE when none of those that answer has.

        Raises:
            ChainError: No endpoint gave a usable answer.
        """
        answered = False
        failures: list[ChainError] = []
        for url in self._urls:
            where = endpoint_name(url)
            look = view_call(self._network.registry, "proposal", proposal_id)
            try:
                chain, row = await self._rpc.batch(url, [Call("eth_chainId"), look], deadline_s=LOOK_DEADLINE_S)
                check_chain(chain, self._network, where)
                found = decode_proposal(row, where=where).verdict
            except ChainError as error:
                failures.append(error)
                continue
            if found is not Verdict.NONE:
                return found
            answered = True
        if not answered:
            raise _told(failures)
        return Verdict.NONE

    async def _build(self, url: str, sender: str, function: str, args: tuple[object, ...], data: str) -> Transaction:
        where, registry = endpoint_name(url), self._network.registry
        chain, code, estimate, nonce, price, priority = await self._rpc.batch(
            url,
            [
                Call("eth_chainId"),
                Call("eth_getCode", [registry, "latest"]),
                Call("eth_estimateGas", [{"from": sender, "to": registry, "data": data}]),
                Call("eth_getTransactionCount", [sender, "pending"]),
                Call("eth_gasPrice"),
                Call("eth_maxPriorityFeePerGas"),
            ],
        )
        check_chain(chain, self._network, where)
        # A call to an address without code succeeds and changes nothing.
        if not read_data(code.value(f"eth_getCode of {where}"), "the registry's code", most=_MOST_CODE):
            raise no_registry(where, registry)
        if estimate.error is not None:
            height = _height_argument(function, args)
            raise refusal(estimate.error, registry_interface(), what=f"{function} on {where}", height=height)
        gas = quantity(estimate.result, "eth_estimateGas", high=_MOST_GAS)
        base = quantity(price.value(f"eth_gasPrice of {where}"), "eth_gasPrice")
        # Chains before EIP-1559 do not know the second method; Fendermint takes both kinds.
        tip = None if priority.error is not None else quantity(priority.result, "eth_maxPriorityFeePerGas")
        transaction = Transaction(
            function=function,
            args=args,
            chain_id=self._network.evm_chain_id,
            registry=registry,
            sender=sender,
            nonce=quantity(nonce.value(f"eth_getTransactionCount of {where}"), "the nonce", high=(1 << 64) - 2),
            gas=min(gas * 5 // 4 + _GAS_MARGIN, _MOST_GAS),
            fee_wei=base * 5 // 4 + 1 if tip is None else 2 * base + tip,
            priority_wei=tip,
            data=data,
        )
        if transaction.gas * transaction.fee_wei > MOST_FEE_WEI:
            raise BadAnswer(f"{where} asks a fee of up to {transaction.gas * transaction.fee_wei} wei for {function}")
        return transaction

    def _check_signed(self, signed: Signed, sender: str) -> None:
        if signed.sender != sender or "0x" + keccak(bytes.fromhex(signed.raw[2:])).hex() != signed.hash:
            raise SignerError("the signer's answer does not fit what it was asked", safe="nothing was sent")

    async def _deliver(self, transaction: Transaction, signed: Signed) -> Receipt:
        try:
            await self._submit(signed, self._urls)
        except _NonceClash:
            # Our own transaction is the other one when an endpoint took it and then failed to say so.
            receipt, _ = await self._look(transaction, signed, 0)
            if receipt is None:
                raise
            return receipt
        return await self._await_receipt(transaction, signed)

    async def _submit(self, signed: Signed, urls: Sequence[str]) -> None:
        failures: list[ChainError] = []
        for url in urls:
            where = endpoint_name(url)
            try:
                reply = await self._rpc.call(url, "eth_sendRawTransaction", [signed.raw])
            except ChainError as error:
                # The same bytes may go to the next one: they count once.
                failures.append(error)
                continue
            if reply.error is None:
                return
            words = reply.error.message.lower()
            if any(known in words for known in _KNOWN):
                return
            if any(clash in words for clash in _CLASHES):
                raise _NonceClash
            raise refusal(reply.error, registry_interface(), what=f"the transaction sent to {where}")
        raise _told(failures)

    async def _await_receipt(self, transaction: Transaction, signed: Signed) -> Receipt:
        began = sent = self._clock()
        pause = _FIRST_POLL_S
        overtaken = 0
        turn = 0
        while self._clock() - began < self._deadline_s:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LAST_POLL_S)
            receipt, passed = await self._look(transaction, signed, turn)
            if receipt is not None:
                return receipt
            # Twice, because a block may come between the two answers of one look.
            overtaken = overtaken + 1 if passed else 0
            if overtaken >= 2:
                raise _NonceClash
            if self._clock() - sent >= SEND_AGAIN_S:
                sent = self._clock()
                turn += 1
                try:
                    await self._submit(signed, [self._urls[turn % len(self._urls)]])
                except (ChainError, _NonceClash):
                    # Only the receipt and the account's nonce decide.
                    pass
        raise ChainError(
            f"transaction {signed.hash} was sent and not seen in a block within {self._deadline_s:g} s",
            safe="it may still be executed, once",
            next_step="look at the proposal before you try again",
        )

    async def _look(self, transaction: Transaction, signed: Signed, turn: int) -> tuple[Receipt | None, bool]:
        # Another endpoint each time it was sent again: one that answers may still stand still.
        first = turn % len(self._urls)
        for url in (*self._urls[first:], *self._urls[:first]):
            try:
                found, count = await self._rpc.batch(
                    url,
                    [
                        Call("eth_getTransactionReceipt", [signed.hash]),
                        Call("eth_getTransactionCount", [transaction.sender, "latest"]),
                    ],
                    deadline_s=LOOK_DEADLINE_S,
                )
                receipt = parse_receipt(found, signed.hash)
                passed = quantity(count.value("eth_getTransactionCount"), "the nonce") > transaction.nonce
            except ChainError:
                continue
            if receipt is None:
                return None, passed
            done, good = receipt
            if not good:
                raise await self._why_reverted(url, transaction, done.block)
            return done, passed
        return None, False

    async def _why_reverted(self, url: str, transaction: Transaction, block: int) -> ChainError:
        # A receipt does not hold the reason: the same call on the state of that block tells it again.
        call = {"from": transaction.sender, "to": transaction.registry, "data": transaction.data}
        try:
            reply = await self._rpc.call(url, "eth_call", [call, hex(block)])
        except ChainError:
            reply = Reply()
        if reply.error is not None:
            height = _height_argument(transaction.function, transaction.args)
            told = refusal(reply.error, registry_interface(), what=transaction.function, height=height)
            if isinstance(told, ContractRefused):
                return told
        return ContractRefused(f"{transaction.function} was reverted in block {block} without a reason")


def _height_argument(function: str, args: Sequence[object]) -> int | None:
    names = registry_interface().functions[function].names
    found = args[names.index("height")] if "height" in names else None
    return found if isinstance(found, int) else None


def _spoken(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        repr(str(untrusted(value, 512))) if isinstance(value, str) and value[:2] != "0x" else shortened(str(value), 80)
    )


def _told(failures: Sequence[ChainError]) -> ChainError:
    wrong = (error for error in failures if not isinstance(error, EndpointDown))
    return next(wrong, failures[0] if failures else EndpointDown("no Ethereum endpoint is in the settings"))
