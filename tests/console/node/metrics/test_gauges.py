"""Gauges of what a controller knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.metrics.table import METRICS
from console.metrics.words import MetricKind
from console.model import Arming, Attempt, Crossing, PlanOrigin, Preparation, Readiness, ValidatorReadiness, Verdict
from console.node.journal import Journal
from console.node.metrics.counts import JournalCounts
from console.node.metrics.gauges import Known, gauges
from console.text import untrusted
from tests.console.node.fakes import OTHERS, OWN, proposal
from tests.console.node.metrics.known import known


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    """Of `proposal()`, as a controller begins it."""
    journal = Journal(tmp_path / "journal.db")
    begun = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.close()
    return begun


def values(now: Known, counts: JournalCounts | None = None) -> dict[str, dict[str, float]]:
    found = gauges(now, counts or JournalCounts())
    for entry in METRICS:
        if entry.name in found:
            assert set(found[entry.name]) == set(entry.values or ("",))
    return found


def one(now: Known, *names: str) -> tuple[float, ...]:
    found = values(now)
    return tuple(found[name][""] for name in names)


def said(address: str, *, ready: int = 0, advertised: str = "") -> ValidatorReadiness:
    return ValidatorReadiness(address, 10, "", ready, 0, 0, 0, 0, 0, "", "", untrusted(""), 0, advertised)


def test_an_idle_node_has_a_value_for_every_gauge_and_no_upgrade() -> None:
    found = values(known())
    wanted = {entry.name for entry in METRICS if entry.kind is MetricKind.GAUGE and not entry.facts}
    assert set(found) == wanted | {"ipc_upgrade_proposals_total"}
    assert found["ipc_upgrade_state"] == {**dict.fromkeys(found["ipc_upgrade_state"], 0.0), "IDLE": 1.0}
    assert found["ipc_upgrade_verdict"] == {"none": 1.0, "cross": 0.0, "abort": 0.0}
    zero = [name for name in wanted if name.startswith("ipc_upgrade_") and set(found[name]) == {""}]
    assert {found[name][""] for name in zero} == {0.0}
    assert one(known(), "ipc_node_up", "ipc_node_height", "ipc_network_height", "ipc_node_behind_blocks") == (
        1.0,
        60.0,
        60.0,
        0.0,
    )
    assert one(known(), "ipc_consensus_signed_power", "ipc_consensus_total_power") == (30.0, 40.0)


def test_what_is_not_known_has_no_value_and_never_zero() -> None:
    nothing = replace(known(height=None, app_height=None, height_age_s=None, pid=None), plans=None, consensus=None)
    found = values(replace(nothing, highest_peer=None))
    for name in ("proposals_total", "validators", "total_power"):
        assert f"ipc_upgrade_{name}" not in found
    for name in ("ipc_node_height", "ipc_node_behind_blocks", "ipc_network_height", "ipc_consensus_total_power"):
        assert name not in found
    assert found["ipc_node_up"] == {"": 0.0}


def test_an_upgrade_in_hand(attempt: Attempt) -> None:
    readiness = Readiness(
        1,
        (
            said(OWN, ready=70, advertised="22" * 32),
            said(OTHERS[0], ready=71, advertised="11" * 32),
            said(OTHERS[1], advertised="22" * 32),
            said(OTHERS[2], advertised="33" * 32),
            said("0x" + "ee" * 20),
        ),
    )
    plan = proposal(ready_power=20, armed_power=10, go_power=10)
    ready = replace(attempt, preparation=Preparation.READY, arming=Arming.ARMED)
    now = known(plan, proposal(id=7, total_power=1), readiness=readiness, attempt=ready, state="ARMED")
    names = ("open", "node_ready", "node_armed", "breaking", "target_height", "validators", "ready_validators")
    assert one(now, *(f"ipc_upgrade_{name}" for name in names)) == (1, 1, 1, 1, 100, 5, 2)
    powers = ("total", "needed", "ready", "armed", "go", "confirmed")
    assert one(now, *(f"ipc_upgrade_{name}_power" for name in powers)) == (40, 27, 20, 10, 10, 0)
    found = values(now)
    assert found["ipc_upgrade_validators_by_release"] == {"planned": 1, "current": 2, "other": 1, "unknown": 1}
    assert found["ipc_upgrade_proposals_total"] == {"": 7.0}


def test_an_upgrade_that_ended_is_not_in_hand(attempt: Attempt) -> None:
    ended = replace(attempt, crossing=Crossing.COMMITTED, verdict=Verdict.CROSS)
    now = known(attempt=ended, state="COMMITTED")
    assert one(now, "ipc_upgrade_open", "ipc_upgrade_target_height", "ipc_upgrade_node_ready") == (0, 0, 0)
    assert values(now)["ipc_upgrade_verdict"]["none"] == 1.0
    assert values(now)["ipc_upgrade_state"]["COMMITTED"] == 1.0


def test_a_chain_that_stops_its_nodes_itself(attempt: Attempt) -> None:
    plan = replace(attempt, origin=PlanOrigin.CHAIN, proposal_id=100)
    now = known(proposal(id=100, halts_itself=True, total_power=0), attempt=plan)
    counts = JournalCounts(plans=3)
    assert values(now, counts)["ipc_upgrade_proposals_total"] == {"": 3.0}
    assert one(now, "ipc_upgrade_node_armed", "ipc_upgrade_needed_power") == (1, 0)


def test_behind_is_what_others_are_ahead() -> None:
    now = known(highest_peer=75)
    assert one(now, "ipc_node_behind_blocks", "ipc_network_height") == (15, 75)


def test_what_calls_the_operator() -> None:
    names = ("ipc_controller_alarm", "ipc_controller_paused", "ipc_controller_contested")
    assert one(known(), *names) == (0, 0, 0)
    assert one(replace(known(alarm="look", paused="why"), contested=True), *names) == (1, 1, 1)
    assert one(replace(known(), automatic=False), "ipc_controller_paused") == (1,)
