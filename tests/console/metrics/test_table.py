"""The table of metrics: names as Prometheus wants them, closed labels, and the page that prints it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.metrics.metric import Metric
from console.metrics.table import METRICS, metric, metrics_markdown
from console.metrics.words import MetricKind

SEED = (
    "ipc_upgrade_proposal_count",
    "ipc_upgrade_validators_ready",
    "ipc_upgrade_time_to_ready",
    "ipc_upgrade_completion_time",
    "ipc_binary_download_duration",
    "ipc_binary_verification_success",
    "ipc_orchestrator_restarts",
    "ipc_upgrade_rollbacks",
    "ipc_consensus_lag",
    "ipc_validator_version_distribution",
    "ipc_upgrade_failures",
    "ipc_total_validators",
    "ipc_current_height",
)
"""What the strategy document lists, and what its alert rules use."""


def test_everything_that_the_strategy_document_asks_for_is_there_once() -> None:
    asked = [entry.asked_as for entry in METRICS if entry.asked_as]
    assert sorted(asked) == sorted(SEED)
    # Its alert rules use this one by its own name.
    assert metric("ipc_upgrade_target_height").kind is MetricKind.GAUGE


@pytest.mark.parametrize("entry", METRICS, ids=lambda entry: entry.name)
def test_a_metric_is_named_and_labelled_as_prometheus_wants_it(entry: Metric) -> None:
    assert re.fullmatch(r"ipc_[a-z]+(?:_[a-z]+)*", entry.name)
    assert entry.name.endswith("_total") == (entry.kind is MetricKind.COUNTER)
    assert (entry.unit == "s") == entry.name.endswith("_seconds")
    assert bool(entry.bounds) == (entry.kind is MetricKind.HISTOGRAM)
    assert list(entry.bounds) == sorted(set(entry.bounds))
    assert bool(entry.label) == bool(entry.values)
    assert len(set(entry.values)) == len(entry.values)
    assert entry.meaning
    assert not entry.meaning.endswith(".")


def test_only_the_build_info_has_labels_that_are_not_a_closed_list() -> None:
    assert [entry.name for entry in METRICS if entry.facts] == ["ipc_node_build_info"]
    assert len({entry.name for entry in METRICS}) == len(METRICS)


def test_the_page_holds_the_table_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")
    assert metrics_markdown() in page
