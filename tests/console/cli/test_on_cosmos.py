"""The verbs that look, on a Cosmos chain: what a real node answered, replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.cli.conftest import Run
from tests.cosmos_network import CHAIN_ID
from tests.recorded.cosmos_replay import Replayed, replayed


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Replayed]:
    with replayed("voting") as node:
        path = tmp_path / "config" / "upgrade-console" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(
            f"""
[networks.replayed]
kind = "cosmos"
chain_id = "{CHAIN_ID}"
cometbft_rpc = ["{node.rpc}"]
rest = ["{node.rest}"]
""",
            "utf-8",
        )
        yield node


@pytest.mark.usefixtures("chain")
def test_status_tells_vote_stake_and_versions(cli: Run) -> None:
    document = json.loads(cli("status", "--network", "replayed", "--json").out)
    assert (document["network"]["kind"], document["upgrade"]["name"]) == ("cosmos", "v2")
    assert document["upgrade"]["status"] == "voting"
    assert {each["stake"]["bond"] for each in document["validators"]} == {"bonded"}
    assert document["cosmos"]["application"]["version"] == "v1.0.0"
    told = cli("status", "--network", "replayed").out
    assert "VALIDATOR" in told
    assert "It is voted on" in told
    assert "Ready" not in told


def test_status_through_the_halt(cli: Run, chain: Replayed) -> None:
    chain.moment = "halt"
    told = cli("status", "--network", "replayed").out
    assert "The chain stops before executing block" in told
    assert "1 of 1 nodes stand at their halt" in told
    chain.moment = "jailed"
    assert "jailed" in cli("status", "--network", "replayed").out
    chain.moment = "after"
    assert json.loads(cli("status", "--network", "replayed", "--json").out)["upgrade"]["status"] == "executed"


@pytest.mark.usefixtures("chain")
def test_proposals_and_one_in_full(cli: Run) -> None:
    listed = cli("proposals", "--network", "replayed", "--status", "voting").out
    assert "v2" in listed
    assert "deposit" not in listed
    document = json.loads(cli("proposals", "--network", "replayed", "--json").out)
    (voting,) = [each for each in document["proposals"] if each["name"] == "v2"]
    full = cli("proposal", str(voting["id"]), "--network", "replayed").out
    assert f"Proposal {voting['id']} v2: voting" in full
    assert "quorum 33.4%" in full
    one = json.loads(cli("proposal", str(voting["id"]), "--network", "replayed", "--json").out)
    assert one["ballot"]["yes"] == voting["ballot"]["yes"]
    assert {each["vote"] for each in one["validators"]} == {"yes", "veto", "split", None}
    cli("proposal", "4711", "--network", "replayed").refused_with("has the number 4711")
