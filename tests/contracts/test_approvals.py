"""Approvals outside a vote: other bytes, a rollback, an emergency halt; who counts, and until when."""

from __future__ import annotations

import pytest

from tests.contracts.registry import (
    ABORT,
    ABORTED,
    ALONE,
    APPROVED,
    CANCELLED,
    COUNCIL,
    CROSS,
    EXECUTED,
    EXPIRED,
    FREEZE,
    HALT,
    HASH,
    NO_VERDICT,
    READINESS,
    REPLACE,
    ROLLBACK,
    ROLLED_BACK,
    SCHEDULED,
    STRANGER,
    URL,
    VOTING,
    WINDOW,
    Subnet,
    member,
    members,
    operator,
    refused,
    validator,
)

OTHER = b"\xbb" * 32
MIRROR = "http://127.0.0.1:20002/v0.2.0"


def replace(subnet: Subnet, *numbers: int, release_hash: bytes = OTHER, url: str = URL) -> None:
    for number in numbers:
        subnet.registry.send("replaceRelease", 1, release_hash, url, sender=validator(number))


def roll_back(subnet: Subnet, *numbers: int, reason: str = "") -> None:
    for number in numbers:
        subnet.registry.send("rollback", 1, reason, sender=validator(number))


@pytest.fixture
def subnet() -> Subnet:
    """A subnet with a scheduled proposal."""
    made = Subnet()
    made.propose()
    return made


@pytest.fixture
def crossing(subnet: Subnet) -> Subnet:
    """At H, frozen with the verdict Cross."""
    subnet.ready(1, 1, 2, 3)
    subnet.arm(1, 1, 2, 3)
    subnet.freeze(1)
    subnet.go_to(subnet.target(1))
    return subnet


