"""A proposal of x/gov: what it would do, its deposit, its tally, and how it would end as things stand. Pure.

Amounts are exact whole numbers of the smallest unit; shares are in 1/10**18, as the SDK's own decimals are.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.text import UntrustedText

ONE_E18 = 10**18
"""A whole share: the SDK's decimals have 18 places."""

_NO_TEXT = UntrustedText("")


@dataclass(frozen=True, slots=True)
class Coin:
    """An amount of one denomination."""

    denom: UntrustedText
    amount: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Bonded tokens by vote."""

    yes: int = 0
    abstain: int = 0
    no: int = 0
    veto: int = 0
    """No with veto."""

    @property
    def turnout(self) -> int:
        """Tokens that voted at all; abstaining counts."""
        return self.yes + self.abstain + self.no + self.veto

    @property
    def decided(self) -> int:
        """Tokens that the threshold is counted over: abstaining does not count."""
        return self.yes + self.no + self.veto


@dataclass(frozen=True, slots=True)
class VoteRules:
    """What a vote of x/gov needs, in 1/10**18; 0 where it is not known."""

    quorum: int = 0
    """Least share of the bonded tokens that has to vote."""
    threshold: int = 0
    """Share of yes among those that do not abstain, to be passed over."""
    veto: int = 0
    """Share of vetoes among all votes that must not be passed over."""

    @property
    def known(self) -> bool:
        """Whether the chain told them."""
        return self.threshold > 0


@dataclass(frozen=True, slots=True)
class Ballot:
    """What x/gov says of a proposal besides the plan that it schedules. Times are Unix seconds, None where unset."""

    rules: VoteRules
    tally: Tally
    """Live while the vote is open, else final."""
    bonded: int = 0
    """All bonded tokens, which quorum is counted over; 0 where it is not known."""
    cancels: bool = False
    """It would cancel the chain's current plan, not schedule one."""
    messages: int = 1
    """Messages that it would run, the upgrade's included."""
    title: UntrustedText = _NO_TEXT
    summary: UntrustedText = _NO_TEXT
    metadata: UntrustedText = _NO_TEXT
    failed_reason: UntrustedText = _NO_TEXT
    """Why its messages could not be run."""
    deposit: tuple[Coin, ...] = ()
    min_deposit: tuple[Coin, ...] = ()
    """What opens the vote; empty where it is not known."""
    submitted_at: float | None = None
    deposit_ends_at: float | None = None
    voting_starts_at: float | None = None
    voting_ends_at: float | None = None

    @property
    def quorum_needed(self) -> int:
        """The least tokens that have to vote; 0 where it is not known."""
        return _at_least(self.rules.quorum, self.bonded)

    @property
    def yes_needed(self) -> int:
        """The least tokens of yes that pass the threshold among those that voted so far, abstaining left out."""
        return self.rules.threshold * self.tally.decided // ONE_E18 + 1

    @property
    def has_quorum(self) -> bool:
        """Whether enough tokens voted."""
        return self.bonded > 0 and self.tally.turnout >= self.quorum_needed

    @property
    def vetoed(self) -> bool:
        """Whether more than the veto threshold of all votes is a veto."""
        return self.rules.veto > 0 and self.tally.veto * ONE_E18 > self.rules.veto * self.tally.turnout

    @property
    def over_threshold(self) -> bool:
        """Whether yes passes the threshold."""
        return self.tally.decided > 0 and self.tally.yes * ONE_E18 > self.rules.threshold * self.tally.decided

    @property
    def passes(self) -> bool:
        """Whether it would pass if the vote ended now (x/gov's own rule)."""
        return self.rules.known and self.has_quorum and not self.vetoed and self.over_threshold

    @property
    def reason(self) -> str:
        """Why it would not pass if the vote ended now, in words; empty when it would."""
        if not self.rules.known or not self.bonded:
            return "what the vote needs is not known"
        if not self.has_quorum:
            return f"{share_words(self.tally.turnout, self.bonded)} voted, quorum is {rule_words(self.rules.quorum)}"
        if self.vetoed:
            return (
                f"{share_words(self.tally.veto, self.tally.turnout)} veto, more than {rule_words(self.rules.veto)}"
                " ends it"
            )
        if not self.over_threshold:
            yes = share_words(self.tally.yes, self.tally.decided)
            return f"yes {yes} of those that do not abstain, more than {rule_words(self.rules.threshold)} is needed"
        return ""

    def deposit_missing(self) -> tuple[Coin, ...]:
        """What has still to be deposited before the vote opens; empty when it is enough or not known."""
        paid = {coin.denom: coin.amount for coin in self.deposit}
        missing = (Coin(coin.denom, coin.amount - paid.get(coin.denom, 0)) for coin in self.min_deposit)
        return tuple(coin for coin in missing if coin.amount > 0)


def share_words(part: int, whole: int) -> str:
    """A share in percent with a tenth, rounded down so that it never reads as more than it is; `—` of nothing."""
    if whole <= 0:
        return "—"
    tenths = part * 1000 // whole
    return f"{tenths // 10}.{tenths % 10}%"


def rule_words(share: int) -> str:
    """A rule's share, exact: `33.4%`, `50%`."""
    whole, rest = divmod(share * 100, ONE_E18)
    if not rest:
        return f"{whole}%"
    digits = f"{rest:018d}".rstrip("0")
    return f"{whole}.{digits[:4]}{'…' if len(digits) > 4 else ''}%"


def _at_least(share: int, whole: int) -> int:
    return -(-share * whole // ONE_E18)
