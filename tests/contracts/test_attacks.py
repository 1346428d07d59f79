"""The sixteen vulnerabilities of facts/evm.md §4.7, each tried on this registry.

The first five were proven against the strategy document's own contract; here they are the same exploits and fail.
"""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.contracts.answering import answering, call_of
from tests.contracts.evm import Contract, Reverted
from tests.contracts.registry import (
    ABORT,
    ABORTED,
    ALONE,
    APPROVED,
    CANCELLED,
    CROSS,
    EXECUTED,
    FREEZE,
    HASH,
    NO_VERDICT,
    READINESS,
    REJECTED,
    SCHEDULED,
    STRANGER,
    URL,
    VOTE,
    VOTING,
    WINDOW,
    ZERO,
    Subnet,
    member,
    members,
    operator,
    refused,
    validator,
)
from tests.contracts.test_calls import ADD, CUT, REMOVE, VERSION, Diamonds
from tests.contracts.test_signatures import KEYS, Signing

MEMBERSHIP = keccak(text="membership()")[:4]


def source_of(subnet: Subnet, *members_: tuple[str, int], number: int = 0, otherwise: bytes = b"") -> str:
    """A power source that says just this."""
    answer = encode(["(address,uint256)[]", "uint64"], [list(members_), number])
    return subnet.chain.place(answering({MEMBERSHIP: answer}, otherwise))


def calling(target: str, data: bytes) -> bytes:
    """Runtime code that calls `target` with `data`, ignores what comes of it and returns nothing."""
    size = len(data).to_bytes(2, "big")
    # Nothing comes back, SIZE bytes from memory 0, no value, the target, all gas; POP, STOP.
    call = b"\x60\x00\x60\x00\x61" + size + b"\x60\x00\x60\x00\x73" + bytes.fromhex(target[2:]) + b"\x5a\xf1\x50\x00"
    # The data stands behind the code: 9 bytes copy it to memory 0.
    place = (9 + len(call)).to_bytes(2, "big")
    return b"\x61" + size + b"\x61" + place + b"\x60\x00\x39" + call + data


def test_1_stake_that_moves_votes_once() -> None:
    """34 of 100 vote, move to a fresh address and vote again: on live power they were 68."""
    subnet = Subnet([34, 33, 33], voting=True)
    subnet.propose()
    subnet.vote(1, 1)
    subnet.set_members([(34, validator(9), b""), *members([34, 33, 33])[1:]])
    with refused("NotAValidator", validator(9)):
        subnet.vote(1, 9)
    assert (subnet.view(1)["yesPower"], subnet.view(1)["status"]) == (34, VOTING)
    # A proposal of later is bound to the later powers; the copy of the first stands.
    subnet.propose()
    subnet.vote(2, 9)
    with refused("NotAValidator", validator(1)):
        subnet.vote(2, 1)
    assert subnet.view(1)["yesPower"] == subnet.view(2)["yesPower"] == 34


def test_2_phantom_readiness() -> None:
    """Signals before the proposal exists would be there when it does, and schedule it at once."""
    subnet = Subnet()
    for number in range(1, 5):
        for call in (("signalReady", 1, HASH), ("signalArmed", 1, 0), ("signalReady", 1, bytes(32))):
            with refused("UnknownProposal", 1):
                subnet.registry.send(*call, sender=validator(number))
    subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=7500, readinessDeadline=500)
    assert [row["readyAt"] for row in subnet.rows(1)] == [0] * 4
    with refused("NotEnoughReady", 1, 0, 40, 7500):
        subnet.registry.send("checkAndSchedule", 1, sender=STRANGER)
    # And readiness is for bytes: it does not outlive their replacement.
    subnet.ready(1, 1, 2, 3)
    for number in (1, 2, 3):
        subnet.registry.send("replaceRelease", 1, b"\xbb" * 32, URL, sender=validator(number))
    with refused("NotEnoughReady", 1, 0, 40, 7500):
        subnet.registry.send("checkAndSchedule", 1, sender=STRANGER)


def test_3_scheduling_again_postpones_nothing() -> None:
    subnet = Subnet()
    subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=7500, readinessDeadline=500)
    subnet.ready(1, 1, 2, 3)
    subnet.registry.send("checkAndSchedule", 1, sender=STRANGER)
    for block in (101, 110, 124):
        subnet.go_to(block)
        with refused("WrongStatus", 1, SCHEDULED):
            subnet.registry.send("checkAndSchedule", 1, sender=STRANGER)
        assert subnet.target(1) == 130


