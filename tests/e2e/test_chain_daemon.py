"""Propose, deposit, vote and pass on a real Cosmos SDK chain, through its own daemon and the command line's verbs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from tests.cosmos_network import CHAIN_ID, CosmosNetwork, Periods, cosmos_network

pytestmark = [pytest.mark.e2e, pytest.mark.peer]


def settings_of(network: CosmosNetwork, moniker: str) -> str:
    """The network as an operator of one validator writes it down."""
    node = network.validators[moniker]
    return f"""
[networks.{moniker}]
kind = "cosmos"
stage = "testnet"
chain_id = "{CHAIN_ID}"
cometbft_rpc = ["{node.rpc}"]

[networks.{moniker}.daemon]
command = "{node.binary.resolve()}"
home = "{node.home}"
keyring_backend = "test"
from = "operator"
"""


def test_an_upgrade_is_proposed_deposited_for_voted_on_and_scheduled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(moniker: str, *arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        code = main(["--network", moniker, *arguments, "--json"])
        told = capsys.readouterr()
        assert code == 0, told.err
        found: dict[str, Any] = json.loads(told.out)
        return found

    def refused(moniker: str, *arguments: str) -> str:
        capsys.readouterr()
        assert main(["--network", moniker, *arguments]) == 1
        return capsys.readouterr().err

    with cosmos_network(tmp_path / "net", periods=Periods(voting_s=16.0, expedited_s=12.0)) as network:
        path = tmp_path / "config" / "upgrade-console" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_text("".join(settings_of(network, moniker) for moniker in network.validators), "utf-8")
        # Of the first blocks it is not known yet how fast they come.
        network.eventually("ten blocks", lambda: network.height() >= 10)
        height = network.height() + 300
        told = ("--title", "Upgrade to v2", "--summary", "A module more", "--deposit", "10stake")

        assert "there is no such proposal" in refused("val1", "deposit", "1", "5stake")
        assert "is in the past" in refused("val1", "propose", "--name", "v2", "--height", "1", *told)
        soon = str(network.height() + 5)
        assert "passed before its vote ends" in refused("val1", "propose", "--name", "v2", "--height", soon, *told)
        proposed = run("val1", "propose", "--name", "v2", "--height", str(height), *told)
        assert (proposed["id"], proposed["sent"]) == (1, True)
        assert network.proposal(1)["status"] == "PROPOSAL_STATUS_DEPOSIT_PERIOD"
        assert "proposes v2 for height" in refused("val1", "propose", "--name", "v2", "--height", str(height), *told)
        assert "not open" in refused("val1", "vote", "1", "yes")

        run("val2", "deposit", "1", "990stake")
        assert network.proposal(1)["status"] == "PROPOSAL_STATUS_VOTING_PERIOD"
        dry = run("val1", "vote", "1", "no-with-veto", "--dry-run")
        assert ["option", "VOTE_OPTION_NO_WITH_VETO"] in dry["messages"]
        for moniker in ("val1", "val2"):
            assert run(moniker, "vote", "1", "yes")["height"] > proposed["height"]
        # While the vote goes on.
        cancelling = run("val1", "propose", "--cancel-upgrade", "--expedited", *told[:4], "--deposit", "5000stake")
        assert network.proposal(cancelling["id"])["messages"][0]["@type"] == "/cosmos.upgrade.v1beta1.MsgCancelUpgrade"
        assert run("val1", "cancel", str(cancelling["id"]))["id"] == cancelling["id"]

        network.eventually("the plan is scheduled", lambda: network.plan() is not None)
        plan = network.plan()
        assert plan is not None
        assert (plan["name"], plan["height"]) == ("v2", str(height))

        audit = run("val1", "audit")
        words = [entry["words"] for entry in audit["entries"]]
        assert any(entry.startswith("tx gov submit-proposal (v2 at block") for entry in words)
        assert all("in a block" in entry for entry in words)
