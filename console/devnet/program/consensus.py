"""Tendermint consensus for one height, as a pure state machine: events in, actions out.

No I/O, no clock, no randomness, no cryptography: whoever feeds it has checked signatures and blocks. The rules are
those of "The latest gossip on BFT consensus" (arXiv 1807.04938, algorithm 1; the L-numbers below are its lines),
steps and names are CometBFT's. The same events give the same actions, so a log of events restores the lock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from .votes import VoteType

NIL = ""
_MAX_ROTATION = 10_000


@dataclass(frozen=True, slots=True)
class Validator:
    """A member of the validator set: address in upper hex, voting power, compressed public key of 33 bytes."""

    address: str
    power: int
    public_key: bytes = b""


class ValidatorSet:
    """Validators by power, then address: the order of vote indices (facts/cosmos.md §5)."""

    def __init__(self, validators: Iterable[Validator]) -> None:
        self.members: tuple[Validator, ...] = tuple(sorted(validators, key=lambda v: (-v.power, v.address)))
        self.total = sum(each.power for each in self.members)
        self._power = {each.address: each.power for each in self.members}
        self._keys = {each.address: each.public_key for each in self.members}
        self._rotation = self._rotate()

    def power(self, address: str) -> int:
        """Voting power; 0 for one who is not a member."""
        return self._power.get(address, 0)

    def public_key(self, address: str) -> bytes | None:
        """The key that signs for a member; None for one who is none."""
        return self._keys.get(address)

    def is_quorum(self, power: int) -> bool:
        """More than 2/3, in integers."""
        return 3 * power > 2 * self.total

    def is_blocking(self, power: int) -> bool:
        """More than 1/3: at least one of them is honest."""
        return 3 * power > self.total

    def proposer(self, height: int, round_: int) -> str:
        """Whose turn it is, in proportion to power."""
        return self._rotation[(height + round_) % len(self._rotation)]

    def _rotate(self) -> tuple[str, ...]:
        # CometBFT's priorities; with fixed powers they repeat after total/gcd turns.
        period = self.total // math.gcd(*self._power.values())
        priority = {each.address: 0 for each in self.members}
        turns: list[str] = []
        for _ in range(min(period, _MAX_ROTATION)):
            for each in self.members:
                priority[each.address] += each.power
            chosen = max(self.members, key=lambda v: priority[v.address]).address
            priority[chosen] -= self.total
            turns.append(chosen)
        return tuple(turns)


class Step(IntEnum):
    """CometBFT's RoundStepType."""

    NEW_HEIGHT = 1
    NEW_ROUND = 2
    PROPOSE = 3
    PREVOTE = 4
    PREVOTE_WAIT = 5
    PRECOMMIT = 6
    PRECOMMIT_WAIT = 7
    COMMIT = 8


class TimeoutKind(StrEnum):
    """What a timeout waits for."""

    PROPOSE = "propose"
    PREVOTE = "prevote"
    PRECOMMIT = "precommit"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposer's block for a round; `pol_round` is -1 for a fresh block, else the round of its polka."""

    height: int
    round: int
    block_hash: str
    pol_round: int
    proposer: str
    time_ns: int = 0
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Vote:
    """A signed vote; `block_hash` is "" for nil. Time and signature are carried for the commit, never read."""

    kind: VoteType
    height: int
    round: int
    block_hash: str
    validator: str
    time_ns: int = 0
    signature: bytes = b""


# Events.


@dataclass(frozen=True, slots=True)
class Start:
    """The height begins: round 0."""


@dataclass(frozen=True, slots=True)
class ProposalSeen:
    """A proposal, own or foreign, with the verdict of block validation."""

    proposal: Proposal
    valid: bool


