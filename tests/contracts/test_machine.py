"""Any sequence of calls keeps the registry's promises (hypothesis, against a model of the life of a proposal)."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from console.chain.contracts import artefact
from tests.contracts.evm import Reverted
from tests.contracts.registry import (
    ABORT,
    ABORTED,
    ADMIN,
    AFTER_VOTE,
    ALONE,
    APP,
    APPROVED,
    CALLS_ALONE,
    CANCELLED,
    CROSS,
    EXE,
    EXECUTED,
    EXPEDITED,
    EXPIRED,
    FIXED,
    FREEZE,
    NO_VERDICT,
    READINESS,
    REJECTED,
    ROLLED_BACK,
    SCHEDULED,
    STRANGER,
    URL,
    VOTING,
    WASM,
    WINDOW,
    ZERO,
    Subnet,
    member,
    members,
    operator,
    refused,
    validator,
)

NUMBERS = st.integers(1, 5)
POWERS = st.lists(st.sampled_from([0, 1, 2, 3, 10, 2**128]), min_size=0, max_size=5)
ADD, REMOVE = 0, 2
EVERYBODY = {1, 2, 3, 4}
LIVES = st.tuples(
    st.sampled_from([FIXED, AFTER_VOTE, READINESS]),
    st.sampled_from(["none", "first", "after", "alone"]),
    st.sampled_from([EVERYBODY, EVERYBODY, EVERYBODY, {1, 2}]),
    st.sampled_from([EVERYBODY, EVERYBODY, EVERYBODY, {1, 3}]),
    st.sampled_from(["", "", "", "", "", "halt", "cancel", "replace"]),
    st.sampled_from([-FREEZE, -FREEZE, -2, -1]),
    st.sampled_from(["confirm", "confirm", "rollback", "expire"]),
)
"""Kind of schedule, calls, who votes, who is ready and armed, what stops it, when it is frozen, how it ends."""
RELEASES = st.sampled_from([bytes([number]) * 32 for number in (0xAA, 0xBB)])
ERRORS = {entry["name"] for entry in artefact("UpgradeRegistry").abi if entry["type"] == "error"}
OVER = {REJECTED, EXECUTED, ABORTED, EXPIRED, CANCELLED, ROLLED_BACK}
NEXT = {
    VOTING: {VOTING, APPROVED, SCHEDULED, REJECTED, CANCELLED, EXPIRED, ABORTED},
    APPROVED: {APPROVED, SCHEDULED, EXECUTED, EXPIRED, CANCELLED, ABORTED},
    SCHEDULED: {SCHEDULED, EXECUTED, ABORTED, EXPIRED, CANCELLED, ROLLED_BACK},
    **{status: {status} for status in OVER},
}
"""Where a proposal may stand at the next look. A look comes after every call and jump, so that steps may be missed."""
FIXED_FIELDS = (
    *("name", "releaseKind", "breaking", "proposer", "proposedAt", "scheduleKind", "delay", "readinessBps"),
    *("readinessDeadline", "votingEndsAt", "expedited", "votingPower", "executionWindow", "graceBlocks"),
    *("migrationKind", "migrationHash", "linkedCalls", "linkedHash", "contractsFirst", "initAllowed"),
)
ONCE = ("targetHeight", "approvedAt", "scheduledAt", "frozenAt", "endedAt", "contractsAt", "undoneAt")
"""Zero until they are known, then for good."""


class RegistryMachine(RuleBasedStateMachine):
    """Everybody calls everything at random, while time and membership move."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, dict[str, Any]] = {}
        self.newest = 0

    @initialize(
        powers=st.just([10, 10, 10, 10]) | POWERS.filter(any), voting=st.booleans(), plans=st.tuples(LIVES, LIVES)
    )
    def start(self, powers: list[int], voting: bool, plans: tuple[Any, Any]) -> None:
        """Two lives in each example, whatever else comes."""
        self.begin(powers, voting)
        for plan in plans:
            self.life(plan)

    def begin(self, powers: list[int], voting: bool) -> None:
        self.subnet = Subnet(voting=voting)
        self.membership(powers)

    def attempt(self, function: str, *arguments: Any, sender: str = STRANGER) -> str:
        """A call that may be refused, but only with one of the contract's own errors; returns its name."""
        try:
            self.subnet.registry.send(function, *arguments, sender=sender)
        except Reverted as error:
            refusal = error.name
        else:
            refusal = ""
        assert refusal in ERRORS | {""}
        return refusal

    def some(self, back: int) -> int:
        """One of the newest proposals; 0 when there is none."""
        return max(0, self.newest - back)

    def jump(self, number: int, offset: int) -> None:
        """To a block by its distance to a target height, if it is known and still to come."""
        height = self.subnet.target(number) if number else 0
        if height:
            self.subnet.chain.number = max(self.subnet.chain.number, height + offset)

    # ------------------------------------------------------------ the life of one

    @rule(plan=LIVES)
    def life(self, plan: tuple[int, str, set[int], set[int], str, int, str]) -> None:
        """A proposal from its start to its end, after the one before; chance alone rarely gets there."""
        kind, calls, voters, ready, stop, offset, end = plan
        self.jump(self.newest, WINDOW + 1)
        made = self.newest
        self.propose(kind, calls, 0, 0, 7000, ADMIN)
        if self.newest == made:
            return
        self.vote(voters, set(), 0)
        self.signal(ready, ready, set())
        self.promises()
        if stop == "halt":
            self.halt({1, 2, 3})
        elif stop == "replace":
            self.replace(ready, b"\xbb" * 32)
        elif stop:
            self.cancel(0)
        self.anyone("executeContracts")
        self.freeze(0, offset)
        self.promises()
        if end == "expire":
            self.jump(self.newest, WINDOW + 1)
            self.anyone("expire")
        else:
            self.after(ready, 1, end == "rollback")
            self.anyone("executeContracts")
        self.promises()
        self.anyone("undoContracts")

    @rule(
        kind=st.sampled_from([FIXED, AFTER_VOTE, READINESS]),
        calls=st.sampled_from(["none", "first", "after", "alone"]),
        migration=st.sampled_from([0, WASM]),
        extra=st.sampled_from([0, 0, 0, -1, 7]),
        bps=st.sampled_from([1, 7000, 10_000]),
        sender=st.sampled_from([ADMIN, ADMIN, validator(1), validator(2), STRANGER]),
    )
    def propose(self, kind: int, calls: str, migration: int, extra: int, bps: int, sender: str) -> None:
        changes: dict[str, Any] = dict(ALONE) if calls == "alone" else {"scheduleKind": kind}
        voted = self.subnet.voting or calls != "none"
        blocks = EXPEDITED if voted else 0
        changes |= {"votingBlocks": blocks, "expedited": voted}
        if calls != "alone":
            if migration:
                changes |= {"migrationKind": migration, "migrationHash": b"\x01" * 32}
            lead = self.subnet.lead() + extra
            if kind == FIXED:
                changes["targetHeight"] = self.subnet.chain.number + blocks + lead
            else:
                changes["delay"] = lead
            if kind == READINESS:
                changes |= {"readinessBps": bps, "readinessDeadline": self.subnet.chain.number + blocks + 20}
        # A function of its own for each proposal, so that no cut is in the way of another.
        added = (self.newest + 1).to_bytes(4, "big")
        linked = [] if calls == "none" else [self.subnet.cut((self.subnet.source.address, ADD, [added]))]
        undo = [self.subnet.cut((ZERO, REMOVE, [added]))] if calls == "first" else []
        try:
            self.newest = self.subnet.propose(
                calls=linked, undo=undo, contractsFirst=calls == "first", sender=sender, **changes
            )
        except Reverted as error:
            refusal = error.name
        else:
            refusal = ""
        short = {"LeadTooShort"} if calls != "alone" and extra < 0 else set()
        expected = {"", "NotAProposer", "NoPower", "AlreadyScheduled", "OpenProposal", "TooManyOpen"}
        assert refusal in expected | short

    @rule(yes=st.sets(NUMBERS), no=st.sets(NUMBERS), back=st.integers(0, 1))
    def vote(self, yes: set[int], no: set[int], back: int) -> None:
        for support, numbers in ((True, yes), (False, no)):
            for number in sorted(numbers):
                self.attempt("vote", self.some(back), support, sender=validator(number))

    @rule(ready=st.sets(NUMBERS), armed=st.sets(NUMBERS), withdrawn=st.sets(NUMBERS, max_size=1))
    def signal(self, ready: set[int], armed: set[int], withdrawn: set[int]) -> None:
        if not self.newest:
            return
        shown = self.subnet.view(self.newest)
        for number in sorted(ready):
            self.attempt("signalReady", self.newest, shown["releaseHash"], sender=validator(number))
        self.attempt("checkAndSchedule", self.newest)
        for number in sorted(withdrawn):
            self.attempt("withdrawReady", self.newest, sender=validator(number))
        height = self.subnet.target(self.newest)
        for number in sorted(armed):
            self.attempt("signalArmed", self.newest, height, sender=validator(number))

    @rule(back=st.integers(0, 1), offset=st.sampled_from([-FREEZE - 1, -FREEZE, -FREEZE, -2, -1]))
    def freeze(self, back: int, offset: int) -> None:
        """At a block around the window of the freeze, when that is still to come."""
        number = self.some(back)
        self.jump(number, offset)
        before = self.subnet.view(number) if number else None
        refusal = self.attempt("freeze", number)
        if before is None:
            assert refusal == "UnknownProposal"
        elif before["frozenAt"]:
            assert refusal == "AlreadyFrozen"
        elif before["scheduledAt"] and not before["endedAt"]:
            left = before["targetHeight"] - self.subnet.chain.number
            assert refusal == ("TooEarly" if left > FREEZE else "TooLate" if left < 2 else "")
        else:
            assert refusal == "WrongStatus"

    @rule(numbers=st.sets(NUMBERS), offset=st.integers(0, WINDOW + 1), going_back=st.booleans())
    def after(self, numbers: set[int], offset: int, going_back: bool) -> None:
        """At H and behind it: confirmations, or a rollback."""
        if not self.newest or self.subnet.view(self.newest)["verdict"] != CROSS:
            return
        self.jump(self.newest, offset)
        for number in sorted(numbers):
            if going_back:
                self.attempt("rollback", self.newest, "no", sender=validator(number))
            else:
                self.attempt("confirmCrossed", self.newest, EXE, APP, sender=validator(number))

    # ------------------------------------------------------------ beside it

    @rule(powers=POWERS)
    def membership(self, powers: list[int]) -> None:
        self.subnet.set_members(members(powers))
        self.powers = powers

    @rule(function=st.sampled_from(["executeContracts", "undoContracts", "finalize", "expire", "checkAndSchedule"]))
    def anyone(self, function: str) -> None:
        self.attempt(function, self.newest)

    @rule(back=st.integers(0, 1))
    def cancel(self, back: int) -> None:
        self.attempt("cancel", self.some(back), sender=ADMIN)

    @rule(numbers=st.sets(st.integers(1, 6)))
    def halt(self, numbers: set[int]) -> None:
        for number in sorted(numbers):
            self.attempt("approveEmergencyHalt", self.newest, 1, "", sender=member(number))

    @rule(numbers=st.sets(NUMBERS), release=RELEASES)
    def replace(self, numbers: set[int], release: bytes) -> None:
        for number in sorted(numbers):
            self.attempt("replaceRelease", self.newest, release, URL, sender=validator(number))

    @rule(number=NUMBERS, of=NUMBERS)
    def operators(self, number: int, of: int) -> None:
        self.attempt("setOperator", operator(of), sender=validator(number))
        self.attempt("advertise", b"v1".ljust(32, b"\0"), 1, bytes(32), sender=operator(of))

    @precondition(lambda self: self.newest)
    @rule(blocks=st.integers(1, 12))
    def time(self, blocks: int) -> None:
        self.subnet.chain.number += blocks

    # ------------------------------------------------------------ what holds

    @invariant()
    def promises(self) -> None:
        self.look(2)

    def teardown(self) -> None:
        self.look(256)

    def look(self, limit: int) -> None:
        """At the newest proposals, or at all of them: a view is what costs time here."""
        page, total = self.subnet.registry.call("proposals", 0, limit)
        assert total == self.newest
        scheduled = [row["id"] for row in page if row["status"] == SCHEDULED]
        assert len(scheduled) <= 1
        if total <= len(page):
            assert self.subnet.registry.call("scheduledId") == (scheduled[0] if scheduled else 0)
        for row in page:
            self.powers_hold(row)
            self.verdict_holds(row)
            self.unchanged(row)

    def powers_hold(self, row: dict[str, Any]) -> None:
        assert 0 <= row["goPower"] <= min(row["readyPower"], row["armedPower"])
        assert max(row["readyPower"], row["armedPower"]) <= row["totalPower"]
        assert row["totalPower"] == sum(self.powers) or row["frozenAt"] != 0
        assert row["confirmedPower"] <= row["totalPower"] or row["frozenAt"] == 0
        assert row["yesPower"] + row["noPower"] <= row["votingPower"]
        assert row["rollbackPower"] <= row["totalPower"] or row["frozenAt"] == 0
        wasm = row["migrationKind"] == WASM
        yes, no, total = row["yesPower"], row["noPower"], row["votingPower"]
        passed = 4 * yes >= 3 * total if wasm else 3 * yes > 2 * total
        lost = 4 * no > total if wasm else 3 * no >= total
        if total:
            assert passed == (row["approvedAt"] != 0)
            if lost:
                assert row["status"] in {REJECTED, CANCELLED}
        else:
            assert row["approvedAt"] == row["proposedAt"]

    def verdict_holds(self, row: dict[str, Any]) -> None:
        if row["frozenAt"]:
            go, ready, total = row["goPower"], row["readyPower"], row["totalPower"]
            cross = 3 * go > 2 * total
            if row["scheduleKind"] == READINESS:
                cross = cross and ready * 10_000 >= total * row["readinessBps"]
            if row["contractsFirst"]:
                cross = cross and row["contractsAt"] != 0
            assert row["verdict"] == (CROSS if cross else ABORT)
            assert row["targetHeight"] - FREEZE <= row["frozenAt"] <= row["targetHeight"] - 2
        if row["status"] == EXECUTED and row["releaseKind"] != CALLS_ALONE:
            assert 3 * row["confirmedPower"] > 2 * row["totalPower"]
        if row["status"] == ROLLED_BACK:
            assert 3 * row["rollbackPower"] > 2 * row["totalPower"]
        if row["verdict"] == CROSS:
            assert row["status"] in {SCHEDULED, EXECUTED, EXPIRED, ROLLED_BACK}
        if row["status"] == ABORTED:
            assert row["verdict"] == ABORT
        if row["undoneAt"]:
            assert row["contractsAt"] <= row["undoneAt"]
            assert row["status"] in {ABORTED, CANCELLED, EXPIRED, ROLLED_BACK}
        if row["contractsAt"]:
            assert row["linkedCalls"]
            assert row["approvedAt"]

    def unchanged(self, row: dict[str, Any]) -> None:
        before = self.seen.get(row["id"])
        self.seen[row["id"]] = row
        if before is None:
            return
        assert all(before[key] == row[key] for key in FIXED_FIELDS)
        # At H-2 a call says Abort while a transaction of that same block may still freeze.
        open_yet = before["frozenAt"] == 0 and row["frozenAt"] == row["targetHeight"] - 2 > 0
        if not open_yet:
            assert row["status"] in NEXT[before["status"]], (before["status"], row["status"])
            if before["verdict"] != NO_VERDICT:
                assert row["verdict"] == before["verdict"]
        assert all(before[key] in {0, row[key]} for key in ONCE)
        same = before["releaseRound"] == row["releaseRound"]
        assert same == (before["releaseHash"] == row["releaseHash"]) or row["releaseRound"] > before["releaseRound"]
        if before["frozenAt"]:
            frozen = ("readyPower", "armedPower", "goPower", "totalPower", "releaseHash")
            assert all(before[key] == row[key] for key in frozen)
            assert row["confirmedPower"] >= before["confirmedPower"]


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(
    max_examples=6, stateful_step_count=6, derandomize=True, deadline=None, database=None
)


def test_the_machine_sees_what_is_broken() -> None:
    """A registry that forgets a rule is found out: here the invariant of the vote, by a row that is not true."""
    machine = RegistryMachine()
    machine.begin([10, 10, 10], voting=True)
    machine.subnet.propose()
    row = machine.subnet.view(1)
    machine.powers_hold(row)
    for broken in ({"approvedAt": 100}, {"yesPower": 31}, {"noPower": 10}, {"goPower": 1}, {"totalPower": 31}):
        with_problem = row | broken
        try:
            machine.powers_hold(with_problem)
        except AssertionError:
            continue
        raise AssertionError(broken)
    with refused("UnknownProposal", 2):
        machine.subnet.view(2)
