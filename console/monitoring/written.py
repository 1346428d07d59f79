"""The files that a Prometheus and a Grafana read: their names and their text."""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml

from console.metrics.words import DEFAULT_JOB
from console.monitoring.dashboard import dashboard
from console.monitoring.rules import Pace, rules_document

RULES_FILE = "alerts.yml"
DASHBOARD_FILE = "dashboard.json"
SCRAPE_FILE = "prometheus.yml"

_SCRAPE_S = 15


def rules_text(pace: Pace | None = None) -> str:
    """`alerts.yml`: Prometheus' rule file.

    Args:
        pace: None for the one that operators are given.
    """
    return "# Written by upgrade-console: `upgrade-console monitoring write DIR`.\n" + _yaml(rules_document(pace))


def dashboard_text() -> str:
    """`dashboard.json`, to be imported into Grafana."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def scrape_text(ports: Sequence[int], *, every_s: int = _SCRAPE_S) -> str:
    """`prometheus.yml` for a Prometheus on the machine of the controllers.

    Args:
        ports: Of their metrics, on 127.0.0.1.
        every_s: Seconds between two scrapes.
    """
    targets = [f"127.0.0.1:{port}" for port in ports]
    document = {
        "global": {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"},
        "rule_files": [RULES_FILE],
        "scrape_configs": [{"job_name": DEFAULT_JOB, "static_configs": [{"targets": targets}]}],
    }
    return "# Written by upgrade-console: `upgrade-console monitoring write DIR`.\n" + _yaml(document)


def _yaml(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