class TestReplace:
    def test_more_than_two_thirds(self, subnet: Subnet) -> None:
        subnet.ready(1, 1, 2, 3)
        subnet.registry.send("reportFailure", 1, 3, sender=validator(4))
        subnet.arm(1, 1)
        replace(subnet, 1, 2)
        shown = subnet.view(1)
        assert (shown["releaseHash"], shown["replacePower"], shown["releaseRound"]) == (HASH, 20, 0)
        replace(subnet, 3)
        event = {"id": 1, "releaseHash": OTHER, "releaseUrl": URL, "round": 1}
        assert subnet.chain.events[-1] == ("ReleaseReplaced", event)
        shown = subnet.view(1)
        assert (shown["releaseHash"], shown["replacePower"], shown["releaseRound"]) == (OTHER, 0, 1)
        # Nobody is ready for the new bytes, and nobody failed with them; who is armed stays armed.
        assert (shown["readyPower"], shown["armedPower"], shown["goPower"]) == (0, 10, 0)
        assert {(row["readyAt"], row["readyTime"], row["failureCode"], row["failedAt"]) for row in subnet.rows(1)} == {
            (0, 0, 0, 0)
        }
        with refused("WrongReleaseHash", OTHER, HASH):
            subnet.ready(1, 1)
        with refused("NotReady", 1, validator(1)):
            subnet.registry.send("withdrawReady", 1, sender=validator(1))
        subnet.registry.send("signalReady", 1, OTHER, sender=validator(1))
        assert subnet.view(1)["goPower"] == 10

    @pytest.mark.parametrize(
        ("powers", "done"),
        [([2, 1], False), ([3, 1], True), ([5, 2], True), ([4, 3], False), ([2**127, 2**126], False)],
    )
    def test_boundaries(self, powers: list[int], done: bool) -> None:
        subnet = Subnet(powers)
        subnet.propose()
        replace(subnet, 1)
        assert (subnet.view(1)["releaseHash"] == OTHER) is done

    def test_only_what_is_the_same_agrees(self, subnet: Subnet) -> None:
        replace(subnet, 1, 2)
        replace(subnet, 3, url=MIRROR)
        replace(subnet, 4, release_hash=b"\xcc" * 32)
        assert (subnet.view(1)["releaseHash"], subnet.view(1)["replacePower"]) == (HASH, 20)
        # A validator may change its mind, and counts once.
        replace(subnet, 2, url=MIRROR)
        assert subnet.view(1)["replacePower"] == 20
        page, total = subnet.registry.call("approvals", 1, REPLACE, 0, 9)
        assert total == 4
        assert [(row["approver"], row["subject"], row["text"]) for row in page] == [
            (validator(1), OTHER, URL),
            (validator(2), OTHER, MIRROR),
            (validator(3), OTHER, MIRROR),
            (validator(4), b"\xcc" * 32, URL),
        ]
        replace(subnet, 4, url=MIRROR)
        assert (subnet.view(1)["releaseHash"], subnet.view(1)["releaseUrl"]) == (OTHER, MIRROR)
        assert subnet.registry.call("approvals", 1, REPLACE, 0, 9) == ([], 0)

    def test_who_left_does_not_agree_any_more(self, subnet: Subnet) -> None:
        replace(subnet, 1, 2)
        subnet.set_members([*members([0]), *members([10, 10, 10, 10])[1:]])
        assert subnet.view(1)["replacePower"] == 10
        replace(subnet, 3)
        assert subnet.view(1)["releaseHash"] == HASH
        replace(subnet, 4)
        assert subnet.view(1)["releaseHash"] == OTHER

    def test_again_and_back(self, subnet: Subnet) -> None:
        subnet.ready(1, 1)
        replace(subnet, 1, 2, 3)
        replace(subnet, 1, 2, 3, release_hash=HASH)
        assert (subnet.view(1)["releaseHash"], subnet.view(1)["releaseRound"]) == (HASH, 2)
        assert subnet.view(1)["readyPower"] == 0

    def test_refusals(self, subnet: Subnet) -> None:
        subnet.registry.send("setOperator", operator(1), sender=validator(1))
        for sender in (STRANGER, operator(1), COUNCIL[0]):
            with refused("NotAValidator", sender):
                subnet.registry.send("replaceRelease", 1, OTHER, URL, sender=sender)
        with refused("ReleaseUnchanged", 1):
            replace(subnet, 1, release_hash=HASH)
        with refused("ZeroReleaseHash"):
            replace(subnet, 1, release_hash=bytes(32))
        with refused("InvalidUrlCharacter", 0, b"\x1b"):
            replace(subnet, 1, url="\x1b")
        replace(subnet, 1)
        with refused("AlreadyApproved", 1, validator(1)):
            replace(subnet, 1)

    def test_until_the_freeze(self, subnet: Subnet) -> None:
        height = subnet.target(1)
        subnet.go_to(height - FREEZE - 1)
        replace(subnet, 1, 2)
        subnet.go_to(height - FREEZE)
        with refused("TooLate", 1, height - FREEZE - 1, height - FREEZE):
            replace(subnet, 3)

    def test_where_it_stands(self) -> None:
        subnet = Subnet(voting=True)
        subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=1, readinessDeadline=200)
        with refused("WrongStatus", 1, VOTING):
            replace(subnet, 1)
        subnet.vote(1, 1, 2, 3)
        replace(subnet, 1, 2, 3)
        assert (subnet.status(1), subnet.view(1)["releaseHash"]) == ((APPROVED, NO_VERDICT), OTHER)
        subnet.go_to(201)
        with refused("WrongStatus", 1, EXPIRED):
            replace(subnet, 1, release_hash=HASH)


