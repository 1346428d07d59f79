"""GO or NO-GO by power, every term of it, and how much may still fail (DESIGN §3, §9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from console import model
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, stacked
from widgets.moments import chain_age, count
from widgets.panel import Panel

if TYPE_CHECKING:
    from console.model import Ballot, ChainView, Proposal, Reckoning, Snapshot, Upgrade


@dataclass(frozen=True, slots=True)
class Term:
    """One line of the reckoning: `✓` holds, `✗` fails, `·` only informs."""

    mark: str
    text: str


def power_terms(upgrade: Upgrade, told: str = "") -> list[Term]:
    """Every term of the reckoning, and how much may still fail before it stops being GO.

    Args:
        upgrade: The current one.
        told: A term that stands there already.
    """
    reckoning = upgrade.reckoning
    terms = [Term("✓" if term.holds else "✗", term.text) for term in reckoning.terms if term.text != told]
    if reckoning.go and reckoning.terms:
        late = "stay behind" if upgrade.proposal.halts_itself else "still fail"
        terms.append(Term("·", f"{spare_words(reckoning)} may {late}"))
    return terms


def spare_words(reckoning: Reckoning) -> str:
    """The power that may still fail; in both weights where they differ."""
    registry, consensus = reckoning.registry_may_fail, reckoning.consensus_may_fail
    if consensus is None or consensus == registry:
        return f"up to {count(registry)} power"
    return f"up to {count(registry)} power in the registry, {count(consensus)} in consensus"


def crossing_terms(chain: ChainView, proposal: Proposal) -> list[Term]:
    """After H: the power that is back with the new binary, and the power that confirmed the crossing.

    Before the crossing is over what is missing is on its way, not failed.
    """
    over = proposal.status is model.ProposalStatus.EXECUTED
    back = model.power_back(chain, proposal.target_height, proposal)
    missing = "✗" if over else "·"
    up = Term(
        "✓" if back.power >= back.needed else missing,
        f"{'up' if over else 'back'} {back.words}, {count(back.needed)} needed",
    )
    if proposal.halts_itself:
        # Nobody confirms to a chain that decides by itself.
        return [up]
    total = proposal.total_power
    confirmed = f"confirmed {proposal.confirmed_power} of {total}, {2 * total // 3 + 1} needed"
    return [
        up,
        Term("✓" if model.more_than_two_thirds(proposal.confirmed_power, total) else missing, confirmed),
    ]


def waiting_terms(proposal: Proposal) -> list[Term]:
    """Before there is a height: the vote, then the readiness that gives it one."""
    from widgets.proposal_words import readiness_words, vote_words

    terms = []
    if proposal.voting_power:
        won = proposal.yes_power >= proposal.vote_needed
        terms.append(Term("✓" if won else "·", vote_words(proposal)))
    enough = proposal.total_power > 0 and proposal.ready_power >= proposal.readiness_needed
    terms.append(Term("✓" if enough else "·", readiness_words(proposal)))
    return terms


def ballot_terms(ballot: Ballot) -> list[Term]:
    """What a vote of x/gov needs, term by term, as if it ended now."""
    from console.model.ballot import rule_words, share_words

    tally, rules = ballot.tally, ballot.rules
    turnout = f"turnout {share_words(tally.turnout, ballot.bonded)}"
    if not rules.known:
        return [Term("·", turnout), Term("·", "what the vote needs is not known")]
    return [
        Term("✓" if ballot.has_quorum else "·", f"{turnout}, quorum {rule_words(rules.quorum)}"),
        Term(
            "✓" if ballot.over_threshold else "·",
            f"yes {share_words(tally.yes, tally.decided)}, more than {rule_words(rules.threshold)} needed",
        ),
        Term(
            "✗" if ballot.vetoed else "✓",
            f"veto {share_words(tally.veto, tally.turnout)}, at most {rule_words(rules.veto)}",
        ),
    ]


def _words_of_the_chain(upgrade: Upgrade) -> tuple[str, str, str]:
    """The badge of an upgrade that the chain itself decides on."""
    proposal = upgrade.proposal
    if proposal.status is model.ProposalStatus.DEPOSIT:
        return " NOT YET ", WARN, "its vote is not open"
    if proposal.status is model.ProposalStatus.VOTING:
        return " NOT YET ", WARN, "the vote is open"
    if proposal.status is model.ProposalStatus.EXECUTED:
        return " CROSSED ", GOOD, "the chain applied it"
    if proposal.status is not model.ProposalStatus.SCHEDULED:
        return " NO ", MUTED, proposal.status.words
    if upgrade.blocks_left is not None and upgrade.blocks_left <= 0:
        return " CROSSING ", WARN, "the chain decides by power"
    return (" GO ", GOOD, "the chain stops by itself") if upgrade.go else (" NO-GO ", BAD, "as things stand")


def verdict_words(upgrade: Upgrade) -> tuple[str, str, str]:
    """The badge, its style and the words beside it."""
    proposal = upgrade.proposal
    if proposal.halts_itself:
        return _words_of_the_chain(upgrade)
    if proposal.status.open and not proposal.has_height:
        return " NOT YET ", WARN, "it has no height yet"
    if proposal.status is model.ProposalStatus.EXECUTED:
        return " CROSSED ", GOOD, "more than 2/3 confirmed"
    if proposal.status is model.ProposalStatus.ABORTED and upgrade.blocks_left is not None and upgrade.blocks_left < 0:
        return " ABORTED ", WARN, "the old binary goes on"
    if proposal.verdict is model.Verdict.CROSS:
        return " CROSS ", GOOD, f"frozen at {count(proposal.frozen_at)}"
    if proposal.verdict is model.Verdict.ABORT or proposal.status is model.ProposalStatus.ABORTED:
        return (
            " ABORT ",
            BAD,
            f"frozen at {count(proposal.frozen_at)}" if proposal.frozen_at else "nobody froze in time",
        )
    until = f"now; decided at {count(proposal.freeze_height)}"
    return (" GO ", GOOD, until) if upgrade.go else (" NO-GO ", BAD, until)


_STYLES = {"✓": GOOD, "✗": BAD, "·": MUTED}


class GoPanel(Panel):
    """GO or NO-GO with numbers. Shows nothing that is stale as if it were current."""

    def show(self, snapshot: Snapshot | None, now: float) -> None:
        """Draw the reckoning at `now`, Unix seconds."""
        self.head(Content("Go or no-go"))
        upgrade = snapshot.upgrade if snapshot is not None else None
        if snapshot is None or snapshot.chain is None or upgrade is None:
            self.draw(Content.styled("Nothing to decide." if snapshot and snapshot.chain else "— not known yet", MUTED))
            return
        ends = model.ProposalStatus
        over = upgrade.proposal.status in {ends.REJECTED, ends.EXPIRED, ends.CANCELLED, ends.ROLLED_BACK, ends.FAILED}
        if over or upgrade.proposal.release_kind is model.ReleaseKind.NONE:
            self.draw(Content.styled("Nothing to decide.", MUTED))
            return
        age = chain_age(snapshot.chain, snapshot.taken_at, now)
        badge, style, beside = verdict_words(upgrade)
        lines = [Content.assemble((badge, f"{STRONG} reverse {style}"), " ", (beside, MUTED))]
        if age.stale:
            # A decided verdict stays true when old; a reckoning does not.
            if upgrade.proposal.verdict is model.Verdict.NONE or upgrade.proposal.halts_itself:
                lines = [Content.assemble((" — ", f"{STRONG} reverse {WARN}"), " not known now")]
            lines.append(Content.styled(f"{age.read_ago}:", WARN))
        agreement = snapshot.chain.agreement
        if agreement is not None and agreement.blocks:
            # First of all: none of the numbers below may be true.
            stops = "" if upgrade.proposal.halts_itself else ": nothing is signed"
            lines.append(Content.assemble(("✗ ", BAD), (f"{agreement.sentence}{stops}", BAD)))
        lines.extend(self._terms(snapshot.chain, upgrade))
        self.draw(stacked(*lines))

    def _terms(self, chain: ChainView, upgrade: Upgrade) -> list[Content]:
        proposal = upgrade.proposal
        if proposal.ballot is not None and proposal.status is model.ProposalStatus.VOTING:
            return [term_line(term) for term in ballot_terms(proposal.ballot)]
        if proposal.status.open and not proposal.has_height:
            return [term_line(term) for term in waiting_terms(proposal)]
        crossing = (
            upgrade.blocks_left is not None and upgrade.blocks_left <= 0 and proposal.verdict is model.Verdict.CROSS
        )
        counted = {model.ProposalStatus.SCHEDULED, model.ProposalStatus.DEPOSIT}
        if proposal.status in counted and not crossing:
            told = chain.agreement.sentence if chain.agreement is not None and chain.agreement.blocks else ""
            terms = power_terms(upgrade, told)
        elif proposal.status is model.ProposalStatus.ABORTED or proposal.verdict is model.Verdict.ABORT:
            # Why it was aborted.
            terms = [term for term in power_terms(upgrade) if "power" in term.text]
        else:
            terms = crossing_terms(chain, proposal)
        return [term_line(term) for term in terms]


def term_line(term: Term) -> Content:
    """A term with its mark."""
    return Content.assemble((term.mark, _STYLES[term.mark]), " ", term.text)
