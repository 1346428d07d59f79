"""Linked calls: what may be linked, when it is called, and that it is all, or none, and still the registry's after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from console.devnet.evm.genesis import selectors
from tests.contracts.evm import Contract, Reverted
from tests.contracts.gateway import union
from tests.contracts.registry import (
    ABORTED,
    ALONE,
    APPROVED,
    CALLS_ALONE,
    CANCELLED,
    CROSS,
    EXECUTED,
    EXPIRED,
    FREEZE,
    NO_VERDICT,
    ROLLED_BACK,
    SCHEDULED,
    STRANGER,
    VOTING,
    WINDOW,
    ZERO,
    Call,
    Subnet,
    refused,
    validator,
)
from tests.contracts.test_propose import field

ADD, REPLACE, REMOVE = range(3)
GETTER = selectors("GatewayGetterFacet")
VERSION = next(each for each in selectors("GatewayGetterFacetV2") if each not in GETTER)
CUT, TRANSFER = bytes.fromhex("1f931c1c"), bytes.fromhex("f2fde38b")


class Diamonds(Subnet):
    """A subnet with a second getter facet that its gateway does not have yet."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.second = self.chain.deploy("GatewayGetterFacetV2")
        self.upgrade = self.cut((self.second.address, ADD, [VERSION]))
        self.downgrade = self.cut((ZERO, REMOVE, [VERSION]))

    def version(self) -> bool:
        """Whether the gateway answers the second facet's function."""
        gateway = Contract(self.chain, self.gateway.address, union("GatewayDiamond", "GatewayGetterFacetV2"))
        try:
            return bool(gateway.call("getNetworkVersion") == 2)
        except Reverted:
            return False

    def link(self, *, first: bool = False, undo: Sequence[Call] | None = None, **changes: Any) -> int:
        """Propose a release with the upgrade and win the vote."""
        given = [self.downgrade] if undo is None else undo
        number = self.propose(calls=[self.upgrade], undo=given, contractsFirst=first, **changes)
        self.vote(number, 1, 2, 3)
        return number

    def alone(self, *calls: Call, **changes: Any) -> int:
        """Propose calls without a release and win the vote."""
        number = self.propose(calls=calls, **{**ALONE, **changes})
        self.vote(number, 1, 2, 3)
        return number

    def execute(self, number: int = 1) -> None:
        self.registry.send("executeContracts", number, sender=STRANGER)

    def undo(self, number: int = 1) -> None:
        self.registry.send("undoContracts", number, sender=STRANGER)

    def cross(self, number: int = 1) -> int:
        """Freeze with the verdict Cross; H."""
        self.ready(number, 1, 2, 3)
        self.arm(number, 1, 2, 3)
        self.freeze(number)
        assert self.view(number)["verdict"] == CROSS
        return self.target(number)


@pytest.fixture
def subnet() -> Diamonds:
    return Diamonds()