class TestRollback:
    def test_more_than_two_thirds_of_the_frozen_power(self, crossing: Subnet) -> None:
        roll_back(crossing, 1, 2, reason="кворума нет")
        assert (crossing.status(1), crossing.view(1)["rollbackPower"]) == ((SCHEDULED, CROSS), 20)
        page, total = crossing.registry.call("approvals", 1, ROLLBACK, 0, 9)
        assert (total, page[1]) == (
            2,
            {
                "approver": validator(2),
                "power": 10,
                "approvedAt": crossing.chain.number,
                "code": 0,
                "text": "кворума нет",
                "subject": bytes(32),
            },
        )
        roll_back(crossing, 4)
        assert crossing.chain.events[-1] == ("ProposalEnded", {"id": 1, "status": ROLLED_BACK})
        assert crossing.status(1) == (ROLLED_BACK, CROSS)
        assert crossing.registry.call("scheduledId") == 0
        assert crossing.propose() == 2

    def test_the_frozen_membership_counts(self, crossing: Subnet) -> None:
        crossing.set_members([*members([1]), (99, validator(9), b"")])
        with refused("NotAValidator", validator(9)):
            roll_back(crossing, 9)
        roll_back(crossing, 1, 2, 3)
        assert crossing.status(1) == (ROLLED_BACK, CROSS)

    def test_from_h_to_the_end_of_the_window(self, crossing: Subnet) -> None:
        height = crossing.target(1)
        crossing.go_to(height - 1)
        with refused("TooEarly", 1, height, height - 1):
            roll_back(crossing, 1)
        crossing.go_to(height + WINDOW)
        roll_back(crossing, 1, 2)
        crossing.go_to(height + WINDOW + 1)
        with refused("TooLate", 1, height + WINDOW, height + WINDOW + 1):
            roll_back(crossing, 3)

    def test_not_what_was_executed(self, crossing: Subnet) -> None:
        crossing.go_to(crossing.target(1) + 1)
        crossing.confirm(1, 1, 2, 3)
        with refused("WrongStatus", 1, EXECUTED):
            roll_back(crossing, 1)

    def test_confirmations_after_it_change_nothing(self, crossing: Subnet) -> None:
        roll_back(crossing, 1, 2, 3)
        crossing.go_to(crossing.target(1) + 1)
        crossing.confirm(1, 1, 2, 3, 4)
        assert crossing.view(1)["confirmedPower"] == 40
        assert crossing.status(1) == (ROLLED_BACK, CROSS)
        with refused("WrongStatus", 1, ROLLED_BACK):
            roll_back(crossing, 4)

    def test_refusals(self, crossing: Subnet) -> None:
        crossing.registry.send("setOperator", operator(1), sender=validator(1))
        for sender in (STRANGER, operator(1), COUNCIL[0]):
            with refused("NotAValidator", sender):
                crossing.registry.send("rollback", 1, "", sender=sender)
        roll_back(crossing, 1)
        with refused("AlreadyApproved", 1, validator(1)):
            roll_back(crossing, 1)
        with refused("TextTooLong", 256, 257):
            roll_back(crossing, 2, reason="x" * 257)
        roll_back(crossing, 2, reason="x" * 256)

    def test_only_a_crossing(self, subnet: Subnet) -> None:
        with refused("NotCrossing", 1, NO_VERDICT):
            roll_back(subnet, 1)
        subnet.freeze(1)
        assert subnet.status(1) == (ABORTED, ABORT)
        with refused("NotCrossing", 1, ABORT):
            roll_back(subnet, 1)


