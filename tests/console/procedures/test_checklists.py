"""The pre-upgrade checklist: every box of the operators' document, and the lists on a node that really runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from console.model import Outcome, StepKind
from console.operations.config_copy import newest_copy
from console.procedures.announcements import ANNOUNCE
from console.procedures.built_in import BUILT_IN
from console.procedures.checklist_day import CHECKLIST_24H
from console.procedures.checklist_hour import CHECKLIST_1H
from console.procedures.checklist_now import CHECKLIST_NOW
from console.procedures.step import Procedure
from tests import fakes
from tests.console.node.bench import Bench
from tests.console.node.conftest import bench as bench
from tests.console.node.test_service import serving
from tests.console.notify.receivers import urls_file, webhook
from tests.console.operations.examples import a_network
from tests.console.procedures.scripted import ScriptedContext, accepted, run_step, run_steps

pytestmark = pytest.mark.anyio

BOXES = {
    "24 Hours Before": (
        CHECKLIST_24H,
        (
            "Review upgrade documentation and changelog",
            "Download new binary and verify checksum",
            "Test upgrade on staging/testnet",
            "Prepare rollback binary",
            "Backup current configuration",
            "Notify team and stakeholders",
            "Schedule maintenance window (if needed)",
        ),
    ),
    "1 Hour Before": (
        CHECKLIST_1H,
        (
            "Verify backup completed",
            "Check current chain/service health",
            "Confirm team availability",
            "Verify monitoring alerts configured",
            "Prepare communication channels",
        ),
    ),
    "Immediately Before": (
        CHECKLIST_NOW,
        ("Final health check", "Announce start of maintenance", "Have rollback procedure ready"),
    ),
}
"""The document's lists, word by word."""
DOCUMENT = Path(__file__).parents[4] / "shared" / "seeds" / "upgrade-procedures.md"


@pytest.mark.parametrize("heading", BOXES)
def test_every_box_of_the_document_is_a_step(heading: str) -> None:
    procedure, boxes = BOXES[heading]
    steps = procedure.steps({}, ("NODE",))
    held = [box for step in steps for box in step.boxes]
    assert set(held) == set(boxes)
    assert len({step.id for step in steps}) == len(steps)


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="the operators' document is not beside this checkout")
def test_the_boxes_are_the_documents() -> None:
    text = DOCUMENT.read_text("utf-8").split("\n## Pre-Upgrade Checklist")[1].split("\n## ")[0]
    found = {
        part.splitlines()[0].strip(): tuple(re.findall(r"- \[ \] (.+)", part)) for part in text.split("\n### ")[1:]
    }
    assert found == {heading: boxes for heading, (_, boxes) in BOXES.items()}


@pytest.mark.parametrize(
    "procedure", [CHECKLIST_24H, CHECKLIST_1H, CHECKLIST_NOW, ANNOUNCE], ids=lambda each: each.name
)
def test_each_list_is_built_in_and_says_enough(procedure: Procedure) -> None:
    assert procedure in BUILT_IN
    for step in procedure.steps({}, ("NODE",)):
        assert step.says.endswith(".")
        assert step.kind is not StepKind.CONFIRMATION or step.ask.endswith("?")
        assert step.kind is not StepKind.ACTION or step.undo


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file with one service for the network."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg-state"))
    path = tmp_path / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[notify]\nurls = "{tmp_path}/notify.urls"\n[notify.services.hook]\n', "utf-8")
    return path


