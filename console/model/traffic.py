"""How busy a chain was over the last hours, sampled; with it, how evenly its blocks came."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import pstdev


@dataclass(frozen=True, slots=True)
class TrafficSample:
    """Some neighbouring blocks."""

    height: int
    """Of the newest of them."""
    time: float
    """Unix seconds in its header."""
    blocks: int
    transactions: int
    """In all of them."""

    @property
    def per_block(self) -> float:
        """Transactions of a block, on average."""
        return self.transactions / self.blocks


@dataclass(frozen=True, slots=True)
class Traffic:
    """Samples at even distances, oldest first."""

    samples: tuple[TrafficSample, ...]
    source: str
    """Name of the endpoint; empty when none told."""
    problem: str = ""
    """Why there are none."""

    @property
    def span_s(self) -> float:
        """Seconds from the first sample to the last."""
        return self.samples[-1].time - self.samples[0].time if self.samples else 0.0

    @property
    def block_time_s(self) -> float | None:
        """Seconds per block over all of them; None for fewer than two samples."""
        if len(self.samples) < 2 or self.span_s <= 0:
            return None
        return self.span_s / (self.samples[-1].height - self.samples[0].height)

    @property
    def spread_s(self) -> float | None:
        """Standard deviation, in seconds per block, of the means between neighbouring samples; None for fewer than 2.

        A mean over an hour that differs from the next hour's is what makes a moment far ahead uncertain.
        """
        means = self._means
        return pstdev(means) if len(means) >= 2 else None

    @property
    def extremes_s(self) -> tuple[float, float] | None:
        """The smallest and the largest of those means."""
        means = self._means
        return (min(means), max(means)) if means else None

    @property
    def quietest(self) -> TrafficSample | None:
        """The sample with the fewest transactions; None where all are alike, or nothing is known."""
        if len({sample.per_block for sample in self.samples}) < 2:
            return None
        return min(self.samples, key=lambda sample: sample.per_block)

    @property
    def _means(self) -> list[float]:
        return [
            (later.time - earlier.time) / (later.height - earlier.height)
            for earlier, later in pairwise(self.samples)
            if later.height > earlier.height and later.time >= earlier.time
        ]
