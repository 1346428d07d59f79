"""Where the upgrade stands and what happens next, read from a Snapshot. Pure; the countdown draws it (DESIGN §9)."""

from __future__ import annotations

from console.model import (
    Back,
    ChainView,
    Crossing,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    Snapshot,
    Upgrade,
    Verdict,
    power_back,
)
from console.text import duration
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, block_silence, count, local_clock, wall_clock
from widgets.phases import CONNECTING, Outlook, Phase
from widgets.voted_on import voted_on
from widgets.waiting import waiting


def outlook(snapshot: Snapshot | None, now: float) -> Outlook:
    """Read where the upgrade stands.

    Args:
        snapshot: None before the first reading.
        now: Unix seconds; the time left counts down between snapshots, but never beyond stale (facts/tui.md E).
    """
    if snapshot is None:
        return CONNECTING
    chain = snapshot.chain
    if chain is None:
        return _no_chain(snapshot, now)
    upgrade = snapshot.upgrade
    if upgrade is None:
        return _nothing_pending(snapshot, now, _to_propose(snapshot, "Press p to propose an upgrade."))
    proposal = upgrade.proposal
    if proposal.ballot is not None and proposal.status in {ProposalStatus.VOTING, ProposalStatus.DEPOSIT}:
        return voted_on(snapshot, upgrade, now)
    if proposal.status in _OVER and not _halts_still(snapshot, proposal):
        return _over(snapshot, proposal, now)
    if proposal.status.open and not proposal.has_height:
        return waiting(proposal, snapshot, now)
    if _reached(snapshot, upgrade):
        return _after_target(snapshot, chain, proposal, now)
    return _before_target(snapshot, chain, upgrade, now)


_OVER = {
    ProposalStatus.EXECUTED,
    ProposalStatus.ABORTED,
    ProposalStatus.REJECTED,
    ProposalStatus.EXPIRED,
    ProposalStatus.CANCELLED,
    ProposalStatus.ROLLED_BACK,
    ProposalStatus.FAILED,
}


def _to_propose(snapshot: Snapshot, words: str) -> str:
    """A hint where a registry is proposed to; a Cosmos chain says by itself what is on its way."""
    return words if snapshot.network.kind != "cosmos" else "Nothing is scheduled, voted on or in deposit."


def _aborts(proposal: Proposal) -> bool:
    return proposal.verdict is Verdict.ABORT or proposal.status is ProposalStatus.ABORTED


def _halts_still(snapshot: Snapshot, proposal: Proposal) -> bool:
    # The registry calls it aborted at the freeze, blocks before the armed nodes stop for it.
    return proposal.status is ProposalStatus.ABORTED and (snapshot.height or 0) <= proposal.target_height


def _title(proposal: Proposal) -> str:
    # A plan of which no proposal is known has the number of its height.
    number = "plan" if proposal.halts_itself and proposal.ballot is None else f"proposal {proposal.id}"
    return f"{proposal.name} · {number} · block {count(proposal.target_height)}"


def _reached(snapshot: Snapshot, upgrade: Upgrade) -> bool:
    if upgrade.proposal.status not in {ProposalStatus.SCHEDULED, ProposalStatus.ABORTED}:
        return False
    if upgrade.blocks_left is not None and upgrade.blocks_left <= 0:
        return True
    # At a halt every RPC may be gone; the controller still knows that its node halted.
    attempt = snapshot.node.attempt if snapshot.node is not None else None
    return (
        attempt is not None
        and attempt.proposal_id == upgrade.proposal.attempt_id
        and attempt.crossing not in {Crossing.NONE, Crossing.NEEDS_OPERATOR}
    )


def _height_line(snapshot: Snapshot, now: float) -> str:
    chain = snapshot.chain
    age = age_of(snapshot.height_age_s, snapshot.taken_at, now, None if chain is None else chain.block_time_s)
    if age.stale and age.seconds is not None:
        return f"{CLOCK_SIGN} last seen {duration(age.seconds)} ago"
    return ""


