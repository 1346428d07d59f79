"""`status`: what is refused, what degrades, and the text at 80 columns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from console.cli.status import status_text
from console.model import FailureCode, ProposalStatus, Verdict
from console.text import untrusted
from tests.console.cli.conftest import RunAsync
from tests.console.cli.peers import closed_port, controller, endpoint, html, without_code, write_settings
from tests.console.operations.examples import (
    RELEASE_HASH,
    RELEASE_URL,
    a_chain,
    a_node_status,
    a_proposal,
    a_readiness,
    a_snapshot,
    an_upgrading_chain,
)

anyio = pytest.mark.anyio


@anyio
@pytest.mark.parametrize("verb", [("status",), ("status", "--json")])
async def test_with_chain_and_controller_down_it_is_refused(
    cli_beside: RunAsync, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    async with closed_port() as url:
        write_settings(url, url, node=tmp_path)
        (await cli_beside(*verb)).refused_with("no RPC endpoint of network testnet answers", "no controller answers")


@anyio
async def test_without_a_node_only_the_chain_is_complained_about(cli_beside: RunAsync) -> None:
    async with closed_port() as url:
        write_settings(url, url)
        outcome = await cli_beside("status")
    outcome.refused_with("no RPC endpoint of network testnet answers")
    assert "controller" not in outcome.err


@anyio
async def test_with_the_controller_only_the_node_half_is_told(cli_beside: RunAsync, tmp_path: Path) -> None:
    status = a_node_status(state="ARMED", height=777, height_age_s=12.0, halt_height=800)
    async with closed_port() as url, controller(tmp_path / "state", status):
        write_settings(url, url, node=tmp_path)
        outcome = await cli_beside("status", "--json")
        text = await cli_beside("status")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    assert (document["height"], document["upgrade"], document["validators"]) == (777, None, [])
    assert document["node"]["state"] == "ARMED"
    assert document["age_s"] >= 12.0
    assert outcome.err.count("\n") == 1
    assert "no RPC endpoint of network testnet answers" in outcome.err
    assert (text.code, text.err) == (0, outcome.err)
    assert "Current height: 777, 12s ago" in text.out
    assert "halts at 800" in text.out
    assert "No upgrade is known." in text.out


@anyio
async def test_a_registry_without_code_is_refused_even_when_the_controller_answers(
    cli_beside: RunAsync, tmp_path: Path
) -> None:
    async with endpoint(without_code()) as url, controller(tmp_path / "state", a_node_status()):
        write_settings(url, url, node=tmp_path)
        (await cli_beside("status", "--json")).refused_with("no contract at the registry address 0x5FbDB2315678")


@anyio
async def test_an_html_answer_is_refused(cli_beside: RunAsync) -> None:
    async with endpoint(html) as url:
        write_settings(url, url)
        outcome = await cli_beside("status", "--json")
    outcome.refused_with("HTML")
    assert "<" not in outcome.err


@anyio
async def test_html_from_a_proxy_leaves_the_node_half(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with endpoint(html) as url, controller(tmp_path / "state", a_node_status(height=50)):
        write_settings(url, url, node=tmp_path)
        outcome = await cli_beside("status", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["height"] == 50
    assert "HTML" in outcome.err


def test_the_text_says_what_the_strategy_document_asks_for() -> None:
    chain = an_upgrading_chain(readiness=a_readiness(failures={3: FailureCode.HASH_MISMATCH}))
    chain = replace(chain, proposals=(a_proposal(ready_power=30, armed_power=20, go_power=20),))
    text = status_text(a_snapshot(chain, a_node_status(halt_height=150, last_exit_code=0)))
    assert text.splitlines() == [
        "Network testnet (ipc, devnet-ab12cd)",
        "Current height: 120, 0s ago, a block every 1.00 s",
        "",
        "Upgrade #7 v0.2.0 (target height: 150) scheduled",
        "Ready: 3/4 validators (75% of power), armed: 50% of power",
        "Blocks left: 30, ETA: ~30s",
        "NO-GO: armed 20 of 40 power, 27 needed; this node is not armed",
        f"Release: sha256:{RELEASE_HASH}",
        f"         {RELEASE_URL}",
        "",
        "VALIDATOR      ADDRESS          POWER  READY     ARMED     VERSION",
        "node1          0x7E5F…395Bdf       10  at 105    at 110    v0.1.5",
        "node2          0x2B5A…cCD6cF       10  at 106    at 111    v0.1.5",
        "node3          0x6813…1cBA69       10  at 107    at 112    v0.1.5",
        "node4          0x1efF…6AA718       10  no        no        v0.1.5",
        "               failed: hash does not match",
        "",
        "Node node1: IDLE",
        "  generation genesis, version v0.1.5, pid 4242",
        "  height 120, last exit code 0, halts at 150",
    ]


def test_the_text_fits_80_columns_whatever_the_chain_says() -> None:
    long = untrusted("x" * 300)
    chain = an_upgrading_chain()
    chain = replace(
        chain,
        validators=tuple(replace(entry, moniker=long) for entry in chain.validators),
        nodes=tuple(replace(entry, version=long, reachable=number > 0) for number, entry in enumerate(chain.nodes)),
    )
    for line in status_text(a_snapshot(chain, a_node_status())).splitlines():
        assert len(line) <= 80, line
    assert " down" in status_text(a_snapshot(chain))


def test_a_frozen_plan_tells_its_verdict_and_no_countdown_after_the_height() -> None:
    done = a_proposal(status=ProposalStatus.EXECUTED, verdict=Verdict.CROSS, frozen_at=146, armed_power=40, go_power=40)
    text = status_text(a_snapshot(an_upgrading_chain(160, proposals=(done,))))
    assert "(target height: 150) executed, verdict CROSS" in text
    assert "Blocks left" not in text
    assert "GO" not in text


def test_no_upgrade_is_said_only_when_it_is_known() -> None:
    assert "No upgrade is proposed." in status_text(a_snapshot(a_chain()))
    assert "No upgrade is known." in status_text(a_snapshot(a_chain(problem="plans cannot be read")))
