"""The 95 % rule by zones: who counts, when it is judged, and what is prepared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model import (
    Agreement,
    AgreementState,
    ChainView,
    Proposal,
    ProposalStatus,
    SuccessMeasure,
    UpgradeSuccess,
    Verdict,
    Zone,
    network_zone,
    seconds_past,
    upgrade_success,
)
from console.model.success_rule import PATIENCE_S, is_enough
from tests import fakes

LATE = PATIENCE_S


def judged(snapshot: object, past_s: float | None = LATE, **more: object) -> UpgradeSuccess | None:
    """The rule on a Snapshot of the fakes."""
    chain = snapshot.chain  # type: ignore[attr-defined]
    assert isinstance(chain, ChainView)
    return upgrade_success(chain, chain.proposals[0], past_s, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("power", "total", "enough"),
    [(95, 100, True), (94, 100, False), (19, 20, True), (18, 20, False), (0, 0, False), (949_999, 1_000_000, False)],
)
def test_the_share_is_counted_in_integers(power: int, total: int, enough: bool) -> None:
    assert is_enough(power, total) is enough


def test_before_h_there_is_nothing_to_judge() -> None:
    assert judged(fakes.frozen()) is None


@pytest.mark.parametrize(
    "status", [ProposalStatus.ABORTED, ProposalStatus.CANCELLED, ProposalStatus.ROLLED_BACK, ProposalStatus.REJECTED]
)
def test_a_network_that_decided_against_it_is_not_judged(status: ProposalStatus) -> None:
    before = fakes.verifying()
    assert before.chain is not None
    proposal = replace(before.chain.proposals[0], status=status)
    assert upgrade_success(before.chain, proposal, LATE) is None
    assert judged(fakes.aborted_at_the_halt()) is None


def test_at_the_halt_nobody_is_there_and_the_abort_is_prepared_only_after_the_patience() -> None:
    early, late = judged(fakes.halted(), LATE - 1), judged(fakes.halted())
    assert early is not None
    assert late is not None
    assert (early.zone, early.power, early.measure) == (Zone.Z0, 0, SuccessMeasure.WAIT)
    assert late.measure is SuccessMeasure.PREPARE_ABORT
    assert "0 of 40" in late.sentence
    assert "node1 (10)" in late.sentence


def test_half_back_at_h_is_zone_1() -> None:
    found = judged(fakes.waiting_for_quorum())
    assert found is not None
    assert (found.zone, found.power, found.total, found.there) == (Zone.Z1, 20, 40, 2)
    assert found.measure is SuccessMeasure.PREPARE_ABORT
    assert [str(each.moniker) for each in found.missing] == ["node3", "node4"]


def test_past_h_plus_1_it_is_forward_only() -> None:
    before = fakes.verifying()
    assert before.chain is not None
    behind = replace(before.chain, nodes=fakes.node_heights(1303, (1303, 1303, 1303, 1299), down=(3,)))
    found = upgrade_success(behind, behind.proposals[0], LATE)
    assert found is not None
    assert (found.zone, found.power, found.measure) == (Zone.Z2, 30, SuccessMeasure.PREPARE_REVERT)
    assert "forward only" in found.sentence


def test_a_confirmation_or_a_signature_after_h_proves_a_validator_whose_node_nobody_can_ask() -> None:
    before = fakes.verifying()
    assert before.chain is not None
    blind = replace(before.chain, nodes=())
    confirmed = upgrade_success(blind, blind.proposals[0], LATE)
    assert confirmed is not None
    assert confirmed.power == 20
    signers = {validator.consensus_address for validator in blind.validators}
    signed = upgrade_success(blind, blind.proposals[0], LATE, signers)
    assert signed is not None
    assert signed.enough
    assert signed.measure is SuccessMeasure.NOTHING


def test_who_was_never_armed_is_past_h_under_old_rules() -> None:
    before = fakes.verifying()
    assert before.chain is not None
    entries = (*fakes.ALL_READY[:3], fakes.said(3, armed=False))
    chain = replace(before.chain, readiness=fakes.readiness_of(1, entries))
    found = upgrade_success(chain, chain.proposals[0], LATE)
    assert found is not None
    assert [str(each.moniker) for each in found.missing] == ["node4"]


def test_contradicting_endpoints_and_an_unknown_time_prepare_nothing() -> None:
    before = fakes.waiting_for_quorum()
    assert before.chain is not None
    contested = replace(before.chain, agreement=Agreement(AgreementState.DISAGREED, "two say other things"))
    found = upgrade_success(contested, contested.proposals[0], LATE)
    assert found is not None
    assert found.measure is SuccessMeasure.WAIT
    assert "contradict" in found.sentence
    unknown = judged(before, None)
    assert unknown is not None
    assert unknown.measure is SuccessMeasure.WAIT
    assert "not known" in unknown.sentence


def test_without_validators_nothing_follows() -> None:
    before = fakes.waiting_for_quorum()
    assert before.chain is not None
    found = upgrade_success(replace(before.chain, validators=()), before.chain.proposals[0], LATE)
    assert found is not None
    assert found.measure is SuccessMeasure.WAIT
    assert "not known yet" in found.sentence


def test_the_time_since_h_counts_the_blocks_that_came_after_it() -> None:
    chain = fakes.chain(1310)
    assert seconds_past(chain, 1300, fakes.NOW) == pytest.approx(10.5)
    assert seconds_past(replace(chain, height=1300), 1300, fakes.NOW + 60) == pytest.approx(60.5)
    assert seconds_past(chain, 1311, fakes.NOW) is None
    assert seconds_past(replace(chain, block_time_s=None), 1300, fakes.NOW) is None
    assert seconds_past(replace(chain, block_time_unix=None), 1300, fakes.NOW) is None


def _scene(powers: list[int], apps: list[int], height: int, confirmed: list[bool]) -> tuple[ChainView, Proposal]:
    validators = fakes.validators(powers)
    entries = tuple(fakes.said(index, confirmed=each) for index, each in enumerate(confirmed))
    proposal = fakes.proposal(entries, verdict=Verdict.CROSS)
    base = fakes.chain(height, (proposal,), entries, fakes.node_heights(height, apps))
    return replace(base, validators=validators), proposal


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 1000), min_size=4, max_size=4),
    st.lists(st.integers(fakes.TARGET - 1, fakes.TARGET + 5), min_size=4, max_size=4),
    st.integers(fakes.TARGET - 1, fakes.TARGET + 5),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.floats(0, 4 * PATIENCE_S),
)
def test_an_abort_is_never_prepared_past_h_plus_1_and_a_revert_never_before(
    powers: list[int], apps: list[int], height: int, confirmed: list[bool], past_s: float
) -> None:
    chain, proposal = _scene(powers, apps, height, confirmed)
    found = upgrade_success(chain, proposal, past_s)
    zone = network_zone(chain, proposal.target_height)
    if zone is None:
        assert found is None
        return
    assert found is not None
    assert found.zone is zone
    assert found.power + sum(each.power for each in found.missing) == found.total == sum(powers)
    if found.measure is SuccessMeasure.PREPARE_ABORT:
        assert zone in {Zone.Z0, Zone.Z1}
    if found.measure is SuccessMeasure.PREPARE_REVERT:
        assert zone is Zone.Z2
    assert found.enough == (found.measure is SuccessMeasure.NOTHING)
