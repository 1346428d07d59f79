"""A network of consensus machines under a scheduler that drops, delays, repeats, reorders, crashes and restarts.

What survives a crash is what the node keeps on disk: decided blocks, the signer's last step, and the log of events up
to a point that is never before the last sync (which precedes each own vote).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from console.devnet.program.consensus import (
    Action,
    Consensus,
    Decide,
    Event,
    Proposal,
    ProposalSeen,
    SetTimeout,
    SignProposal,
    SignVote,
    Start,
    Step,
    TimeoutFired,
    TimeoutKind,
    Validator,
    ValidatorSet,
    Vote,
    VoteSeen,
)
from console.devnet.program.votes import VoteType

Hrs = tuple[int, int, int]


class AgreementViolated(AssertionError):
    """Two blocks were decided at one height."""


class SignedTwice(AssertionError):
    """One validator signed two things at one height, round and step."""


@dataclass(frozen=True)
class Plan:
    """What is tested, and which bug is planted.

    Attributes:
        machine: The consensus machine.
        validators: The validator set's class.
        keeps_log: Whether a restart restores the events of the height.
        keeps_signer: Whether a restart restores the signer's last step.
    """

    machine: type[Consensus] = Consensus
    validators: type[ValidatorSet] = ValidatorSet
    keeps_log: bool = True
    keeps_signer: bool = True


@dataclass
class Member:
    """One validator: its volatile and its durable state."""

    address: str
    machine: Consensus
    up: bool = True
    timers: set[tuple[TimeoutKind, int]] = field(default_factory=set)
    log: list[Event] = field(default_factory=list)
    synced: int = 0
    last_signed: Hrs = (0, 0, 0)
    last_hash: str = ""
    decided: dict[int, str] = field(default_factory=dict)


class Simulation:
    """Runs members against each other; every step checks agreement and single signing."""

    def __init__(self, random: Random, powers: tuple[int, ...], plan: Plan | None = None) -> None:
        self.random = random
        self.plan = plan or Plan()
        self.validators = self.plan.validators(Validator(f"v{i}", power) for i, power in enumerate(powers))
        self.wire: list[tuple[str, Vote | Proposal]] = []
        self.signed: dict[tuple[str, Hrs], str] = {}
        self.chain: dict[int, str] = {}
        self.members = {each.address: self._member(each.address) for each in self.validators.members}
        self._made = 0

    def _member(self, address: str) -> Member:
        return Member(address, self.plan.machine(self.validators, address, 1))

    def start(self) -> None:
        """Begins height 1 on every member that is up."""
        for member in self.members.values():
            if member.up:
                self.feed(member, Start())

    # One member.

    def feed(self, member: Member, event: Event) -> None:
        """Gives a member one event and carries out its actions."""
        queue: deque[Event] = deque([event])
        while queue:
            event = queue.popleft()
            member.log.append(event)
            for action in member.machine.handle(event):
                self._act(member, action, queue)

    def _act(self, member: Member, action: Action, queue: deque[Event]) -> None:
        machine = member.machine
        match action:
            case SetTimeout(kind, round_):
                member.timers.add((kind, round_))
            case SignVote(kind, round_, block_hash):
                member.synced = len(member.log)
                if self._sign(member, (machine.height, round_, int(kind) + 1), block_hash):
                    vote = Vote(kind, machine.height, round_, block_hash, member.address)
                    queue.append(VoteSeen(vote))
                    self._broadcast(member, vote)
            case SignProposal(round_, block_hash, pol_round):
                self._made += 1
                block_hash = block_hash or f"{machine.height}/{round_} {member.address} #{self._made}"
                if self._sign(member, (machine.height, round_, 1), block_hash):
                    proposal = Proposal(machine.height, round_, block_hash, pol_round, member.address)
                    queue.append(ProposalSeen(proposal, True))
                    self._broadcast(member, proposal)
            case Decide(_, block_hash):
                queue.clear()
                self.decide(member, block_hash)
            case _:
                pass

    def _sign(self, member: Member, hrs: Hrs, block_hash: str) -> bool:
        if hrs < member.last_signed or (hrs == member.last_signed and block_hash != member.last_hash):
            return False
        member.last_signed, member.last_hash = hrs, block_hash
        if self.signed.setdefault((member.address, hrs), block_hash) != block_hash:
            raise SignedTwice(f"{member.address} at {hrs}: {block_hash!r}")
        return True

    def _broadcast(self, member: Member, message: Vote | Proposal) -> None:
        self.wire += [(other, message) for other in self.members if other != member.address]

    def decide(self, member: Member, block_hash: str) -> None:
        """Stores a decided block; the next height begins with a later step."""
        height = member.machine.height
        member.decided[height] = block_hash
        if self.chain.setdefault(height, block_hash) != block_hash:
            raise AgreementViolated(f"height {height}: {self.chain[height]!r} and {block_hash!r}")
        self._begin(member, height + 1)

    def _begin(self, member: Member, height: int) -> None:
        member.machine = self.plan.machine(self.validators, member.address, height)
        member.timers, member.log, member.synced = set(), [], 0

    def receive(self, member: Member, message: Vote | Proposal) -> None:
        """Gives a member a message; one that is down or elsewhere misses it."""
        if member.up and message.height == member.machine.height:
            self.feed(member, VoteSeen(message) if isinstance(message, Vote) else ProposalSeen(message, True))

    def crash(self, member: Member) -> None:
        """Stops a member; the end of its log that was not synced may be lost."""
        member.up = False
        member.log = member.log[: self.random.randint(member.synced, len(member.log))]

    def restart(self, member: Member) -> None:
        """Brings a member back from its durable state, as `Node.start` does."""
        member.up = True
        if not self.plan.keeps_signer:
            member.last_signed, member.last_hash = (0, 0, 0), ""
        log = member.log if self.plan.keeps_log else []
        self._begin(member, max(member.decided, default=0) + 1)
        queue: deque[Event] = deque()
        actions = [action for event in log for action in member.machine.handle(event)]
        member.log = list(log)
        member.synced = len(log)
        for action in actions:
            if isinstance(action, Decide) or (isinstance(action, SetTimeout) and action.round == member.machine.round):
                self._act(member, action, queue)
        if not member.machine.decided:
            for action in member.machine.unsigned():
                self._act(member, action, queue)
        while queue:
            self.feed(member, queue.popleft())
        if member.up and member.machine.step is Step.NEW_HEIGHT:
            self.feed(member, Start())

    # Schedules.

    def chaos(self, steps: int, *, crashes: bool, loss: float) -> None:
        """Random steps: deliveries out of order, losses, repeats, timeouts, crashes and restarts.

        Every now and then the weather changes: some members get no proposals, or no prevotes, or no precommits for a
        while. That is what separates those who saw a polka or a decision from those who did not.
        """
        members = list(self.members.values())
        held: set[tuple[str, int]] = set()
        for step in range(steps):
            if step % 30 == 0:
                held = {(each.address, kind) for each in members for kind in range(3) if self.random.random() < 0.4}
            dice = self.random.random()
            member = self.random.choice(members)
            if dice < 0.80:
                self._deliver_one(held, loss)
            elif dice < 0.86 and member.up and member.machine.step is Step.NEW_HEIGHT:
                self.feed(member, Start())
            elif dice < 0.86 and member.up and member.timers:
                timer = self.random.choice(sorted(member.timers))
                member.timers.discard(timer)
                self.feed(member, TimeoutFired(*timer))
            elif dice < 0.88 and crashes and member.up:
                self.crash(member)
            elif not member.up and crashes:
                self.restart(member)
            elif dice > 0.99 and len(self.wire) < 20:
                self.gossip()
            elif dice > 0.985:
                self.serve_blocks()

    def _deliver_one(self, held: set[tuple[str, int]], loss: float) -> None:
        for _ in range(4):
            if not self.wire:
                return
            index = self.random.randrange(len(self.wire))
            address, message = self.wire[index]
            if (address, int(message.kind) if isinstance(message, Vote) else 0) in held:
                continue
            if self.random.random() > 0.1:
                self.wire[index] = self.wire[-1]
                self.wire.pop()
            if self.random.random() > loss:
                self.receive(self.members[address], message)
            return

    def deliver(self, allowed: Callable[[str, Vote | Proposal], bool]) -> None:
        """Delivers what is allowed until nothing more is; the rest stays under way."""
        moved = True
        while moved:
            moved = False
            for address, message in list(self.wire):
                if allowed(address, message):
                    self.wire.remove((address, message))
                    self.receive(self.members[address], message)
                    moved = True

    def fire(self, addresses: Iterable[str]) -> None:
        """Lets the timeouts run out that these members wait for."""
        for address in addresses:
            member = self.members[address]
            for timer in sorted(member.timers):
                member.timers.discard(timer)
                self.feed(member, TimeoutFired(*timer))

    def serve_blocks(self) -> None:
        """A member that is behind gets one decided block from another (its commit was verified)."""
        for member in self.members.values():
            height = member.machine.height
            if member.up and any(other.up and height in other.decided for other in self.members.values()):
                self.decide(member, self.chain[height])

    def gossip(self) -> None:
        """Everyone who is up tells everyone at its height all votes and proposals it has."""
        up = [member for member in self.members.values() if member.up]
        for source in up:
            machine = source.machine
            messages: list[Vote | Proposal] = list(machine.proposals.values())
            for round_ in machine.rounds():
                messages += [vote for kind in VoteType for vote in machine.votes(round_, kind).values()]
            self.wire += [(other.address, message) for other in up if other is not source for message in messages]

    def settle(self, height: int, patience: int = 40) -> bool:
        """Good times: everything arrives, timeouts last longer than messages; True when `height` is decided."""
        for _ in range(patience):
            up = [member for member in self.members.values() if member.up]
            while self.wire:
                address, message = self.wire.pop(0)
                self.receive(self.members[address], message)
                if all(height in member.decided for member in up):
                    return True
            self.serve_blocks()
            for member in up:
                if member.machine.step is Step.NEW_HEIGHT:
                    self.feed(member, Start())
            self.gossip()
            while self.wire:
                address, message = self.wire.pop(0)
                self.receive(self.members[address], message)
            if all(height in member.decided for member in up):
                return True
            self.fire(member.address for member in up)
        return False