def _last_block(snapshot: Snapshot, now: float) -> str:
    # The newest header's time, not a running clock: nothing moves on the screen unless the chain does.
    moment = snapshot.chain.block_time_unix if snapshot.chain is not None else None
    return f"last block {wall_clock(moment, now)}"


def _blocks(number: int) -> str:
    return f"{count(number)} block{'' if number == 1 else 's'}"


def _answering(chain: ChainView) -> str:
    """How much power answers now, in words, as a help to whoever asks why no block comes."""
    there = {node.consensus_address for node in chain.nodes if node.reachable}
    total = sum(validator.power for validator in chain.validators)
    part = sum(validator.power for validator in chain.validators if validator.consensus_address in there)
    return f"{count(part)} of {count(total)} power answers, {count(2 * total // 3 + 1)} needed for a block"


def _stalled(snapshot: Snapshot, now: float) -> bool:
    """Whether endpoints answer but no block comes."""
    return not _height_line(snapshot, now) and block_silence(snapshot.chain, now) is not None


def _silence(snapshot: Snapshot, now: float) -> str:
    moment = snapshot.chain.block_time_unix if snapshot.chain is not None else None
    if moment is None:
        return "no block time known"
    return f"no block for {duration(now - moment)}, since {local_clock(moment)}"


def _no_chain(snapshot: Snapshot, now: float) -> Outlook:
    problem = snapshot.chain_problem or "no endpoint has answered yet"
    attempt = snapshot.node.attempt if snapshot.node is not None else None
    node = ""
    if snapshot.node is not None and attempt is not None:
        node = f" This node: {snapshot.node.state}, {attempt.name} at block {count(attempt.target_height)}."
    number = UNKNOWN if snapshot.height is None else str(snapshot.height)
    caption = ("", "") if snapshot.height is None else ("height of", "this node")
    return Outlook(
        Phase.NO_CHAIN,
        "The chain does not answer",
        number,
        caption,
        _height_line(snapshot, now) or f"{CLOCK_SIGN} no answer; height of this node"
        if snapshot.height is not None
        else f"{CLOCK_SIGN} no answer yet",
        f"{problem.rstrip('.')}.{node}",
        "warning",
    )


def _nothing_pending(snapshot: Snapshot, now: float, sentence: str, tone: str = "") -> Outlook:
    stale = _height_line(snapshot, now)
    stalled = snapshot.chain is not None and _stalled(snapshot, now)
    number = UNKNOWN if stale or snapshot.height is None else str(snapshot.height)
    when = _silence(snapshot, now) if stalled else _last_block(snapshot, now)
    return Outlook(
        Phase.NOTHING_PENDING,
        "No upgrade is pending",
        number,
        ("current", "height"),
        f"{stale} at block {count(snapshot.height)}" if stale else when,
        f"{_answering(snapshot.chain)}." if stalled and snapshot.chain is not None else sentence,
        "warning" if stale else "error" if stalled else tone,
    )


def _over(snapshot: Snapshot, proposal: Proposal, now: float) -> Outlook:
    calm = _nothing_pending(snapshot, now, "")
    target = count(proposal.target_height)
    trouble = f" {calm.sentence}" if calm.sentence else ""
    if proposal.release_kind is ReleaseKind.NONE and proposal.status is ProposalStatus.EXECUTED:
        made = f"The contract calls of {proposal.name} were made at block {count(proposal.contracts_at)}."
        return _nothing_pending(snapshot, now, f"{made} Press p to propose an upgrade.")
    if proposal.status is ProposalStatus.EXECUTED:
        return Outlook(
            Phase.COMMITTED,
            f"COMMITTED · {proposal.name} · block {target}",
            calm.number,
            calm.caption,
            calm.when,
            f"{proposal.name} executes every block since {target}."
            + (trouble or ("" if proposal.halts_itself else " Press p to propose the next upgrade.")),
            calm.tone or "success",
        )
    if proposal.status is ProposalStatus.ABORTED:
        return Outlook(
            Phase.ABORTED,
            f"ABORTED · {proposal.name} · block {count(proposal.target_height)}",
            calm.number,
            calm.caption,
            calm.when,
            f"{proposal.name} was aborted at block {target}; the old binary goes on."
            + (trouble or " Press p to propose again."),
            "warning",
        )
    word = proposal.status.words
    verb = word if word in {"failed", "expired"} else f"was {word}"
    hint = "" if proposal.halts_itself else " Press p to propose one."
    return _nothing_pending(snapshot, now, f"The last one, {proposal.name}, {verb}.{hint}")