@pytest.mark.parametrize(
    ("powers", "crosses"),
    [([66, 34], False), ([67, 33], True), ([2, 1], False), ([20001, 9999], True), ([20000, 10000], False)],
)
def test_4_percent_is_not_two_thirds(powers: list[int], crosses: bool) -> None:
    """`power * 100 / total >= 67` refuses 66.67 %, and a rounded 2/3 takes exactly 2/3."""
    subnet = Subnet(powers, voting=True)
    subnet.propose()
    subnet.vote(1, 1)
    assert (subnet.view(1)["status"] == SCHEDULED) is crosses


def test_5_calls_that_call_back_are_made_once() -> None:
    """An initialiser, which runs as the diamond, executes the proposal again while it is being executed."""
    subnet = Diamonds()
    again = subnet.chain.place(calling(subnet.registry.address, subnet.registry.data("executeContracts", 1)))
    number = subnet.alone(subnet.cut((subnet.second.address, ADD, [VERSION]), init=again), initAllowed=True)
    subnet.execute(number)
    assert [name for name, _ in subnet.chain.events] == ["ProposalEnded", "ContractsExecuted"]
    assert subnet.version()
    assert subnet.view(1)["status"] == EXECUTED
    # What calls back here does reach the registry: something that anyone may do, it does.
    reaching = Diamonds()
    reaching.propose(calls=[reaching.upgrade], **ALONE)
    reaching.go_to(100 + VOTE + 1)
    ending = reaching.chain.place(calling(reaching.registry.address, reaching.registry.data("finalize", 1)))
    reaching.execute(
        reaching.alone(reaching.cut((reaching.second.address, ADD, [VERSION]), init=ending), initAllowed=True)
    )
    assert reaching.view(1)["endedAt"] == 100 + VOTE + 1
    # The other way into the same calls: a second proposal from within the first.
    other = Diamonds()
    within = other.chain.place(calling(other.registry.address, other.registry.data("executeContracts", 2)))
    other.alone(other.cut((other.second.address, ADD, [VERSION]), init=within), initAllowed=True)
    other.alone(other.setting("setProposers", STRANGER, 0))
    other.execute(1)
    assert [other.view(number)["status"] for number in (1, 2)] == [EXECUTED, APPROVED]


def test_6_readiness_of_who_left_or_joined() -> None:
    """The verdict is recomputed on the membership of the freeze, whatever was true when it was scheduled."""
    subnet = Subnet()
    subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=7500, readinessDeadline=500)
    subnet.ready(1, 1, 2, 3)
    subnet.registry.send("checkAndSchedule", 1, sender=STRANGER)
    subnet.arm(1, 1, 2, 3)
    subnet.set_members([*members([10, 10]), (10, validator(4), b""), (10, validator(5), b""), (1, validator(3), b"")])
    subnet.freeze(1)
    shown = subnet.view(1)
    assert (shown["goPower"], shown["totalPower"], shown["verdict"]) == (21, 41, ABORT)


def test_6_power_that_moves_to_who_is_ready() -> None:
    subnet = Subnet()
    subnet.propose()
    subnet.ready(1, 1, 2)
    subnet.arm(1, 1, 2)
    assert 3 * subnet.view(1)["goPower"] <= 2 * subnet.view(1)["totalPower"]
    subnet.set_members(members([15, 15, 5, 5]))
    subnet.freeze(1)
    shown = subnet.view(1)
    assert (shown["goPower"], shown["totalPower"], shown["verdict"]) == (30, 40, CROSS)
    # And never again, wherever power goes then.
    subnet.set_members(members([1, 1, 50, 50]))
    assert subnet.status(1) == (SCHEDULED, CROSS)


def test_7_votes_out_of_turn() -> None:
    """Before there is one, after its deadline, after its end, twice, without power, and a late swing."""
    subnet = Subnet([10, 10, 10, 0], voting=True)
    with refused("UnknownProposal", 1):
        subnet.vote(1, 1)
    subnet.propose()
    with refused("NotAValidator", validator(4)):
        subnet.vote(1, 4)
    subnet.vote(1, 1)
    with refused("VoteUnchanged", 1, validator(1)):
        subnet.vote(1, 1)
    subnet.go_to(100 + VOTE)
    subnet.vote(1, 2)
    subnet.go_to(100 + VOTE + 1)
    with refused("TooLate", 1, 100 + VOTE, 100 + VOTE + 1):
        subnet.vote(1, 3)
    assert subnet.view(1)["status"] == REJECTED
    subnet.propose()
    subnet.registry.send("cancel", 2, sender="0x" + "ad" * 20)
    with refused("WrongStatus", 2, CANCELLED):
        subnet.vote(2, 1)


