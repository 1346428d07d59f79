"""Operator keys and the four signals: who, when, how often; and nothing counts that should not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.registry import (
    FREEZE,
    HASH,
    STRANGER,
    Subnet,
    members,
    operator,
    refused,
    validator,
)

ZERO = "0x" + "00" * 20


@pytest.fixture
def subnet() -> Subnet:
    """A subnet with one scheduled proposal."""
    made = Subnet()
    made.propose()
    return made


def signals(height: int) -> list[tuple[Any, ...]]:
    """One call of each signal that validator 1 may make when it is ready or not."""
    return [
        ("signalReady", 1, HASH),
        ("signalArmed", 1, height),
        ("reportFailure", 1, 7),
    ]


class TestOperators:
    def set(self, subnet: Subnet, number: int, address: str) -> None:
        subnet.registry.send("setOperator", address, sender=validator(number))

    def test_set_change_and_clear(self, subnet: Subnet) -> None:
        registry = subnet.registry
        self.set(subnet, 1, operator(1))
        event = {"validator": validator(1), "previous": ZERO, "operator": operator(1)}
        assert subnet.chain.events == [("OperatorSet", event)]
        assert registry.call("operatorOf", validator(1)) == operator(1)
        assert registry.call("validatorOf", operator(1)) == validator(1)
        assert subnet.rows()[0]["operator"] == operator(1)
        self.set(subnet, 1, operator(2))
        assert registry.call("validatorOf", operator(1)) == ZERO
        assert registry.call("validatorOf", operator(2)) == validator(1)
        self.set(subnet, 1, ZERO)
        assert registry.call("operatorOf", validator(1)) == ZERO
        assert registry.call("validatorOf", operator(2)) == ZERO
        self.set(subnet, 2, operator(2))

    def test_an_operator_serves_one_validator(self, subnet: Subnet) -> None:
        self.set(subnet, 1, operator(1))
        with refused("OperatorTaken", operator(1), validator(1)):
            self.set(subnet, 2, operator(1))
        with refused("OperatorUnchanged", operator(1)):
            self.set(subnet, 1, operator(1))
        with refused("OperatorUnchanged", ZERO):
            self.set(subnet, 2, ZERO)

    def test_a_validator_is_no_operator(self, subnet: Subnet) -> None:
        for number in (1, 2):
            with refused("OperatorIsValidator", validator(number)):
                self.set(subnet, 1, validator(number))

    def test_only_validators_have_operators(self, subnet: Subnet) -> None:
        self.set(subnet, 1, operator(1))
        for sender in (STRANGER, operator(1)):
            with refused("NotAValidator", sender):
                subnet.registry.send("setOperator", operator(9), sender=sender)

    def test_an_operator_signals_for_its_validator(self, subnet: Subnet) -> None:
        self.set(subnet, 2, operator(2))
        subnet.registry.send("signalReady", 1, HASH, sender=operator(2))
        event = {"id": 1, "validator": validator(2), "sender": operator(2)}
        assert subnet.chain.events == [("ReadySignalled", event)]
        assert [row["readyAt"] for row in subnet.rows()] == [0, 100, 0, 0]
        with refused("AlreadyReady", 1, validator(2)):
            subnet.ready(1, 2)

    def test_a_replaced_operator_has_no_say(self, subnet: Subnet) -> None:
        self.set(subnet, 2, operator(2))
        self.set(subnet, 2, operator(3))
        with refused("NotAValidator", operator(2)):
            subnet.registry.send("signalReady", 1, HASH, sender=operator(2))

    def test_an_operator_that_became_a_validator_speaks_for_itself(self, subnet: Subnet) -> None:
        self.set(subnet, 1, operator(1))
        subnet.set_members([*members([10, 10, 10, 10]), (5, operator(1), b"")])
        subnet.registry.send("signalReady", 1, HASH, sender=operator(1))
        assert [row["readyAt"] for row in subnet.rows()] == [0, 0, 0, 0, 100]

    def test_the_operator_of_one_who_left_has_no_say(self, subnet: Subnet) -> None:
        self.set(subnet, 4, operator(4))
        subnet.set_members(members([10, 10, 10]))
        with refused("NotAValidator", operator(4)):
            subnet.registry.send("signalReady", 1, HASH, sender=operator(4))


class TestSignals:
    def test_ready(self, subnet: Subnet) -> None:
        subnet.go_to(103)
        subnet.ready(1, 3)
        assert subnet.chain.events == [
            ("ReadySignalled", {"id": 1, "validator": validator(3), "sender": validator(3)}),
        ]
        row = subnet.rows()[2]
        assert (row["readyAt"], row["readyTime"]) == (103, subnet.chain.time)
        assert subnet.view(1)["readyPower"] == 10
        with refused("AlreadyReady", 1, validator(3)):
            subnet.ready(1, 3)

    def test_ready_for_other_bytes(self, subnet: Subnet) -> None:
        for other in (b"\xbb" * 32, bytes(32)):
            with refused("WrongReleaseHash", HASH, other):
                subnet.registry.send("signalReady", 1, other, sender=validator(1))

    def test_withdraw(self, subnet: Subnet) -> None:
        with refused("NotReady", 1, validator(1)):
            subnet.registry.send("withdrawReady", 1, sender=validator(1))
        subnet.ready(1, 1)
        subnet.arm(1, 1)
        subnet.registry.send("withdrawReady", 1, sender=validator(1))
        event = {"id": 1, "validator": validator(1), "sender": validator(1)}
        assert subnet.chain.events == [("ReadyWithdrawn", event)]
        row = subnet.rows()[0]
        assert (row["readyAt"], row["readyTime"], row["armedAt"]) == (0, 0, 100)
        shown = subnet.view(1)
        assert (shown["readyPower"], shown["armedPower"], shown["goPower"]) == (0, 10, 0)
        with refused("NotReady", 1, validator(1)):
            subnet.registry.send("withdrawReady", 1, sender=validator(1))
        subnet.ready(1, 1)

    def test_armed(self, subnet: Subnet) -> None:
        height = subnet.target(1)
        subnet.go_to(104)
        for other in (height - 1, height + 1, 0):
            with refused("WrongHeight", height, other):
                subnet.registry.send("signalArmed", 1, other, sender=validator(2))
        subnet.arm(1, 2)
        event = {"id": 1, "validator": validator(2), "sender": validator(2), "height": height}
        assert subnet.chain.events == [("ArmedSignalled", event)]
        assert subnet.rows()[1]["armedAt"] == 104
        with refused("AlreadyArmed", 1, validator(2)):
            subnet.arm(1, 2)

    def test_failure(self, subnet: Subnet) -> None:
        report = subnet.registry
        with refused("ZeroFailureCode"):
            report.send("reportFailure", 1, 0, sender=validator(1))
        subnet.go_to(102)
        report.send("reportFailure", 1, 3, sender=validator(1))
        event = {"id": 1, "validator": validator(1), "sender": validator(1), "code": 3}
        assert subnet.chain.events == [("FailureReported", event)]
        assert (subnet.rows()[0]["failureCode"], subnet.rows()[0]["failedAt"]) == (3, 102)
        with refused("FailureUnchanged", 1, validator(1), 3):
            report.send("reportFailure", 1, 3, sender=validator(1))
        subnet.go_to(103)
        report.send("reportFailure", 1, 65535, sender=validator(1))
        assert (subnet.rows()[0]["failureCode"], subnet.rows()[0]["failedAt"]) == (65535, 103)

    def test_a_failed_validator_may_still_arm(self, subnet: Subnet) -> None:
        subnet.registry.send("reportFailure", 1, 3, sender=validator(1))
        subnet.arm(1, 1)
        row = subnet.rows()[0]
        assert (row["failureCode"], row["armedAt"]) == (3, 100)

    def test_ready_clears_a_failure_and_excludes_another(self, subnet: Subnet) -> None:
        subnet.registry.send("reportFailure", 1, 3, sender=validator(1))
        subnet.ready(1, 1)
        assert (subnet.rows()[0]["failureCode"], subnet.rows()[0]["failedAt"]) == (0, 0)
        with refused("AlreadyReady", 1, validator(1)):
            subnet.registry.send("reportFailure", 1, 3, sender=validator(1))
        subnet.registry.send("withdrawReady", 1, sender=validator(1))
        subnet.registry.send("reportFailure", 1, 3, sender=validator(1))

    def test_strangers(self, subnet: Subnet) -> None:
        for name, *arguments in [*signals(subnet.target(1)), ("withdrawReady", 1)]:
            with refused("NotAValidator", STRANGER):
                subnet.registry.send(name, *arguments, sender=STRANGER)

    def test_unknown_proposals_take_no_signals(self, subnet: Subnet) -> None:
        """The phantom readiness of facts/evm.md §4.7: nothing said before a proposal exists is kept."""
        for number in (0, 2, 2**64 - 1):
            calls: list[tuple[Any, ...]] = [
                ("signalReady", HASH),
                ("withdrawReady",),
                ("signalArmed", 120),
                ("reportFailure", 1),
                ("freeze",),
            ]
            for name, *arguments in [*calls, ("confirmCrossed", HASH, HASH)]:
                with refused("UnknownProposal", number):
                    subnet.registry.send(name, number, *arguments, sender=validator(1))
        subnet.go_to(subnet.target(1) + 1)
        subnet.propose()
        assert subnet.view(2)["readyPower"] == 0
        assert subnet.view(2)["armedPower"] == 0

    def test_signals_are_bound_to_their_proposal(self, subnet: Subnet) -> None:
        subnet.ready(1, 1, 2)
        subnet.arm(1, 1)
        subnet.go_to(subnet.target(1) + 1)
        subnet.propose()
        assert [(row["readyAt"], row["armedAt"]) for row in subnet.rows(2)] == [(0, 0)] * 4
        assert [row["readyAt"] for row in subnet.rows(1)] == [100, 100, 0, 0]

    def test_the_last_block_for_signals(self, subnet: Subnet) -> None:
        height = subnet.target(1)
        subnet.go_to(height - FREEZE - 1)
        for name, *arguments in signals(height):
            sender = validator(2 if name == "reportFailure" else 1)
            subnet.registry.send(name, *arguments, sender=sender)
        subnet.registry.send("withdrawReady", 1, sender=validator(1))
        for block in (height - FREEZE, height - 2, height - 1, height, height + 1):
            subnet.go_to(block)
            for name, *arguments in [*signals(height), ("withdrawReady", 1)]:
                with refused("TooLate", 1, height - FREEZE - 1, block):
                    subnet.registry.send(name, *arguments, sender=validator(3))


class TestMovingMembership:
    """Readiness is counted on the membership of the moment."""

    def powers(self, subnet: Subnet) -> tuple[int, int, int, int]:
        shown = subnet.view(1)
        return shown["readyPower"], shown["armedPower"], shown["goPower"], shown["totalPower"]

    def test_who_leaves_does_not_count(self, subnet: Subnet) -> None:
        subnet.ready(1, 1, 4)
        subnet.arm(1, 4)
        assert self.powers(subnet) == (20, 10, 10, 40)
        subnet.set_members(members([10, 10, 10]))
        assert self.powers(subnet) == (10, 0, 0, 30)
        with refused("NotAValidator", validator(4)):
            subnet.registry.send("withdrawReady", 1, sender=validator(4))

    def test_who_joins_counts(self, subnet: Subnet) -> None:
        subnet.set_members(members([10, 10, 10, 10, 25]))
        subnet.ready(1, 5)
        assert self.powers(subnet) == (25, 0, 0, 65)

    def test_moved_stake_counts_once(self, subnet: Subnet) -> None:
        subnet.ready(1, 1)
        subnet.set_members([(10, validator(9), b""), *members([10, 10, 10, 10])[1:]])
        subnet.ready(1, 9)
        assert self.powers(subnet) == (10, 0, 0, 40)

    def test_changed_power_counts_as_it_is(self, subnet: Subnet) -> None:
        subnet.ready(1, 1)
        subnet.set_members(members([1, 10, 10, 10]))
        assert self.powers(subnet) == (1, 0, 0, 31)

    def test_no_validators_at_all(self, subnet: Subnet) -> None:
        subnet.set_members([])
        assert self.powers(subnet) == (0, 0, 0, 0)
        assert subnet.registry.call("readiness", 1, 0, 10) == ([], 0)


class TestAdvertise:
    """What a validator runs, apart from any proposal."""

    def test_by_a_validator_or_its_operator(self) -> None:
        subnet = Subnet()
        subnet.registry.send("setOperator", operator(2), sender=validator(2))
        subnet.go_to(105)
        subnet.registry.send("advertise", b"v0.1.5".ljust(32, b"\0"), 7, HASH, sender=operator(2))
        event = {"validator": validator(2), "sender": operator(2), "version": b"v0.1.5".ljust(32, b"\0")}
        assert subnet.chain.events == [("VersionAdvertised", {**event, "protocol": 7, "releaseHash": HASH})]
        row = subnet.rows()[1]
        assert row["version"] == b"v0.1.5".ljust(32, b"\0")
        assert (row["protocol"], row["advertisedHash"]) == (7, HASH)
        assert (row["advertisedAt"], row["advertisedTime"]) == (105, subnet.chain.time)
        subnet.registry.send("advertise", b"~" * 32, 2**64 - 1, bytes(32), sender=validator(2))
        assert subnet.rows()[1]["version"] == b"~" * 32
        assert [row["advertisedAt"] for row in subnet.rows()] == [0, 105, 0, 0]

    def test_by_nobody_else(self) -> None:
        subnet = Subnet([10, 10, 0])
        for sender in (STRANGER, operator(1), validator(3)):
            with refused("NotAValidator", sender):
                subnet.registry.send("advertise", b"v1".ljust(32, b"\0"), 1, HASH, sender=sender)