def _after_target(snapshot: Snapshot, chain: ChainView, proposal: Proposal, now: float) -> Outlook:
    target = proposal.target_height
    stale = _height_line(snapshot, now)
    height = snapshot.height if snapshot.height is not None else chain.height
    if height > target and not stale:
        return _moving_again(snapshot, proposal, height, now)
    if _aborts(proposal):
        return Outlook(
            Phase.HALTED,
            f"HALTED · verdict ABORT · block {count(target)}",
            str(height),
            ("halted", "height"),
            stale or _silence(snapshot, now),
            f"Armed nodes stop before executing block {count(target)} and start the old binary again.",
            "warning",
        )
    back = power_back(chain, target, proposal)
    when = stale or _silence(snapshot, now)
    if back.power == 0:
        # Who has halted answers nobody: of the others only the rule is known.
        verdict = "" if proposal.verdict is Verdict.CROSS else ", if the verdict is CROSS,"
        return Outlook(
            Phase.HALTED,
            f"HALTED · {proposal.name} · block {count(target)}",
            *_meter(back),
            when,
            f"Nodes stop before executing block {count(target)} and{verdict} start {proposal.name}.",
            "warning",
        )
    return Outlook(
        Phase.WAITING_FOR_QUORUM,
        f"WAITING FOR QUORUM · block {count(target + 1)}",
        *_meter(back),
        when,
        f"{back.words} is back with {proposal.name}, {count(back.needed)} needed to commit block {count(target + 1)}.",
        "warning",
    )


def _meter(back: Back) -> tuple[str, tuple[str, str]]:
    """The power that is back in large glyphs, and its caption; in percent where the numbers have many digits."""
    if back.total < _LARGE:
        return f"{back.power}/{back.total}", ("power", "back")
    # The share that is enough rounded up, what is there rounded down: it never reads as enough when it is not.
    return f"{back.power * 100 // back.total}/{-(-back.needed * 100 // back.total)}", ("% of power", "back")


_LARGE = 100_000


def _aborted_together(snapshot: Snapshot, proposal: Proposal) -> bool:
    """Whether this node went back with its network after the halt, which no transaction could tell the registry."""
    attempt = snapshot.node.attempt if snapshot.node is not None else None
    return (
        attempt is not None
        and attempt.proposal_id == proposal.attempt_id
        and attempt.crossing is Crossing.RESUMED_OLD
        and attempt.verdict is Verdict.ABORT
    )


