"""Staged rollout: a release is armed for when another network has proven it (DESIGN §4.2, docs/architecture.md).

Held back are the arming restart and our word `armed`, so that GO does not count this node, and the switch to the new
binary. The halt itself is not: once the freeze has made our word worthless, a node whose network crosses is armed all
the same, because an unarmed one would execute H under old rules. It then waits at its halt.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from console.errors import ConsoleError, NodeError
from console.model import (
    Attempt,
    Crossing,
    PlanOrigin,
    Preparation,
    Proof,
    ProofState,
    Proposal,
    ProposalStatus,
    Verdict,
    proof_of,
)
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.release.manifest import peek_manifest
from console.node.release_record import MANIFEST
from console.ports.chain import PlanReading, ProvingNetwork
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

LOOK_S = 60.0
"""Seconds between two looks at the other network, at least."""
NEAR_BLOCKS = 50
"""Blocks before H from which on the operator is called."""
LAST_BLOCKS = 4
"""Blocks before H at which a node that still knows no verdict is armed: at H-2 it is too late to stop it."""
FORCE = '`upgrade-console node arm --unproven "REASON"`'


@dataclass(frozen=True, slots=True)
class ProofDemand:
    """What a network demands: that another one executed the release, for some time."""

    network: str
    """The other one's name; empty when the settings name none."""
    needed_s: int
    """Seconds of its block time; 0 demands nothing."""
    source: ProvingNetwork | None = None
    """None where it cannot be asked."""
    problem: str = ""
    """Why not."""
    look_s: float = LOOK_S


NOTHING_DEMANDED = ProofDemand("", 0)


