"""Saying something to a Cosmos chain through its own daemon: built and shown, signed by its keyring, sent, awaited.

The daemon builds the transaction without any key, which is what is shown. Signed is that very file. Its hash is known
and written down before it is sent, so that a process that dies on the way sends the same bytes again and never a second
transaction: a vote that is said twice is harmless, a proposal is not.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from console.daemon_settings import DaemonSettings, is_key_address
from console.errors import BadAnswer, ChainError, DaemonError, InputError, SettingsError
from console.model import CallOutcome, ChainMessage, ChainView, DaemonRole, MessageReview
from console.model.chain_message import DOCUMENT
from console.model.cosmos import sdk_of
from console.operations.daemon_transaction import (
    body_of,
    bytes_of,
    gas_and_fee,
    left_out,
    rows_of,
    sequence_of,
    transaction_of,
)
from console.operations.message_delivery import delivered, purpose_of, settle
from console.operations.transaction_files import Drafts, write_new
from console.ports.keys import Terminal
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted

if TYPE_CHECKING:
    from console.chain.cosmos_delivery import CosmosDelivery
    from console.chain.daemon import ChainDaemon
    from console.chain.rpc import JsonRpc
    from console.chain.sent import SentTransaction

MOST_REVIEW_AGE_S = 300.0
"""Seconds after which a review is made anew: the proposal, and what is on the chain already, may have moved."""
BLOCK_DEADLINE_S = 90.0
"""Seconds from sending until a transaction has to be in a block, where nobody says otherwise."""
BOOK_DEADLINE_S = 30.0
"""Seconds to wait for another process that sends from the same account."""

View = Callable[[], Awaitable[ChainView]]

_NOTHING_SENT = "nothing was sent"


class DaemonMessages:
    """Reviews and sends messages of one network.

    Args:
        network: With a daemon in its settings, or it refuses.
        node: This machine's node; its RPC is asked first.
        key: Name or address of the key that signs instead of the settings'.
        terminal: On which the daemon's keyring may ask; None where nobody is.
        view: Reads the chain, whose endpoints must not contradict each other, and its proposals; None for neither.
        deadline_s: Seconds from sending until a transaction has to be in a block.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        network: NetworkSettings,
        node: NodeSettings | None = None,
        *,
        key: str = "",
        terminal: Terminal | None = None,
        view: View | None = None,
        deadline_s: float = BLOCK_DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network = network
        self._key = key
        self._terminal = terminal
        self._view = view
        self._deadline_s = deadline_s
        self._clock = clock
        own = () if node is None else (node.cometbft_rpc,)
        self._urls = tuple(dict.fromkeys((*own, *network.cometbft_rpc)))
        self._rpc: JsonRpc | None = None
        self._drafts = Drafts(network)
        self._addresses: dict[str, str] = {}
        """Of keys that were looked up: a keyring is asked once for each."""
        self._reviewed: dict[MessageReview, tuple[Path, float]] = {}

    async def review(self, message: ChainMessage) -> MessageReview:
        """Have the daemon build what would be signed; no key is used for it.

        Raises:
            SettingsError: There is no daemon or no key in the settings.
            EndpointDown: No node answers.
            BadAnswer: The node is of another chain.
            InputError: The chain has it already.
            EndpointsDisagree: Its endpoints contradict each other.
            DaemonError: The daemon refused, failed or took too long.
        """
        settings, daemon = self._settings(), self._daemon()
        key = self._key_of(message.role)
        program = daemon.program()
        warnings = await self._look_at_chain(message)
        address = await self._address(key)
        unsigned = self._drafts.new("unsigned")
        making = self._making(message, address)
        # The chain tries it on its state of now: what it would refuse is refused here, and costs nothing.
        gas = _estimate(await daemon.run((*making, "--dry-run")), settings)
        make = (*making, *(() if settings.names_gas else ("--gas", str(gas))), "--generate-only")
        made = transaction_of(await daemon.run(make), "the unsigned transaction")
        if message.document and (lost := left_out(message.document, made)):
            raise DaemonError(
                f"{Path(program).name} leaves out what its SDK does not know: {', '.join(lost)}",
                safe=_NOTHING_SENT,
                next_step='propose it not expedited, or with proposals = "legacy" for the network\'s daemon',
            )
        write_new(unsigned, json.dumps(made))
        signed = self._signing(unsigned, key)
        most_gas, fee = gas_and_fee(made)
        review = MessageReview(
            message=message,
            commands=(daemon.shown(make), daemon.shown(signed)),
            messages=rows_of(made),
            chain_id=self._network.chain_id,
            sender=address,
            key=f"{key} of the {settings.keyring_backend} keyring of {Path(program).name}",
            fee=fee,
            gas=most_gas,
            memo=str(untrusted(body_of(made).get("memo") or "", 256)),
            unsigned=json.dumps(made),
            warnings=warnings,
        )
        self._reviewed[review] = (unsigned, self._clock())
        return review

    async def send(self, review: MessageReview) -> CallOutcome:
        """Have exactly what was reviewed signed by the daemon's keyring, send it and wait for its block.

        Raises:
            InputError: It was not reviewed here, or too long ago; or the chain has it already.
            DaemonError: Not signed; nothing was sent.
            ChainError: Refused, failed in its block, or not seen in time.
        """
        from console.chain.sent import sent_by_hand

        found = self._reviewed.pop(review, None)
        if found is None or self._clock() - found[1] > MOST_REVIEW_AGE_S:
            raise InputError("this review is not of now", safe=_NOTHING_SENT, next_step="review it again")
        delivery = self._delivery()
        async with sent_by_hand(self._network).held(review.chain_id, review.sender, BOOK_DEADLINE_S) as book:
            if (settled := await settle(book, delivery, review)) is not None:
                return settled
            # Once more: a person may have looked at it for minutes.
            await self._refuse_by_chain(review.message)
            entry = await self._signed(review, found[0])
            book.write(entry, review.message.effect)
            return await delivered(book, delivery, entry, review.message)

    async def now(self, message: ChainMessage) -> CallOutcome:
        """Review and send without a person between, as a verb does after its own questions, and a procedure's step."""
        return await self.send(await self.review(message))

    @property
    def proposals_form(self) -> str:
        """How upgrades are proposed: `v1`, `legacy`, or `auto`, by the daemon's SDK. Raises SettingsError."""
        return self._settings().proposals

    async def sdk_version(self) -> tuple[int, int] | None:
        """Of which SDK the daemon says that it was built; None where it does not tell."""
        output = await self._daemon().run(("version", "--long", "--output", "json"))
        try:
            return sdk_of(str(json.loads(output)["cosmos_sdk_version"]))
        except (ValueError, KeyError, TypeError):
            return None

    async def authority(self) -> str:
        """The account in whose name the chain's own government acts. Raises ChainError."""
        from console.chain.fields import base64_bytes, integer, table
        from console.chain.protobuf import message, text_field

        call = {"path": "/cosmos.upgrade.v1beta1.Query/Authority", "data": "", "height": "0", "prove": False}
        reply = await self._client().call(self._urls[0], "abci_query", call)
        response = table(table(reply.value("the authority"), "the authority").get("response"), "the authority")
        if integer(response.get("code", 0), "the authority", high=(1 << 32) - 1):
            raise BadAnswer(
                f"the chain does not tell who upgrades it: {untrusted(response.get('log', ''), 120)}",
                safe=_NOTHING_SENT,
                next_step='set proposals = "legacy" for the network\'s daemon, if its SDK is older than 0.46',
            )
        raw = base64_bytes(response.get("value"), "the authority")
        return text_field(message(raw, "the authority"), 1, "the authority", most=128)

    async def close(self) -> None:
        """Close the connections and forget the drafts."""
        if self._rpc is not None:
            await self._rpc.close()
        await self._drafts.close()

    def _settings(self) -> DaemonSettings:
        if self._network.daemon is None:
            raise SettingsError(
                f"network {self._network.name} has no daemon in the settings, by which something could be said to it",
                safe=_NOTHING_SENT,
                next_step=f"add a table [networks.{self._network.name}.daemon] with command and from",
            )
        return self._network.daemon

    def _daemon(self) -> ChainDaemon:
        from console.chain.daemon import ChainDaemon

        return ChainDaemon(self._settings(), self._terminal)

    def _client(self) -> JsonRpc:
        from console.chain.rpc import JsonRpc

        if self._rpc is None:
            self._rpc = JsonRpc(deadline_s=5.0, tokens=self._network.tokens)
        return self._rpc

    def _delivery(self) -> CosmosDelivery:
        from console.chain.cosmos_delivery import CosmosDelivery

        return CosmosDelivery(self._client(), self._urls, self._network.chain_id, deadline_s=self._deadline_s)

    @property
    def _node_url(self) -> str:
        return self._settings().node or self._urls[0]

    def _key_of(self, role: DaemonRole) -> str:
        key = self._key or self._settings().key(role.value)
        if not key:
            raise SettingsError(
                f"network {self._network.name} has no key for the {role.value} in the settings of its daemon",
                safe=_NOTHING_SENT,
                next_step=f"set from.{role.value}, or give --from NAME",
            )
        return key

    async def _address(self, key: str) -> str:
        if is_key_address(key):
            return key
        if key in self._addresses:
            return self._addresses[key]
        daemon = self._daemon()
        output = await daemon.run(
            ("keys", "show", key, "--address", *daemon.keyring_flags()), key_for=f"look up the address of {key}"
        )
        address = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
        if not is_key_address(address):
            raise DaemonError(
                f"the daemon tells no address of key {untrusted(key, 80)}, but {untrusted(address or 'nothing', 80)}",
                safe=_NOTHING_SENT,
                next_step="name the key by its address in the settings",
            )
        self._addresses[key] = address
        return address

    async def _look_at_chain(self, message: ChainMessage) -> tuple[str, ...]:
        """That the node is of this chain and not behind; what the chain has already is refused."""
        status = await self._delivery().check(self._node_url)
        if message.upgrade is not None and message.upgrade[1] <= status.height:
            raise InputError(
                f"height {message.upgrade[1]} is in the past: the chain is at {status.height}", safe=_NOTHING_SENT
            )
        await self._refuse_by_chain(message)
        return ("the node is catching up: what it says of account and chain may be old",) if status.catching_up else ()

    async def _refuse_by_chain(self, message: ChainMessage) -> None:
        """Refuse what the chain has already, and everything while its endpoints contradict each other."""
        if self._view is None:
            return
        try:
            view = await self._view()
        except ChainError:
            # What is on the chain already has to be known; for all else the chain itself decides, once.
            if message.upgrade is not None or self._network.require_agreement:
                raise
            return
        if view.agreement is not None and view.agreement.blocks:
            from console.chain.agreement import refusal_of

            raise refusal_of(view.agreement)
        if message.upgrade is None:
            return
        name, height = message.upgrade
        for proposal in view.proposals:
            if proposal.status.open and str(proposal.name) == name and proposal.target_height == height:
                raise InputError(
                    f"proposal {proposal.id} proposes {name} for height {height} already, and is"
                    f" {proposal.status.words}",
                    safe=_NOTHING_SENT,
                    next_step=f"deposit for it or vote on it: upgrade-console vote {proposal.id} yes",
                )

    def _making(self, message: ChainMessage, address: str) -> tuple[str, ...]:
        """The arguments by which the daemon tries and builds it, without a key."""
        command = message.command
        if message.document:
            document = self._drafts.new("proposal")
            write_new(document, message.document)
            command = tuple(str(document) if each == DOCUMENT else each for each in command)
        settings = self._settings()
        return (
            "tx",
            *command,
            "--from",
            address,
            "--chain-id",
            self._network.chain_id,
            "--node",
            self._node_url,
            *self._daemon().keyring_flags(),
            *settings.flags,
        )

    def _signing(self, unsigned: Path, key: str) -> tuple[str, ...]:
        return (
            "tx",
            "sign",
            str(unsigned),
            "--from",
            key,
            "--chain-id",
            self._network.chain_id,
            "--node",
            self._node_url,
            *self._daemon().keyring_flags(),
            *self._settings().sign_flags,
            "--output-document",
            str(unsigned.with_name(unsigned.name.replace("unsigned", "signed"))),
        )

    async def _signed(self, review: MessageReview, unsigned: Path) -> SentTransaction:
        """Have it signed; what came back must be what was shown."""
        from console.chain.sent import SentTransaction

        daemon = self._daemon()
        arguments = self._signing(unsigned, self._key_of(review.message.role))
        if unsigned.read_text("utf-8") != review.unsigned:
            raise DaemonError("the file that was shown is another one by now", safe=_NOTHING_SENT)
        await daemon.run(arguments, key_for=f"sign: {review.message.effect}")
        path = Path(arguments[-1])
        try:
            made = transaction_of(path.read_text("utf-8"), "the signed transaction")
        except OSError as error:
            raise DaemonError("the daemon wrote no signed transaction", safe=_NOTHING_SENT) from error
        shown = transaction_of(review.unsigned, "the unsigned transaction")
        if body_of(made) != body_of(shown) or gas_and_fee(made) != gas_and_fee(shown):
            raise DaemonError("the daemon signed something else than was shown", safe=_NOTHING_SENT)
        if not made.get("signatures"):
            raise DaemonError("the daemon did not sign", safe=_NOTHING_SENT, next_step="look at its keyring")
        raw = bytes_of(await daemon.run(("tx", "encode", str(path))))
        first = review.messages[0][1] if review.messages else ""
        return SentTransaction(
            hash="0x" + hashlib.sha256(raw).hexdigest(),
            raw="0x" + raw.hex(),
            chain_id=review.chain_id,
            sender=review.sender,
            nonce=sequence_of(made),
            target=first[:120],
            data=purpose_of(review),
            words=_words(review.message),
        )


def _estimate(told: str, settings: DaemonSettings) -> int:
    """The most gas to use, from what `--dry-run` told. Raises DaemonError."""
    found = re.search(r"gas estimate: ([0-9]{1,18})", told)
    if found is None:
        raise DaemonError(
            f"the daemon tells no estimate of the gas, but {untrusted(told.strip() or 'nothing', 80)}",
            safe=_NOTHING_SENT,
            next_step="look whether `command` is this chain's daemon",
        )
    return math.ceil(int(found[1]) * settings.gas_adjustment)


def _words(message: ChainMessage) -> str:
    about = "" if message.upgrade is None else f" ({message.upgrade[0]} at block {message.upgrade[1]})"
    return " ".join(("tx", *(each for each in message.command if each != DOCUMENT))) + about