def _moving_again(snapshot: Snapshot, proposal: Proposal, height: int, now: float) -> Outlook:
    past = height - proposal.target_height
    stalled = _stalled(snapshot, now)
    when = _silence(snapshot, now) if stalled else _last_block(snapshot, now)
    if _aborts(proposal):
        sentence = (
            f"The verdict was ABORT: the old binary goes on, {_blocks(past)} past {count(proposal.target_height)}."
        )
        return Outlook(
            Phase.ABORTED,
            f"ABORTED · {proposal.name} · block {count(proposal.target_height)}",
            str(height),
            ("current", "height"),
            when,
            sentence,
            "warning",
        )
    if _aborted_together(snapshot, proposal):
        return Outlook(
            Phase.ABORTED,
            f"ABORTED · {proposal.name} · block {count(proposal.target_height)}",
            str(height),
            ("current", "height"),
            when,
            f"The validators agreed to abort: the old binary goes on, {_blocks(past)} past"
            f" {count(proposal.target_height)}. The registry does not know it.",
            "warning",
        )
    return Outlook(
        Phase.CROSSED,
        f"CROSSED · {proposal.name} · block {count(proposal.target_height)}",
        str(height),
        ("current", "height"),
        when,
        f"{_answering(snapshot.chain)}; the chain stands {_blocks(past)} past {count(proposal.target_height)}."
        if stalled and snapshot.chain is not None
        else f"The chain goes on, {_blocks(past)} past {count(proposal.target_height)}{_confirmed(proposal)}.",
        "error" if stalled else "success",
    )


def _confirmed(proposal: Proposal) -> str:
    if proposal.halts_itself:
        # Nobody confirms: that more than 2/3 made the next block says it.
        return f" with {proposal.name}"
    return f"; {proposal.confirmed_power} of {proposal.total_power} power has confirmed {proposal.name}"


def _before_target(snapshot: Snapshot, chain: ChainView, upgrade: Upgrade, now: float) -> Outlook:
    proposal = upgrade.proposal
    target = count(proposal.target_height)
    stale = _height_line(snapshot, now)
    if stale or upgrade.blocks_left is None:
        seen = UNKNOWN if snapshot.height is None else count(snapshot.height)
        return Outlook(
            Phase.COUNTING,
            _title(proposal),
            UNKNOWN,
            ("blocks", "to go"),
            f"{stale or CLOCK_SIGN + ' height unknown'} at block {seen}",
            f"The chain does not answer; {proposal.name} at block {target} stands as it was.",
            "warning",
        )
    frozen = proposal.frozen_at > 0 or _aborts(proposal)
    stalled = _stalled(snapshot, now)
    return Outlook(
        Phase.FROZEN if frozen else _phase_before(proposal),
        _title(proposal),
        str(upgrade.blocks_left),
        ("block" if upgrade.blocks_left == 1 else "blocks", "to go"),
        _silence(snapshot, now) if stalled else _time_left(snapshot, upgrade, now),
        f"{_answering(chain)}; {proposal.name} at block {target} waits for it."
        if stalled
        else _what_will_happen(proposal, upgrade.blocks_left, target),
        "error" if stalled else "warning" if _aborts(proposal) else "",
    )


def _phase_before(proposal: Proposal) -> Phase:
    return Phase.COUNTING if proposal.status is ProposalStatus.SCHEDULED else Phase.NOT_SCHEDULED


def _time_left(snapshot: Snapshot, upgrade: Upgrade, now: float) -> str:
    if upgrade.eta_s is None:
        return "time unknown: no block time yet"
    moment = snapshot.taken_at + upgrade.eta_s
    return f"≈ {duration(max(0.0, moment - now))} · {wall_clock(moment, now)}"


def _what_will_happen(proposal: Proposal, left: int, target: str) -> str:
    if _aborts(proposal):
        return f"Verdict ABORT: at block {target} armed nodes stop and start the old binary again."
    if proposal.status is not ProposalStatus.SCHEDULED:
        return f"Not scheduled yet ({proposal.status.words}): until then nothing happens at block {target}."
    if proposal.halts_itself:
        return f"The chain stops every node before block {target}; each goes on when it runs {proposal.name}."
    if proposal.verdict is Verdict.CROSS:
        return f"Verdict CROSS: nodes stop before executing block {target}, then start {proposal.name}."
    if proposal.breaking:
        late = " Too late to signal." if left <= proposal.freeze_blocks else ""
        return f"Every node stops before executing block {target}, then starts {proposal.name}.{late}"
    return f"Prepared nodes stop before executing block {target}, then start {proposal.name}; others go on."
