"""GO only if everything that is needed is there; otherwise each failing term with its number (DESIGN §9)."""

from __future__ import annotations

from dataclasses import replace

from console.model import (
    Arming,
    ChainView,
    CutCheck,
    CutWatch,
    NodeStatus,
    Proposal,
    ProposalStatus,
    Readiness,
    ReleaseKind,
    Upgrade,
    Validator,
    ValidatorReadiness,
    Verdict,
    upgrade_of,
)
from console.text import untrusted
from tests.console.node.fakes import OTHERS, OWN, ZERO, proposal
from tests.console.node.test_exits import ATTEMPT

ADDRESSES = (OWN, *OTHERS)


def validator(address: str, power: int = 10) -> Validator:
    return Validator(address, untrusted(address[:4]), power, address[2:].upper())


def entry(address: str, *, ready: int = 51, armed: int = 52) -> ValidatorReadiness:
    return ValidatorReadiness(address, 10, ZERO, ready, 0, armed, 0, 0, 0, "", "")


def chain(plan: Proposal, powers: tuple[int, ...] = (10, 10, 10, 10), **said: int) -> ChainView:
    return ChainView(
        height=80,
        block_time_s=2.0,
        block_time_unix=1.0,
        validators=tuple(validator(address, power) for address, power in zip(ADDRESSES, powers, strict=True)),
        nodes=(),
        proposals=(plan,),
        readiness=Readiness(plan.id, tuple(entry(address, **said) for address in ADDRESSES)),
        age_s=0.0,
        problem="",
    )


def node(**changes: object) -> NodeStatus:
    attempt = replace(ATTEMPT, **changes)  # type: ignore[arg-type]
    return NodeStatus("n", "ARMED", "genesis", untrusted("v"), 1, 80, 80, 0.0, 100, None, "", attempt, 1, "")


def upgrade(plan: Proposal, own: NodeStatus | None = None, powers: tuple[int, ...] = (10, 10, 10, 10)) -> Upgrade:
    found = upgrade_of(chain(plan, powers), own, 80)
    assert found is not None
    return found


FULL = proposal(ready_power=40, armed_power=40, go_power=40)


def test_all_ready_and_armed_is_go_with_what_may_fail() -> None:
    found = upgrade(FULL, node())
    assert (found.go, found.no_go_reasons, found.power_may_fail) == (True, (), 13)
    assert [term.text for term in found.reckoning.terms] == [
        "ready 40 of 40 power, 27 needed",
        "armed 40 of 40 power, 27 needed",
        "this node is armed",
    ]
    assert (found.blocks_left, found.eta_s, found.ready_count, found.validator_count) == (20, 40.0, 4, 4)


def test_each_failing_term_is_named_with_its_number() -> None:
    found = upgrade(replace(FULL, ready_power=20, armed_power=26, go_power=20))
    assert not found.go
    assert found.no_go_reasons == ("ready 20 of 40 power, 27 needed", "armed 26 of 40 power, 27 needed")


def test_ready_and_armed_must_be_the_same_power() -> None:
    found = upgrade(replace(FULL, ready_power=30, armed_power=30, go_power=20))
    assert found.no_go_reasons == ("ready and armed 20 of 40 power, 27 needed",)


def test_gateway_weight_alone_is_no_go_when_consensus_power_is_elsewhere() -> None:
    plan = replace(FULL, ready_power=30, armed_power=30, go_power=30)
    view = chain(plan, powers=(100, 1, 1, 1))
    entries = (entry(OWN, ready=0), *(entry(address) for address in OTHERS))
    found = upgrade_of(replace(view, readiness=Readiness(plan.id, entries)), None, 80)
    assert found is not None
    assert found.no_go_reasons == ("ready and armed 3 of 103 consensus power, 69 needed",)


def test_an_own_node_that_is_not_armed_is_no_go() -> None:
    assert upgrade(FULL, node(arming=Arming.WAITING_TURN)).no_go_reasons == ("this node is not armed",)


def test_a_frozen_verdict_decides() -> None:
    assert upgrade(replace(FULL, verdict=Verdict.CROSS), node(arming=Arming.WAITING_TURN)).go
    aborted = upgrade(replace(FULL, verdict=Verdict.ABORT, status=ProposalStatus.ABORTED))
    assert aborted.no_go_reasons == ("the verdict is ABORT",)


def test_what_may_fail_is_told_in_both_weights() -> None:
    plan = replace(FULL, ready_power=40, armed_power=40, go_power=40)
    found = upgrade(plan, powers=(100, 100, 100, 100))
    assert (found.reckoning.registry_may_fail, found.reckoning.consensus_may_fail) == (13, 133)
    assert found.reckoning.terms[-1].text == "ready and armed 400 of 400 consensus power, 267 needed"


def test_cuts_that_come_first_must_be_made_and_verified() -> None:
    plan = replace(FULL, contracts_first=True, linked_calls=1)
    assert upgrade(plan).no_go_reasons == ("1 contract call that comes before the freeze is not made yet",)
    made = replace(plan, contracts_at=70)
    assert upgrade(made).no_go_reasons == ("1 contract call made, not verified yet",)

    def watched(watch: CutWatch) -> Upgrade:
        found = upgrade_of(replace(chain(made), cuts=watch), None, 80)
        assert found is not None
        return found

    good = watched(CutWatch(plan.id, (CutCheck(OWN, 78, True, ()),)))
    assert good.go
    assert "1 contract cut verified at 78" in [term.text for term in good.reckoning.terms]
    bad = watched(CutWatch(plan.id, (CutCheck(OWN, 78, False, ("0x12345678 is answered by nobody",)),)))
    assert bad.no_go_reasons == ("contract cuts are not in force: 0x12345678 is answered by nobody",)
    unread = watched(CutWatch(plan.id, (), untrusted("no answer")))
    assert unread.no_go_reasons == ("contract cuts cannot be verified: no answer",)


def test_calls_alone_stop_no_node() -> None:
    found = upgrade(replace(FULL, release_kind=ReleaseKind.NONE))
    assert found.no_go_reasons == ("it is about contract calls alone: no node stops for it",)
