"""Plan and proposals of one Cosmos chain: read bounded and no oftener than they change, and made into `Proposal`s.

The plan is read at every look, with the fate of the plans that are not decided; proposals and the tallies of open votes
every few seconds: a tally makes the node count every vote anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.chain.cosmos import queries
from console.chain.cosmos.answers import (
    GovProposal,
    GovRules,
    next_page,
    parse_applied,
    parse_plan,
    parse_proposals,
    parse_tally,
)
from console.chain.cosmos.queries import GovVersion, Page, Query
from console.chain.cosmos.source import QueryRefused, Source, Told, WrongChain
from console.chain.rest import RestRefused
from console.chain.xupgrade import UpgradePlan, shown_info
from console.errors import BadAnswer, ChainError, EndpointDown
from console.model import Ballot, Proposal, ProposalStatus, Tally, Verdict, VoteRules, plan_without_votes
from console.text import untrusted

NEWEST = 30
"""Proposals of any kind that are looked through for upgrades, newest first."""

SMALL_PAGE = 5
"""The same where an answer was too large: a proposal may hold a whole contract."""

PROPOSALS_EVERY_S = 4.0
"""Seconds from one reading of proposals and tallies to the next."""

MOST_FATES = 2 * NEWEST
"""Plans whose end is asked for at once, newest first; what is final is not asked for again."""

MOST_TALLIES = 6
"""Open votes whose tally is asked for in one request."""

_UNKNOWN_RULES = GovRules(VoteRules(), VoteRules(), (), ())
_ENDED = {"REJECTED": ProposalStatus.REJECTED, "FAILED": ProposalStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Compared:
    """What two endpoints must say alike of a proposal, whichever version of x/gov they answer."""

    id: int
    status: str
    plan: UpgradePlan | None


@dataclass(frozen=True, slots=True)
class PlanState:
    """What one endpoint said of upgrades at one height."""

    url: str
    how: str
    height: int
    catching_up: bool
    plan: UpgradePlan | None
    proposals: tuple[GovProposal, ...]
    """Newest first."""
    tallies: Mapping[int, Tally]
    applied: Mapping[str, int]
    """Plan's name → height at which it was applied, 0 for not."""
    whole: bool
    """Whether proposals were read now, and not kept from before."""
    steady: bool
    """Whether all of it is of `height`."""
    problem: str = ""
    """Why proposals are not known; empty when they are."""

    @property
    def rows(self) -> tuple[object, ...]:
        """What endpoints are compared by: `console.chain.agreement.Rows`."""
        return tuple(Compared(each.id, each.status, each.plan) for each in self.proposals), None, None, self.plan


