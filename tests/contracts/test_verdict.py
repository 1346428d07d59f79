"""The freeze, its verdict and the crossing: thresholds, blocks, and what can never change again."""

from __future__ import annotations

import pytest

from tests.contracts.registry import (
    ABORT,
    ABORTED,
    APP,
    CROSS,
    EXE,
    EXECUTED,
    EXPIRED,
    FREEZE,
    NO_VERDICT,
    SCHEDULED,
    STRANGER,
    WINDOW,
    Subnet,
    members,
    operator,
    refused,
    validator,
)


def crossing(powers: list[int] | None = None, ready: tuple[int, ...] = (1, 2, 3)) -> Subnet:
    """A subnet whose proposal 1 is frozen with those who are both ready and armed."""
    subnet = Subnet(powers or [10, 10, 10, 10])
    subnet.propose()
    subnet.ready(1, *ready)
    subnet.arm(1, *ready)
    subnet.freeze(1)
    return subnet


class TestThreshold:
    """GO is 3 * power > 2 * total: more than two thirds, never equal."""

    @pytest.mark.parametrize(
        ("go", "rest", "verdict"),
        [
            (2, 1, ABORT),
            (3, 0, CROSS),
            (2, 2, ABORT),
            (3, 1, CROSS),
            (4, 3, ABORT),
            (5, 2, CROSS),
            (66, 34, ABORT),
            (67, 33, CROSS),
            (2**129, 2**128, ABORT),
            (2**129 + 1, 2**128 - 1, CROSS),
            (2**128, 0, CROSS),
            ((2**129 - 2) // 3, 2**128 - (2**129 - 2) // 3, ABORT),
            ((2**129 - 2) // 3 + 1, 2**128 - (2**129 - 2) // 3 - 1, CROSS),
            (2**224 - 1, 2**223, CROSS if 3 * (2**224 - 1) > 2 * (2**224 - 1 + 2**223) else ABORT),
            (0, 0, ABORT),
            (0, 5, ABORT),
        ],
    )
    def test_go(self, go: int, rest: int, verdict: int) -> None:
        subnet = Subnet([max(go, 1), rest])
        subnet.propose()
        subnet.ready(1, 1)
        subnet.arm(1, 1)
        subnet.set_members(members([go, rest]))
        subnet.freeze(1)
        shown = subnet.view(1)
        assert (shown["goPower"], shown["totalPower"], shown["verdict"]) == (go, go + rest, verdict)
        assert shown["status"] == (SCHEDULED if verdict == CROSS else ABORTED)

    def test_256_validators_of_the_greatest_power(self) -> None:
        subnet = Subnet([2**224 - 1] * 256)
        subnet.propose()
        subnet.freeze(1)
        assert subnet.view(1)["totalPower"] == 256 * (2**224 - 1)

    def test_no_validators(self) -> None:
        subnet = Subnet()
        subnet.propose()
        subnet.set_members([])
        subnet.freeze(1)
        assert subnet.status(1) == (ABORTED, ABORT)
        assert subnet.registry.call("readiness", 1, 0, 10) == ([], 0)

    @pytest.mark.parametrize(
        ("ready", "armed", "verdict"),
        [
            ((1, 2, 3, 4), (), ABORT),
            ((), (1, 2, 3, 4), ABORT),
            ((1, 2, 3), (2, 3, 4), ABORT),
            ((1, 2, 3), (1, 2, 3, 4), CROSS),
        ],
    )
    def test_only_those_who_are_both_count(self, ready: tuple[int, ...], armed: tuple[int, ...], verdict: int) -> None:
        subnet = Subnet()
        subnet.propose()
        subnet.ready(1, *ready)
        subnet.arm(1, *armed)
        subnet.freeze(1)
        shown = subnet.view(1)
        assert (shown["readyPower"], shown["armedPower"]) == (10 * len(ready), 10 * len(armed))
        assert shown["goPower"] == 10 * len(set(ready) & set(armed))
        assert shown["verdict"] == verdict


class TestFreeze:
    def test_the_event(self) -> None:
        subnet = crossing()
        assert subnet.chain.events == [
            (
                "ProposalFrozen",
                {
                    "id": 1,
                    "verdict": CROSS,
                    "readyPower": 30,
                    "armedPower": 30,
                    "goPower": 30,
                    "totalPower": 40,
                },
            )
        ]
        assert subnet.view(1)["frozenAt"] == subnet.target(1) - FREEZE

    def test_too_early(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        for block in (100, height - FREEZE - 1):
            subnet.go_to(block)
            with refused("TooEarly", 1, height - FREEZE, block):
                subnet.registry.send("freeze", 1, sender=validator(1))

    @pytest.mark.parametrize("before", [FREEZE, FREEZE - 1, 2])
    def test_in_time(self, before: int) -> None:
        subnet = Subnet()
        subnet.propose()
        subnet.freeze(1, before)
        assert subnet.view(1)["frozenAt"] == subnet.target(1) - before

    @pytest.mark.parametrize("before", [1, 0, -1])
    def test_too_late(self, before: int) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.go_to(height - before)
        with refused("TooLate", 1, height - 2, height - before):
            subnet.registry.send("freeze", 1, sender=validator(1))

    def test_once(self) -> None:
        subnet = crossing()
        frozen = subnet.chain.number
        for block in (frozen, frozen + 1, frozen + FREEZE, frozen + 50):
            subnet.go_to(block)
            with refused("AlreadyFrozen", 1, frozen):
                subnet.registry.send("freeze", 1, sender=STRANGER)

    def test_without_a_freeze_the_verdict_is_abort(self) -> None:
        """A call sees the state after a block: at H-2 no freeze can come any more."""
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.ready(1, 1, 2, 3, 4)
        subnet.arm(1, 1, 2, 3, 4)
        for block in (height - FREEZE, height - 3):
            subnet.go_to(block)
            assert subnet.status(1) == (SCHEDULED, NO_VERDICT)
            assert subnet.registry.call("scheduledId") == 1
        for block in (height - 2, height - 1, height, height + WINDOW + 1):
            subnet.go_to(block)
            assert subnet.status(1) == (ABORTED, ABORT)
            assert subnet.view(1)["frozenAt"] == 0
            assert subnet.registry.call("scheduledId") == 0
        assert subnet.registry.call("proposals", 0, 1)[0][0]["status"] == ABORTED

    def test_a_transaction_of_h_minus_2_still_freezes(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.ready(1, 1, 2, 3)
        subnet.arm(1, 1, 2, 3)
        subnet.go_to(height - 2)
        assert subnet.status(1) == (ABORTED, ABORT)
        subnet.registry.send("freeze", 1, sender=STRANGER)
        assert subnet.status(1) == (SCHEDULED, CROSS)

    def test_the_membership_of_the_moment_is_stored(self) -> None:
        subnet = Subnet()
        subnet.propose()
        subnet.ready(1, 1, 2, 3)
        subnet.arm(1, 1, 2, 3)
        subnet.set_members(members([10, 10, 10, 1, 1]))
        subnet.freeze(1)
        rows, shown = subnet.rows(1), subnet.view(1)
        subnet.set_members(members([1, 2, 3, 100]))
        subnet.go_to(subnet.target(1) + 1)
        assert subnet.rows(1) == rows
        assert subnet.rows() == rows
        assert [row["power"] for row in rows] == [10, 10, 10, 1, 1]
        assert subnet.view(1) == shown
        assert (shown["goPower"], shown["totalPower"]) == (30, 32)

    def test_a_broken_source_freezes_nothing_and_so_aborts(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.set_members([*members([10]), *members([10])])
        subnet.go_to(height - FREEZE)
        with refused("DuplicateValidator", validator(1)):
            subnet.registry.send("freeze", 1, sender=STRANGER)
        subnet.go_to(height)
        subnet.set_members(members([10]))
        assert subnet.status(1) == (ABORTED, ABORT)


class TestConfirm:
    def test_more_than_two_thirds_of_the_frozen_power(self) -> None:
        subnet = crossing([1, 1, 1], ready=(1, 2, 3))
        subnet.go_to(subnet.target(1) + 1)
        subnet.confirm(1, 1, 2)
        shown = subnet.view(1)
        assert (shown["confirmedPower"], shown["totalPower"], shown["status"]) == (2, 3, SCHEDULED)
        subnet.confirm(1, 3)
        confirmed = {"id": 1, "validator": validator(3), "sender": validator(3), "exeHash": EXE, "appHash": APP}
        assert subnet.chain.events == [
            ("CrossingConfirmed", confirmed),
            ("ProposalExecuted", {"id": 1, "confirmedPower": 3, "totalPower": 3}),
        ]
        assert subnet.status(1) == (EXECUTED, CROSS)
        assert subnet.registry.call("scheduledId") == 0
        row = subnet.rows(1)[2]
        assert (row["confirmedAt"], row["exeHash"], row["appHash"]) == (subnet.target(1) + 1, EXE, APP)

    def test_a_straggler_confirms_after_execution(self) -> None:
        subnet = crossing()
        subnet.go_to(subnet.target(1) + 1)
        subnet.confirm(1, 1, 2, 3)
        subnet.go_to(subnet.target(1) + 1000)
        subnet.confirm(1, 4)
        assert [name for name, _ in subnet.chain.events] == ["CrossingConfirmed"]
        assert subnet.view(1)["confirmedPower"] == 40
        assert subnet.status(1) == (EXECUTED, CROSS)

    def test_not_before_h_is_over(self) -> None:
        subnet = crossing()
        height = subnet.target(1)
        for block in (height - 1, height):
            subnet.go_to(block)
            with refused("TooEarly", 1, height + 1, block):
                subnet.confirm(1, 1)

    def test_once_each_and_by_the_operator_as_well(self) -> None:
        subnet = crossing()
        subnet.registry.send("setOperator", operator(1), sender=validator(1))
        subnet.go_to(subnet.target(1) + 1)
        subnet.registry.send("confirmCrossed", 1, EXE, APP, sender=operator(1))
        assert subnet.view(1)["confirmedPower"] == 10
        for sender in (operator(1), validator(1)):
            with refused("AlreadyConfirmed", 1, validator(1)):
                subnet.registry.send("confirmCrossed", 1, EXE, APP, sender=sender)

    def test_by_the_frozen_membership(self) -> None:
        subnet = crossing()
        subnet.set_members([*members([10]), (99, validator(9), b"")])
        subnet.go_to(subnet.target(1) + 1)
        with refused("NotAValidator", validator(9)):
            subnet.confirm(1, 9)
        subnet.confirm(1, 1, 2, 4)
        assert subnet.status(1) == (EXECUTED, CROSS)

    def test_refusals(self) -> None:
        subnet = crossing()
        subnet.go_to(subnet.target(1) + 1)
        with refused("NotAValidator", STRANGER):
            subnet.registry.send("confirmCrossed", 1, EXE, APP, sender=STRANGER)
        with refused("ZeroExeHash"):
            subnet.registry.send("confirmCrossed", 1, bytes(32), APP, sender=validator(1))

    def test_only_a_crossing_is_confirmed(self) -> None:
        subnet = crossing(ready=(1, 2))
        subnet.go_to(subnet.target(1) + 1)
        with refused("NotCrossing", 1, ABORT):
            subnet.confirm(1, 1)
        unfrozen = Subnet()
        unfrozen.propose()
        with refused("NotCrossing", 1, NO_VERDICT):
            unfrozen.confirm(1, 1)
        unfrozen.go_to(unfrozen.target(1) - 2)
        with refused("NotCrossing", 1, NO_VERDICT):
            unfrozen.confirm(1, 1)
        unfrozen.go_to(unfrozen.target(1) + 1)
        with refused("NotCrossing", 1, ABORT):
            unfrozen.confirm(1, 1)

    def test_the_last_block_of_the_window_executes(self) -> None:
        subnet = crossing()
        subnet.go_to(subnet.target(1) + WINDOW)
        subnet.confirm(1, 1, 2, 3)
        subnet.go_to(subnet.target(1) + WINDOW + 1)
        assert subnet.status(1) == (EXECUTED, CROSS)

    def test_expired_stays_expired_but_says_who_crossed(self) -> None:
        subnet = crossing()
        subnet.go_to(subnet.target(1) + WINDOW)
        assert subnet.status(1) == (SCHEDULED, CROSS)
        subnet.go_to(subnet.target(1) + WINDOW + 1)
        assert subnet.status(1) == (EXPIRED, CROSS)
        assert subnet.registry.call("scheduledId") == 0
        subnet.confirm(1, 1, 2, 3, 4)
        assert subnet.status(1) == (EXPIRED, CROSS)
        assert subnet.view(1)["confirmedPower"] == 40
