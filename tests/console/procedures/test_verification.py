"""Verification as procedures: over a network that really answers, and what the 95 % rule prepares."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from console.model import Outcome, ProposalStatus, Snapshot, Verdict
from console.operations.proposal_draft import read_draft
from console.procedures.built_in import BUILT_IN
from console.procedures.prepared import DRAFT, REMEMBERED
from console.procedures.step import Procedure
from console.procedures.verify_network import VERIFY_NETWORK
from console.procedures.verify_provider import VERIFY_PROVIDER
from console.procedures.verify_validator import VERIFY_VALIDATOR
from console.provider_settings import ProviderSettings
from tests import fakes
from tests.console.chain.network_double import KEYS
from tests.console.chain.network_servers import serving as chain_serving
from tests.console.node.bench import Bench
from tests.console.node.conftest import bench as bench
from tests.console.node.test_service import serving
from tests.console.operations.examples import a_network
from tests.console.procedures.scripted import ScriptedContext, accepted, run_step, run_steps

pytestmark = pytest.mark.anyio

LINES = {
    "Validator Verification Checklist": (
        VERIFY_VALIDATOR,
        (
            "Version",
            "Sync Status",
            "Validator Signing",
            "Peer Count",
            "Consensus",
            "VEID Scoring",
            "Memory",
            "Recent Errors",
        ),
    ),
    "Provider Verification Checklist": (
        VERIFY_PROVIDER,
        ("Health", "Version", "Bid Engine", "Active Workloads", "Chain Connectivity", "Recent Errors"),
    ),
    "Network-Wide Verification": (
        VERIFY_NETWORK,
        ("Validator Versions", "Block Production", "Active Validators", "Jailed Validators"),
    ),
}
"""The document's scripts, line by line."""
DOCUMENT = Path(__file__).parents[4] / "shared" / "seeds" / "upgrade-procedures.md"


@pytest.mark.parametrize("heading", LINES)
def test_every_line_of_the_documents_scripts_is_a_step(heading: str) -> None:
    procedure, lines = LINES[heading]
    steps = procedure.steps({}, ("NODE",))
    assert [box for step in steps for box in step.boxes] == list(lines)
    assert procedure in BUILT_IN
    assert all(step.says.endswith(".") for step in steps)


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="the operators' document is not beside this checkout")
def test_the_lines_are_the_documents() -> None:
    text = DOCUMENT.read_text("utf-8").split("\n## Post-Upgrade Verification")[1]
    for heading, (_, lines) in LINES.items():
        script = text.split(f"### {heading}")[1].split("\n### ")[0]
        assert tuple(re.findall(r'echo "\d+\. (.+)"', script)) == lines


def late(snapshot: Snapshot) -> Snapshot:
    """The same, a quarter of an hour after H."""
    return dataclasses.replace(snapshot, taken_at=snapshot.taken_at + 900)


def context_for(
    folder: Path, snapshot: Snapshot, procedure: Procedure = VERIFY_NETWORK, **given: str
) -> ScriptedContext:
    return ScriptedContext(
        a_network(folder, nodes=(), cometbft_rpc=("http://127.0.0.1:9",), ethereum_rpc=()),
        folder / "run",
        accepted(procedure, given),
        snapshot=snapshot,
    )


async def test_the_95_percent_rule_prepares_and_starts_nothing(tmp_path: Path) -> None:
    well = await run_step(VERIFY_NETWORK, context_for(tmp_path, late(fakes.committed())), "network.95-percent")
    assert well.outcome is Outcome.PASS
    early = await run_step(VERIFY_NETWORK, context_for(tmp_path, fakes.halted()), "network.95-percent")
    assert early.outcome is Outcome.WARN
    before = context_for(tmp_path, late(fakes.waiting_for_quorum()))
    abort = await run_step(VERIFY_NETWORK, before, "network.95-percent")
    # A line that fails keeps no other from being looked at: the last one sums it up.
    assert (abort.outcome, abort.sentence.startswith("FAILED: 50%")) == (Outcome.WARN, True)
    assert "no node of this machine could take part in an abort" in abort.evidence
    summed = await run_step(VERIFY_NETWORK, before, "network.verdict")
    assert (summed.outcome, "network.95-percent" in summed.sentence) == (Outcome.FAIL, True)
    before.shown = late(fakes.committed())
    mended = await run_step(VERIFY_NETWORK, before, "network.verdict")
    assert mended.outcome is Outcome.PASS
    assert (await run_step(VERIFY_NETWORK, before, "network.verdict")).evidence == ()
    assert not (before.folder / DRAFT).exists()
    behind = fakes.verifying()
    assert behind.chain is not None
    nodes = fakes.node_heights(1303, (1303, 1303, 1303, 1299), down=(3,))
    lost = dataclasses.replace(behind, chain=dataclasses.replace(behind.chain, nodes=nodes))
    past = context_for(tmp_path, late(lost))
    revert = await run_step(VERIFY_NETWORK, past, "network.95-percent")
    assert (revert.outcome, "forward only" in revert.sentence) == (Outcome.WARN, True)
    draft = read_draft(past.folder / DRAFT, past.network)
    assert (draft.fields["name"], draft.takes_back, draft.taken_height) == ("revert-v0.2.0", "v0.2.0", 1300)
    assert past.memory[REMEMBERED] == DRAFT
    assert any("P opens the propose form" in line for line in revert.evidence)
    verb = f"propose --network {past.network.name} --draft {past.folder / DRAFT}"
    assert any(verb in line for line in revert.evidence)
    assert any("(--settled state)" in line for line in revert.evidence)
    assert any("missing: node4" in line for line in revert.evidence)
    idle = await run_step(VERIFY_NETWORK, context_for(tmp_path, fakes.idle()), "network.95-percent")
    assert idle.outcome is Outcome.SKIP


