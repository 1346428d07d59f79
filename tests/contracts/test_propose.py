"""Who may propose what, for when; the fields, the lead, the one slot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.evm import Reverted
from tests.contracts.registry import (
    ABORT,
    ABORTED,
    ADMIN,
    COUNCIL,
    CROSS,
    EXPEDITED,
    FIXED,
    FREEZE,
    HASH,
    MANIFEST,
    NO_MIGRATION,
    NO_VERDICT,
    PARENT,
    SCHEDULED,
    STRANGER,
    URL,
    VOTE,
    WINDOW,
    ZERO,
    Subnet,
    config,
    member,
    members,
    operator,
    refused,
    validator,
)

FAR = 100_000_000
"""MAX_BLOCKS_AHEAD."""


def field(name: str) -> bytes:
    """A field's name as an error names it."""
    return name.encode().ljust(32, b"\0")


@pytest.fixture
def subnet() -> Subnet:
    return Subnet()


class TestConstructor:
    def test_parameters_are_readable(self, subnet: Subnet) -> None:
        registry = subnet.registry
        assert registry.call("settings") == {
            "powerSource": subnet.source.address,
            "configurationNumber": 0,
            "admin": ADMIN,
            "minProposerPower": 0,
            "votingRequired": False,
            "minVotingBlocks": VOTE,
            "minExpeditedBlocks": EXPEDITED,
            "freezeBlocks": FREEZE,
            "executionWindow": WINDOW,
            "minimumLead": FREEZE + 3 * 4 + 3,
            "successor": ZERO,
            "council": tuple(COUNCIL),
            "councilThreshold": 3,
            "targets": (subnet.gateway.address,),
            "proposalCount": 0,
            "scheduledId": 0,
        }
        assert registry.call("extension") == subnet.extension.address
        assert registry.call("scheduledId") == 0
        assert registry.call("proposals", 0, 10) == ([], 0)
        assert subnet.source.call("gateway") == subnet.gateway.address

    @pytest.mark.parametrize("blocks", [0, 4, 10_001, 2**64 - 1])
    def test_a_freeze_beyond_its_limits_is_refused(self, subnet: Subnet, blocks: int) -> None:
        with refused("InvalidFreeze", 5, 10_000, blocks):
            subnet.deploy(freezeBlocks=blocks)

    def test_no_execution_window_is_refused(self, subnet: Subnet) -> None:
        with refused("ZeroExecutionWindow"):
            subnet.deploy(executionWindow=0)

    def test_addresses_without_code_are_refused(self, subnet: Subnet) -> None:
        with refused("NotAPowerSource", STRANGER):
            subnet.deploy(powerSource=STRANGER)
        with refused("InvalidTarget", STRANGER):
            subnet.deploy(targets=[STRANGER])
        with refused("NotAnExtension", STRANGER):
            subnet.chain.deploy("UpgradeRegistry", config(subnet.source.address), STRANGER)
        with refused("NotAGateway", STRANGER):
            subnet.chain.deploy("GatewayPowerSource", STRANGER)

    @pytest.mark.parametrize(("usual", "expedited"), [(0, 0), (5, 0), (5, 6)])
    def test_votes_of_no_length_are_refused(self, subnet: Subnet, usual: int, expedited: int) -> None:
        with refused("InvalidVotingBlocks", usual, expedited):
            subnet.deploy(minVotingBlocks=usual, minExpeditedBlocks=expedited)

    @pytest.mark.parametrize(("size", "threshold"), [(0, 1), (1, 0), (4, 2), (5, 2), (5, 6), (17, 9), (5, 0)])
    def test_councils_without_a_majority_are_refused(self, subnet: Subnet, size: int, threshold: int) -> None:
        with refused("InvalidCouncil", size, threshold):
            subnet.deploy(council=[member(number) for number in range(size)], councilThreshold=threshold)

    @pytest.mark.parametrize(("size", "threshold"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (16, 9), (16, 16)])
    def test_councils(self, subnet: Subnet, size: int, threshold: int) -> None:
        made = subnet.deploy(council=[member(number) for number in range(size)], councilThreshold=threshold)
        shown = made.call("settings")
        assert (len(shown["council"]), shown["councilThreshold"]) == (size, threshold)

    def test_council_members_are_told_apart(self, subnet: Subnet) -> None:
        for council, wrong in (([member(1), ZERO], ZERO), ([member(1), member(2), member(1)], member(1))):
            with refused("InvalidCouncilMember", wrong):
                subnet.deploy(council=council, councilThreshold=2)

    def test_a_set_without_power_is_refused(self, subnet: Subnet) -> None:
        for powers in ([], [0, 0]):
            subnet.set_members(members(powers))
            with refused("NoPower"):
                subnet.deploy()