def test_8_loops_end() -> None:
    """Sets beyond the limit and duplicates are refused; pages are bounded whatever is asked for."""
    subnet = Subnet()
    for number in range(16):
        subnet.propose(scheduleKind=READINESS, delay=30, readinessBps=1, readinessDeadline=500, name=f"v{number}")
    with refused("TooManyOpen", 16):
        subnet.propose()
    page, total = subnet.registry.call("proposals", 0, 2**256 - 1)
    assert (len(page), total) == (16, 16)
    double = source_of(subnet, (validator(1), 1), (validator(1), 1))
    with refused("DuplicateValidator", validator(1)):
        subnet.deploy(powerSource=double)
    many = source_of(subnet, *((validator(number), 1) for number in range(257)))
    with refused("TooManyValidators", 256, 257):
        subnet.deploy(powerSource=many)


def test_9_long_and_unprintable_texts() -> None:
    subnet = Subnet()
    with refused("InvalidUrlLength", 512, 513):
        subnet.propose(releaseUrl="x" * 513)
    with refused("InvalidUrlCharacter", 0, b"\x1b"):
        subnet.propose(releaseUrl="\x1b]0;owned\x07")
    with refused("InvalidName", "v1\x1b[2J"):
        subnet.propose(name="v1\x1b[2J")
    subnet.propose()
    with refused("TextTooLong", 256, 257):
        subnet.registry.send("approveEmergencyHalt", 1, 1, "x" * 257, sender=member(1))
    with refused("InvalidTextCharacter", 0, b"\x1b"):
        subnet.registry.send("approveEmergencyHalt", 1, 1, "\x1b[2J", sender=member(1))
    for version in (bytes(32), b"v1\x1b".ljust(32, b"\0"), b"v\0 1".ljust(32, b"\0"), b"\x80" * 32, b" v1".ljust(32)):
        with refused("InvalidVersion", version):
            subnet.registry.send("advertise", version, 1, HASH, sender=validator(1))


def test_10_takeover_by_an_initialiser() -> None:
    """Code that runs as the diamond gives it to a stranger: asked for, voted for, and still taken back."""
    subnet = Diamonds()
    thief = subnet.chain.place(b"")
    call = subnet.cut((subnet.second.address, ADD, [VERSION]), init=thief)
    with refused("InitNotAllowed", subnet.gateway.address, thief):
        subnet.propose(calls=[call], **ALONE)
    # LibDiamond keeps the owner in a slot of its own: SSTORE there is all that a thief needs.
    slot = keccak(text="upgrade-console.diamond")
    stealing = b"\x73" + bytes.fromhex(STRANGER[2:]) + b"\x7f" + slot + b"\x55\x00"
    subnet.chain.replace(thief, stealing)
    number = subnet.alone(call, initAllowed=True)
    with refused("OwnershipLost", subnet.gateway.address):
        subnet.execute(number)
    assert subnet.gateway.call("owner") == subnet.registry.address
    assert not subnet.version()


def test_10_takeover_by_a_facet_or_by_taking_the_cut_away() -> None:
    subnet = Diamonds()
    subnet.alone(subnet.cut((ZERO, REMOVE, [CUT])))
    with refused("CutLost", subnet.gateway.address):
        subnet.execute(1)
    # An owner() that lies does not help: the cut itself is the registry's only while the diamond says so.
    liar = subnet.chain.place(answering({call_of("owner()"): encode(["address"], [STRANGER])}))
    subnet.alone(subnet.cut((liar, 1, [keccak(text="owner()")[:4]])))
    with refused("OwnershipLost", subnet.gateway.address):
        subnet.execute(2)
    for sender in (STRANGER, validator(1), subnet.extension.address):
        with pytest.raises(Reverted):
            subnet.gateway.send("diamondCut", [(ZERO, REMOVE, [CUT])], ZERO, b"", sender=sender)


def test_10_the_second_half_is_no_way_in() -> None:
    """Its storage is empty and its own: nothing done to it is done to the registry."""
    subnet = Subnet()
    from console.chain.contracts import artefact

    alone = Contract(subnet.chain, subnet.extension.address, artefact("RegistryExtension").abi)
    with refused("NotSelf", STRANGER):
        alone.send("setProposers", STRANGER, 0, sender=STRANGER)
    with refused("NotSelf", subnet.extension.address):
        subnet.registry.send("setProposers", STRANGER, 0, sender=subnet.extension.address)