class TestHalt:
    def test_three_of_five(self, subnet: Subnet) -> None:
        subnet.arm(1, 1)
        subnet.registry.send("approveEmergencyHalt", 1, 3, "CVE", sender=member(1))
        given = {"id": 1, "kind": HALT, "approver": member(1), "code": 3, "subject": bytes(32), "text": "CVE"}
        assert subnet.chain.events == [("ApprovalGiven", given)]
        # Another code and other words: they are no part of what has to agree.
        subnet.registry.send("approveEmergencyHalt", 1, 1, "", sender=member(5))
        assert (subnet.status(1), subnet.view(1)["haltApprovals"]) == ((SCHEDULED, NO_VERDICT), 2)
        subnet.registry.send("approveEmergencyHalt", 1, 2, "bad", sender=member(3))
        assert subnet.chain.events[-1] == ("ProposalEnded", {"id": 1, "status": CANCELLED})
        assert subnet.status(1) == (CANCELLED, ABORT)
        page, total = subnet.registry.call("approvals", 1, HALT, 0, 9)
        assert total == 3
        assert [(row["approver"], row["code"], row["text"], row["power"]) for row in page] == [
            (member(1), 3, "CVE", 1),
            (member(3), 2, "bad", 1),
            (member(5), 1, "", 1),
        ]
        assert subnet.registry.call("approvals", 1, HALT, 1, 1) == ([page[1]], 3)
        with refused("WrongStatus", 1, CANCELLED):
            subnet.halt(1, 2)

    @pytest.mark.parametrize("status", [VOTING, APPROVED])
    def test_before_it_is_scheduled(self, status: int) -> None:
        subnet = Subnet(voting=True)
        subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=1, readinessDeadline=200)
        if status == APPROVED:
            subnet.vote(1, 1, 2, 3)
        assert subnet.status(1) == (status, NO_VERDICT)
        subnet.halt(1, 1, 2, 3)
        assert subnet.status(1) == (CANCELLED, NO_VERDICT)

    def test_until_the_freeze(self, subnet: Subnet) -> None:
        height = subnet.target(1)
        subnet.go_to(height - FREEZE - 1)
        subnet.halt(1, 1, 2)
        subnet.go_to(height - FREEZE)
        with refused("TooLate", 1, height - FREEZE - 1, height - FREEZE):
            subnet.halt(1, 3)

    def test_who_left_the_council_does_not_count(self, subnet: Subnet) -> None:
        subnet.halt(1, 1, 2)
        subnet.settle("setCouncil", [member(number) for number in (2, 3, 4, 5, 6)], 3)
        assert subnet.view(1)["haltApprovals"] == 1
        with refused("NotInCouncil", member(1)):
            subnet.halt(1, 1)
        subnet.halt(1, 6)
        assert subnet.view(1)["status"] == SCHEDULED
        subnet.halt(1, 3)
        assert subnet.view(1)["status"] == CANCELLED

    def test_refusals(self, subnet: Subnet) -> None:
        for sender in (STRANGER, validator(1)):
            with refused("NotInCouncil", sender):
                subnet.registry.send("approveEmergencyHalt", 1, 1, "", sender=sender)
        with refused("ZeroHaltCode"):
            subnet.registry.send("approveEmergencyHalt", 1, 0, "", sender=member(1))
        subnet.halt(1, 1)
        with refused("AlreadyApproved", 1, member(1)):
            subnet.halt(1, 1)

    @pytest.mark.parametrize(("text", "place"), [("\x1b[2J", 0), ("a\n", 1), ("ab\x7f", 2), ("\x00", 0)])
    def test_texts_hold_no_control_characters(self, subnet: Subnet, text: str, place: int) -> None:
        with refused("InvalidTextCharacter", place, text[place].encode()):
            subnet.registry.send("approveEmergencyHalt", 1, 1, text, sender=member(1))

    def test_no_council_no_halt(self) -> None:
        subnet = Subnet(council=[], councilThreshold=0)
        subnet.propose()
        with refused("NotInCouncil", member(1)):
            subnet.halt(1, 1)

    def test_not_what_is_about_the_registry(self, subnet: Subnet) -> None:
        """A council that could stop this could never be replaced."""
        number = subnet.propose(calls=[subnet.setting("setCouncil", [], 0)], **ALONE)
        with refused("NotHaltable", number):
            subnet.halt(number, 1)
        call = subnet.cut(("0x" + "00" * 20, 2, [b"abcd"]))
        cut = subnet.propose(calls=[call], **ALONE)
        subnet.halt(cut, 1, 2, 3)
        assert subnet.view(cut)["status"] == CANCELLED


def test_kinds_of_approval(subnet: Subnet) -> None:
    with refused("InvalidApprovalKind", 3):
        subnet.registry.call("approvals", 1, 3, 0, 9)
    with refused("UnknownProposal", 2):
        subnet.registry.call("approvals", 2, HALT, 0, 9)
