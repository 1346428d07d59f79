"""The lists before an upgrade and the verification after it, on a real Cosmos SDK chain under our controllers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cosmos_network import patience, quick
from tests.e2e.controlled_cosmos import Controlled, controlled
from tests.peers import COSMOS_V1, COSMOS_V2, require

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.soak, pytest.mark.timeout(1200)]

LEAD = 110
"""Blocks from the proposal to H on an idle machine: the vote takes ten, the three lists before it twenty each."""


def outcomes(nodes: Controlled, procedure: str, *answers: str, expect: int = 0) -> dict[str, tuple[str, str]]:
    """Run a procedure on val1; each step's outcome and sentence."""
    given = [word for step in answers for word in ("--answer", f"{step}=yes:jane")]
    ran = nodes.call("run", procedure, "--json", *given, node="val1")
    assert ran.code == expect, ran.out + ran.err
    events: list[dict[str, Any]] = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    return {each["step"]: (each["outcome"], each["words"]) for each in events if each["event"] == "ended"}


def test_a_checklist_before_and_every_line_of_the_verification_after(tmp_path: Path) -> None:
    require(COSMOS_V1)
    newer = require(COSMOS_V2)
    with controlled(tmp_path / "net", replace(quick(), signed_blocks_window=100)) as nodes:
        network = nodes.network
        height = network.height() + int(LEAD * patience())
        network.pass_upgrade("v2", height)
        network.eventually("they see it", nodes.all_are("FAILED"))
        for name in nodes.names:
            nodes.does(name, "add-upgrade", "v2", str(newer))
        network.eventually("all are ready", nodes.all_are("READY"))
        # Nobody went through the list of the day before: the last hour's takes the copy itself.
        hour = outcomes(nodes, "checklist-1h", "1h.team", "1h.alerts-watched", "1h.channels")
        assert "there is no copy of the configuration of val1" in hour["1h.copy-configuration"][1]
        for step in ("time", "copy-configuration", "backup-configuration", "chain", "service", "channels"):
            assert hour[f"1h.{step}"][0] in {"pass", "warn"}, hour
        before = outcomes(
            nodes,
            "checklist-24h",
            "24h.changelog",
            "24h.staging-run",
            "24h.announcement",
            "24h.told",
            "24h.maintenance-window",
        )
        assert before["24h.binary"][0] in {"pass", "warn"}
        assert before["24h.rollback-binary"][0] in {"pass", "warn"}
        assert before["24h.backup-configuration"][0] == "pass"
        at_once = outcomes(nodes, "checklist-now", "now.rollback-known", "now.announcement")
        assert at_once["now.announce"][0] == "skip", "nobody is told of this network"
        assert {outcome for outcome, _ in at_once.values()} <= {"pass", "warn", "skip"}

        network.eventually("they cross", nodes.all_are("COMMITTED"), 240)
        network.reaches(height + 3)
        ours = outcomes(nodes, "verify-validator")
        assert {name for name, (outcome, _) in ours.items() if outcome == "fail"} == set()
        assert ours["validator.version"][0] == "pass"
        assert ours["validator.signing"][0] in {"pass", "warn"}
        found = outcomes(nodes, "verify-network")
        for line in ("production", "active", "jailed", "app-hash", "95-percent", "verdict"):
            assert found[f"network.{line}"][0] == "pass", found
        assert "4 validators is jailed" in found["network.jailed"][1]
        assert "11 of 11" in found["network.95-percent"][1]

        # One is down for so long that the chain jails it: the verification says who, and that it is below 95 %.
        nodes.does("val4", "stop")
        network.eventually(
            "val4 is jailed",
            lambda: any(
                each["jailed"] for each in network.rest("val1", "cosmos/staking/v1beta1/validators")["validators"]
            ),
            240,
        )
        without = outcomes(nodes, "verify-network")
        assert without["network.jailed"][0] == "warn"
        assert "val4" in without["network.jailed"][1]
