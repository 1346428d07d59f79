"""Any sequence of calls keeps the registry's promises (hypothesis, against a model of the life of a proposal)."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.evm import Reverted
from tests.contracts.registry import (
    ABORTED,
    ADMIN,
    APP,
    CROSS,
    EXE,
    EXECUTED,
    EXPIRED,
    FREEZE,
    HASH,
    NO_VERDICT,
    SCHEDULED,
    WINDOW,
    Subnet,
    members,
    operator,
    validator,
)

NUMBERS = st.integers(1, 5)
POWERS = st.lists(st.sampled_from([0, 1, 2, 3, 10, 2**128]), min_size=0, max_size=5)
FINAL = {ABORTED, EXECUTED, EXPIRED}


class RegistryMachine(RuleBasedStateMachine):
    """Signals at random from validators, operators and strangers, while time and membership move."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, dict[str, Any]] = {}

    @initialize(powers=POWERS.filter(any))
    def start(self, powers: list[int]) -> None:
        self.subnet = Subnet(powers)
        self.powers = powers

    @rule(
        ready=st.sets(NUMBERS),
        armed=st.sets(NUMBERS),
        offset=st.sampled_from([-FREEZE - 1, -FREEZE, -2, -1]),
        confirming=st.sets(NUMBERS),
    )
    def life(self, ready: set[int], armed: set[int], offset: int, confirming: set[int]) -> None:
        """A proposal from its start to its freeze, after the end of the one before; chance alone rarely gets there."""
        self.jump(WINDOW + 1)
        self.propose(0)
        self.many(ready, armed)
        self.freeze(1, offset)
        self.promises()
        self.confirm(confirming, 1)

    def attempt(self, function: str, *arguments: Any, sender: str) -> str:
        """A call that may be refused, but only with one of the contract's own errors; returns its name."""
        try:
            self.subnet.registry.send(function, *arguments, sender=sender)
        except Reverted as error:
            refusal = error.name
        else:
            refusal = ""
        assert refusal == "" or refusal.isidentifier()
        return refusal

    def newest(self) -> int:
        return int(self.subnet.registry.call("proposals", 0, 0)[1])

    @rule(powers=POWERS)
    def membership(self, powers: list[int]) -> None:
        self.subnet.set_members(members(powers))
        self.powers = powers

    @rule(extra=st.integers(-1, 2))
    def propose(self, extra: int) -> None:
        height = self.subnet.chain.number + self.subnet.registry.call("minimumLead") + extra
        arguments = ("v1", 0, HASH, "u", height, True)
        newest = self.newest()
        free = newest == 0 or self.free(newest)
        refusal = self.attempt("propose", *arguments, sender=ADMIN)
        expected = "LeadTooShort" if extra < 0 else "" if free else "AlreadyScheduled"
        assert refusal == expected

    def free(self, number: int) -> bool:
        shown = self.subnet.view(number)
        over = self.subnet.chain.number > shown["targetHeight"]
        return shown["status"] in {EXECUTED, EXPIRED} or (shown["status"] == ABORTED and over)

    @rule(number=NUMBERS, by_operator=st.booleans(), known=st.sampled_from([HASH, b"\x01" * 32]))
    def ready(self, number: int, by_operator: bool, known: bytes) -> None:
        sender = operator(number) if by_operator else validator(number)
        self.attempt("signalReady", self.newest(), known, sender=sender)

    @rule(ready=st.sets(NUMBERS), armed=st.sets(NUMBERS))
    def many(self, ready: set[int], armed: set[int]) -> None:
        newest = self.newest()
        for number in ready:
            self.attempt("signalReady", newest, HASH, sender=validator(number))
        for number in armed:
            height = self.subnet.target(newest) if newest else 0
            self.attempt("signalArmed", newest, height, sender=validator(number))

    @rule(number=NUMBERS)
    def withdraw(self, number: int) -> None:
        self.attempt("withdrawReady", self.newest(), sender=validator(number))

    @rule(number=NUMBERS, code=st.integers(0, 2))
    def failure(self, number: int, code: int) -> None:
        self.attempt("reportFailure", self.newest(), code, sender=validator(number))

    @rule(number=NUMBERS, of=NUMBERS)
    def operators(self, number: int, of: int) -> None:
        self.attempt("setOperator", operator(of), sender=validator(number))

    @rule(number=NUMBERS, offset=st.integers(-FREEZE - 1, 0))
    def freeze(self, number: int, offset: int) -> None:
        """At a block around the window of the freeze, when that is still to come."""
        self.jump(offset)
        newest = self.newest()
        before = self.subnet.view(newest) if newest else None
        refusal = self.attempt("freeze", newest, sender=validator(number))
        if before is None:
            assert refusal == "UnknownProposal"
        elif before["frozenAt"]:
            assert refusal == "AlreadyFrozen"
        else:
            left = before["targetHeight"] - self.subnet.chain.number
            assert refusal == ("TooEarly" if left > FREEZE else "TooLate" if left < 2 else "")

    @rule(numbers=st.sets(NUMBERS), offset=st.integers(0, WINDOW + 1))
    def confirm(self, numbers: set[int], offset: int) -> None:
        newest = self.newest()
        if newest and self.subnet.view(newest)["verdict"] == CROSS:
            self.jump(offset)
        for number in numbers:
            self.attempt("confirmCrossed", newest, EXE, APP, sender=validator(number))

    @rule(blocks=st.integers(1, 8))
    def time(self, blocks: int) -> None:
        self.subnet.chain.number += blocks

    def jump(self, offset: int) -> None:
        """To a block by its distance to the target height, if it is still to come."""
        newest = self.newest()
        if newest:
            self.subnet.chain.number = max(self.subnet.chain.number, self.subnet.target(newest) + offset)

    @invariant()
    def promises(self) -> None:
        registry = self.subnet.registry
        page, _ = registry.call("proposals", 0, 256)
        scheduled = [row["id"] for row in page if row["status"] == SCHEDULED]
        assert len(scheduled) <= 1
        assert registry.call("scheduledId") == (scheduled[0] if scheduled else 0)
        for row in page:
            assert 0 <= row["goPower"] <= min(row["readyPower"], row["armedPower"])
            assert max(row["readyPower"], row["armedPower"]) <= row["totalPower"]
            assert row["confirmedPower"] <= row["totalPower"] or row["frozenAt"] == 0
            assert row["totalPower"] == sum(self.powers) or row["frozenAt"] != 0
            if row["frozenAt"]:
                assert (row["verdict"] == CROSS) == (3 * row["goPower"] > 2 * row["totalPower"])
                assert row["targetHeight"] - FREEZE <= row["frozenAt"] <= row["targetHeight"] - 2
            if row["status"] == EXECUTED:
                assert 3 * row["confirmedPower"] > 2 * row["totalPower"]
            self.unchanged(row)

    def unchanged(self, row: dict[str, Any]) -> None:
        before = self.seen.get(row["id"])
        self.seen[row["id"]] = row
        if before is None:
            return
        fixed = ("name", "releaseHash", "releaseUrl", "releaseKind", "targetHeight", "breaking", "proposer")
        assert all(before[key] == row[key] for key in fixed)
        # At H-2 a call says Abort while a transaction of that same block may still freeze.
        open_yet = before["frozenAt"] == 0 and row["frozenAt"] == row["targetHeight"] - 2
        if before["verdict"] != NO_VERDICT and not open_yet:
            assert row["verdict"] == before["verdict"]
        if before["status"] in FINAL and not open_yet:
            assert row["status"] == before["status"]
        if before["frozenAt"]:
            frozen = ("frozenAt", "readyPower", "armedPower", "goPower", "totalPower")
            assert all(before[key] == row[key] for key in frozen)
            assert row["confirmedPower"] >= before["confirmedPower"]


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(
    max_examples=30, stateful_step_count=12, derandomize=True, deadline=None, database=None
)