class PlanReader:
    """Reads upgrades from any endpoint of one chain. Not for use by two tasks at once.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._versions: dict[str, GovVersion] = {}
        self._limits: dict[str, int] = {}
        self._proposals: tuple[GovProposal, ...] = ()
        self._proposals_from = ""
        self._proposals_at: float | None = None
        self._tallies: dict[int, Tally] = {}
        self._applied: dict[str, int] = {}
        self._plan: UpgradePlan | None = None
        self._height = 0
        self._problem = ""

    def version_of(self, url: str) -> GovVersion:
        """The version of x/gov that an endpoint answers; the newer one until it is known."""
        return self._versions.get(url, "v1")

    async def read(
        self, source: Source, *, height: int = 0, known: Sequence[UpgradePlan] = (), whole: bool = False
    ) -> PlanState:
        """Read once: one request, and a second one where the first brought something new.

        Args:
            source: The endpoint.
            height: At which height; 0 for the newest.
            known: Further plans whose end is of interest.
            whole: Whether proposals are read whatever their age.

        Raises:
            ChainError: No usable answer.
        """
        whole = whole or self._stale(source)
        names, voting = self._names(known), self._voting() if whole else ()
        always = [queries.CURRENT_PLAN, *map(queries.applied_plan, names), *self._tally_queries(source, voting)]
        too_much: ChainError | None = None
        try:
            told = await source.ask(always + (self._proposal_queries(source) if whole else []), height=height)
        except (EndpointDown, WrongChain):
            raise
        except BadAnswer as error:
            if not whole:
                raise
            # Proposals can make the answer too large as a whole: then they are asked for apart.
            too_much, told = error, await source.ask(always, height=height)
        plan = parse_plan(told.of(0))
        self._take_fates(told, 1, names)
        self._take_tallies(told, 1 + len(names), voting)
        steady = told.steady
        if whole:
            steady &= await self._take_proposals(source, told, len(always), height, too_much)
        elif plan != self._plan:
            # A plan comes with the end of a vote: both are shown together.
            whole = True
            await self._take_proposals(source, None, 0, height, None)
        self._plan, self._height = plan, told.height
        if whole:
            await self._look_further(source, height, known, names, voting)
        return PlanState(
            source.url,
            source.how,
            told.height,
            told.catching_up,
            plan,
            self._proposals,
            dict(self._tallies),
            dict(self._applied),
            whole,
            steady,
            self._problem,
        )

    def _stale(self, source: Source) -> bool:
        return (
            self._proposals_at is None
            or self._proposals_from != source.url
            or self._clock() - self._proposals_at >= PROPOSALS_EVERY_S
        )

    def _names(self, known: Sequence[UpgradePlan]) -> tuple[str, ...]:
        """Plans whose end is not final: not applied yet, and not left behind."""
        current = () if self._plan is None else (self._plan,)
        passed = (each.plan for each in self._proposals if each.status == "PASSED" and each.plan is not None)
        undecided = (
            plan.name
            for plan in (*current, *known, *passed)
            if plan.name not in self._applied or (not self._applied[plan.name] and plan.height >= self._height)
        )
        return tuple(dict.fromkeys(undecided))[:MOST_FATES]

    def _voting(self) -> tuple[int, ...]:
        return tuple(each.id for each in self._proposals if each.status == "VOTING_PERIOD")[:MOST_TALLIES]

    def _tally_queries(self, source: Source, ids: Sequence[int]) -> list[Query]:
        return [queries.tally(self.version_of(source.url), number) for number in ids]

    def _proposal_queries(self, source: Source) -> list[Query]:
        page = Page(self._limits.get(source.url, NEWEST), reverse=True)
        version = self.version_of(source.url)
        return [queries.proposals(version, page), queries.proposals(version, page, status=queries.VOTING_PERIOD)]

    def _take_fates(self, told: Told, place: int, names: Sequence[str]) -> None:
        for at, name in enumerate(names, place):
            self._applied[name] = parse_applied(told.of(at))

    def _take_tallies(self, told: Told, place: int, ids: Sequence[int]) -> None:
        for at, number in enumerate(ids, place):
            try:
                self._tallies[number] = parse_tally(told.of(at))
            except EndpointDown:
                raise
            except ChainError:
                # What it was before is better than nothing; the vote itself is shown as open in any case.
                continue

    async def _take_proposals(
        self, source: Source, told: Told | None, place: int, height: int, failure: ChainError | None
    ) -> bool:
        """Take the two pages of proposals; returns whether they are of one height with the rest."""
        found: tuple[GovProposal, ...] | None = None
        if told is not None and failure is None:
            try:
                found = _joined(told, place)
            except ChainError as error:
                failure = error
        steady = told is not None and found is not None
        if found is None:
            found, failure, other = await self._try_other_ways(source, height, failure)
            steady = told is not None and other is not None and other.steady and other.height == told.height
        if found is None:
            self._problem = "" if failure is None else failure.what
            return False
        self._problem = ""
        self._proposals, self._proposals_from, self._proposals_at = found, source.url, self._clock()
        voting = {each.id for each in found if each.status == "VOTING_PERIOD"}
        self._tallies = {number: tally for number, tally in self._tallies.items() if number in voting}
        return steady

    async def _try_other_ways(
        self, source: Source, height: int, failure: ChainError | None
    ) -> tuple[tuple[GovProposal, ...] | None, ChainError | None, Told | None]:
        """The proposals by the other version of x/gov, then in small pages, with the answer they are in; or why not."""
        version, limit = self.version_of(source.url), self._limits.get(source.url, NEWEST)
        other: GovVersion = "v1beta1" if version == "v1" else "v1"
        ways: list[tuple[GovVersion, int]] = [(other, limit), (version, SMALL_PAGE)]
        if not isinstance(failure, QueryRefused | RestRefused | None):
            # It is answered, and not as it can be read: most likely too much of it.
            ways.reverse()
        if failure is None:
            ways.insert(0, (version, limit))
        for way in ways:
            self._versions[source.url], self._limits[source.url] = way
            try:
                answer = await source.ask(self._proposal_queries(source), height=height)
                return _joined(answer, 0), None, answer
            except EndpointDown:
                raise
            except ChainError as error:
                failure = failure or error
        self._versions[source.url], self._limits[source.url] = version, limit
        return None, failure, None

    async def _look_further(
        self, source: Source, height: int, known: Sequence[UpgradePlan], names: Sequence[str], voting: Sequence[int]
    ) -> None:
        """Ask for the fates and tallies of what was first heard of now."""
        more_names = tuple(name for name in self._names(known) if name not in names)
        more_votes = tuple(number for number in self._voting() if number not in voting)
        if not more_names and not more_votes:
            return
        try:
            told = await source.ask(
                [*map(queries.applied_plan, more_names), *self._tally_queries(source, more_votes)], height=height
            )
            self._take_fates(told, 0, more_names)
            self._take_tallies(told, len(more_names), more_votes)
        except BadAnswer:
            # Asked again at the next look; what is known already is not lost for it.
            return


def _joined(told: Told, place: int) -> tuple[GovProposal, ...]:
    """Both pages together, newest first. Raises ChainError: the first of them is no answer."""
    newest = told.of(place)
    found = {each.id: each for each in parse_proposals(newest)}
    if next_page(newest):
        # Older votes that are still open; without a further page there is nothing older.
        found |= {each.id: each for each in parse_proposals(told.of(place + 1)) if each.id not in found}
    return tuple(sorted(found.values(), key=lambda each: -each.id))


def made_proposals(
    state: PlanState, seen: Sequence[UpgradePlan], height: int, rules: GovRules | None, bonded: int
) -> tuple[Proposal, ...]:
    """The chain's upgrades, newest first.

    Args:
        state: As read last.
        seen: Plans that were current before, oldest first: a plan that nobody proposed has no other trace.
        height: The chain's newest, whoever told it.
        rules: What votes need; None where it is not known.
        bonded: All bonded tokens; 0 where it is not known.
    """
    found = [_of_gov(each, state, height, rules or _UNKNOWN_RULES, bonded) for each in state.proposals]
    proposed = {(each.plan.name, each.plan.height) for each in state.proposals if each.plan is not None}
    loose = [plan for plan in seen if (plan.name, plan.height) not in proposed]
    numbers = {each.id for each in found}
    for plan in loose:
        number = plan.height if plan.height not in numbers else 0
        status = _fate(plan, state, height)
        made = plan_without_votes(
            number,
            untrusted(plan.name),
            plan.height,
            release_hash="",
            release_url=shown_info(plan.info),
            breaking=True,
            status=status,
            halts_itself=True,
        )
        found.append(made)
    return tuple(sorted(found, key=lambda entry: (entry.ballot is not None, -entry.id)))


def _of_gov(gov: GovProposal, state: PlanState, height: int, rules: GovRules, bonded: int) -> Proposal:
    status = _status(gov, state, height)
    plan = gov.plan
    base = plan_without_votes(
        gov.id,
        untrusted(plan.name if plan is not None else gov.title or "cancel the upgrade"),
        0 if plan is None else plan.height,
        release_hash="",
        release_url=shown_info("" if plan is None else plan.info),
        breaking=plan is not None,
        status=status,
        halts_itself=True,
    )
    live = gov.status == "VOTING_PERIOD"
    ballot = Ballot(
        rules=rules.expedited if gov.expedited else rules.usual,
        tally=state.tallies.get(gov.id, Tally()) if live else gov.final,
        bonded=bonded,
        cancels=plan is None,
        messages=gov.messages,
        title=gov.title,
        summary=gov.summary,
        metadata=gov.metadata,
        failed_reason=gov.failed_reason,
        deposit=gov.deposit,
        min_deposit=rules.expedited_min_deposit if gov.expedited else rules.min_deposit,
        submitted_at=gov.submitted_at,
        deposit_ends_at=gov.deposit_ends_at,
        voting_starts_at=gov.voting_starts_at,
        voting_ends_at=gov.voting_ends_at,
    )
    crosses = status in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED} and plan is not None
    return replace(
        base,
        proposer=gov.proposer,
        expedited=gov.expedited,
        verdict=Verdict.CROSS if crosses else Verdict.NONE,
        ballot=ballot,
    )


def _status(gov: GovProposal, state: PlanState, height: int) -> ProposalStatus:
    if gov.status == "DEPOSIT_PERIOD":
        return ProposalStatus.DEPOSIT
    if gov.status == "VOTING_PERIOD":
        return ProposalStatus.VOTING
    if gov.status == "PASSED":
        return ProposalStatus.EXECUTED if gov.plan is None else _fate(gov.plan, state, height)
    return _ENDED.get(gov.status, ProposalStatus.NONE)


def _fate(plan: UpgradePlan, state: PlanState, height: int) -> ProposalStatus:
    """What became, or becomes, of a plan that the chain took up."""
    if state.plan == plan:
        return ProposalStatus.SCHEDULED
    if state.applied.get(plan.name) == plan.height:
        # One node alone applies it in the handshake: crossed is the chain when another block follows.
        return ProposalStatus.EXECUTED if height > plan.height else ProposalStatus.SCHEDULED
    if plan.name not in state.applied:
        # Nobody told what became of it: nothing more is claimed than that its vote passed.
        return ProposalStatus.APPROVED
    return ProposalStatus.CANCELLED
