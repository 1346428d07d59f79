"""One call of the registry from its building to its receipt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from console.addresses import keccak
from console.chain.cost import cost_calls, read_cost
from console.chain.delivery import LOOK_DEADLINE_S, Delivery, NeverMined, NotTaken
from console.chain.fields import data as read_data
from console.chain.fields import quantity
from console.chain.first_answer import first_answer
from console.chain.plans import check_chain
from console.chain.receipts import Receipt
from console.chain.registry import (
    NoRegistry,
    check_registry_address,
    decode_proposal,
    no_registry,
    registry_interface,
    view_call,
)
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.chain.sent import SenderBook, SentBook, SentTransaction
from console.chain.signing import Signed, SignerProcess
from console.chain.transaction import Transaction, named_height
from console.errors import ChainError, ContractRefused, SignerError
from console.model import Verdict
from console.ports.keys import KeyDescription, KeyReference, Terminal
from console.settings import NetworkSettings
from console.text import untrusted

RECEIPT_DEADLINE_S = 60.0
"""Seconds from sending until a transaction has to be in a block."""

REQUEST_DEADLINE_S = 10.0
"""Seconds for one request here: an estimate runs the call several times."""

IN_BLOCK = "in block"
"""What the record says of a transaction that did what it was for; its block follows."""

NONCE_TRIES = 3
"""How often a transaction is built anew when another one took its nonce."""

_MOST_CODE = 64 * 1024


class RegistryWriter:
    """Sends calls to one network's registry, one at a time per sender.

    Args:
        network: The network.
        endpoint_urls: Ethereum endpoints in the order in which they are tried.
        sent: Where transactions on their way are kept.
        deadline_s: Seconds from sending until the receipt.
        terminal: Where the signer may ask for a passphrase; None: nowhere.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        network: NetworkSettings,
        endpoint_urls: Sequence[str],
        sent: SentBook,
        *,
        deadline_s: float = RECEIPT_DEADLINE_S,
        terminal: Terminal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network = network
        self._urls = tuple(dict.fromkeys(endpoint_urls))
        self._sent = sent
        self._deadline_s = deadline_s
        self._rpc = JsonRpc(deadline_s=REQUEST_DEADLINE_S, tokens=network.tokens)
        self._signer = SignerProcess(terminal=terminal)
        self._described: dict[KeyReference, KeyDescription] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._delivery = Delivery(
            self._rpc, self._urls, deadline_s=deadline_s, chain_id=network.evm_chain_id, clock=clock
        )

    async def prepare(self) -> None:
        """Start a signer ahead of time. Raises SignerError."""
        await self._signer.prepare()

    async def close(self) -> None:
        """End a waiting signer and close the connections."""
        await self._signer.close()
        await self._rpc.close()

    async def address(self, key: KeyReference) -> str:
        """Checksummed address of a key; the signer is asked once. Raises SignerError."""
        return (await self.describe(key)).address

    async def describe(self, key: KeyReference) -> KeyDescription:
        """What the file of a key holds; the signer is asked once. Raises SignerError."""
        if key not in self._described:
            self._described[key] = await self._signer.describe(key)
        return self._described[key]

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

        async def ask(url: str) -> Transaction:
            return await self._build(url, sender, function, tuple(args), data)

        return await first_answer(self._urls, ask, final=(ContractRefused, NoRegistry))

    async def send(self, key: KeyReference, function: str, args: Sequence[object], *, hurried: bool = False) -> Receipt:
        """Build, sign, keep, send and await one call; one that is on its way already is awaited and not sent anew.

        Args:
            key: Where the signer finds the key.
            function: The registry's function.
            args: Its arguments, in order.
            hurried: Look for the receipt more often.

        Raises:
            ContractRefused: The registry refused, before signing or in the block.
            ChainError: Not sent, or not seen in a block before the deadline.
            SignerError: Not signed; nothing was sent.
            InputError: An argument does not fit; nothing was sent.
        """
        check_registry_address(self._network)
        wanted = (self._network.registry, registry_interface().encode(function, args))

        async def built(sender: str) -> Transaction:
            return await self.build(sender, function, args)

        return await self.send_built(key, built, wanted=wanted, hurried=hurried)

    async def send_built(
        self,
        key: KeyReference,
        build: Callable[[str], Awaitable[Transaction]],
        *,
        wanted: tuple[str, str] | None = None,
        hurried: bool = False,
    ) -> Receipt:
        """Sign, keep, send and await what is built for the key's address, anew when its nonce was taken. As `send`.

        Args:
            key: Where the signer finds the key.
            build: Builds it; called when nothing else of the sender is on its way.
            wanted: Target and call data: one on its way that does the same is awaited instead.
            hurried: Look for the receipt more often.
        """
        sender = await self.address(key)
        # Until the receipt: a second transaction with the next nonce could reach a node that lacks the first.
        async with (
            self._locks.setdefault(sender, asyncio.Lock()),
            self._sent.held(self._network.evm_chain_id, sender, self._deadline_s) as book,
        ):
            receipt = await self._settle(book, wanted)
            if receipt is not None:
                return receipt
            for _ in range(NONCE_TRIES):
                receipt = await self._sign_and_deliver(book, key, await build(sender), hurried)
                if receipt is not None:
                    return receipt
        raise ChainError(
            f"other transactions of {sender} took the nonce {NONCE_TRIES} times",
            safe="nothing was changed by this one",
            next_step="find out who else uses this key",
        )

    async def send_reviewed(self, key: KeyReference, transaction: Transaction, effect: str = "") -> Receipt:
        """Sign and send exactly what was reviewed.

        Args:
            key: Where the signer finds the key.
            transaction: What `build` made and the operator saw.
            effect: What the operator was told that it does, for the record.

        Raises:
            ChainError: Another transaction of the sender is on its way or took the nonce, or as `send`.
            SignerError: Not signed; nothing was sent.
        """
        sender = transaction.sender
        async with (
            self._locks.setdefault(sender, asyncio.Lock()),
            self._sent.held(self._network.evm_chain_id, sender, self._deadline_s) as book,
        ):
            receipt = await self._settle(book, (transaction.registry, transaction.data))
            if receipt is None:
                receipt = await self._sign_and_deliver(book, key, transaction, hurried=False, effect=effect)
        if receipt is None:
            raise ChainError(
                f"another transaction of {sender} took nonce {transaction.cost.nonce}",
                safe="this one was not executed and never will be",
                next_step="review it again",
            )
        return receipt

    async def _settle(self, book: SenderBook, wanted: tuple[str, str] | None) -> Receipt | None:
        """Learn what became of the sender's last transaction. Its receipt when it does the same, else None.

        Raises:
            ChainError: It is still on its way.
        """
        earlier = book.read()
        if earlier is None:
            return None
        same = wanted is not None and earlier.is_for(*wanted)
        try:
            receipt = await self._delivery.deliver(earlier)
        except (NeverMined, NotTaken, ContractRefused) as error:
            book.close(earlier, _unmade(error))
            return None
        except ChainError as error:
            if same:
                raise
            raise ChainError(
                f"an earlier transaction of {earlier.sender}, {untrusted(earlier.words, 200)}, is still on its way:"
                f" {error.what}",
                safe="nothing else was sent",
                next_step="try again when it is in a block",
            ) from error
        book.close(earlier, IN_BLOCK, block=receipt.block)
        return receipt if same else None

    async def _sign_and_deliver(
        self, book: SenderBook, key: KeyReference, transaction: Transaction, hurried: bool, effect: str = ""
    ) -> Receipt | None:
        """None when another transaction took the nonce for good."""
        signed = await self._signer.sign(key, transaction.fields)
        self._check_signed(signed, transaction.sender)
        entry = SentTransaction(
            hash=signed.hash,
            raw=signed.raw,
            chain_id=transaction.chain_id,
            sender=transaction.sender.lower(),
            nonce=transaction.cost.nonce,
            target=transaction.registry,
            data=transaction.data,
            words=transaction.words,
        )
        await asyncio.to_thread(book.write, entry, effect)
        height = named_height(transaction.function, transaction.args)
        try:
            receipt = await self._delivery.deliver(entry, hurried=hurried, height=height)
        except NeverMined as error:
            book.close(entry, _unmade(error))
            return None
        except NotTaken as refused:
            book.close(entry, _unmade(refused))
            raise refused.why from None
        except ContractRefused as refused:
            book.close(entry, _unmade(refused))
            raise
        book.close(entry, IN_BLOCK, block=receipt.block)
        return receipt

    async def balance(self, sender: str) -> int:
        """Wei of an account, from the first endpoint that answers. Raises ChainError."""

        async def ask(url: str) -> int:
            where = endpoint_name(url)
            chain, found = await self._rpc.batch(url, [Call("eth_chainId"), Call("eth_getBalance", [sender, "latest"])])
            check_chain(chain, self._network, where)
            return quantity(found.value(f"eth_getBalance of {where}"), "the balance")

        return await first_answer(self._urls, ask)

    async def verdict(self, proposal_id: int) -> Verdict:
        """The verdict of a proposal, of the first endpoint that has one; NONE when none of those that answer has.

        Raises:
            ChainError: No endpoint gave a usable answer.
        """
        look = view_call(self._network.registry, "proposal", proposal_id)

        async def ask(url: str) -> Verdict:
            where = endpoint_name(url)
            chain, row = await self._rpc.batch(url, [Call("eth_chainId"), look], deadline_s=LOOK_DEADLINE_S)
            check_chain(chain, self._network, where)
            return decode_proposal(row, where=where).verdict

        return await first_answer(self._urls, ask, enough=lambda verdict: verdict is not Verdict.NONE)

    async def _build(self, url: str, sender: str, function: str, args: tuple[object, ...], data: str) -> Transaction:
        where, registry = endpoint_name(url), self._network.registry
        chain, code, *costs = await self._rpc.batch(
            url,
            [
                Call("eth_chainId"),
                Call("eth_getCode", [registry, "latest"]),
                *cost_calls({"from": sender, "to": registry, "data": data}),
            ],
        )
        check_chain(chain, self._network, where)
        # A call to an address without code succeeds and changes nothing.
        if not read_data(code.value(f"eth_getCode of {where}"), "the registry's code", most=_MOST_CODE):
            raise no_registry(where, registry)
        cost = read_cost(costs, function, where, height=named_height(function, args))
        return Transaction(function, args, self._network.evm_chain_id, registry, sender, cost, data)

    def _check_signed(self, signed: Signed, sender: str) -> None:
        if signed.sender != sender or "0x" + keccak(bytes.fromhex(signed.raw[2:])).hex() != signed.hash:
            raise SignerError("the signer's answer does not fit what it was asked", safe="nothing was sent")


def _unmade(error: NeverMined | NotTaken | ContractRefused) -> str:
    """Why a transaction did nothing, in a few words for the record."""
    if isinstance(error, NeverMined):
        return "never in a block: another transaction took its nonce"
    if isinstance(error, NotTaken):
        return f"not taken by any endpoint: {error.why.what}"
    return f"refused by the contract: {error.what}"
