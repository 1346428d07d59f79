"""What the controller says to the chain: each word once, retried until the chain has it or it is too late."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from console.errors import ConsoleError, ContractRefused
from console.model import Arming, Attempt, Crossing, Preparation, Proposal, Verdict
from console.node.attempts import AttemptBook
from console.node.journal import Journal
from console.node.rollout import Rollout
from console.node.runs import NodeRuns
from console.node.turns import arming_order
from console.ports.chain import ConsensusReading, PeerView, PlanReading, Signals

_LOG = logging.getLogger(__name__)

_RETRY_S = 1.0
_UNKNOWN_KEY_S = 10.0
"""Seconds until a key that the registry does not know is tried again: who joins names it after joining."""
_NEARLY_READY = frozenset({Preparation.VERIFIED, Preparation.STAGED, Preparation.READY})
_FINAL = frozenset({"TooLate", "WrongReleaseHash", "WrongHeight", "NotCrossing", "UnknownProposal", "ZeroExeHash"})
"""Refusals that saying it again cannot change."""


class Speaker:
    """Says ready, armed, failure, freeze and confirm for one validator.

    Args:
        address: Our validator's checksummed address.
        book: The attempt.
        journal: What the chain already has.
        runs: To know what runs.
        peers: To know the app hash that the network agrees on.
        signals: The chain.
        rollout: Says whether the release is held back: then this node does not count for GO.
        said: Called when the chain has something new from us.
    """

    def __init__(
        self,
        address: str,
        book: AttemptBook,
        journal: Journal,
        runs: NodeRuns,
        peers: PeerView,
        signals: Signals,
        rollout: Rollout,
        said: Callable[[], None],
    ) -> None:
        self._address = address
        self._book = book
        self._journal = journal
        self._runs = runs
        self._peers = peers
        self._signals = signals
        self._rollout = rollout
        self._on_said = said
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._heard = False
        """Whether the newest reading tells what the chain has from us about the attempt's proposal."""
        self._ready_at = 0
        """Height of our `ready`, as the chain shows it; 0 for none, or while it is not told."""
        self._withdrawn = -1
        """Height of the `ready` that was taken back last: the chain may still show it for a block."""

    def step(self, reading: PlanReading, proposal: Proposal | None, consensus: ConsensusReading | None) -> None:
        """Say what is due now; nothing is waited for."""
        attempt = self._book.attempt
        if attempt is None or attempt.halts_itself:
            return
        self._hear(attempt, reading)
        if attempt.crossing is Crossing.COMMITTED:
            if self._journal.said(attempt, "confirm") is None:
                self._say(attempt, "confirm", attempt.release_hash, self._confirm(attempt))
            return
        if attempt.crossing is not Crossing.NONE or proposal is None:
            return
        # Of one that is no validator, or not yet, every word is refused now; it is due when it has joined.
        member = reading.readiness is None or reading.readiness.of(self._address) is not None
        if member and self._word_ahead(attempt, reading):
            self.prepare()
        if not attempt.has_height:
            # Readiness is what gives it one.
            if member:
                self._say_preparation(attempt)
        elif reading.height < attempt.freeze_height - 1:
            if member:
                self._say_before_freeze(attempt, consensus)
        elif self._freeze_due(attempt, proposal, reading):
            self._say(attempt, "freeze", "1", lambda: self._freeze(attempt))

    def prepare(self) -> None:
        """Have a signer waiting, so that the next word follows at once."""
        task = self._tasks.get("prepare")
        if task is None or task.done():
            self._tasks["prepare"] = asyncio.get_running_loop().create_task(self._prepare())

    async def close(self) -> None:
        """Stop; what the chain does not have yet is said again after a restart."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _word_ahead(self, attempt: Attempt, reading: PlanReading) -> bool:
        """Whether a word is due soon that must not wait for a signer: ready, armed, and near H−F the freeze."""
        if attempt.has_height and reading.height >= attempt.freeze_height - 3:
            return attempt.verdict is Verdict.NONE
        if not attempt.has_height and attempt.preparation not in _NEARLY_READY:
            return False
        # No signer waits, with its key, through the days of a proof, or until an approved plan is scheduled.
        due = ("ready", "armed") if attempt.has_height and self._rollout.permits(attempt) else ("ready",)
        values = {"ready": attempt.release_hash, "armed": str(attempt.target_height)}
        return any(self._journal.said(attempt, what) != values[what] for what in due)

    async def _prepare(self) -> None:
        # Without a signer ready the next word is only slower.
        with suppress(ConsoleError):
            await self._signals.prepare()

    def _say_preparation(self, attempt: Attempt) -> None:
        number = attempt.proposal_id
        if attempt.preparation is Preparation.READY:
            self._say(attempt, "ready", attempt.release_hash, lambda: self._signals.ready(number, attempt.release_hash))
        elif attempt.preparation is Preparation.FAILED and attempt.failure_code:
            code = attempt.failure_code
            value = _failure(code, attempt)
            if self._journal.said(attempt, "ready") == attempt.release_hash:
                # The chain counts us, or will with the next look, and must not: the failure is said when it does not.
                ready_at = self._ready_at
                if ready_at or not self._heard:
                    self._say(attempt, "withdraw", str(ready_at), lambda: self._withdraw(attempt, ready_at))
            else:
                self._say(attempt, "failure", value, lambda: self._signals.failure(number, code))

    def _say_before_freeze(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        number = attempt.proposal_id
        self._say_preparation(attempt)
        # Armed is said when the node is back: the next one's turn begins with it, and must not halve the network.
        if attempt.arming is Arming.ARMED and consensus is not None and self._rollout.permits(attempt):
            height = attempt.target_height
            self._say(attempt, "armed", str(height), lambda: self._signals.armed(number, height))

    async def _withdraw(self, attempt: Attempt, ready_at: int) -> None:
        await self._signals.withdraw(attempt.proposal_id)
        self._withdrawn = ready_at
        self._journal.say(attempt, "ready", "")

    def _freeze_due(self, attempt: Attempt, proposal: Proposal, reading: PlanReading) -> bool:
        if proposal.verdict is not Verdict.NONE or reading.readiness is None:
            return False
        order = arming_order(attempt.proposal_id, [entry.address for entry in reading.readiness.validators])
        place = order.index(self._address) if self._address in order else len(order)
        return attempt.freeze_height + min(place, 2) <= reading.height < attempt.target_height - 2

    async def _freeze(self, attempt: Attempt) -> None:
        """Freeze, and keep the verdict that the receipt tells: at short block times the node may halt before another
        look at the chain, and when nobody has looked, nobody would ever know."""
        verdict = await self._signals.freeze(attempt.proposal_id)
        opened = self._book.open
        unknown = opened is not None and opened.id == attempt.id and opened.verdict is Verdict.NONE
        if unknown and verdict is not Verdict.NONE:
            self._book.change(verdict=verdict)

    def _confirm(self, attempt: Attempt) -> Callable[[], Awaitable[None]]:
        async def confirm() -> None:
            live = self._runs.live
            exe = attempt.generation_hash if live is None else live.exe_sha256
            app_hash = await self._peers.agreed_app_hash(attempt.target_height)
            await self._signals.confirm(attempt.proposal_id, exe, app_hash)

        return confirm

    def _hear(self, attempt: Attempt, reading: PlanReading) -> None:
        """Keep what the chain already has from us, so that it is never said twice."""
        readiness = reading.readiness
        self._heard, self._ready_at = False, 0
        if readiness is None or readiness.proposal_id != attempt.proposal_id:
            return
        own = readiness.of(self._address)
        if own is None:
            return
        self._heard, self._ready_at = True, own.ready_at
        for what, value, there in (
            ("ready", attempt.release_hash, own.ready and own.ready_at != self._withdrawn),
            ("armed", str(attempt.target_height), own.armed),
            ("failure", _failure(own.failure_code, attempt), own.failure_code > 0),
            ("confirm", attempt.release_hash, own.confirmed_at > 0),
        ):
            if there and self._journal.said(attempt, what) != value:
                self._journal.say(attempt, what, value)

    def _say(self, attempt: Attempt, what: str, value: str, send: Callable[[], Awaitable[None]]) -> None:
        if self._journal.said(attempt, what) == value:
            return
        task = self._tasks.get(what)
        if (task is not None and not task.done()) or time.monotonic() < self._not_before.get(what, 0.0):
            return
        self._tasks[what] = asyncio.get_running_loop().create_task(self._send(attempt, what, value, send))

    async def _send(self, attempt: Attempt, what: str, value: str, send: Callable[[], Awaitable[None]]) -> None:
        pause_s = _RETRY_S
        try:
            await send()
        except ContractRefused as error:
            _LOG.warning("the registry refused %s: %s", what, error)
            if error.name == "NotAValidator":
                pause_s = _UNKNOWN_KEY_S
            if error.name in _FINAL:
                self._journal.say(attempt, what, value)
                self._journal.record(f"refused-{what}", attempt, reason=str(error))
        except ConsoleError as error:
            _LOG.warning("could not say %s: %s", what, error)
        except Exception:
            _LOG.exception("could not say %s", what)
        else:
            self._journal.say(attempt, what, value)
            _LOG.info("the chain has our word: %s", what)
            self._on_said()
            return
        self._not_before[what] = time.monotonic() + pause_s


def _failure(code: int, attempt: Attempt) -> str:
    """What is kept of a failure that was said: of other bytes it is another one."""
    return f"{code} of {attempt.release_hash}"
