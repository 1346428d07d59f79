"""The crossing: from the halt to the new binary, or back to the old one (DESIGN §4)."""

from __future__ import annotations

import logging

from console.errors import ChainError, NodeError
from console.model import Attempt, Crossing, Preparation, Verdict
from console.node.attempts import AttemptBook
from console.node.generation import Generations, folder_name
from console.node.runs import NodeRuns
from console.node.signer_guard import SignerStateError
from console.ports import ConsensusReading, PeerView

_LOG = logging.getLogger(__name__)

STARTUP_S = 60.0
"""Seconds that a new binary may take until its RPC answers; replay and migration are in it."""


class Crosser:
    """Takes the open attempt from HALTED to its end.

    Args:
        address: Our validator's checksummed address.
        book: The attempt.
        runs: The node's runs.
        generations: The layout on disk and its switch.
        peers: Consensus as our node and its peers show it.
    """

    def __init__(
        self, address: str, book: AttemptBook, runs: NodeRuns, generations: Generations, peers: PeerView
    ) -> None:
        self._address = address
        self._book = book
        self._runs = runs
        self._generations = generations
        self._peers = peers

    async def step(self, consensus: ConsensusReading | None) -> None:
        """Go on as far as possible; every state is durable before its side effect.

        Args:
            consensus: The latest reading of our own node in its present run, None when there is none.

        Raises:
            NodeError: A step failed; the attempt is where it was.
        """
        while True:
            attempt = self._book.open
            if attempt is None or attempt.crossing is Crossing.NONE:
                return
            await self._one(attempt, consensus)
            if self._book.attempt is None or self._book.attempt.crossing is attempt.crossing:
                return

    async def _one(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        match attempt.crossing:
            case Crossing.HALTED:
                await self._leave_halt(attempt)
            case Crossing.QUIESCED:
                self._switch(attempt)
            case Crossing.SWITCHED:
                await self._try_new(attempt)
            case Crossing.STARTING:
                await self._await_replay(attempt, consensus)
            case Crossing.WAITING_FOR_QUORUM:
                await self._await_commit(attempt, consensus)
            case Crossing.PROBATION:
                await self._prove(attempt, consensus)

    async def _leave_halt(self, attempt: Attempt) -> None:
        if attempt.verdict is Verdict.ABORT:
            self._book.change(
                crossing=Crossing.RESUMED_OLD, note="the verdict is ABORT: the old binary goes on, halt cleared"
            )
            await self._runs.start(self._generations.current(), 0)
        elif attempt.verdict is Verdict.NONE:
            self._book.change(note="halted; the verdict is not known yet, asking the network")
        elif attempt.preparation not in {Preparation.STAGED, Preparation.READY}:
            self._book.change(
                note=f"halted before {attempt.target_height}; the new release is not staged: give its bytes "
                f"with `upgrade-console node add-upgrade {attempt.name} FILE`"
            )
        elif self._runs.quiet:
            self._book.change(crossing=Crossing.QUIESCED, note="")

    def _switch(self, attempt: Attempt) -> None:
        staged = self._generations.staged(folder_name(attempt.name), attempt.release_hash)
        if staged is None:
            self._book.change(
                preparation=Preparation.PLANNED,
                crossing=Crossing.HALTED,
                note="the staged bytes are not the verified ones any more: fetching them again",
            )
            return
        self._generations.switch(staged)
        self._book.change(crossing=Crossing.SWITCHED)

    async def _try_new(self, attempt: Attempt) -> None:
        if attempt.tries_left <= 0:
            self._book.change(
                crossing=Crossing.NEEDS_OPERATOR,
                note=f"the new binary did not start in any of its tries; everything is kept as it is ({attempt.note})",
            )
            return
        self._book.change(crossing=Crossing.STARTING, tries_left=attempt.tries_left - 1)
        await self._start_new(attempt)

    async def _start_new(self, attempt: Attempt) -> None:
        try:
            await self._runs.start(self._generations.generation(folder_name(attempt.name)), 0)
        except SignerStateError as error:
            self._book.change(crossing=Crossing.NEEDS_OPERATOR, note=str(error))
        except NodeError as error:
            self._book.change(crossing=Crossing.SWITCHED, note=str(error))

    async def _await_replay(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        if self._runs.live is None:
            # The controller was killed between the decision and the start: that try is spent.
            self._book.change(crossing=Crossing.SWITCHED, note="a start was interrupted")
        elif consensus is not None and consensus.app_height >= attempt.target_height:
            self._book.change(crossing=Crossing.WAITING_FOR_QUORUM, note="")
        elif self._runs.age_s > STARTUP_S:
            _LOG.warning("the new binary's RPC does not answer after %d seconds", STARTUP_S)
            await self._runs.stop()
            self._book.change(
                crossing=Crossing.SWITCHED, note=f"the new binary did not come up within {STARTUP_S:.0f} seconds"
            )

    async def _await_commit(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        if consensus is None or consensus.height <= attempt.target_height:
            return
        try:
            await self._peers.verified_commit(attempt.target_height + 1)
        except ChainError as error:
            _LOG.info("no verified commit after the upgrade yet: %s", error)
            return
        self._book.change(crossing=Crossing.PROBATION, note="")

    async def _prove(self, attempt: Attempt, consensus: ConsensusReading | None) -> None:
        """COMMITTED: beyond return, our signature in a commit, our app hash the network's (DESIGN §4)."""
        if consensus is None or consensus.app_height <= attempt.target_height + 1:
            return
        try:
            signers = await self._peers.verified_commit(consensus.app_height)
            await self._peers.agreed_app_hash(attempt.target_height)
        except ChainError as error:
            _LOG.info("not proven yet: %s", error)
            return
        if self._address in signers:
            self._book.change(crossing=Crossing.COMMITTED, note="")
