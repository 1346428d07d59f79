"""How far a download is, as the console and the command line show it."""

from __future__ import annotations

from dataclasses import dataclass

from console.text import UntrustedText, duration, size


@dataclass(frozen=True, slots=True)
class Fetching:
    """A file on its way, of one moment."""

    received: int
    """Bytes of it on this disk, those of earlier tries too."""
    total: int | None
    """Bytes of the whole file; None where the server does not say."""
    rate: float
    """Bytes per second, smoothed."""
    eta_s: float | None
    """Seconds until the last byte at this rate; None where that cannot be said."""
    source: UntrustedText
    """Host that it comes from."""

    @property
    def share(self) -> str:
        """How much of it is here: `41 %`, or the bytes where the whole is not known."""
        return f"{self.received * 100 // self.total} %" if self.total else size(self.received)

    @property
    def sentence(self) -> str:
        """All of it: `fetching 41 % 12.0 MiB/s 0:07 left from releases.example`."""
        left = "" if self.eta_s is None else f" {_clock(self.eta_s)} left"
        return f"fetching {self.share} {size(int(self.rate))}/s{left} from {self.source}"


def _clock(seconds: float) -> str:
    """Minutes and seconds up to an hour, then as durations are said elsewhere."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}" if whole < 3600 else duration(whole)