async def test_a_network_that_came_through_passes_every_line(tmp_path: Path) -> None:
    async with chain_serving(count=2) as served:
        served.network.height = 210
        members = tuple(
            dataclasses.replace(each, consensus_address=key.consensus_address, address=key.address)
            for each, key in zip(fakes.validators(), KEYS, strict=False)
        )
        entries = tuple(
            dataclasses.replace(fakes.said(index, confirmed=True), address=key.address)
            for index, key in enumerate(KEYS[:4])
        )
        proposal = fakes.proposal(entries, target_height=200, status=ProposalStatus.EXECUTED, verdict=Verdict.CROSS)
        chain = dataclasses.replace(fakes.chain(210, (proposal,), entries, ()), validators=members)
        context = ScriptedContext(
            dataclasses.replace(served.settings, nodes=()),
            tmp_path / "run",
            accepted(VERIFY_NETWORK, {}),
            snapshot=late(fakes.snapshot(chain, None)),
        )
        names = ("network.versions", "network.active", "network.app-hash", "network.95-percent")
        found = {name: await run_step(VERIFY_NETWORK, context, name) for name in names}
        assert {name: each.outcome for name, each in found.items()} == dict.fromkeys(names, Outcome.PASS)
        # Nobody's node can be asked: four signatures under the commits after H are what proves them.
        silent = dataclasses.replace(chain, readiness=None)
        context.shown = late(fakes.snapshot(silent, None))
        signed = await run_step(VERIFY_NETWORK, context, "network.95-percent")
        assert (signed.outcome, "40 of 40" in signed.sentence) == (Outcome.PASS, True)


async def test_this_validator_on_a_node_that_runs(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.checks.probing.PAUSE_S", 0.01)
    async with chain_serving(count=2) as served:
        bench.set(cometbft_rpc=served.comet[0].url)
        node = dataclasses.replace(bench.node, address=KEYS[0].address)
        network = dataclasses.replace(served.settings, nodes=(node,))
        async with serving(bench):
            context = ScriptedContext(
                network, tmp_path / "run", accepted(VERIFY_VALIDATOR, {}), node=node, snapshot=fakes.idle()
            )
            done = await run_steps(VERIFY_VALIDATOR, context)
    outcomes = {name: finding.outcome for name, finding in done.items()}
    assert set(outcomes) == {step.id for step in VERIFY_VALIDATOR.steps({}, ())}
    # Nobody has attested the binary that was there before the controller.
    assert outcomes["validator.version"] is Outcome.WARN
    assert "nobody recorded what genesis should be" in done["validator.version"].sentence
    assert outcomes["validator.verdict"] is Outcome.PASS
    assert outcomes["validator.sync"] is Outcome.PASS
    assert outcomes["validator.signing"] is Outcome.PASS
    assert outcomes["validator.model"] is Outcome.SKIP


async def test_a_provider_needs_settings_and_what_it_lacks_is_left_out(tmp_path: Path) -> None:
    context = context_for(tmp_path, fakes.go(), VERIFY_PROVIDER)
    step = VERIFY_PROVIDER.steps({}, ())[0]
    assert step.work is not None
    lacking = await step.work(context)
    assert (lacking.outcome, "has no provider in the settings" in lacking.sentence) == (Outcome.WARN, True)
    context.network = dataclasses.replace(context.network, provider=ProviderSettings())
    done = await run_steps(VERIFY_PROVIDER, context)
    assert done.pop("provider.verdict").outcome is Outcome.PASS
    assert {finding.outcome for finding in done.values()} == {Outcome.SKIP}
    assert len(done) == 6


async def test_where_nobody_answers_at_the_halt_the_abort_is_prepared_from_the_journal(
    bench: Bench, tmp_path: Path
) -> None:
    status = dataclasses.replace(fakes.halted(), chain=None, chain_problem="no endpoint answers")
    context = context_for(tmp_path, status)
    found = await run_step(VERIFY_NETWORK, context, "network.95-percent")
    assert (found.outcome, "this one is HALTED before H 1,300" in found.sentence) == (Outcome.WARN, True)
    context.node = bench.node
    asked = await run_step(VERIFY_NETWORK, context, "network.95-percent")
    assert any("an abort cannot be prepared here: node1 knows of no upgrade" in line for line in asked.evidence)
    context.shown = fakes.chain_down()
    ordinary = await run_step(VERIFY_NETWORK, context, "network.95-percent")
    assert ordinary.sentence.startswith("FAILED: nobody can be counted")