class Rollout:
    """Says what the open attempt is held back from, and asks the proving network.

    Args:
        demand: Of the node's network.
        settings: The node's settings of the moment.
        book: The attempt, in which a proof is durable.
        generations: To know the binaries of a release that came by a manifest.
    """

    def __init__(
        self,
        demand: ProofDemand,
        settings: Callable[[], NodeSettings],
        book: AttemptBook,
        generations: Generations,
    ) -> None:
        self._demand = demand
        self._settings = settings
        self._book = book
        self._generations = generations
        self._wanted = asyncio.Event()
        self._latest: tuple[int, Proof] | None = None
        self._height: tuple[int, int] | None = None

    # --- the rule ---

    def permits(self, attempt: Attempt) -> bool:
        """Whether the node may say that it is armed, and run the new binary."""
        demanded = self._demand.needed_s > 0 and attempt.origin is PlanOrigin.REGISTRY
        return not demanded or bool(attempt.proven) or bool(attempt.unproven)

    def holds_arming(self, attempt: Attempt) -> bool:
        """Whether the node is not to be armed yet.

        The verdict decides: with CROSS, which came without our word, the node must halt; with ABORT it goes on as it
        is. Where the verdict is not known in time, or the network's height is not, it is armed: a halt costs a pause,
        a missed one the node's state.
        """
        if self.permits(attempt):
            return False
        # Where the rules stay the same the old binary may go on.
        if not attempt.breaking or attempt.verdict is Verdict.ABORT:
            return True
        height = self._network_height(attempt)
        if height is None or not attempt.has_height or attempt.verdict is Verdict.CROSS:
            return False
        return height < attempt.target_height - LAST_BLOCKS

    def holds_crossing(self, attempt: Attempt) -> str:
        """Why a halted node does not switch to the new binary; empty when nothing speaks against it."""
        if self.permits(attempt):
            return ""
        on = f"on {self._demand.network}" if self._demand.network else "on another network"
        return f"the release is not proven {on}: it is waited for, or taken all the same with {FORCE}"

    def refuse_arming(self, attempt: Attempt) -> None:
        """Refuse an arming by hand that is held back. Raises NodeError."""
        if self.holds_arming(attempt):
            proof = self.proof()
            raise NodeError(
                f"not armed: {'' if proof is None else proof.sentence}",
                safe="nothing was changed; the release is prepared all the same",
                next_step=f"wait for it, or take the release unproven with {FORCE}",
            )

    def _network_height(self, attempt: Attempt) -> int | None:
        return self._height[1] if self._height is not None and self._height[0] == attempt.id else None

    # --- what is known ---

    def proof(self) -> Proof | None:
        """How far the open attempt's release is proven; None where that is not demanded."""
        attempt = self._book.open
        if attempt is None or not self._demand.needed_s or attempt.origin is not PlanOrigin.REGISTRY:
            return None
        latest = self._latest[1] if self._latest is not None and self._latest[0] == attempt.id else None
        elapsed_s = None if latest is None else latest.elapsed_s
        network, needed_s = self._demand.network, self._demand.needed_s
        if attempt.proven:
            return Proof(network, ProofState.PROVEN, needed_s, elapsed_s, attempt.proven)
        if attempt.unproven:
            words = f"taken without a proof: {attempt.unproven}"
            return Proof(network, ProofState.FORCED, needed_s, elapsed_s, words)
        return latest or proof_of(network, needed_s, "", (), None, self._demand.problem)

    def note(self) -> str:
        """One sentence on why the open attempt is held back; empty when it is not."""
        attempt, proof = self._book.open, self.proof()
        if attempt is None or proof is None or self.permits(attempt) or attempt.crossing is not Crossing.NONE:
            return ""
        return proof.sentence

    def alarm(self) -> str:
        """Why the operator is called: H is near, or has stopped this node, and only he can take an unproven release."""
        attempt = self._book.open
        if attempt is None or self.permits(attempt) or attempt.verdict is Verdict.ABORT:
            return ""
        why = self.holds_crossing(attempt)
        if attempt.crossing is Crossing.HALTED:
            crosses = attempt.verdict is Verdict.CROSS and attempt.preparation is Preparation.READY
            return f"{attempt.crossing.value}: {why}" if crosses else ""
        height = self._network_height(attempt)
        near = attempt.has_height and height is not None and height >= attempt.target_height - NEAR_BLOCKS
        return f"height {attempt.target_height} is near, and {why}" if near and attempt.breaking else ""

    def look(self, reading: PlanReading, proposal: Proposal | None) -> None:
        """Take in what our own network says, and have the other one asked if that is due.

        Args:
            reading: Of the plans.
            proposal: That of the open attempt.

        Raises:
            JournalError: What is proven could not be kept.
        """
        attempt = self._book.open
        if attempt is None or self.permits(attempt):
            return
        before = self._network_height(attempt) or 0
        self._height = (attempt.id, max(before, reading.height))
        if proposal is not None and proposal.status is ProposalStatus.EXECUTED and attempt.crossing is Crossing.NONE:
            # Before this node came to its halt: it catches up with a network whose other validators run the release.
            self._book.change(proven=f"proven: this network itself executed it at height {attempt.target_height}")
            return
        self._wanted.set()

    def force(self, reason: str) -> None:
        """Take the open attempt's release without a proof. Raises NodeError: nothing waits for one; JournalError."""
        attempt = self._book.open
        if attempt is None or self.permits(attempt):
            raise NodeError("no plan waits for a proof here", safe="nothing was changed")
        self._book.lead_on(reason, unproven=reason)

    # --- the other network ---

    async def watch(self) -> None:
        """Ask the other network for ever: only while an attempt waits for it, and never more often than `look_s`."""
        source = self._demand.source
        if source is None:
            return
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            attempt = self._book.open
            if attempt is None or self.permits(attempt):
                continue
            try:
                await self._ask(source, attempt)
            except Exception:
                # An answer from outside must not end the one who supervises the node.
                _LOG.exception("what %s has executed cannot be read", self._demand.network)
            await asyncio.sleep(self._demand.look_s)

    async def _ask(self, source: ProvingNetwork, attempt: Attempt) -> None:
        binaries = await asyncio.to_thread(self._binaries, attempt)
        reading, problem = None, ""
        try:
            reading = await source.read(attempt.release_hash, binaries)
        except ConsoleError as error:
            problem = error.what
        proof = proof_of(self._demand.network, self._demand.needed_s, attempt.release_hash, binaries, reading, problem)
        now = self._book.open
        if now is None or now.id != attempt.id or now.release_hash != attempt.release_hash:
            # Ended, or its release replaced, while the other network was asked.
            return
        if self._latest is None or self._latest[1].sentence != proof.sentence:
            _LOG.info("release of %s: %s", attempt.name, proof.sentence)
        self._latest = (attempt.id, proof)
        if proof.state is ProofState.PROVEN and not self.permits(now):
            self._book.change(proven=proof.sentence)

    def _binaries(self, attempt: Attempt) -> frozenset[str]:
        """Sha256 of the app's binary on every platform of the release, as far as this node knows them."""
        found = {attempt.generation_hash}
        if attempt.preparation in {Preparation.STAGED, Preparation.READY}:
            try:
                generation = self._generations.generation(attempt.generation)
                content = (generation.binary.parent.parent / MANIFEST).read_bytes() if generation.manifest else b""
                # The record's hash vouches for it: it was verified before it was staged.
                if content and hashlib.sha256(content).hexdigest() == generation.manifest:
                    daemon = self._settings().daemon
                    for platform in peek_manifest(content).platforms.values():
                        found |= {each.sha256 for name, each in platform.binaries.items() if name == daemon}
                        found |= {image.sha256 for name, image in platform.images.items() if name == daemon}
            except (ConsoleError, OSError) as error:
                _LOG.warning("the manifest of %s cannot be read again: %s", attempt.name, error)
        return frozenset(found - {""})
