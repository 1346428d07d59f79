"""The Grafana dashboard, made from the table of metrics: one row per group, one panel per panel of the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from console.metrics.metric import Metric
from console.metrics.table import METRICS
from console.metrics.words import OWN_LABELS, Group, MetricKind
from console.monitoring.rules import alerts

UID = "upgrade-console"
_SCHEMA = 39
"""Of Grafana 10 and later."""
_WIDTH, _COLUMNS, _HEIGHT = 8, 3, 7
"""Of 24 columns."""
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN = ", ".join(f'{label}=~"${label}"' for label in OWN_LABELS)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": UID,
        "title": "Chain upgrades",
        "description": "Upgrades of validator nodes, as their controllers measure them.",
        "tags": ["upgrade-console"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_datasource(), *(_variable(label) for label in OWN_LABELS)]},
        "annotations": {"list": [_annotations()]},
        "panels": list(_panels()),
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(label: str) -> dict[str, Any]:
    within = "" if label == OWN_LABELS[0] else f'{{{OWN_LABELS[0]}=~"${OWN_LABELS[0]}"}}'
    return {
        "name": label,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": f"label_values(ipc_node_up{within}, {label})", "refId": label},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _annotations() -> dict[str, Any]:
    """Alerts that fire, drawn into every panel."""
    names = "|".join(alert.name for alert in alerts())
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": f'ALERTS{{alertstate="firing", alertname=~"{names}"}}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{network}} {{node}}",
        "step": "30s",
    }


def _panels() -> Iterator[dict[str, Any]]:
    numbers = count(1)
    top = 0
    for group in Group:
        titles = dict.fromkeys(entry.panel for entry in METRICS if entry.group is group)
        yield {
            "id": next(numbers),
            "type": "row",
            "title": group.value,
            "collapsed": False,
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": top},
            "panels": [],
        }
        top += 1
        for place, title in enumerate(titles):
            row, column = divmod(place, _COLUMNS)
            shown = [entry for entry in METRICS if entry.group is group and entry.panel == title]
            position = {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": top + row * _HEIGHT}
            yield {"id": next(numbers), "gridPos": position, **_panel(title, shown)}
        top += -(-len(titles) // _COLUMNS) * _HEIGHT


def _panel(title: str, shown: list[Metric]) -> dict[str, Any]:
    targets = [target for entry in shown for target in _targets(entry, alone=len(shown) == 1)]
    return {
        "type": _kind(shown[0]),
        "title": title,
        "description": ". ".join(entry.meaning for entry in shown) + ".",
        "datasource": _SOURCE,
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _SOURCE, **target} for place, target in enumerate(targets)
        ],
        "fieldConfig": {"defaults": {"unit": shown[0].unit}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if _kind(shown[0]) == _SERIES else {},
    }


_SERIES = "timeseries"


def _kind(entry: Metric) -> str:
    if entry.facts:
        return "table"
    # One state at a time holds.
    return "state-timeline" if entry.name in {"ipc_upgrade_state", "ipc_upgrade_verdict"} else _SERIES


def _targets(entry: Metric, *, alone: bool) -> Iterator[dict[str, Any]]:
    """What is asked for one metric.

    Args:
        entry: The metric.
        alone: Whether its panel shows no other, so that the legend need not name it.
    """
    words = ["{{node}}", *(f"{{{{{label}}}}}" for label in entry.labels)]
    if not alone:
        words.append(_short(entry))
    legend = " ".join(words)
    selected = f"{entry.name}{{{_CHOSEN}}}"
    match entry.kind:
        case MetricKind.COUNTER:
            yield {"expr": f"increase({selected}[$__rate_interval])", "legendFormat": legend}
        case MetricKind.HISTOGRAM:
            by = ", ".join(("le", "node", *entry.labels))
            bucket = f"{entry.name}_bucket{{{_CHOSEN}}}"
            yield {
                "expr": f"histogram_quantile(0.95, sum by ({by}) (increase({bucket}[$__range])))",
                "legendFormat": f"{legend} 95 %",
            }
            whole, times = (f"increase({entry.name}_{part}{{{_CHOSEN}}}[$__range])" for part in ("sum", "count"))
            yield {"expr": f"{whole} / {times}", "legendFormat": f"{legend} mean"}
        case _ if entry.facts:
            yield {"expr": selected, "format": "table", "instant": True}
        case _ if _kind(entry) == "state-timeline":
            yield {"expr": f"{selected} == 1", "legendFormat": legend}
        case _:
            yield {"expr": selected, "legendFormat": legend}


def _short(entry: Metric) -> str:
    """The metric's name without what every one has."""
    return entry.name.removeprefix("ipc_upgrade_").removeprefix("ipc_").removesuffix("_total").replace("_", " ")
