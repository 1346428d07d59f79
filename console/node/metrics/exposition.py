"""The controller's metrics as Prometheus' text: prometheus-client writes it, from a registry of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from console.metrics.metric import Metric
from console.metrics.table import METRICS
from console.metrics.words import OWN_LABELS, MetricKind, Source
from console.node.journal import Journal
from console.node.metrics.counts import Buckets, JournalCounts
from console.node.metrics.gauges import Known, Values, gauges

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Family

_PAGE = 500
"""Journal rows that are counted at a time: a few milliseconds."""


class Exposition:
    """Writes the metrics of one controller.

    Args:
        journal: Where counters and histograms are counted from, row by row.
        known: What the controller knows at this moment; costs microseconds and asks nobody.
        network: The network's name in the settings.
        node: The node's.
    """

    def __init__(self, journal: Journal, known: Callable[[], Known], *, network: str, node: str) -> None:
        self._journal = journal
        self._known = known
        self._own = (network, node)
        self._counts = JournalCounts()
        self._counting = asyncio.Lock()
        self._registry: CollectorRegistry | None = None
        self._now: Known | None = None
        self._told: dict[str, float] = {}
        """Counters that are not the journal's, as high as they ever were."""

    async def text(self, accept: str) -> tuple[bytes, str]:
        """The metrics of this moment, and their content type.

        The first call imports prometheus-client and counts the whole journal, a page at a time.

        Args:
            accept: The scraper's Accept header.

        Raises:
            JournalError: The journal cannot be read.
        """
        if self._registry is None:
            await asyncio.to_thread(_load)
            self._registry = self._own_registry()
        async with self._counting:
            while rows := self._journal.events(self._counts.newest, _PAGE):
                for row in rows:
                    self._counts.take(row)
                if len(rows) < _PAGE:
                    break
                await asyncio.sleep(0)
        from prometheus_client.exposition import choose_encoder

        self._now = self._known()
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _own_registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, ProcessCollector

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        ProcessCollector(registry=registry)
        return registry

    def describe(self) -> list[Family]:
        """Nothing: names are checked by the tests of the table, not at each start."""
        return []

    def collect(self) -> Iterator[Family]:
        """Every metric of the table, as prometheus-client asks for it."""
        known = self._now
        if known is None:
            return
        values = gauges(known, self._counts)
        for entry in METRICS:
            if entry.facts:
                yield self._info(entry, known)
            elif entry.kind is MetricKind.HISTOGRAM:
                yield self._histogram(entry, self._counts.histograms[entry.name])
            else:
                found = values[entry.name] if entry.name in values else self._counts.counters.get(entry.name, {})
                yield self._plain(entry, self._never_less(entry, found))

    def _never_less(self, entry: Metric, values: Values) -> Values:
        """The values; of a counter that is read from a chain the highest ever: an endpoint that lags behind would be a
        reset, and all that it tells an increase.
        """
        if entry.kind is not MetricKind.COUNTER or entry.source is Source.JOURNAL or not values:
            return values
        self._told[entry.name] = max(self._told.get(entry.name, 0.0), values[""])
        return {"": self._told[entry.name]}

    def _names(self, entry: Metric) -> tuple[str, ...]:
        return (*OWN_LABELS, *entry.labels)

    def _labels(self, entry: Metric, value: str) -> tuple[str, ...]:
        return (*self._own, value) if entry.label else self._own

    def _plain(self, entry: Metric, values: Values) -> Family:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        make = CounterMetricFamily if entry.kind is MetricKind.COUNTER else GaugeMetricFamily
        family = make(entry.name, entry.meaning, labels=self._names(entry))
        for value, number in values.items():
            family.add_metric(self._labels(entry, value), number)
        return family

    def _histogram(self, entry: Metric, values: dict[str, Buckets]) -> Family:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(entry.name, entry.meaning, labels=self._names(entry))
        for value, buckets in values.items():
            below, rows = 0, []
            for bound, count in zip((*buckets.bounds, float("inf")), buckets.counts, strict=True):
                below += count
                rows.append(("+Inf" if bound == float("inf") else str(bound), below))
            family.add_metric(self._labels(entry, value), rows, buckets.sum)
        return family

    def _info(self, entry: Metric, known: Known) -> Family:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(entry.name, entry.meaning, labels=self._names(entry))
        status = known.status
        if status.exe_sha256:
            family.add_metric((*self._own, str(status.version), status.exe_sha256), 1)
        return family


def _load() -> None:
    import prometheus_client.exposition  # noqa: F401
