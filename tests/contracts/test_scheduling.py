"""From Approved to a height: by readiness or later, once; how long it may take, and how many wait at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.registry import (
    ABORT,
    ABORTED,
    ADMIN,
    AFTER_VOTE,
    APPROVED,
    CANCELLED,
    CROSS,
    EXPIRED,
    FREEZE,
    HASH,
    NO_VERDICT,
    READINESS,
    SCHEDULED,
    STRANGER,
    VOTE,
    VOTING,
    WINDOW,
    Subnet,
    members,
    refused,
    validator,
)
from tests.contracts.test_propose import FAR, field

DELAY = 25
DEADLINE = 200


def by_readiness(powers: list[int] | None = None, *, bps: int = 7500, **changes: Any) -> Subnet:
    """A subnet without votes whose proposal 1 waits for readiness."""
    subnet = Subnet(powers or [10, 10, 10, 10])
    given = {"delay": DELAY, "readinessBps": bps, "readinessDeadline": DEADLINE, **changes}
    subnet.propose(scheduleKind=READINESS, **given)
    return subnet


def schedule(subnet: Subnet, number: int = 1) -> None:
    subnet.registry.send("checkAndSchedule", number, sender=STRANGER)


class TestReadiness:
    @pytest.mark.parametrize(
        ("total", "ready", "bps", "enough"),
        [
            (3, 2, 1, False),
            (3, 3, 1, True),
            (3, 3, 10_000, True),
            (4, 3, 7500, True),
            (4, 3, 7501, False),
            (4, 2, 5000, False),
            (7, 5, 7142, True),
            (7, 5, 7143, False),
            (7, 4, 1, False),
            (2**128, 2**129 // 3, 6666, False),
            (2**128, 2**129 // 3 + 1, 6666, True),
            (2**128, 2**129 // 3 + 1, 6667, False),
            (2**128, 9 * 2**128 // 10, 9000, False),
            (2**128, 9 * 2**128 // 10 + 1, 9000, True),
        ],
    )
    def test_the_share_and_more_than_two_thirds(self, total: int, ready: int, bps: int, enough: bool) -> None:
        subnet = by_readiness([ready, total - ready], bps=bps)
        subnet.ready(1, 1)
        if enough:
            schedule(subnet)
            assert subnet.status(1) == (SCHEDULED, NO_VERDICT)
        else:
            with refused("NotEnoughReady", 1, ready, total, bps):
                schedule(subnet)

    def test_the_height_is_the_delay_from_now(self) -> None:
        subnet = by_readiness()
        subnet.ready(1, 1, 2, 3)
        subnet.go_to(150)
        schedule(subnet)
        assert subnet.chain.events == [("ProposalScheduled", {"id": 1, "targetHeight": 150 + DELAY})]
        assert (subnet.target(1), subnet.view(1)["scheduledAt"]) == (150 + DELAY, 150)
        assert subnet.registry.call("scheduledId") == 1

    def test_a_set_that_grew_gets_its_lead(self) -> None:
        subnet = by_readiness()
        subnet.set_members(members([10] * 12))
        subnet.ready(1, *range(1, 12))
        schedule(subnet)
        assert subnet.target(1) == 100 + FREEZE + 3 * 12 + 3

    def test_members_of_the_moment_count(self) -> None:
        """Who left does not, who joined is in the total, and who took its word back is not ready."""
        subnet = by_readiness()
        subnet.ready(1, 1, 2, 3)
        subnet.set_members(members([10, 10, 0, 10]))
        with refused("NotEnoughReady", 1, 20, 30, 7500):
            schedule(subnet)
        subnet.set_members(members([10, 10, 10, 10, 10]))
        with refused("NotEnoughReady", 1, 30, 50, 7500):
            schedule(subnet)
        subnet.ready(1, 5)
        subnet.registry.send("withdrawReady", 1, sender=validator(1))
        with refused("NotEnoughReady", 1, 30, 50, 7500):
            schedule(subnet)
        subnet.ready(1, 1)
        schedule(subnet)

    def test_up_to_its_deadline(self) -> None:
        subnet = by_readiness()
        subnet.ready(1, 1, 2, 3)
        subnet.go_to(DEADLINE)
        assert subnet.status(1) == (APPROVED, NO_VERDICT)
        late = by_readiness()
        late.ready(1, 1, 2, 3)
        late.go_to(DEADLINE + 1)
        assert late.status(1) == (EXPIRED, NO_VERDICT)
        with refused("WrongStatus", 1, EXPIRED):
            schedule(late)
        schedule(subnet)

    def test_the_share_is_looked_at_again_by_the_freeze(self) -> None:
        """Three quarters were ready; one withdrew, and 31 of 44 are more than 2/3 but not 3/4."""
        subnet = by_readiness([11, 10, 10, 13])
        subnet.ready(1, 1, 2, 3, 4)
        schedule(subnet)
        subnet.arm(1, 1, 2, 3, 4)
        subnet.registry.send("withdrawReady", 1, sender=validator(4))
        subnet.freeze(1)
        shown = subnet.view(1)
        assert (shown["goPower"], shown["totalPower"], shown["verdict"]) == (31, 44, ABORT)

    def test_armed_before_a_height_is_too_early(self) -> None:
        subnet = by_readiness()
        with refused("WrongStatus", 1, APPROVED):
            subnet.registry.send("signalArmed", 1, 0, sender=validator(1))


class TestFields:
    @pytest.mark.parametrize("bps", [0, 10_001, 65_535])
    def test_shares(self, bps: int) -> None:
        with refused("InvalidField", field("readinessBps"), bps):
            by_readiness(bps=bps)

    def test_deadlines(self) -> None:
        for deadline in (0, 99, 100):
            with refused("InvalidField", field("readinessDeadline"), deadline):
                by_readiness(readinessDeadline=deadline)
        with refused("InvalidField", field("readinessDeadline"), FAR + 1):
            by_readiness(readinessDeadline=100 + FAR + 1)
        subnet = Subnet(voting=True)
        with refused("InvalidField", field("readinessDeadline"), 100 + VOTE):
            subnet.propose(scheduleKind=READINESS, delay=DELAY, readinessBps=1, readinessDeadline=100 + VOTE)

    @pytest.mark.parametrize("kind", [AFTER_VOTE, READINESS])
    def test_delays(self, kind: int) -> None:
        subnet = Subnet()
        more: dict[str, Any] = {"readinessBps": 1, "readinessDeadline": DEADLINE} if kind == READINESS else {}
        with refused("LeadTooShort", subnet.lead(), subnet.lead() - 1):
            subnet.propose(scheduleKind=kind, delay=subnet.lead() - 1, **more)
        with refused("InvalidField", field("delay"), FAR + 1):
            subnet.propose(scheduleKind=kind, delay=FAR + 1, **more)
        with refused("FieldNotAllowed", field("targetHeight")):
            subnet.propose(200, scheduleKind=kind, delay=DELAY, **more)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("delay", 1), ("readinessBps", 1), ("readinessDeadline", 500), ("votingBlocks", VOTE), ("expedited", True)],
    )
    def test_what_a_fixed_height_without_a_vote_leaves_out(self, name: str, value: Any) -> None:
        with refused("FieldNotAllowed", field(name)):
            Subnet().propose(200, **{name: value})

    @pytest.mark.parametrize("name", ["executionWindow", "graceBlocks"])
    def test_windows(self, name: str) -> None:
        subnet = Subnet()
        far: dict[str, Any] = {name: FAR + 1}
        near: dict[str, Any] = {name: 77}
        with refused("InvalidField", field(name), FAR + 1):
            subnet.propose(**far)
        subnet.propose(**near)
        assert subnet.view(1)[name] == 77

    def test_migrations(self) -> None:
        subnet = Subnet()
        with refused("InvalidField", field("migrationHash"), 0):
            subnet.propose(migrationKind=1)
        with refused("FieldNotAllowed", field("migrationHash")):
            subnet.propose(migrationHash=b"\x01" * 32)
        subnet.propose(migrationKind=2, migrationHash=b"\x01" * 32)
        assert (subnet.view(1)["migrationKind"], subnet.view(1)["migrationHash"]) == (2, b"\x01" * 32)


class TestLater:
    """An approved release that finds another one scheduled waits for it, and for no longer than it can."""

    def waiting(self, **changes: Any) -> Subnet:
        """Proposal 1 is scheduled, proposal 2 approved."""
        subnet = Subnet(voting=True)
        subnet.propose(scheduleKind=AFTER_VOTE, delay=DELAY)
        subnet.propose(**changes)
        for number in (1, 2):
            subnet.vote(number, 1, 2, 3)
        assert [subnet.status(number)[0] for number in (1, 2)] == [SCHEDULED, APPROVED]
        return subnet

    def test_a_height_that_is_far_enough(self) -> None:
        subnet = self.waiting(height=200)
        with refused("AlreadyScheduled", 1):
            schedule(subnet, 2)
        subnet.go_to(100 + DELAY + 1)
        schedule(subnet, 2)
        assert (subnet.target(2), subnet.registry.call("scheduledId")) == (200, 2)
        with refused("WrongStatus", 2, SCHEDULED):
            schedule(subnet, 2)

    def test_a_height_whose_lead_is_gone(self) -> None:
        subnet = self.waiting(height=200)
        last = 200 - subnet.lead()
        subnet.go_to(last)
        with refused("TooEarly", 2, last + 1, last):
            subnet.registry.send("expire", 2, sender=STRANGER)
        subnet.go_to(last + 1)
        assert subnet.status(2) == (EXPIRED, NO_VERDICT)
        with refused("WrongStatus", 2, EXPIRED):
            schedule(subnet, 2)
        subnet.registry.send("expire", 2, sender=STRANGER)
        assert subnet.chain.events == [("ProposalEnded", {"id": 2, "status": EXPIRED})]
        with refused("WrongStatus", 2, EXPIRED):
            subnet.registry.send("expire", 2, sender=STRANGER)

    def test_a_larger_set_may_need_more_lead_than_is_left(self) -> None:
        subnet = self.waiting(height=200)
        subnet.set_members(members([10] * 10))
        subnet.go_to(200 - 30)
        with refused("LeadTooShort", FREEZE + 30 + 3, 30):
            schedule(subnet, 2)

    def test_after_the_vote_by_its_delay_or_by_the_lead(self) -> None:
        subnet = self.waiting(scheduleKind=AFTER_VOTE, delay=30, executionWindow=500)
        subnet.go_to(100 + DELAY + 1)
        schedule(subnet, 2)
        assert subnet.target(2) == 100 + DELAY + 1 + subnet.lead()
        early = self.waiting(scheduleKind=AFTER_VOTE, delay=300, executionWindow=500)
        early.go_to(100 + DELAY + 1)
        schedule(early, 2)
        assert early.target(2) == 400

    def test_after_the_vote_within_the_window(self) -> None:
        subnet = self.waiting(scheduleKind=AFTER_VOTE, delay=30)
        subnet.go_to(100 + WINDOW)
        assert subnet.status(2) == (APPROVED, NO_VERDICT)
        subnet.go_to(100 + WINDOW + 1)
        assert subnet.status(2) == (EXPIRED, NO_VERDICT)


class TestExpire:
    def test_for_want_of_a_freeze(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.go_to(height - 2)
        with refused("TooEarly", 1, height - 1, height - 2):
            subnet.registry.send("expire", 1, sender=STRANGER)
        subnet.go_to(height - 1)
        subnet.registry.send("expire", 1, sender=STRANGER)
        assert subnet.chain.events == [("ProposalEnded", {"id": 1, "status": ABORTED})]
        assert (subnet.status(1), subnet.view(1)["endedAt"]) == ((ABORTED, ABORT), height - 1)
        with refused("AlreadyScheduled", 1):
            subnet.propose(height + 100)
        subnet.go_to(height + 1)
        assert subnet.propose() == 2

    def test_for_want_of_confirmations(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.ready(1, 1, 2, 3)
        subnet.arm(1, 1, 2, 3)
        subnet.freeze(1)
        subnet.go_to(height + WINDOW)
        with refused("TooEarly", 1, height + WINDOW + 1, height + WINDOW):
            subnet.registry.send("expire", 1, sender=STRANGER)
        subnet.go_to(height + WINDOW + 1)
        subnet.registry.send("expire", 1, sender=STRANGER)
        assert subnet.status(1) == (EXPIRED, CROSS)
        subnet.confirm(1, 1, 2, 3)
        assert subnet.status(1) == (EXPIRED, CROSS)

    def test_nothing_else(self) -> None:
        subnet = Subnet(voting=True)
        subnet.propose()
        with refused("WrongStatus", 1, VOTING):
            subnet.registry.send("expire", 1, sender=STRANGER)


class TestCancel:
    def test_until_the_freeze(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        subnet.arm(1, 1)
        subnet.go_to(height - FREEZE - 1)
        subnet.registry.send("cancel", 1, sender=ADMIN)
        # Who has loaded the height still stops there, and has to learn what to do.
        assert subnet.status(1) == (CANCELLED, ABORT)
        assert subnet.registry.call("scheduledId") == 0
        for block in (height - FREEZE - 1, height):
            subnet.go_to(block)
            with refused("AlreadyScheduled", 1):
                subnet.propose(height + 100)
        subnet.go_to(height + 1)
        assert subnet.propose() == 2

    def test_not_later(self) -> None:
        subnet = Subnet()
        height = subnet.target(subnet.propose())
        for block in (height - FREEZE, height):
            subnet.go_to(block)
            with refused("TooLate", 1, height - FREEZE - 1, block):
                subnet.registry.send("cancel", 1, sender=ADMIN)

    def test_an_approved_one_frees_nothing_that_it_did_not_hold(self) -> None:
        subnet = by_readiness()
        subnet.registry.send("cancel", 1, sender=ADMIN)
        assert subnet.status(1) == (CANCELLED, NO_VERDICT)
        with refused("WrongStatus", 1, CANCELLED):
            subnet.registry.send("signalReady", 1, HASH, sender=validator(1))
        assert subnet.propose() == 2


class TestOpen:
    def test_one_of_a_validator(self) -> None:
        subnet = Subnet(voting=True)
        subnet.propose(sender=validator(1))
        with refused("OpenProposal", 1):
            subnet.propose(sender=validator(1))
        subnet.propose(sender=validator(2))
        subnet.go_to(100 + VOTE + 1)
        assert subnet.propose(sender=validator(1)) == 3

    def test_sixteen_in_all(self) -> None:
        subnet = Subnet(voting=True)
        for _ in range(16):
            subnet.propose()
        for sender in (ADMIN, validator(1)):
            with refused("TooManyOpen", 16):
                subnet.propose(sender=sender)
        subnet.registry.send("cancel", 5, sender=ADMIN)
        assert subnet.propose(sender=validator(1)) == 17
        with refused("TooManyOpen", 16):
            subnet.propose()
        subnet.go_to(100 + VOTE + 1)
        assert subnet.propose() == 18