class TestLinking:
    def test_what_is_shown(self, subnet: Diamonds) -> None:
        number = subnet.propose(calls=[subnet.upgrade], undo=[subnet.downgrade])
        shown = subnet.view(number)
        lists = ["(address,bytes)[]", "(address,bytes)[]"]
        assert shown["linkedHash"] == keccak(encode(lists, [[subnet.upgrade], [subnet.downgrade]]))
        assert (shown["linkedCalls"], shown["contractsFirst"], shown["initAllowed"]) == (1, False, False)
        calls, undo = subnet.registry.call("linked", number)
        code = keccak(subnet.chain.code(subnet.second.address))
        assert calls == [
            {
                "target": subnet.upgrade[0],
                "data": subnet.upgrade[1],
                "codesHash": keccak(code + bytes(32)),
            }
        ]
        assert undo == [
            {
                "target": subnet.downgrade[0],
                "data": subnet.downgrade[1],
                "codesHash": keccak(bytes(64)),
            }
        ]

    def test_calls_always_need_a_vote(self, subnet: Diamonds) -> None:
        with refused("VoteTooShort", 30, 0):
            subnet.propose(200, calls=[subnet.upgrade], votingBlocks=0)
        subnet.propose(calls=[subnet.upgrade])
        assert subnet.status(1) == (VOTING, NO_VERDICT)

    def test_a_release_without_calls(self, subnet: Diamonds) -> None:
        assert subnet.registry.call("linked", subnet.propose()) == ([], [])
        assert subnet.view(1)["linkedHash"] == bytes(32)
        with refused("NoLinkedCalls", 1):
            subnet.execute()

    def test_what_only_calls_have(self, subnet: Diamonds) -> None:
        for name in ("contractsFirst", "initAllowed"):
            change: dict[str, Any] = {name: True}
            with refused("FieldNotAllowed", field(name)):
                subnet.propose(**change)
        with refused("FieldNotAllowed", field("undo")):
            subnet.propose(undo=[subnet.downgrade])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("releaseHash", b"\x01" * 32),
            ("releaseUrl", "x"),
            ("breaking", True),
            ("migrationKind", 1),
            ("migrationHash", b"\x01" * 32),
            ("graceBlocks", 1),
            ("contractsFirst", True),
            ("scheduleKind", 1),
            ("targetHeight", 200),
            ("delay", 30),
        ],
    )
    def test_what_calls_alone_do_not_have(self, subnet: Diamonds, name: str, value: Any) -> None:
        with refused("FieldNotAllowed", field(name)):
            subnet.propose(calls=[subnet.upgrade], **{**ALONE, name: value})

    def test_calls_alone_have_calls_and_no_undo(self, subnet: Diamonds) -> None:
        with refused("InvalidField", field("calls"), 0):
            subnet.propose(**ALONE)
        with refused("FieldNotAllowed", field("undo")):
            subnet.propose(calls=[subnet.upgrade], undo=[subnet.downgrade], **ALONE)

    def test_calls_that_come_first_have_an_undo(self, subnet: Diamonds) -> None:
        with refused("UndoMissing"):
            subnet.propose(calls=[subnet.upgrade], contractsFirst=True)

    def test_ten_in_a_list(self, subnet: Diamonds) -> None:
        subnet.propose(calls=[subnet.upgrade] * 10, undo=[subnet.downgrade] * 10)
        with refused("TooManyCalls", 10, 11):
            subnet.propose(calls=[subnet.upgrade] * 11)
        with refused("TooManyCalls", 10, 11):
            subnet.propose(calls=[subnet.upgrade], undo=[subnet.downgrade] * 11)

    def test_sixteen_kibibytes(self, subnet: Diamonds) -> None:
        def sized(data: int) -> Call:
            return subnet.cut((subnet.second.address, ADD, [VERSION]), data=b"\x01" * data)

        size = len(encode(["(address,bytes)[]"], [[sized(0)]]))
        most = 16 * 1024 - size
        with refused("CallsTooLarge", 16 * 1024, 16 * 1024 + 32):
            subnet.propose(calls=[sized(most + 1)])
        subnet.propose(calls=[sized(most)])


class TestTargets:
    def test_only_allowed_ones(self, subnet: Diamonds) -> None:
        with refused("TargetNotAllowed", STRANGER):
            subnet.propose(calls=[(STRANGER, subnet.upgrade[1])])

    @pytest.mark.parametrize("data", [b"", b"\x1f\x93\x1c", b"\x00" * 36, bytes.fromhex("a9059cbb") + bytes(64)])
    def test_only_cuts(self, subnet: Diamonds, data: bytes) -> None:
        with refused("SelectorNotAllowed", subnet.gateway.address, data[:4].ljust(4, b"\0")):
            subnet.propose(calls=[(subnet.gateway.address, data)])

    @pytest.mark.parametrize("data", [CUT, CUT + bytes(95), CUT + b"\xff" * 96])
    def test_arguments_that_are_none(self, subnet: Diamonds, data: bytes) -> None:
        with pytest.raises(Reverted):
            subnet.propose(calls=[(subnet.gateway.address, data)])

    def test_cuts_that_no_diamond_takes(self, subnet: Diamonds) -> None:
        wrong: list[list[Any]] = [
            [],
            [(subnet.second.address, ADD, [])],
            [(ZERO, ADD, [VERSION])],
            [(ZERO, REPLACE, [VERSION])],
            [(subnet.second.address, REMOVE, [VERSION])],
        ]
        for changes in wrong:
            with refused("InvalidCut", subnet.gateway.address):
                subnet.propose(calls=[subnet.cut(*changes)])

    def test_facets_have_code(self, subnet: Diamonds) -> None:
        for calls, undo in (
            ([subnet.cut((STRANGER, ADD, [VERSION]))], []),
            ([subnet.upgrade], [subnet.cut((STRANGER, REPLACE, [VERSION]))]),
        ):
            with refused("FacetWithoutCode", STRANGER):
                subnet.propose(calls=calls, undo=undo)

    def test_initialisers_are_asked_for(self, subnet: Diamonds) -> None:
        call = subnet.cut((subnet.second.address, ADD, [VERSION]), init=subnet.second.address)
        with refused("InitNotAllowed", subnet.gateway.address, subnet.second.address):
            subnet.propose(calls=[call])
        with refused("FacetWithoutCode", STRANGER):
            subnet.propose(calls=[subnet.cut((subnet.second.address, ADD, [VERSION]), init=STRANGER)], initAllowed=True)
        subnet.propose(calls=[call], initAllowed=True)
        assert subnet.view(1)["initAllowed"] is True
        code = keccak(subnet.chain.code(subnet.second.address))
        assert subnet.registry.call("linked", 1)[0][0]["codesHash"] == keccak(code + code)

    def test_ownership_moves_alone(self, subnet: Diamonds) -> None:
        give = (subnet.gateway.address, subnet.gateway.data("transferOwnership", STRANGER))
        for calls, changes in (([give], {}), ([give, subnet.upgrade], ALONE), ([give, give], ALONE)):
            with refused("SelectorNotAllowed", subnet.gateway.address, TRANSFER):
                subnet.propose(calls=calls, **changes)
        with refused("InvalidCut", subnet.gateway.address):
            subnet.propose(calls=[(give[0], give[1] + b"\0")], **ALONE)
        subnet.execute(subnet.alone(give))
        assert subnet.gateway.call("owner") == STRANGER