class TestWho:
    def test_a_validator_proposes(self, subnet: Subnet) -> None:
        assert subnet.propose(sender=validator(3)) == 1
        assert subnet.view(1)["proposer"] == validator(3)

    def test_the_admin_proposes(self, subnet: Subnet) -> None:
        assert subnet.propose(sender=ADMIN) == 1

    def test_a_stranger_does_not(self, subnet: Subnet) -> None:
        with refused("NotAProposer", STRANGER):
            subnet.propose(sender=STRANGER)

    def test_an_operator_key_does_not(self, subnet: Subnet) -> None:
        subnet.registry.send("setOperator", operator(1), sender=validator(1))
        with refused("NotAProposer", operator(1)):
            subnet.propose(sender=operator(1))

    def test_a_validator_needs_the_least_power(self) -> None:
        subnet = Subnet([9, 10, 11], minProposerPower=10, admin=ZERO)
        with refused("NotAProposer", validator(1)):
            subnet.propose(sender=validator(1))
        assert subnet.propose(sender=validator(2)) == 1

    def test_only_the_admin_where_no_power_is_enough(self) -> None:
        subnet = Subnet(minProposerPower=2**256 - 1)
        with refused("NotAProposer", validator(1)):
            subnet.propose(sender=validator(1))
        assert subnet.propose(sender=ADMIN) == 1

    def test_a_validator_who_left_or_has_no_power_does_not(self, subnet: Subnet) -> None:
        subnet.set_members([*members([10, 10]), (0, validator(4), b"")])
        for number in (3, 4):
            with refused("NotAProposer", validator(number)):
                subnet.propose(sender=validator(number))

    def test_without_an_admin_the_zero_address_has_no_rights(self) -> None:
        subnet = Subnet(admin=ZERO)
        with refused("NotAProposer", ZERO):
            subnet.propose(sender=ZERO)


