"""After H: what proves the crossing, term by term, and what is left until this node is COMMITTED."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from console.model import (
    ChainView,
    Crossing,
    NodeStatus,
    Proposal,
    ProposalStatus,
    ReleaseKind,
    Snapshot,
    SuccessMeasure,
    ValidatorReadiness,
    Verdict,
    more_than_two_thirds,
    power_back,
    power_needed,
    seconds_past,
    upgrade_success,
)
from console.model.success_rule import PERCENT
from console.text import percent, shortened
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.go_panel import Term, term_line
from widgets.moments import CLOCK_SIGN, UNKNOWN, chain_age, count
from widgets.panel import Panel

_LEFT = {
    Crossing.STARTING: "this node has not executed H yet",
    Crossing.WAITING_FOR_QUORUM: "this node waits for block H+1",
    Crossing.PROBATION: "probation: own signature awaited",
    Crossing.COMMITTED: "this node is COMMITTED",
    Crossing.RESUMED_OLD: "this node runs the old binary",
}


def verification_terms(snapshot: Snapshot) -> list[Term]:
    """Every term that is known: `✓` holds, `✗` contradicts, `·` is still to come."""
    chain, upgrade = snapshot.chain, snapshot.upgrade
    if chain is None or upgrade is None:
        return []
    terms = list(_terms(chain, upgrade.proposal, snapshot.height or chain.height))
    terms += _success_terms(chain, upgrade.proposal, snapshot.taken_at)
    own = None if snapshot.node is None else _own_term(snapshot.node, upgrade.proposal, snapshot.node_problem)
    return terms if own is None else [*terms, own]


def _success_terms(chain: ChainView, proposal: Proposal, now: float) -> Iterator[Term]:
    """The 95 % rule where it is broken, and what is prepared then (docs/verification.md)."""
    success = upgrade_success(chain, proposal, seconds_past(chain, proposal.target_height, now))
    if success is None or success.measure not in _PREPARES:
        return
    names = ", ".join(shortened(str(each.moniker) or each.address, 12) for each in success.missing[:2])
    more = f" +{len(success.missing) - 2}" if len(success.missing) > 2 else ""
    yield Term("✗", f"{percent(success.power, success.total)}, below {PERCENT} %: {names}{more} missing")
    yield Term("·", f"verify-network prepares {_PREPARES[success.measure]}")


_PREPARES = {SuccessMeasure.PREPARE_ABORT: "an abort", SuccessMeasure.PREPARE_REVERT: "a revert"}


def _own_term(node: NodeStatus, proposal: Proposal, problem: str) -> Term | None:
    attempt = node.attempt
    if attempt is None or attempt.proposal_id != proposal.attempt_id or attempt.crossing not in _LEFT:
        return None
    if problem:
        # A journal's word may be old: it proves nothing of now.
        return Term("·", f"its journal {CLOCK_SIGN} says {attempt.crossing.value}")
    return Term("✓" if attempt.crossing is Crossing.COMMITTED else "·", _LEFT[attempt.crossing])


def _terms(chain: ChainView, proposal: Proposal, height: int) -> Iterator[Term]:
    target = proposal.target_height
    past = max(0, height - target)
    yield Term("✓" if past > 0 else "·", f"{count(past)} block{'' if past == 1 else 's'} since {count(target)}")
    back = power_back(chain, target, proposal)
    yield Term("✓" if back.enough else "·", f"up {back.words}, {count(back.needed)} needed")
    if not proposal.halts_itself:
        total, confirmed = proposal.total_power, proposal.confirmed_power
        enough = more_than_two_thirds(confirmed, total)
        yield Term("✓" if enough else "·", f"confirmed {confirmed} of {total}, {power_needed(total)} needed")
        yield from _hash_terms(chain, proposal)
    watch = chain.cuts
    if proposal.linked_calls and watch is not None and watch.proposal_id == proposal.id:
        yield Term("✓" if watch.verified else "✗", watch.sentence)
    elif proposal.linked_calls and not proposal.contracts_at:
        yield Term("·", "contract calls not made yet")


def _hash_terms(chain: ChainView, proposal: Proposal) -> Iterator[Term]:
    readiness = chain.readiness
    if readiness is None or readiness.proposal_id != proposal.id:
        return
    confirmed = [entry for entry in readiness.validators if entry.confirmed_at]
    if not confirmed:
        return
    yield _alike("app hash", {entry.app_hash for entry in confirmed}, len(confirmed))
    if proposal.release_kind is ReleaseKind.RAW:
        yield _as_voted(confirmed, proposal.release_hash)
    else:
        # Of a manifest each platform has bytes of its own.
        kinds = len({entry.exe_hash for entry in confirmed})
        yield Term("·" if kinds > 1 else "✓", f"{kinds} program{'' if kinds == 1 else 's'} run by {len(confirmed)}")


def _alike(what: str, hashes: set[str], many: int) -> Term:
    if len(hashes) == 1:
        return Term("✓", f"{what} the same at {many} of {many}")
    return Term("✗", f"{what}: {len(hashes)} different among {many}")


def _as_voted(confirmed: list[ValidatorReadiness], voted: str) -> Term:
    same = sum(1 for entry in confirmed if entry.exe_hash == voted)
    return Term("✓" if same == len(confirmed) else "✗", f"program as voted at {same} of {len(confirmed)}")


class VerificationPanel(Panel):
    """The proof of a crossing as it comes in."""

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the terms at `now`, Unix seconds."""
        self.head(Content("Verification"))
        upgrade = snapshot.upgrade if snapshot is not None else None
        if snapshot is None or snapshot.chain is None or upgrade is None:
            self.draw(Content.styled(f"{UNKNOWN} not known", MUTED))
            return
        terms = verification_terms(snapshot)
        wrong = any(term.mark == "✗" for term in terms)
        open_ = any(term.mark == "·" for term in terms)
        proven = upgrade.proposal.status is ProposalStatus.EXECUTED and not open_
        badge, style = (" WRONG ", BAD) if wrong else (" PROVEN ", GOOD) if proven else (" VERIFYING ", WARN)
        verdict = upgrade.proposal.verdict
        decided = verdict is not Verdict.NONE and not upgrade.proposal.halts_itself
        beside = f"verdict {verdict.name}" if decided else ""
        lines = [Content.assemble((badge, f"{STRONG} reverse {style}"), " ", (beside, MUTED))]
        age = chain_age(snapshot.chain, snapshot.taken_at, now)
        if age.read_ago:
            lines.append(Content.styled(f"{age.read_ago}:", WARN))
        self.draw(stacked(*lines, *(term_line(term) for term in terms)))