class TestAlone:
    def test_executed_by_anyone_once(self, subnet: Diamonds) -> None:
        number = subnet.propose(calls=[subnet.upgrade], **ALONE)
        with refused("WrongStatus", number, VOTING):
            subnet.execute()
        subnet.vote(number, 1, 2, 3)
        assert subnet.status(1) == (APPROVED, NO_VERDICT)
        with refused("NoRelease", 1):
            subnet.registry.send("checkAndSchedule", 1, sender=STRANGER)
        with refused("NoRelease", 1):
            subnet.ready(1, 1)
        subnet.go_to(110)
        subnet.execute()
        assert [name for name, _ in subnet.chain.events] == ["ProposalEnded", "ContractsExecuted"]
        assert subnet.version()
        shown = subnet.view(1)
        assert (shown["status"], shown["contractsAt"], shown["endedAt"]) == (EXECUTED, 110, 110)
        assert shown["releaseKind"] == CALLS_ALONE
        with refused("ContractsDone", 1, 110):
            subnet.execute()
        with refused("WrongStatus", 1, EXECUTED):
            subnet.undo()

    def test_within_its_window(self, subnet: Diamonds) -> None:
        subnet.alone(subnet.upgrade)
        subnet.go_to(100 + WINDOW + 1)
        assert subnet.status(1) == (EXPIRED, NO_VERDICT)
        with refused("WrongStatus", 1, EXPIRED):
            subnet.execute()
        later = Diamonds()
        later.alone(later.upgrade, executionWindow=1)
        later.go_to(101)
        later.execute()

    def test_it_waits_for_no_release(self, subnet: Diamonds) -> None:
        subnet.propose()
        subnet.execute(subnet.alone(subnet.upgrade))
        assert subnet.registry.call("scheduledId") == 1


class TestFirst:
    def test_before_the_freeze(self, subnet: Diamonds) -> None:
        number = subnet.propose(calls=[subnet.upgrade], undo=[subnet.downgrade], contractsFirst=True)
        with refused("WrongStatus", number, VOTING):
            subnet.execute()
        subnet.vote(number, 1, 2, 3)
        subnet.go_to(subnet.target(1) - FREEZE - 1)
        subnet.execute()
        assert subnet.version()
        assert subnet.status(1) == (SCHEDULED, NO_VERDICT)
        subnet.cross()
        with refused("WrongStatus", 1, SCHEDULED):
            subnet.undo()

    def test_not_later_and_then_the_verdict_is_abort(self, subnet: Diamonds) -> None:
        subnet.link(first=True)
        height = subnet.target(1)
        subnet.ready(1, 1, 2, 3, 4)
        subnet.arm(1, 1, 2, 3, 4)
        subnet.go_to(height - FREEZE)
        with refused("TooLate", 1, height - FREEZE - 1, height - FREEZE):
            subnet.execute()
        subnet.freeze(1)
        assert subnet.view(1)["status"] == ABORTED
        assert not subnet.version()
        with refused("ContractsNotDone", 1):
            subnet.undo()