class TestFields:
    def test_a_proposal_shows_what_was_proposed(self, subnet: Subnet) -> None:
        subnet.propose(120, name="v0.2.0-rc.1", releaseKind=MANIFEST, breaking=False)
        assert subnet.view(1) == {
            "id": 1,
            "name": "v0.2.0-rc.1",
            "releaseKind": 1,
            "releaseHash": HASH,
            "releaseUrl": URL,
            "targetHeight": 120,
            "breaking": False,
            "proposer": ADMIN,
            "proposedAt": 100,
            "scheduledAt": 100,
            "status": SCHEDULED,
            "verdict": NO_VERDICT,
            "frozenAt": 0,
            "freezeBlocks": FREEZE,
            "readyPower": 0,
            "armedPower": 0,
            "goPower": 0,
            "confirmedPower": 0,
            "totalPower": 40,
            "scheduleKind": FIXED,
            "delay": 0,
            "readinessBps": 0,
            "readinessDeadline": 0,
            "votingEndsAt": 0,
            "expedited": False,
            "approvedAt": 100,
            "endedAt": 0,
            "yesPower": 0,
            "noPower": 0,
            "votingPower": 0,
            "executionWindow": WINDOW,
            "graceBlocks": 0,
            "migrationKind": NO_MIGRATION,
            "migrationHash": bytes(32),
            "releaseRound": 0,
            "linkedCalls": 0,
            "linkedHash": bytes(32),
            "contractsFirst": False,
            "initAllowed": False,
            "contractsAt": 0,
            "undoneAt": 0,
            "haltApprovals": 0,
            "replacePower": 0,
            "rollbackPower": 0,
        }
        assert subnet.registry.call("scheduledId") == 1

    def test_events_tell_the_whole_proposal(self, subnet: Subnet) -> None:
        subnet.propose(120)
        created = {
            "id": 1,
            "proposer": ADMIN,
            "name": "v0.2.0",
            "releaseKind": 0,
            "releaseHash": HASH,
            "releaseUrl": URL,
            "targetHeight": 120,
            "breaking": True,
        }
        assert subnet.chain.events == [
            ("ProposalCreated", created),
            ("ProposalApproved", {"id": 1}),
            ("ProposalScheduled", {"id": 1, "targetHeight": 120}),
        ]

    @pytest.mark.parametrize("name", ["v", "0", "v0.2.0", "a-b_c.d", "9" * 64])
    def test_names(self, subnet: Subnet, name: str) -> None:
        subnet.propose(name=name)
        assert subnet.view(1)["name"] == name

    @pytest.mark.parametrize(
        "name",
        ["", "V1", ".a", "-a", "_a", "a b", "a/b", "a\n", "a\x1b[2J", "é", "a`", "a{", "a:", "a" * 65, "../x"],
    )
    def test_other_names_are_refused(self, subnet: Subnet, name: str) -> None:
        with refused("InvalidName", name):
            subnet.propose(name=name)

    def test_kinds(self, subnet: Subnet) -> None:
        for field, error in (
            ("releaseKind", "InvalidReleaseKind"),
            ("scheduleKind", "InvalidScheduleKind"),
            ("migrationKind", "InvalidMigrationKind"),
        ):
            for kind in (3 if field != "migrationKind" else 4, 255):
                wrong: dict[str, Any] = {field: kind}
                with refused(error, kind):
                    subnet.propose(150, **wrong)

    def test_a_zero_hash_is_refused(self, subnet: Subnet) -> None:
        with refused("ZeroReleaseHash"):
            subnet.propose(releaseHash=bytes(32))

    @pytest.mark.parametrize("length", [1, 512])
    def test_url_lengths(self, subnet: Subnet, length: int) -> None:
        subnet.propose(releaseUrl="h" * length)
        assert subnet.view(1)["releaseUrl"] == "h" * length

    @pytest.mark.parametrize("length", [0, 513])
    def test_other_url_lengths_are_refused(self, subnet: Subnet, length: int) -> None:
        with refused("InvalidUrlLength", 512, length):
            subnet.propose(releaseUrl="h" * length)

    @pytest.mark.parametrize(
        ("url", "position", "byte"),
        [
            ("\x1b[31m", 0, b"\x1b"),
            ("http://a b", 8, b" "),
            ("http://a\n", 8, b"\n"),
            ("ab\x7f", 2, b"\x7f"),
            ("aé", 1, b"\xc3"),
            ("\x00", 0, b"\x00"),
        ],
    )
    def test_unprintable_urls_are_refused(self, subnet: Subnet, url: str, position: int, byte: bytes) -> None:
        with refused("InvalidUrlCharacter", position, byte):
            subnet.propose(releaseUrl=url)

    def test_the_ends_of_printable_ascii_are_accepted(self, subnet: Subnet) -> None:
        subnet.propose(releaseUrl="!~")