async def test_the_day_before_on_a_node_that_runs(bench: Bench, tmp_path: Path, configured: Path) -> None:
    (bench.home / "fendermint" / "config").mkdir(parents=True)
    (bench.home / "fendermint" / "config" / "default.toml").write_text("halt_height = 0\n")
    network = a_network(tmp_path, nodes=(bench.node,))
    with webhook() as hook:
        urls_file(tmp_path, f"hook=json://127.0.0.1:{hook.port}/")
        async with serving(bench):
            arguments = accepted(CHECKLIST_24H, {"note": "Expect a minute without blocks."})
            context = ScriptedContext(network, tmp_path / "run", arguments, node=bench.node, snapshot=fakes.go())
            assert (await run_step(CHECKLIST_24H, context, "24h.time")).outcome is Outcome.WARN
            assert (await run_step(CHECKLIST_24H, context, "24h.binary")).outcome is Outcome.FAIL
            back = await run_step(CHECKLIST_24H, context, "24h.rollback-binary")
            assert back.outcome in {Outcome.PASS, Outcome.WARN}
            copied = await run_step(CHECKLIST_24H, context, "24h.backup-configuration")
            assert copied.outcome is Outcome.PASS
            copy = newest_copy(bench.node)
            assert copy is not None
            assert [*copy.files] == ["fendermint/config/default.toml"]
            drafted = await run_step(CHECKLIST_24H, context, "24h.announcement")
            assert (drafted.outcome, hook.titles) == (Outcome.PASS, [])
            sent = await run_step(CHECKLIST_24H, context, "24h.announce")
            assert sent.outcome is Outcome.PASS
            assert len(hook.titles) == 1
            assert "Expect a minute without blocks." in sent.evidence
            step = next(each for each in CHECKLIST_24H.steps({}, ()) if each.id == "24h.announce")
            assert step.done is not None
            assert (await step.done(context)).outcome is Outcome.PASS


async def test_the_hour_before_and_at_once_on_a_node_that_runs(bench: Bench, tmp_path: Path, configured: Path) -> None:
    network = a_network(tmp_path, nodes=(bench.node,))
    with webhook() as hook:
        urls_file(tmp_path, f"hook=json://127.0.0.1:{hook.port}/")
        async with serving(bench):
            soon = dataclasses.replace(
                fakes.go(),
                node=await ScriptedContext(network, tmp_path / "first", {}, node=bench.node).client().status(),
            )
            context = ScriptedContext(network, tmp_path / "run", {}, node=bench.node, snapshot=soon)
            none = await run_step(CHECKLIST_1H, context, "1h.backup-configuration")
            assert (none.outcome, "checklist-24h" in none.go_on) == (Outcome.FAIL, True)
            settings = bench.node.home / "config" / "app.toml"
            settings.parent.mkdir(exist_ok=True)
            settings.write_text("pruning = 'default'\n")
            # Who went through no list the day before is not sent back to it an hour before H.
            copied = await run_step(CHECKLIST_1H, context, "1h.copy-configuration")
            assert copied.outcome is Outcome.PASS
            assert copied.sentence.startswith("there is no copy of the configuration")
            assert (await run_step(CHECKLIST_1H, context, "1h.backup-configuration")).outcome is Outcome.PASS
            assert (await run_step(CHECKLIST_1H, context, "1h.copy-configuration")).outcome is Outcome.SKIP
            settings.write_text("pruning = 'nothing'\n")
            again = await run_step(CHECKLIST_1H, context, "1h.copy-configuration")
            assert (again.outcome, "not as they were copied" in again.sentence) == (Outcome.WARN, True)
            assert (await run_step(CHECKLIST_1H, context, "1h.backup-configuration")).outcome is Outcome.PASS
            state = await run_step(CHECKLIST_1H, context, "1h.backup-state")
            assert state.outcome is Outcome.WARN
            await context.client().backup("before")
            whole = await run_step(CHECKLIST_1H, context, "1h.backup-state")
            assert (whole.outcome, "rollback point before is whole" in whole.sentence) == (Outcome.PASS, True)
            told = await run_step(CHECKLIST_1H, context, "1h.notifications")
            assert (told.outcome, len(hook.titles)) == (Outcome.PASS, 1)
            assert (await run_step(CHECKLIST_1H, context, "1h.alerts")).outcome is Outcome.SKIP
            assert (await run_step(CHECKLIST_1H, context, "1h.alerts-watched")).outcome is Outcome.PASS
            back = await run_step(CHECKLIST_NOW, context, "now.rollback")
            assert back.outcome in {Outcome.PASS, Outcome.WARN}
            done = await run_steps(CHECKLIST_NOW, context, until="now.probes")
            assert set(done) >= {"now.time", "now.chain"}
    hook.titles.clear()
    configured.write_text('[monitoring]\nprometheus = "http://127.0.0.1:9"\n', "utf-8")
    gone = await run_step(CHECKLIST_1H, context, "1h.alerts")
    assert gone.outcome is Outcome.FAIL
    assert (await run_step(CHECKLIST_1H, context, "1h.alerts-watched")).outcome is Outcome.SKIP
