"""Properties of the consensus machine: agreement, single signing, liveness, and that planted bugs are caught."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.devnet.program.consensus import (
    Consensus,
    Decide,
    InvalidCommit,
    NeedBlock,
    Proposal,
    ProposalSeen,
    SignVote,
    Start,
    TimeoutFired,
    TimeoutKind,
    Validator,
    ValidatorSet,
    Vote,
    VoteSeen,
)
from console.devnet.program.votes import VoteType

from .simulation import AgreementViolated, Plan, SignedTwice, Simulation

QUICK = settings(derandomize=True, deadline=None, max_examples=150)
seeds = st.integers(0, 2**32 - 1)
power_sets = st.sampled_from([(10, 10, 10, 10), (1, 1, 1), (5, 3, 2, 1, 1), (10, 10, 10), (1,), (40, 30, 20, 10)])


class NoLock(Consensus):
    """Planted bug: precommits without locking."""

    def _lock(self, block_hash: str) -> None:
        pass


class LowQuorum(ValidatorSet):
    """Planted bug: 2/3 is taken for more than 2/3."""

    def is_quorum(self, power: int) -> bool:
        return 3 * power >= 2 * self.total


def _run(seed: int, powers: tuple[int, ...], plan: Plan, *, crashes: bool, loss: float) -> Simulation:
    simulation = Simulation(Random(seed), powers, plan)
    simulation.start()
    simulation.chaos(1000, crashes=crashes, loss=loss)
    return simulation


@QUICK
@given(seeds, power_sets, st.booleans(), st.sampled_from([0.0, 0.2, 0.5]))
def test_safe_under_chaos_and_live_after_it(seed: int, powers: tuple[int, ...], crashes: bool, loss: float) -> None:
    simulation = _run(seed, powers, Plan(), crashes=crashes, loss=loss)
    for member in simulation.members.values():
        if not member.up:
            simulation.restart(member)
    target = max((max(member.decided, default=0) for member in simulation.members.values()), default=0) + 2
    assert simulation.settle(target)


@QUICK
@given(seeds, st.sampled_from([(10, 10, 10, 10), (5, 3, 2, 1, 1), (40, 30, 20, 10)]))
def test_live_with_a_quorum_after_all_have_crashed(seed: int, powers: tuple[int, ...]) -> None:
    simulation = _run(seed, powers, Plan(), crashes=False, loss=0.3)
    members = list(simulation.members.values())
    for member in members:
        simulation.crash(member)
    simulation.wire.clear()
    highest = max(max(member.decided, default=0) for member in members)
    # A block that only a member that stays down has stored was decided all the same, so it must come out again.
    up = 0
    for member in members:
        simulation.restart(member)
        up += simulation.validators.power(member.address)
        if simulation.validators.is_quorum(up):
            break
    assert simulation.settle(highest + 2)


@QUICK
@given(seeds, st.sampled_from([((10, 10, 10, 10), 2), ((10, 10, 10), 2), ((40, 30, 20, 10), 1), ((3, 3, 2, 1), 2)]))
def test_no_block_without_more_than_two_thirds(seed: int, case: tuple[tuple[int, ...], int]) -> None:
    powers, up = case
    assert not _blocks_with(seed, powers, up, Plan())


def _blocks_with(seed: int, powers: tuple[int, ...], up: int, plan: Plan) -> dict[int, str]:
    simulation = Simulation(Random(seed), powers, plan)
    for member in list(simulation.members.values())[up:]:
        member.up = False
    simulation.start()
    simulation.chaos(200, crashes=False, loss=0.1)
    simulation.settle(1, patience=10)
    return simulation.chain


def test_planted_low_quorum_is_caught() -> None:
    assert _blocks_with(1, (10, 10, 10), 2, Plan(validators=LowQuorum))


def _split_decision(plan: Plan, decider: int, *, crash: bool) -> Simulation:
    """The attack that locking is there for.

    Three see the polka for X and precommit it, but only the decider gets the precommits: it decides X and falls
    silent. The other two (perhaps after a crash) and the one who saw no polka go on to the next round, where that one
    proposes another block.
    """
    simulation = Simulation(Random(decider), (10, 10, 10, 10), plan)
    blind = simulation.validators.proposer(1, 1)
    seeing = [address for address in simulation.members if address != blind]
    knower = seeing[decider]
    rest = [address for address in simulation.members if address != knower]
    simulation.start()

    def first_round(address: str, message: Vote | Proposal) -> bool:
        if address == knower:
            return True
        if isinstance(message, Proposal):
            return address != blind
        if address == blind:
            return message.validator in rest
        return message.kind is VoteType.PREVOTE or message.validator == blind

    simulation.fire([blind])
    simulation.deliver(first_round)
    simulation.fire([blind])
    simulation.deliver(first_round)
    assert simulation.members[blind].last_signed == (1, 0, 3)
    assert list(simulation.members[knower].decided) == [1]
    simulation.members[knower].up = False
    for address in rest:
        if crash and address != blind:
            simulation.crash(simulation.members[address])
            simulation.restart(simulation.members[address])
    simulation.wire.clear()
    for turn in range(20):
        simulation.gossip()

        def late(address: str, message: Vote | Proposal, turn: int = turn) -> bool:
            polka = message.round == 0 and not (isinstance(message, Vote) and message.kind is VoteType.PRECOMMIT)
            return turn > 3 or address != blind or not polka

        simulation.deliver(late)
        simulation.fire(rest)
    return simulation


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("decider", [0, 1, 2])
def test_a_decision_that_one_validator_saw_stands(decider: int, crash: bool) -> None:
    simulation = _split_decision(Plan(), decider, crash=crash)
    assert all(simulation.chain[1] == member.decided[1] for member in simulation.members.values())


@pytest.mark.parametrize("decider", [0, 1, 2])
@pytest.mark.parametrize(
    "plan", [Plan(machine=NoLock), Plan(keeps_log=False)], ids=["no lock", "lock lost at a restart"]
)
def test_planted_lock_bugs_are_caught(plan: Plan, decider: int) -> None:
    with pytest.raises(AgreementViolated):
        _split_decision(plan, decider, crash=not plan.keeps_log)


def test_planted_loss_of_the_signer_state_is_caught() -> None:
    def chaos() -> None:
        for seed in range(50):
            _run(seed, (10, 10, 10, 10), Plan(keeps_signer=False, keeps_log=False), crashes=True, loss=0.05)

    with pytest.raises(SignedTwice):
        chaos()


# Single rules.

FOUR = ValidatorSet(Validator(name, 10) for name in "abcd")


def _machine(own: str = "a") -> Consensus:
    machine = Consensus(FOUR, own, 1)
    machine.handle(Start())
    return machine


def _propose(
    machine: Consensus, block_hash: str, round_: int = 0, pol_round: int = -1, valid: bool = True
) -> list[object]:
    proposer = FOUR.proposer(1, round_)
    return list(machine.handle(ProposalSeen(Proposal(1, round_, block_hash, pol_round, proposer), valid)))


def _votes(machine: Consensus, kind: VoteType, names: str, block_hash: str, round_: int = 0) -> list[object]:
    return [action for name in names for action in machine.handle(VoteSeen(Vote(kind, 1, round_, block_hash, name)))]


def test_invalid_proposal_gets_a_nil_prevote() -> None:
    assert SignVote(VoteType.PREVOTE, 0, "") in _propose(_machine(), "X", valid=False)


def test_proposal_from_someone_else_is_ignored() -> None:
    machine = _machine()
    wrong = next(each.address for each in FOUR.members if each.address != FOUR.proposer(1, 0))
    assert machine.handle(ProposalSeen(Proposal(1, 0, "X", -1, wrong), True)) == []
    assert not machine.proposals


def test_commit_of_an_unknown_block_asks_and_of_an_invalid_one_fails() -> None:
    machine = _machine()
    assert NeedBlock(0, "X") in _votes(machine, VoteType.PRECOMMIT, "bcd", "X")
    assert InvalidCommit(0, "X") in _propose(machine, "X", valid=False)
    assert not machine.decided


def test_late_precommits_are_counted_after_the_decision() -> None:
    machine = _machine()
    _propose(machine, "X")
    assert Decide(0, "X") in _votes(machine, VoteType.PRECOMMIT, "abc", "X")
    assert _votes(machine, VoteType.PRECOMMIT, "d", "X") == []
    assert set(machine.votes(0, VoteType.PRECOMMIT)) == set("abcd")


def test_locked_validator_prevotes_another_block_only_with_a_later_polka() -> None:
    machine = _machine()
    _propose(machine, "X")
    assert SignVote(VoteType.PRECOMMIT, 0, "X") in _votes(machine, VoteType.PREVOTE, "abc", "X")
    _votes(machine, VoteType.PRECOMMIT, "bcd", "")
    machine.handle(TimeoutFired(TimeoutKind.PRECOMMIT, 0))
    assert SignVote(VoteType.PREVOTE, 1, "") in _propose(machine, "Y", 1)
    _votes(machine, VoteType.PREVOTE, "bcd", "Y", 1)
    assert (machine.locked_hash, machine.valid_hash, machine.valid_round) == ("Y", "Y", 1)
    _votes(machine, VoteType.PRECOMMIT, "bcd", "", 1)
    machine.handle(TimeoutFired(TimeoutKind.PRECOMMIT, 1))
    assert SignVote(VoteType.PREVOTE, 2, "Y") in _propose(machine, "Y", 2, pol_round=1)


def test_proposers_take_turns_by_power() -> None:
    validators = ValidatorSet([Validator("a", 30), Validator("b", 20), Validator("c", 10)])
    turns = Counter(validators.proposer(height, 0) for height in range(60))
    assert turns == {"a": 30, "b": 20, "c": 10}
    assert validators.proposer(7, 1) == validators.proposer(8, 0)


@pytest.mark.parametrize(("power", "quorum"), [(26, False), (27, True)])
def test_quorum_is_strictly_more_than_two_thirds(power: int, quorum: bool) -> None:
    assert ValidatorSet([Validator("a", 40)]).is_quorum(power) is quorum
    assert not ValidatorSet([Validator("a", 30)]).is_quorum(20)
