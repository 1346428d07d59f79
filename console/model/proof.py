"""Whether a release is proven: executed on another network, for some hours of that network's block time (DESIGN §4.2).

What is compared: the plan's release hash, and the sha256 of the binary that the other network's validators confirmed
that they run. A manifest names its chain, so that the same release has another manifest there; its binaries are the
same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from console.model.plan import Proposal, ProposalStatus, Readiness, ReleaseKind
from console.model.power import more_than_two_thirds

_NS = 1_000_000_000


class ProofState(StrEnum):
    """How far a proof is."""

    UNKNOWN = "unknown"
    """The other network could not be asked, or nobody named one: counts as not proven."""
    NOT_EXECUTED = "not executed"
    RUNNING = "running"
    """Executed there, and the clock has not run long enough."""
    PROVEN = "proven"
    FORCED = "forced"
    """Not proven, and the operator takes it all the same."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one release on the network that has to prove it."""

    network: str
    """Its name in the settings; empty when none is named."""
    state: ProofState
    needed_s: int
    """Seconds of block time that are demanded."""
    elapsed_s: int | None
    """Seconds of block time since the crossing there; None while there was none, or nobody knows."""
    sentence: str
    """For the operator."""

    @property
    def given(self) -> bool:
        """Whether nothing is waited for any more."""
        return self.state in {ProofState.PROVEN, ProofState.FORCED}

    @property
    def left_s(self) -> int | None:
        """Seconds of block time that are still missing; None while the clock does not run."""
        if self.given:
            return 0
        return None if self.elapsed_s is None else max(0, self.needed_s - self.elapsed_s)

    @property
    def short(self) -> str:
        """A few columns: what is left of the clock, or why there is none."""
        if self.state is ProofState.RUNNING and self.left_s is not None:
            minutes = -(-self.left_s // 60)
            return f"{minutes // 60}h{minutes % 60:02d}m"
        return {ProofState.NOT_EXECUTED: "not run"}.get(self.state, self.state.value)


@dataclass(frozen=True, slots=True)
class ProofReading:
    """What another network said of the releases that it crossed with."""

    proposals: tuple[Proposal, ...]
    """Newest first."""
    confirmations: tuple[Readiness, ...]
    """Of executed proposals: who confirmed which binary."""
    crossed_ns: int | None
    """Time in the header of H of the crossing that `crossing_of` finds; None when there is none, or no such header."""
    newest_ns: int
    """Time in its newest header."""


def crossing_of(
    release_hash: str, binaries: Collection[str], proposals: Sequence[Proposal], confirmations: Sequence[Readiness]
) -> Proposal | None:
    """The first proposal that a network executed with a release; None when there is none.

    Executed, in the registry, means that more than 2/3 of the power confirmed the crossing. The release is the same
    when its hash is, when the plan's raw binary is one of its binaries, or when more than 2/3 of the power confirmed
    one of its binaries.

    Args:
        release_hash: Of the plan here, 64 hex digits.
        binaries: Sha256 of the app's binary of the release, one per platform.
        proposals: Of the other network.
        confirmations: Of those of them that are known.
    """
    said = {entry.proposal_id: entry for entry in confirmations}
    found = [
        proposal
        for proposal in proposals
        if proposal.status is ProposalStatus.EXECUTED
        and _is_release(release_hash, binaries, proposal, said.get(proposal.id))
    ]
    return min(found, key=lambda proposal: proposal.target_height, default=None)


def _is_release(release_hash: str, binaries: Collection[str], proposal: Proposal, confirmed: Readiness | None) -> bool:
    if proposal.release_hash == release_hash:
        return True
    if proposal.release_kind is ReleaseKind.RAW and proposal.release_hash in binaries:
        return True
    if confirmed is None:
        return False
    power = sum(entry.power for entry in confirmed.validators if entry.confirmed_at > 0 and entry.exe_hash in binaries)
    return more_than_two_thirds(power, proposal.total_power)


def proof_of(
    network: str,
    needed_s: int,
    release_hash: str,
    binaries: Collection[str],
    reading: ProofReading | None,
    problem: str = "",
) -> Proof:
    """Judge whether a release is proven.

    Args:
        network: The other network's name; empty when the settings name none.
        needed_s: Seconds of its block time that are demanded since its crossing.
        release_hash: Of the plan here.
        binaries: As in `crossing_of`; empty while they are not known.
        reading: What the other network said; None when it did not answer.
        problem: Why it did not.
    """

    def proof(state: ProofState, words: str, elapsed_s: int | None = None) -> Proof:
        return Proof(network, state, needed_s, elapsed_s, words)

    if not network:
        return proof(ProofState.UNKNOWN, "not proven: the settings name no network that proves releases (`proven_on`)")
    if reading is None:
        return proof(ProofState.UNKNOWN, f"not proven: {network} cannot be asked: {problem or 'it was not asked yet'}")
    crossing = crossing_of(release_hash, binaries, reading.proposals, reading.confirmations)
    if crossing is None and not binaries:
        return proof(ProofState.UNKNOWN, "not proven: the release's binaries are not known here before it is staged")
    if crossing is None:
        return proof(ProofState.NOT_EXECUTED, f"not proven: {network} has not executed this release")
    there = f"{network} executed it at height {crossing.target_height}"
    if reading.crossed_ns is None:
        return proof(ProofState.UNKNOWN, f"not proven: {there}, but no endpoint there shows that block's time")
    elapsed_ns = reading.newest_ns - reading.crossed_ns
    if elapsed_ns < 0:
        return proof(ProofState.UNKNOWN, f"not proven: {there}, but its newest block is older than that")
    elapsed_s = elapsed_ns // _NS
    since = f"{hours(elapsed_s)} of block time since"
    if elapsed_ns >= needed_s * _NS:
        return proof(ProofState.PROVEN, f"proven: {there}, {since}", elapsed_s)
    left = hours(needed_s - elapsed_s, up=True)
    return proof(ProofState.RUNNING, f"not proven yet: {there}, {since}, {left} left", elapsed_s)


def hours(seconds: int, *, up: bool = False) -> str:
    """Hours and minutes, as `47 h 05 min`.

    Args:
        seconds: At least 0.
        up: Whether a minute that has begun counts whole, as for what is left.
    """
    minutes = -(-seconds // 60) if up else seconds // 60
    return f"{minutes // 60} h {minutes % 60:02d} min"
