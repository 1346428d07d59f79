"""Votes: who, until when, on which powers; what decides, to the last unit; and what follows at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.registry import (
    ADMIN,
    AFTER_VOTE,
    APPROVED,
    CANCELLED,
    EXPEDITED,
    MANIFEST,
    NO,
    NO_CHOICE,
    NO_VERDICT,
    READINESS,
    REJECTED,
    SCHEDULED,
    STRANGER,
    VOTE,
    VOTING,
    WASM,
    YES,
    Subnet,
    members,
    operator,
    refused,
    validator,
)


@pytest.fixture
def subnet() -> Subnet:
    """A subnet that votes, with one proposal in block 100."""
    made = Subnet(voting=True)
    made.propose()
    return made


WHOLE = 2**128
THIRD = WHOLE // 3
"""A third of 2^128 is no whole number: 3 * THIRD is one less."""


class TestRules:
    """Exact boundaries: yes above 2/3 passes, no from 1/3 on rejects; for WASM yes from 3/4 on, no above 1/4."""

    @pytest.mark.parametrize(
        ("total", "yes", "status"),
        [
            *((3, yes, APPROVED if yes == 3 else VOTING) for yes in (1, 2, 3)),
            *((4, yes, APPROVED if yes >= 3 else VOTING) for yes in (1, 2, 3, 4)),
            *((7, yes, APPROVED if yes >= 5 else VOTING) for yes in (4, 5, 6, 7)),
            (WHOLE, 2 * THIRD, VOTING),
            (WHOLE, 2 * THIRD + 1, APPROVED),
            (WHOLE, WHOLE, APPROVED),
            (3 * THIRD, 2 * THIRD, VOTING),
            (3 * THIRD, 2 * THIRD + 1, APPROVED),
        ],
    )
    def test_yes(self, total: int, yes: int, status: int) -> None:
        assert self.decided(total, yes, support=True) == status

    @pytest.mark.parametrize(
        ("total", "no", "status"),
        [
            (3, 1, REJECTED),
            (4, 1, VOTING),
            (4, 2, REJECTED),
            (7, 2, VOTING),
            (7, 3, REJECTED),
            (WHOLE, THIRD, VOTING),
            (WHOLE, THIRD + 1, REJECTED),
            (3 * THIRD, THIRD - 1, VOTING),
            (3 * THIRD, THIRD, REJECTED),
        ],
    )
    def test_no(self, total: int, no: int, status: int) -> None:
        assert self.decided(total, no, support=False) == status

    @pytest.mark.parametrize(
        ("total", "yes", "status"),
        [
            (3, 2, VOTING),
            (3, 3, APPROVED),
            (4, 2, VOTING),
            (4, 3, APPROVED),
            (7, 5, VOTING),
            (7, 6, APPROVED),
            (WHOLE, 3 * WHOLE // 4 - 1, VOTING),
            (WHOLE, 3 * WHOLE // 4, APPROVED),
        ],
    )
    def test_yes_to_wasm(self, total: int, yes: int, status: int) -> None:
        assert self.decided(total, yes, support=True, migrationKind=WASM, migrationHash=b"\x01" * 32) == status

    @pytest.mark.parametrize(
        ("total", "no", "status"),
        [
            (3, 1, REJECTED),
            (4, 1, VOTING),
            (4, 2, REJECTED),
            (7, 1, VOTING),
            (7, 2, REJECTED),
            (WHOLE, WHOLE // 4, VOTING),
            (WHOLE, WHOLE // 4 + 1, REJECTED),
        ],
    )
    def test_no_to_wasm(self, total: int, no: int, status: int) -> None:
        assert self.decided(total, no, support=False, migrationKind=WASM, migrationHash=b"\x01" * 32) == status

    def decided(self, total: int, power: int, *, support: bool, **changes: Any) -> int:
        """Where a proposal stands when so much has voted so; without a height, so that Approved stays."""
        subnet = Subnet([power, total - power] if power < total else [power], voting=True)
        delay = subnet.lead()
        subnet.propose(scheduleKind=READINESS, delay=delay, readinessBps=1, readinessDeadline=1000, **changes)
        subnet.vote(1, 1, support=support)
        shown = subnet.view(1)
        assert shown["votingPower"] == total
        assert (shown["yesPower"], shown["noPower"]) == ((power, 0) if support else (0, power))
        return int(shown["status"])


class TestVotes:
    def test_a_vote_is_shown(self, subnet: Subnet) -> None:
        subnet.go_to(104)
        subnet.vote(1, 2)
        event = {"id": 1, "validator": validator(2), "support": True, "yesPower": 10, "noPower": 0}
        assert subnet.chain.events == [("VoteCast", event)]
        page, total = subnet.registry.call("votes", 1, 0, 256)
        assert total == 4
        assert page[1] == {"validator": validator(2), "power": 10, "choice": YES, "votedAt": 104}
        assert [row["choice"] for row in page] == [NO_CHOICE, YES, NO_CHOICE, NO_CHOICE]
        assert subnet.registry.call("votes", 1, 3, 256)[0] == page[3:]
        assert subnet.registry.call("votes", 1, 4, 256) == ([], 4)

    def test_a_vote_may_be_changed_and_counts_once(self, subnet: Subnet) -> None:
        subnet.vote(1, 1)
        subnet.vote(1, 1, support=False)
        assert (subnet.view(1)["yesPower"], subnet.view(1)["noPower"]) == (0, 10)
        with refused("VoteUnchanged", 1, validator(1)):
            subnet.vote(1, 1, support=False)
        subnet.vote(1, 1)
        with refused("VoteUnchanged", 1, validator(1)):
            subnet.vote(1, 1)
        assert (subnet.view(1)["yesPower"], subnet.view(1)["noPower"]) == (10, 0)
        assert subnet.registry.call("votes", 1, 0, 1)[0][0]["choice"] == YES

    def test_who_has_no_say(self) -> None:
        subnet = Subnet([10, 10, 10, 0], voting=True)
        subnet.registry.send("setOperator", operator(1), sender=validator(1))
        subnet.propose()
        for sender in (STRANGER, ADMIN, operator(1), validator(4)):
            with refused("NotAValidator", sender):
                subnet.registry.send("vote", 1, True, sender=sender)

    def test_the_last_block(self, subnet: Subnet) -> None:
        ends = subnet.view(1)["votingEndsAt"]
        assert ends == 100 + VOTE
        subnet.go_to(ends)
        subnet.vote(1, 1)
        subnet.go_to(ends + 1)
        with refused("TooLate", 1, ends, ends + 1):
            subnet.vote(1, 2)

    def test_won_at_once_and_scheduled(self, subnet: Subnet) -> None:
        subnet.go_to(105)
        subnet.vote(1, 1, 2)
        assert subnet.status(1) == (VOTING, NO_VERDICT)
        subnet.vote(1, 3)
        height = subnet.target(1)
        assert [name for name, _ in subnet.chain.events] == ["VoteCast", "ProposalApproved", "ProposalScheduled"]
        shown = subnet.view(1)
        assert (shown["status"], shown["approvedAt"], shown["scheduledAt"]) == (SCHEDULED, 105, 105)
        assert height == 100 + VOTE + subnet.lead()
        with refused("WrongStatus", 1, SCHEDULED):
            subnet.vote(1, 4)

    def test_lost_at_once(self, subnet: Subnet) -> None:
        subnet.vote(1, 1, 2, support=False)
        assert subnet.chain.events[-1] == ("ProposalEnded", {"id": 1, "status": REJECTED})
        assert (subnet.view(1)["status"], subnet.view(1)["endedAt"]) == (REJECTED, 100)
        with refused("WrongStatus", 1, REJECTED):
            subnet.vote(1, 3)

    def test_run_out(self, subnet: Subnet) -> None:
        ends = subnet.view(1)["votingEndsAt"]
        subnet.vote(1, 1)
        subnet.go_to(ends)
        with refused("TooEarly", 1, ends + 1, ends):
            subnet.registry.send("finalize", 1, sender=STRANGER)
        assert subnet.status(1) == (VOTING, NO_VERDICT)
        subnet.go_to(ends + 1)
        assert subnet.status(1) == (REJECTED, NO_VERDICT)
        assert subnet.view(1)["endedAt"] == 0
        subnet.registry.send("finalize", 1, sender=STRANGER)
        assert subnet.chain.events == [("ProposalEnded", {"id": 1, "status": REJECTED})]
        assert (subnet.status(1), subnet.view(1)["endedAt"]) == ((REJECTED, NO_VERDICT), ends + 1)
        with refused("WrongStatus", 1, REJECTED):
            subnet.registry.send("finalize", 1, sender=STRANGER)

    def test_powers_are_those_of_the_proposal(self, subnet: Subnet) -> None:
        """Who leaves still votes, who joins does not, and what moves counts where it was."""
        subnet.set_members([*members([1, 10]), (10, validator(9), b""), (10, validator(4), b"")])
        with refused("NotAValidator", validator(9)):
            subnet.vote(1, 9)
        subnet.vote(1, 1, 3)
        assert (subnet.view(1)["yesPower"], subnet.view(1)["votingPower"]) == (20, 40)
        assert [row["power"] for row in subnet.registry.call("votes", 1, 0, 9)[0]] == [10, 10, 10, 10]

    def test_powers_are_copied_once_for_a_set(self, subnet: Subnet) -> None:
        assert "PowersCopied" not in [name for name, _ in self.events_of_another(subnet, validator(1))]
        subnet.set_members(members([1, 2, 3, 4]))
        events = self.events_of_another(subnet, validator(2))
        copied = {"copy": 2, "source": subnet.source.address, "configurationNumber": 1, "totalPower": 10}
        assert ("PowersCopied", copied) in events
        assert [row["power"] for row in subnet.registry.call("votes", 3, 0, 9)[0]] == [1, 2, 3, 4]
        assert [row["power"] for row in subnet.registry.call("votes", 1, 0, 9)[0]] == [10, 10, 10, 10]

    def events_of_another(self, subnet: Subnet, sender: str) -> list[tuple[str, dict[str, Any]]]:
        subnet.propose(sender=sender)
        return list(subnet.chain.events)

    def test_no_vote_no_rows(self) -> None:
        subnet = Subnet()
        subnet.propose()
        assert subnet.registry.call("votes", 1, 0, 9) == ([], 0)
        with refused("WrongStatus", 1, SCHEDULED):
            subnet.vote(1, 1)
        with refused("UnknownProposal", 2):
            subnet.vote(2, 1)


class TestLength:
    def test_a_vote_that_is_too_short(self) -> None:
        subnet = Subnet(voting=True)
        for blocks in (0, VOTE - 1):
            with refused("VoteTooShort", VOTE, blocks):
                subnet.propose(200, votingBlocks=blocks)
        with refused("VoteTooShort", EXPEDITED, EXPEDITED - 1):
            subnet.propose(200, votingBlocks=EXPEDITED - 1, expedited=True)
        subnet.propose(200, votingBlocks=EXPEDITED, expedited=True)
        assert (subnet.view(1)["expedited"], subnet.view(1)["votingEndsAt"]) == (True, 100 + EXPEDITED)

    def test_a_height_leaves_the_lead_after_the_vote(self) -> None:
        """A vote that is won in its last block is scheduled in that block."""
        subnet = Subnet(voting=True)
        needed = VOTE + subnet.lead()
        with refused("LeadTooShort", needed, needed - 1):
            subnet.propose(100 + needed - 1)
        subnet.propose(100 + needed)
        subnet.go_to(100 + VOTE)
        subnet.vote(1, 1, 2, 3)
        assert subnet.status(1) == (SCHEDULED, NO_VERDICT)


class TestHeights:
    def test_after_the_vote(self) -> None:
        subnet = Subnet(voting=True)
        subnet.propose(scheduleKind=AFTER_VOTE, delay=50, releaseKind=MANIFEST)
        assert subnet.view(1)["targetHeight"] == 0
        subnet.go_to(107)
        subnet.vote(1, 1, 2, 3)
        assert (subnet.status(1), subnet.target(1)) == ((SCHEDULED, NO_VERDICT), 157)

    def test_by_readiness_it_waits(self) -> None:
        subnet = Subnet(voting=True)
        subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=7500, readinessDeadline=200)
        subnet.vote(1, 1, 2, 3)
        assert (subnet.status(1), subnet.target(1)) == ((APPROVED, NO_VERDICT), 0)


class TestCancel:
    def test_before_any_vote(self, subnet: Subnet) -> None:
        for sender in (STRANGER, validator(1)):
            with refused("NotTheProposer", sender, ADMIN):
                subnet.registry.send("cancel", 1, sender=sender)
        subnet.registry.send("cancel", 1, sender=ADMIN)
        assert subnet.chain.events == [("ProposalEnded", {"id": 1, "status": CANCELLED})]
        assert (subnet.status(1), subnet.view(1)["endedAt"]) == ((CANCELLED, NO_VERDICT), 100)
        with refused("WrongStatus", 1, CANCELLED):
            subnet.vote(1, 1)

    @pytest.mark.parametrize("support", [True, False])
    def test_not_after_a_vote(self, subnet: Subnet, support: bool) -> None:
        subnet.vote(1, 1, support=support)
        with refused("VoteBegun", 1):
            subnet.registry.send("cancel", 1, sender=ADMIN)

    def test_not_after_the_vote_ran_out(self, subnet: Subnet) -> None:
        subnet.go_to(100 + VOTE + 1)
        with refused("WrongStatus", 1, REJECTED):
            subnet.registry.send("cancel", 1, sender=ADMIN)

    def test_choices(self, subnet: Subnet) -> None:
        subnet.vote(1, 1, support=False)
        assert subnet.registry.call("votes", 1, 0, 1)[0][0]["choice"] == NO
