"""What a metric is."""

from __future__ import annotations

from dataclasses import dataclass

from console.metrics.words import Group, MetricKind, Source


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    kind: MetricKind
    meaning: str
    """One sentence, without a full stop: Prometheus' HELP."""
    source: Source
    group: Group
    panel: str
    """Title of the panel that shows it; metrics of one panel share their unit."""
    unit: str = "short"
    """Grafana's word for the unit."""
    label: str = ""
    """Name of its label; empty for none."""
    values: tuple[str, ...] = ()
    """Every value of that label."""
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, without infinity."""
    asked_as: str = ""
    """What the strategy document calls it; empty for what it does not ask for."""
    facts: tuple[str, ...] = ()
    """Labels whose values describe the one thing that is there, instead of a closed list."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its labels, beside `OWN_LABELS`."""
        return self.facts or ((self.label,) if self.label else ())


def series(entry: Metric) -> tuple[str, ...]:
    """Names under which Prometheus keeps it."""
    if entry.kind is MetricKind.HISTOGRAM:
        return tuple(f"{entry.name}_{part}" for part in ("bucket", "sum", "count"))
    return (entry.name,)
