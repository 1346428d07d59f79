"""A call of the registry from what it would do to what it did: reviewed, then signed and sent, or exported.

What is signed is exactly what was reviewed. The console and every verb go through here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from console.addresses import ZERO_ADDRESS, prefix_of, read_address
from console.errors import ChainError, InputError, SettingsError
from console.model import CallOutcome, CallReview, RegistryCall, SigningKey
from console.operations.contract_export import ExportedCall, write_export
from console.ports.keys import KeyReference, Terminal
from console.settings import NetworkSettings, NodeSettings, state_folder

if TYPE_CHECKING:
    from console.chain.governance import GovernanceReader
    from console.chain.transaction import Transaction
    from console.chain.writer import RegistryWriter

MOST_REVIEW_AGE_S = 300.0
"""Seconds after which a review is read anew: fees and the proposal itself may have moved."""

_NOTHING_SENT = "nothing was sent"


class RegistryCalls:
    """Reviews and sends calls of one network's registry.

    Args:
        network: The network.
        node: Whose operator and voter keys sign; None where there is none.
        key: Signs instead of the settings' keys.
        terminal: Where the signer may ask for a passphrase.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        network: NetworkSettings,
        node: NodeSettings | None,
        *,
        key: KeyReference | None = None,
        terminal: Terminal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network = network
        self._node = node
        self._key = key
        self._terminal = terminal
        self._clock = clock
        self._writers: dict[bool, RegistryWriter] = {}
        self._reader: GovernanceReader | None = None
        self._reviewed: dict[CallReview, tuple[Transaction, KeyReference, float]] = {}

    async def review(self, call: RegistryCall, *, sender: str = "") -> CallReview:
        """Read from the chain what would be signed; a call that would be refused now is refused here.

        Args:
            call: What to do.
            sender: Checksummed address of a signer elsewhere, for an export; such a review cannot be sent.

        Raises:
            SettingsError: No key is set that could sign it.
            EndpointsDisagree: The endpoints contradict each other.
            InputError: A value does not fit.
            ContractRefused: The registry would refuse.
            ChainError: No usable answer.
            EndpointsDisagree: The endpoints contradict each other.
            SignerError: The key cannot be used.
        """
        writer = self._writer(call.key)
        key = None if sender else key_for(self._network, self._node, call.key, self._key)
        await self._check_agreement()
        if key is not None:
            sender = await writer.address(key)
        transaction = await writer.build(sender, call.function, call.args)
        review = CallReview(
            call=call,
            described=transaction.words,
            target=transaction.registry,
            chain_id=transaction.chain_id,
            sender=sender,
            nonce=transaction.cost.nonce,
            gas=transaction.cost.gas,
            cost_wei=transaction.cost.most_wei,
            data=transaction.data,
            warnings=(
                *(() if key is None else await self._key_warnings(writer, call.key, key)),
                *await self._warnings(writer, transaction),
            ),
        )
        if key is not None:
            self._reviewed[review] = (transaction, key, self._clock())
        return review

    async def send(self, review: CallReview) -> CallOutcome:
        """Have exactly what was reviewed signed, send it and wait for its block.

        Raises:
            InputError: It was not reviewed here, or too long ago.
            EndpointsDisagree: The endpoints contradict each other; nothing was signed.
            ChainError: Not sent, refused, or not seen in time.
            SignerError: Not signed; nothing was sent.
        """
        found = self._reviewed.pop(review, None)
        if found is None or self._clock() - found[2] > MOST_REVIEW_AGE_S:
            raise InputError("this review is not of now", safe=_NOTHING_SENT, next_step="review it again")
        transaction, key, _ = found
        # Once more: a person may have looked at it for minutes.
        await self._check_agreement()
        receipt = await self._writer(review.call.key).send_reviewed(key, transaction, review.call.effect)
        number = review.call.proposal_id
        if review.call.function == "propose":
            from console.chain.receipts import created_proposal

            number = created_proposal(receipt, self._network.registry)
        return CallOutcome(receipt.transaction_hash, receipt.block, receipt.gas_used, number)

    async def now(self, call: RegistryCall) -> CallOutcome:
        """Review and send without a person between, as a verb does after its own questions."""
        return await self.send(await self.review(call))

    async def close(self) -> None:
        """End waiting signers and close the connections."""
        for writer in self._writers.values():
            await writer.close()
        if self._reader is not None:
            await self._reader.close()

    def _rules_reader(self) -> GovernanceReader:
        from console.chain.governance import GovernanceReader

        if self._reader is None:
            self._reader = GovernanceReader(self._network, self._urls())
        return self._reader

    def _urls(self) -> tuple[str, ...]:
        return (*(() if self._node is None else (self._node.ethereum_rpc,)), *self._network.ethereum_rpc)

    async def _check_agreement(self) -> None:
        from console.chain.agreement import require_agreement

        await require_agreement(self._network)

    def _writer(self, key: SigningKey) -> RegistryWriter:
        from console.chain.sent import sent_by_hand, sent_by_node
        from console.chain.writer import RegistryWriter

        by_node = key is SigningKey.OPERATOR and self._node is not None and self._key is None
        if by_node not in self._writers:
            node = self._node
            # The controller of the node has the same key and must not be on its way with it at the same time.
            book = sent_by_node(node) if by_node and node is not None else sent_by_hand(self._network)
            self._writers[by_node] = RegistryWriter(self._network, self._urls(), book, terminal=self._terminal)
        return self._writers[by_node]

    async def _key_warnings(self, writer: RegistryWriter, role: SigningKey, key: KeyReference) -> tuple[str, ...]:
        """How the key's file is kept, and whether it is too good for what it does."""
        found = await writer.describe(key)
        if role is not SigningKey.OPERATOR or self._node is None:
            return found.warnings
        from console.chain.signing import own_key_warning

        own = own_key_warning(found.address, self._node.address)
        return (*found.warnings, own) if own else found.warnings

    async def _warnings(self, writer: RegistryWriter, transaction: Transaction) -> tuple[str, ...]:
        found = []
        try:
            successor = (await self._rules_reader().rules()).successor
        except ChainError as error:
            found.append(f"whether another registry follows this one is not known: {error.what}")
        else:
            if successor != ZERO_ADDRESS:
                found.append(
                    f"another registry follows this one, {successor}: look at `upgrade-console registry show` first"
                )
        try:
            balance = await writer.balance(transaction.sender)
        except ChainError as error:
            return (*found, f"the balance of {transaction.sender} is not known: {error.what}")
        if balance < transaction.cost.most_wei:
            found.append(f"{transaction.sender} holds {balance} wei and this may cost {transaction.cost.most_wei}")
        return tuple(found)


