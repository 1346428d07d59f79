"""A plan in rows: every check with sign and word, nothing cut at the width of a dialog."""

from __future__ import annotations

from widgets.plan_rows import Plan, PlanCheck, plan_content

WIDTH = 69


def _plan(*checks: PlanCheck) -> Plan:
    return Plan(
        title="Stop",
        effect=("It stops signing.",),
        label="Stop",
        network="mainnet",
        node="val-1",
        undo="start it again; " * 8,
        checks=checks,
        typed="mainnet",
    )


def test_it_names_effect_network_node_the_way_back_and_each_check() -> None:
    plan = _plan(
        PlanCheck("30 of 40 power stays", True), PlanCheck("the disk is full", False), PlanCheck("x" * 200, None)
    )
    lines = plan_content(plan).plain.splitlines()
    assert lines[0] == "It stops signing."
    assert "network    mainnet" in lines
    assert "node       val-1" in lines
    assert "checks     ✓ passed  30 of 40 power stays" in lines
    assert "           ✗ FAILED  the disk is full" in lines
    assert any(line.startswith("           ? unknown xxx") for line in lines)
    assert max(map(len, lines)) <= WIDTH
    assert "".join(line[11:] for line in lines).count("again") == 8
    assert plan.failed == 1


def test_what_is_not_known_or_needed_has_no_row() -> None:
    plan = Plan(title="Unlock", effect=("Unlocks.",), label="Unlock", network="n")
    assert plan_content(plan).plain.splitlines() == ["Unlocks.", "", "network    n"]
    assert plan.failed == 0