class TestLead:
    @pytest.mark.parametrize(("validators", "turns"), [(0, 0), (1, 1), (4, 4), (18, 18), (19, 19), (20, 19), (256, 19)])
    def test_minimum_lead(self, validators: int, turns: int) -> None:
        subnet = Subnet()
        subnet.set_members(members([7] * validators))
        assert subnet.registry.call("minimumLead") == FREEZE + 3 * turns + 3

    def test_the_boundary(self, subnet: Subnet) -> None:
        lead = FREEZE + 3 * 4 + 3
        with refused("LeadTooShort", lead, lead - 1):
            subnet.propose(100 + lead - 1)
        assert subnet.propose(100 + lead) == 1

    @pytest.mark.parametrize("height", [0, 99, 100])
    def test_heights_of_the_past_have_no_lead(self, subnet: Subnet, height: int) -> None:
        with refused("LeadTooShort", FREEZE + 15, 0):
            subnet.propose(height)

    def test_the_furthest_height(self, subnet: Subnet) -> None:
        for height in (100 + FAR + 1, 2**64 - 1):
            with refused("InvalidField", field("targetHeight"), height - 100):
                subnet.propose(height)
        subnet.propose(100 + FAR)
        assert subnet.status(1) == (SCHEDULED, NO_VERDICT)

    @pytest.mark.parametrize(
        "powers", [[1] * 256, [1000, *[1] * 40], [10] * 20, list(range(1, 60)), [11, 1, 11, 1] * 12]
    )
    def test_greedy_turns_of_a_tenth_never_need_more_than_it_grants(self, powers: list[int]) -> None:
        turns, held = 0, None
        for power in powers:
            if held is not None and 10 * (held + power) <= sum(powers):
                held += power
            else:
                turns, held = turns + 1, power
        assert turns <= min(len(powers), 19)


class TestOneAtATime:
    def test_a_scheduled_one_keeps_others_out(self, subnet: Subnet) -> None:
        subnet.propose()
        with refused("AlreadyScheduled", 1):
            subnet.propose(sender=validator(1))

    def test_aborted_for_want_of_a_freeze(self, subnet: Subnet) -> None:
        """Nobody froze: occupied until H, in the transaction of H-2 as well; free at H+1."""
        height = subnet.target(subnet.propose())
        for block in (height - 3, height - 2, height - 1, height):
            subnet.go_to(block)
            with refused("AlreadyScheduled", 1):
                subnet.propose(block + 100)
        subnet.go_to(height + 1)
        assert subnet.propose() == 2

    def test_aborted_by_the_freeze(self, subnet: Subnet) -> None:
        height = subnet.target(subnet.propose())
        subnet.freeze(1)
        assert subnet.status(1) == (ABORTED, ABORT)
        for block in (height - FREEZE, height):
            subnet.go_to(block)
            with refused("AlreadyScheduled", 1):
                subnet.propose(block + 100)
        subnet.go_to(height + 1)
        assert subnet.propose() == 2
        assert subnet.registry.call("scheduledId") == 2

    def test_executed_frees_the_slot(self, subnet: Subnet) -> None:
        height = subnet.target(subnet.propose())
        subnet.ready(1, 1, 2, 3)
        subnet.arm(1, 1, 2, 3)
        subnet.freeze(1)
        subnet.go_to(height + 1)
        subnet.confirm(1, 1, 2)
        with refused("AlreadyScheduled", 1):
            subnet.propose()
        subnet.confirm(1, 3)
        assert subnet.propose() == 2

    def test_expired_frees_the_slot(self, subnet: Subnet) -> None:
        height = subnet.target(subnet.propose())
        subnet.ready(1, 1, 2, 3)
        subnet.arm(1, 1, 2, 3)
        subnet.freeze(1)
        subnet.go_to(height + WINDOW)
        assert subnet.status(1) == (SCHEDULED, CROSS)
        with refused("AlreadyScheduled", 1):
            subnet.propose()
        subnet.go_to(height + WINDOW + 1)
        assert subnet.propose() == 2