def sender_of(typed: str | None, network: NetworkSettings, *, unsigned: bool) -> str:
    """Who will sign elsewhere, checksummed; empty for a key that is here.

    Args:
        typed: An address in any form; None for none.
        network: Which prefix its Filecoin addresses have.
        unsigned: Whether the call is only shown or exported.

    Raises:
        InputError: It is no address, or the call is to be sent from here.
    """
    if typed is None:
        return ""
    if not unsigned:
        raise InputError(
            "a call from an address whose key is elsewhere cannot be sent from here",
            safe=_NOTHING_SENT,
            next_step="add --export FILE, or --dry-run",
        )
    return read_address(typed, prefix=prefix_of(network.chain_id))


def key_for(
    network: NetworkSettings, node: NodeSettings | None, key: SigningKey, given: KeyReference | None = None
) -> KeyReference:
    """Which key signs.

    Args:
        network: Its proposer's and council's key.
        node: Its operator's and voter's key.
        key: What is to be signed with.
        given: The operator's own choice, which comes first.

    Raises:
        SettingsError: None is set.
    """
    if given is not None:
        return given
    found = {
        SigningKey.PROPOSER: network.proposer_key,
        SigningKey.COUNCIL: network.council_key,
        SigningKey.OPERATOR: None if node is None else node.operator_key,
        SigningKey.VOTER: (None if node is None else node.voter_key) or network.voter_key,
    }[key]
    if found is None and key is SigningKey.OPERATOR and node is None:
        # What an operator key signs by hand, anyone may call.
        found = network.proposer_key
    if found is None:
        of_node = key in {SigningKey.OPERATOR, SigningKey.VOTER}
        where = f"node {node.name}" if of_node and node is not None else f"network {network.name}"
        raise SettingsError(
            f"{where} has no {key.value} in the settings",
            safe=_NOTHING_SENT,
            next_step=f"set {key.value}, give --key FILE, or export the call for another signer",
        )
    return found


def export_call(review: CallReview, network: NetworkSettings, path: Path | None = None) -> Path:
    """Write a reviewed call for another signer: a multisig, a hardware wallet, another machine.

    Args:
        review: What was reviewed.
        network: The network.
        path: Where to; a name of its own in the folder `exports` beside the state when not given.

    Returns:
        The file; one for Safe's transaction builder is beside it, with `.safe.json`.

    Raises:
        InputError: It cannot be written.
    """
    data = bytes.fromhex(review.data[2:])
    if path is None:
        folder = (network.folder or state_folder()) / "exports"
        number = f"-{review.call.proposal_id}" if review.call.proposal_id else ""
        path = folder / f"{review.call.function}{number}-{hashlib.sha256(data).hexdigest()[:8]}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the call cannot be written to {folder}: {error}", safe=_NOTHING_SENT) from error
    what = f"{review.described}: {review.call.effect}"
    return write_export([ExportedCall(review.chain_id, review.target, data, what, owner=review.sender)], path)[0]