def test_11_numbers_and_heights() -> None:
    """Numbers count up and are never used again; heights of the past, too near or too far are refused."""
    subnet = Subnet()
    lead = subnet.lead()
    for height, given in ((0, 0), (99, 0), (100, 0), (101, 1), (100 + lead - 1, lead - 1)):
        with refused("LeadTooShort", lead, given):
            subnet.propose(height)
    with pytest.raises(Reverted):
        subnet.propose(2**64 - 1)
    assert subnet.propose() == 1
    with refused("AlreadyScheduled", 1):
        subnet.propose(subnet.target(1))
    subnet.registry.send("cancel", 1, sender="0x" + "ad" * 20)
    subnet.go_to(subnet.target(1) + 1)
    assert subnet.propose() == 2
    for wrong in (0, 3, 2**64 - 1):
        with refused("UnknownProposal", wrong):
            subnet.view(wrong)


def test_11_two_are_never_scheduled_together() -> None:
    subnet = Subnet(voting=True)
    for _ in range(3):
        subnet.propose()
    for number in (1, 2, 3):
        subnet.vote(number, 1, 2, 3)
    assert [subnet.view(number)["status"] for number in (1, 2, 3)] == [SCHEDULED, APPROVED, APPROVED]
    for number in (2, 3):
        with refused("AlreadyScheduled", 1):
            subnet.registry.send("checkAndSchedule", number, sender=STRANGER)


def test_12_replayed_and_altered_signatures() -> None:
    subnet = Signing()
    address = KEYS[0].address.lower()
    signature = subnet.vote_of(KEYS[0])
    other = subnet.deploy(votingRequired=True)
    with refused("UnknownProposal", 1):
        other.send("voteBySig", 1, True, address, 120, subnet.vote_of(KEYS[0], at=other.address), sender=STRANGER)
    with refused("InvalidSignature", address):
        other.send("voteBySig", 1, True, address, 120, signature, sender=STRANGER)
    subnet.cast(signature)
    for again in (signature, signature[:64] + bytes([55 - signature[64]])):
        with refused("InvalidSignature", address):
            subnet.cast(again)


def test_12_one_member_of_the_council_counts_once() -> None:
    subnet = Subnet()
    subnet.propose()
    subnet.halt(1, 1)
    for _ in range(3):
        with refused("AlreadyApproved", 1, member(1)):
            subnet.halt(1, 1)
    assert subnet.status(1) == (SCHEDULED, NO_VERDICT)
    # Approvals are of one proposal.
    subnet.go_to(subnet.target(1) + 1)
    subnet.propose()
    assert subnet.view(2)["haltApprovals"] == 0


def test_13_blocks_that_are_skipped() -> None:
    """Nothing waits for one exact block: a freeze at any of its blocks, a view at any later one."""
    for before in range(2, FREEZE + 1):
        subnet = Subnet()
        subnet.propose()
        subnet.ready(1, 1, 2, 3)
        subnet.arm(1, 1, 2, 3)
        subnet.freeze(1, before)
        assert subnet.status(1) == (SCHEDULED, CROSS)
    subnet = Subnet()
    height = subnet.target(subnet.propose())
    subnet.go_to(height + 1000)
    assert subnet.status(1) == (ABORTED, ABORT)
    assert subnet.propose(height + 2000) == 2


def test_14_a_halt_and_calls_in_one_block() -> None:
    """Whichever comes first counts, and what was called is taken back."""
    subnet = Diamonds()
    subnet.link(first=True)
    subnet.execute()
    subnet.halt(1, 1, 2, 3)
    subnet.undo()
    assert not subnet.version()
    other = Diamonds()
    other.link(first=True)
    other.halt(1, 1, 2, 3)
    with refused("WrongStatus", 1, CANCELLED):
        other.execute()