class TestUndo:
    def aborted(self, subnet: Diamonds) -> None:
        subnet.freeze(1)

    def unfrozen(self, subnet: Diamonds) -> None:
        subnet.go_to(subnet.target(1) - 1)

    def cancelled(self, subnet: Diamonds) -> None:
        subnet.halt(1, 1, 2, 3)

    def expired(self, subnet: Diamonds) -> None:
        subnet.go_to(subnet.cross() + WINDOW + 1)

    def rolled_back(self, subnet: Diamonds) -> None:
        subnet.go_to(subnet.cross())
        for number in (1, 2, 3):
            subnet.registry.send("rollback", 1, "no blocks", sender=validator(number))

    @pytest.mark.parametrize(
        ("end", "status"),
        [
            ("aborted", ABORTED),
            ("unfrozen", ABORTED),
            ("cancelled", CANCELLED),
            ("expired", EXPIRED),
            ("rolled_back", ROLLED_BACK),
        ],
    )
    def test_when_the_upgrade_did_not_come(self, subnet: Diamonds, end: str, status: int) -> None:
        subnet.link(first=True)
        subnet.execute()
        assert subnet.version()
        with refused("WrongStatus", 1, SCHEDULED):
            subnet.undo()
        getattr(self, end)(subnet)
        assert subnet.view(1)["status"] == status
        subnet.undo()
        assert subnet.chain.events == [("ContractsUndone", {"id": 1, "caller": STRANGER})]
        assert not subnet.version()
        assert subnet.view(1)["undoneAt"] == subnet.chain.number
        with refused("ContractsDone", 1, subnet.chain.number):
            subnet.undo()

    def test_not_without_an_undo(self, subnet: Diamonds) -> None:
        subnet.link(undo=[])
        height = subnet.cross()
        subnet.go_to(height + 1)
        subnet.execute()
        subnet.go_to(height + WINDOW + 1)
        with refused("NoLinkedCalls", 1):
            subnet.undo()


class TestAfter:
    def test_after_h(self, subnet: Diamonds) -> None:
        subnet.link()
        with refused("NotCrossing", 1, NO_VERDICT):
            subnet.execute()
        height = subnet.cross()
        for block in (height - 1, height):
            subnet.go_to(block)
            with refused("TooEarly", 1, height + 1, block):
                subnet.execute()
        subnet.go_to(height + 1)
        subnet.confirm(1, 1, 2, 3)
        assert subnet.view(1)["status"] == EXECUTED
        subnet.execute()
        assert subnet.version()
        assert subnet.view(1)["contractsAt"] == height + 1

    def test_within_the_window(self, subnet: Diamonds) -> None:
        subnet.link()
        height = subnet.cross()
        subnet.go_to(height + WINDOW + 1)
        with refused("TooLate", 1, height + WINDOW, height + WINDOW + 1):
            subnet.execute()
        subnet.go_to(height + WINDOW)
        subnet.execute()

    def test_not_after_a_rollback(self, subnet: Diamonds) -> None:
        subnet.link()
        subnet.go_to(subnet.cross() + 1)
        for number in (1, 2, 3):
            subnet.registry.send("rollback", 1, "", sender=validator(number))
        with refused("WrongStatus", 1, ROLLED_BACK):
            subnet.execute()


class TestAllOrNone:
    def test_one_that_fails_takes_the_others_back(self, subnet: Diamonds) -> None:
        subnet.alone(subnet.upgrade, subnet.upgrade)
        reason = keccak(text="CannotAddFunctionToDiamondThatAlreadyExists(bytes4)")[:4] + VERSION.ljust(32, b"\0")
        with refused("CallFailed", subnet.gateway.address, reason):
            subnet.execute()
        assert not subnet.version()
        assert subnet.view(1)["contractsAt"] == 0

    def test_one_after_the_other(self, subnet: Diamonds) -> None:
        third = subnet.chain.deploy("GatewayGetterFacetV2")
        subnet.alone(subnet.upgrade, subnet.cut((third.address, REPLACE, [VERSION])))
        subnet.execute()
        assert subnet.gateway.call("facetAddress", VERSION) == third.address

    def test_code_that_changed(self, subnet: Diamonds) -> None:
        subnet.alone(subnet.upgrade)
        before = subnet.registry.call("linked", 1)[0][0]["codesHash"]
        other = subnet.chain.code(subnet.second.address) + b"\0"
        subnet.chain.replace(subnet.second.address, other)
        with refused("CodeChanged", subnet.gateway.address, before, keccak(keccak(other) + bytes(32))):
            subnet.execute()

    def test_a_target_that_is_not_allowed_any_more(self, subnet: Diamonds) -> None:
        subnet.alone(subnet.upgrade)
        subnet.settle("setTarget", subnet.gateway.address, False)
        with refused("TargetNotAllowed", subnet.gateway.address):
            subnet.execute()

    def test_a_diamond_that_can_not_be_cut_again(self, subnet: Diamonds) -> None:
        subnet.alone(subnet.cut((ZERO, REMOVE, [CUT])))
        with refused("CutLost", subnet.gateway.address):
            subnet.execute()

    def test_a_diamond_that_says_nothing_about_itself(self, subnet: Diamonds) -> None:
        subnet.alone(subnet.cut((ZERO, REMOVE, selectors("OwnershipFacet"))))
        with pytest.raises(Reverted):
            subnet.execute()
        subnet.execute(subnet.alone(subnet.upgrade))