class TestPages:
    @pytest.fixture
    def three(self, subnet: Subnet) -> Subnet:
        for _ in range(3):
            subnet.go_to(subnet.target(subnet.propose()) + 1)
        return subnet

    @pytest.mark.parametrize(
        ("offset", "limit", "ids"),
        [
            (0, 10, [3, 2, 1]),
            (0, 2, [3, 2]),
            (2, 2, [1]),
            (3, 1, []),
            (0, 0, []),
            (2**256 - 1, 2**256 - 1, []),
            (1, 2**256 - 1, [2, 1]),
        ],
    )
    def test_newest_first(self, three: Subnet, offset: int, limit: int, ids: list[int]) -> None:
        page, total = three.registry.call("proposals", offset, limit)
        assert ([row["id"] for row in page], total) == (ids, 3)
        assert page == [three.view(number) for number in ids]

    def test_unknown_ids(self, three: Subnet) -> None:
        for number in (0, 4):
            with refused("UnknownProposal", number):
                three.view(number)
        with refused("UnknownProposal", 4):
            three.rows(4)


class TestMembership:
    """What a broken or hostile source says is refused, and every view says so."""

    def refuses(self, subnet: Subnet, name: str, *values: Any) -> None:
        for read in (("minimumLead",), ("readiness", 0, 0, 9)):
            with refused(name, *values):
                subnet.registry.call(*read)
        with refused(name, *values):
            subnet.propose(1000)

    def test_257_validators(self) -> None:
        subnet = Subnet()
        subnet.set_members([(1, validator(number), b"") for number in range(257)])
        self.refuses(subnet, "TooManyValidators", 256, 257)

    def test_256_validators_in_one_page(self) -> None:
        subnet = Subnet([3] * 256)
        subnet.propose()
        assert [row["validator"] for row in subnet.rows()] == [validator(number) for number in range(1, 257)]
        page, total = subnet.registry.call("readiness", 1, 250, 1000)
        assert (len(page), total) == (6, 256)

    def test_duplicates(self, subnet: Subnet) -> None:
        subnet.set_members([*members([1, 2, 3]), (4, validator(2), b"")])
        self.refuses(subnet, "DuplicateValidator", validator(2))

    def test_duplicates_among_addresses_that_collide(self, subnet: Subnet) -> None:
        alike = ["0x" + f"{number:02x}" + "00" * 19 for number in range(1, 40)]
        subnet.set_members([(1, address, b"") for address in alike])
        assert subnet.registry.call("minimumLead") == FREEZE + 3 * 19 + 3
        subnet.set_members([(1, address, b"") for address in [*alike, alike[0]]])
        self.refuses(subnet, "DuplicateValidator", alike[0])

    def test_the_zero_address(self, subnet: Subnet) -> None:
        subnet.set_members([*members([1, 2]), (4, ZERO, b"")])
        self.refuses(subnet, "ZeroValidator", 2)

    def test_absurd_power(self, subnet: Subnet) -> None:
        subnet.set_members(members([1, 2**224]))
        self.refuses(subnet, "PowerTooLarge", validator(2), 2**224)

    def test_the_gateway(self, subnet: Subnet) -> None:
        shown = subnet.gateway.call("getCurrentMembership")
        assert shown["configurationNumber"] == 0
        assert shown["validators"][3] == {"weight": 10, "addr": validator(4), "metadata": b"\x04" * 65}
        with refused("NotParent", STRANGER):
            subnet.gateway.send("setMembership", [], sender=STRANGER)
        subnet.gateway.send("setMembership", members([5]), sender=PARENT)
        assert subnet.chain.events == [("MembershipUpdated", {"configurationNumber": 1, "validators": 1})]
        assert subnet.gateway.call("getCurrentConfigurationNumber") == 1
        assert subnet.source.call("membership") == ([{"validator": validator(1), "power": 5}], 1)

    def test_readiness_before_any_proposal_shows_the_validators(self, subnet: Subnet) -> None:
        assert [(row["power"], row["readyAt"]) for row in subnet.rows()] == [(10, 0)] * 4


def test_errors_are_told_apart() -> None:
    """The matcher of these tests is not satisfied by any other error."""
    subnet = Subnet()
    with pytest.raises(Reverted) as caught:
        subnet.propose(sender=STRANGER)
    assert (caught.value.name, caught.value.values) == ("NotAProposer", (STRANGER,))