def test_14_a_halt_after_the_height_and_one_that_never_ends() -> None:
    subnet = Subnet()
    height = subnet.target(subnet.propose())
    for block in (height - FREEZE, height, height + WINDOW):
        subnet.go_to(block)
        with refused("TooLate", 1, height - FREEZE - 1, block):
            subnet.halt(1, 1)
    # A council that stops everything is replaced by a vote that it cannot stop.
    subnet.go_to(height + WINDOW + 1)
    number = subnet.propose(calls=[subnet.setting("setCouncil", [], 0)], **ALONE)
    with refused("NotHaltable", number):
        subnet.halt(number, 1)
    subnet.vote(number, 1, 2, 3)
    subnet.registry.send("executeContracts", number, sender=STRANGER)
    assert subnet.registry.call("settings")["council"] == ()


def test_14_calls_are_made_all_or_none() -> None:
    subnet = Diamonds()
    subnet.alone(subnet.upgrade, subnet.upgrade)
    with pytest.raises(Reverted):
        subnet.execute()
    assert not subnet.version()


def test_15_bytes_change_by_the_validators_alone() -> None:
    """What was agreed on stays: nobody changes it, and a replacement is for all its bytes and its URL."""
    subnet = Subnet(voting=True)
    subnet.propose(sender=validator(1))
    subnet.vote(1, 1, 2, 3)
    for sender in (STRANGER, operator(1), member(1)):
        with refused("NotAValidator", sender):
            subnet.registry.send("replaceRelease", 1, b"\xbb" * 32, URL, sender=sender)
    for number in (1, 2):
        subnet.registry.send("replaceRelease", 1, b"\xbb" * 32, URL, sender=validator(number))
    subnet.registry.send("replaceRelease", 1, b"\xbb" * 32, URL + "x", sender=validator(3))
    assert (subnet.view(1)["releaseHash"], subnet.view(1)["releaseUrl"]) == (HASH, URL)
    # A facet's code is bound as well: metamorphic code is found out.
    diamonds = Diamonds()
    diamonds.alone(diamonds.upgrade)
    diamonds.chain.replace(diamonds.second.address, b"\x00")
    with pytest.raises(Reverted, match="CodeChanged"):
        diamonds.execute()


def test_16_a_power_source_that_fails() -> None:
    """Nothing is decided on what it does not say; a freeze that cannot be made is an Abort."""
    subnet = Subnet()
    height = subnet.target(subnet.propose())
    subnet.ready(1, 1, 2, 3)
    subnet.arm(1, 1, 2, 3)
    broken = answering({}, b"\xde\xad\xbe\xef")
    sound = subnet.chain.code(subnet.source.address)
    subnet.chain.replace(subnet.source.address, broken)
    subnet.go_to(height - FREEZE)
    with pytest.raises(Reverted, match="deadbeef"):
        subnet.registry.send("freeze", 1, sender=STRANGER)
    with pytest.raises(Reverted, match="deadbeef"):
        subnet.propose(height + 100)
    subnet.go_to(height)
    subnet.chain.replace(subnet.source.address, sound)
    assert subnet.status(1) == (ABORTED, ABORT)


def test_16_a_source_that_fails_can_be_voted_away() -> None:
    """Votes are on the copy: one that was proposed in time does not ask the source again."""
    subnet = Subnet()
    other = source_of(subnet, (validator(1), 5))
    number = subnet.propose(calls=[subnet.setting("setPowerSource", other)], **ALONE)
    subnet.chain.replace(subnet.source.address, b"\xfe")
    subnet.vote(number, 1, 2, 3)
    subnet.registry.send("executeContracts", number, sender=STRANGER)
    assert subnet.registry.call("settings")["powerSource"] == other


def test_16_a_source_that_changes_its_mind_within_a_set() -> None:
    """Other powers under the same number: votes stay on the first copy, the verdict is on what it says then."""
    subnet = Subnet(voting=True)
    first = source_of(subnet, (validator(1), 1), (validator(2), 1), (validator(3), 1))
    registry = subnet.deploy(powerSource=first, votingRequired=True)
    subnet.registry = registry
    subnet.propose()
    answer = encode(["(address,uint256)[]", "uint64"], [[(validator(1), 10**6)], 0])
    subnet.chain.replace(first, answering({MEMBERSHIP: answer}))
    subnet.vote(1, 1)
    assert (subnet.view(1)["status"], subnet.view(1)["votingPower"]) == (VOTING, 3)


def test_16_absurd_power() -> None:
    subnet = Subnet()
    with refused("PowerTooLarge", validator(1), 2**224):
        subnet.deploy(powerSource=source_of(subnet, (validator(1), 2**224)))
    with refused("PowerTooLarge", validator(1), 2**256 - 1):
        subnet.deploy(powerSource=source_of(subnet, (validator(1), 2**256 - 1)))