@dataclass(frozen=True, slots=True)
class VoteSeen:
    """A vote, own or foreign."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class TimeoutFired:
    """A timeout that was asked for has run out."""

    kind: TimeoutKind
    round: int


Event = Start | ProposalSeen | VoteSeen | TimeoutFired


# Actions.


@dataclass(frozen=True, slots=True)
class SignProposal:
    """Propose in this round: the known block `block_hash`, or a new one when it is ""."""

    round: int
    block_hash: str
    pol_round: int


@dataclass(frozen=True, slots=True)
class SignVote:
    """Sign and broadcast a vote, once the events that led to it are durable: they hold the lock."""

    kind: VoteType
    round: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """Feed `TimeoutFired` later; the duration grows with the round."""

    kind: TimeoutKind
    round: int


@dataclass(frozen=True, slots=True)
class Decide:
    """More than 2/3 precommitted a valid block that is known."""

    round: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class NeedBlock:
    """More than 2/3 precommitted a block that is not known here: ask the peers."""

    round: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class InvalidCommit:
    """More than 2/3 precommitted a block that is invalid here."""

    round: int
    block_hash: str


Action = SignProposal | SignVote | SetTimeout | Decide | NeedBlock | InvalidCommit


class Consensus:
    """The machine for one height.

    Attributes:
        height: In blocks.
        round: The current round.
        step: The current step.
        locked_hash, locked_round: What this validator is locked on; "" and -1 for nothing.
        valid_hash, valid_round: The last block with a polka seen in its own round.
        proposals: By round.
        valid: Known blocks by hash, and whether they are valid.
        decided: The decided block's hash, or "".
        decided_round: The round of the deciding precommits, or -1.
    """

    def __init__(self, validators: ValidatorSet, own_address: str, height: int) -> None:
        self.validators = validators
        self.own_address = own_address
        self.height = height
        self.round = 0
        self.step = Step.NEW_HEIGHT
        self.locked_hash, self.locked_round = NIL, -1
        self.valid_hash, self.valid_round = NIL, -1
        self.proposals: dict[int, Proposal] = {}
        self.valid: dict[str, bool] = {}
        self.decided, self.decided_round = NIL, -1
        self._votes: dict[tuple[int, VoteType], dict[str, Vote]] = {}
        self._tally: dict[tuple[int, VoteType, str], int] = {}
        self._heard: dict[int, set[str]] = {}
        self._chosen: dict[tuple[int, VoteType], SignVote] = {}
        self._once: set[tuple[str, int]] = set()
        self._asked: set[tuple[str, bool | None]] = set()
        self._actions: list[Action] = []

    def handle(self, event: Event) -> list[Action]:
        """Takes one event; returns what to do, in order. Nothing happens after the decision but counting votes."""
        self._actions = []
        match event:
            case Start():
                if self.step is Step.NEW_HEIGHT:
                    self._start_round(0)
            case ProposalSeen(proposal, valid):
                self._add_proposal(proposal, valid)
            case VoteSeen(vote):
                self._add_vote(vote)
            case TimeoutFired(kind, round_):
                self._timeout(kind, round_)
        if not self.decided:
            while self._advance():
                pass
        return self._actions

    def votes(self, round_: int, kind: VoteType) -> dict[str, Vote]:
        """The votes of a round by validator address; do not change it."""
        return self._votes.get((round_, kind), {})

    def power_for(self, round_: int, kind: VoteType, block_hash: str) -> int:
        """Voting power of the votes for one block (or "" for nil)."""
        return self._tally.get((round_, kind, block_hash), 0)

    def rounds(self) -> list[int]:
        """Rounds with any vote or proposal, and the current one, ascending."""
        return sorted({self.round, *self.proposals, *(round_ for round_, _ in self._votes)})

    def unsigned(self) -> list[Action]:
        """After a restart: what this validator chose in the current round and has not released."""
        out: list[Action] = []
        ours = self.validators.proposer(self.height, self.round) == self.own_address
        if ours and self.step is Step.PROPOSE and self.round not in self.proposals:
            out.append(SignProposal(self.round, self.valid_hash, self.valid_round))
        for (round_, kind), choice in sorted(self._chosen.items()):
            if round_ == self.round and self.own_address not in self.votes(round_, kind):
                out.append(choice)
        return out

    def _quorum(self, round_: int, kind: VoteType, block_hash: str) -> bool:
        return self.validators.is_quorum(self.power_for(round_, kind, block_hash))

    def _any_quorum(self, round_: int, kind: VoteType) -> bool:
        return self.validators.is_quorum(sum(self.validators.power(each) for each in self.votes(round_, kind)))

    def _add_proposal(self, proposal: Proposal, valid: bool) -> None:
        expected = self.validators.proposer(self.height, proposal.round)
        if proposal.height != self.height or proposal.proposer != expected:
            return
        self.valid[proposal.block_hash] = valid
        self.proposals.setdefault(proposal.round, proposal)
        self._heard.setdefault(proposal.round, set()).add(proposal.proposer)

    def _add_vote(self, vote: Vote) -> None:
        power = self.validators.power(vote.validator)
        votes = self._votes.setdefault((vote.round, vote.kind), {})
        if vote.height != self.height or not power or vote.validator in votes:
            return
        votes[vote.validator] = vote
        key = (vote.round, vote.kind, vote.block_hash)
        self._tally[key] = self._tally.get(key, 0) + power
        self._heard.setdefault(vote.round, set()).add(vote.validator)

    def _timeout(self, kind: TimeoutKind, round_: int) -> None:
        if round_ != self.round or self.decided:
            return
        if kind is TimeoutKind.PROPOSE and self.step is Step.PROPOSE:
            self._vote(VoteType.PREVOTE, NIL)
        elif kind is TimeoutKind.PREVOTE and self.step in (Step.PREVOTE, Step.PREVOTE_WAIT):
            self._vote(VoteType.PRECOMMIT, NIL)
        elif kind is TimeoutKind.PRECOMMIT:
            self._start_round(round_ + 1)

    def _start_round(self, round_: int) -> None:
        self.round, self.step = round_, Step.PROPOSE
        if self.validators.proposer(self.height, round_) == self.own_address:
            self._actions.append(SignProposal(round_, self.valid_hash, self.valid_round))
        self._actions.append(SetTimeout(TimeoutKind.PROPOSE, round_))

    def _vote(self, kind: VoteType, block_hash: str) -> None:
        self.step = Step.PREVOTE if kind is VoteType.PREVOTE else Step.PRECOMMIT
        action = SignVote(kind, self.round, block_hash)
        self._chosen[self.round, kind] = action
        self._actions.append(action)

    def _first(self, rule: str) -> bool:
        if (rule, self.round) in self._once:
            return False
        self._once.add((rule, self.round))
        return True

    def _advance(self) -> bool:
        """Applies the first rule that fires; False when none does."""
        return self._decide() or self._skip_round() or self._prevote() or self._polka() or self._wait()

    def _decide(self) -> bool:
        # L49, for any round.
        for (round_, kind, block_hash), power in self._tally.items():
            if kind is not VoteType.PRECOMMIT or block_hash == NIL or not self.validators.is_quorum(power):
                continue
            known = self.valid.get(block_hash)
            if known:
                self.decided, self.decided_round, self.step = block_hash, round_, Step.COMMIT
                self._actions.append(Decide(round_, block_hash))
                return False
            if (block_hash, known) not in self._asked:
                self._asked.add((block_hash, known))
                self._actions.append((NeedBlock if known is None else InvalidCommit)(round_, block_hash))
        return False

    def _skip_round(self) -> bool:
        # L55: one honest validator at least is in a later round.
        if self.step is Step.NEW_HEIGHT or self.decided:
            return False
        for round_ in sorted(self._heard, reverse=True):
            if round_ <= self.round:
                return False
            if self.validators.is_blocking(sum(self.validators.power(each) for each in self._heard[round_])):
                self._start_round(round_)
                return True
        return False

    def _prevote(self) -> bool:
        proposal = self.proposals.get(self.round)
        if self.step is not Step.PROPOSE or self.decided or proposal is None:
            return False
        block_hash, pol_round = proposal.block_hash, proposal.pol_round
        free = self.locked_round == -1 or self.locked_hash == block_hash  # L22
        if pol_round != -1:
            if not 0 <= pol_round < self.round or not self._quorum(pol_round, VoteType.PREVOTE, block_hash):
                return False
            free = self.locked_round <= pol_round or self.locked_hash == block_hash  # L28
        self._vote(VoteType.PREVOTE, block_hash if free and self.valid[block_hash] else NIL)
        return True

    def _polka(self) -> bool:
        if self.step < Step.PREVOTE or self.decided:
            return False
        prevoting = self.step in (Step.PREVOTE, Step.PREVOTE_WAIT)
        for block_hash, valid in self.valid.items():
            # L36: the first polka of the round for a block that is known.
            if valid and self._quorum(self.round, VoteType.PREVOTE, block_hash) and self._first("polka"):
                self.valid_hash, self.valid_round = block_hash, self.round
                if prevoting:
                    self._lock(block_hash)
                    self._vote(VoteType.PRECOMMIT, block_hash)
                return True
        if prevoting and self._quorum(self.round, VoteType.PREVOTE, NIL):  # L44
            self._vote(VoteType.PRECOMMIT, NIL)
            return True
        return False

    def _lock(self, block_hash: str) -> None:
        self.locked_hash, self.locked_round = block_hash, self.round

    def _wait(self) -> bool:
        if self.step is Step.NEW_HEIGHT or self.decided:
            return False
        if self.step is Step.PREVOTE and self._any_quorum(self.round, VoteType.PREVOTE):  # L34
            self.step = Step.PREVOTE_WAIT
            self._actions.append(SetTimeout(TimeoutKind.PREVOTE, self.round))
            return True
        if self._any_quorum(self.round, VoteType.PRECOMMIT) and self._first("precommits"):  # L47
            if self.step is Step.PRECOMMIT:
                self.step = Step.PRECOMMIT_WAIT
            self._actions.append(SetTimeout(TimeoutKind.PRECOMMIT, self.round))
            return True
        return False
