"""The runbook lacks no state, code, alert, probe, finding or error that the code has, and is printed from it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from console import errors
from console.cli import main
from console.errors import ConsoleError
from console.model import Arming, Crossing, FailureCode, NodeState, Preparation, ProposalStatus
from console.monitoring.rules import Severity, alerts, thresholds_markdown
from console.node.health_table import HEALTH_TABLE
from console.operations.runbook.book import entries, explained, runbook_markdown
from console.operations.runbook.entry import Kind
from console.operations.runbook.machine import _OF_PROBES

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
ALERTING = (ROOT / "docs" / "alerting.md").read_text("utf-8")
INTERNAL = {Arming.WAITING_TURN.value, Arming.DISARMED.value, ""}
"""Words of the journal that are never a node's one word (`shown_state`)."""
WHERE_DOCTOR_LOOKS = ("console/node", "console/operations")


def words(kind: Kind) -> set[str]:
    return {entry.word for entry in entries() if entry.kind is kind}


def test_no_word_of_the_code_is_missing() -> None:
    states = {each.value for group in (Preparation, Arming, Crossing, NodeState) for each in group} - INTERNAL
    assert words(Kind.STATE) == states
    assert words(Kind.PROPOSAL) == {each.name for each in ProposalStatus if each is not ProposalStatus.NONE}
    assert words(Kind.CODE) == {f"{code.value} {code.words}" for code in FailureCode}
    assert words(Kind.ALERT) == {alert.name for alert in alerts()}
    assert words(Kind.PROBE) == {probe.name for probe in HEALTH_TABLE} == set(_OF_PROBES)
    known = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, ConsoleError)}
    assert words(Kind.ERROR) == known - {ConsoleError.__name__}


def test_every_topic_that_doctor_warns_of_is_explained_and_no_other() -> None:
    assert words(Kind.DOCTOR) == set(_topics())


def _topics() -> Iterator[str]:
    """What `Finding(...)` is about where it is not that all is well."""
    for path in (path for folder in WHERE_DOCTOR_LOOKS for path in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding":
                level, topic = (*call.args, None, None)[:2]
                if isinstance(topic, ast.Constant) and "OK" not in ast.unparse(level):  # type: ignore[arg-type]
                    yield str(topic.value)


def test_every_entry_says_what_is_safe_and_what_to_do() -> None:
    headings = [(entry.kind, entry.heading) for entry in entries()]
    assert len(set(headings)) == len(headings)
    for entry in entries():
        assert entry.means, entry
        assert entry.safe, entry
        assert entry.do, entry


@pytest.mark.parametrize("kind", Kind)
def test_the_page_holds_exactly_the_tables_of_the_code(kind: Kind) -> None:
    table = runbook_markdown(kind)
    assert table in RUNBOOK
    assert f"{table}|" not in RUNBOOK


def test_the_thresholds_are_those_of_the_rules() -> None:
    assert thresholds_markdown() in ALERTING


def test_the_routes_lead_every_severity_somewhere_and_name_alerts_that_there_are() -> None:
    block = re.search(r"```yaml\n(.*?)```", ALERTING, re.DOTALL)
    assert block is not None
    document = yaml.safe_load(block[1])
    receivers = {each["name"] for each in document["receivers"]}
    routed = {document["route"]["receiver"], *(each["receiver"] for each in document["route"]["routes"])}
    assert routed == receivers
    matched = re.findall(r'severity="(\w+)"', block[1])
    assert set(matched) <= {each.value for each in Severity}
    named = re.findall(r'alertname=~?"([^"]+)"', block[1])
    assert {name for each in named for name in each.split("|")} <= {alert.name for alert in alerts()}


def test_a_word_is_explained_without_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "missed_halt"]) == 0
    said = capsys.readouterr().out
    assert "it means" in said
    assert "node resync" in said
    assert max(map(len, said.splitlines())) <= 80
    assert len(explained("HALTED")) > 3
    assert [entry.word for entry in explained("2")] == ["2 hash does not match"]
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(entries())
    assert main(["explain", "nonsense\x1b[2J"]) == 1
    assert "the runbook has no word" in capsys.readouterr().err
