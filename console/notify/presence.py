"""Which occasions hold for long enough, and which that may come again are gone. In memory, on a monotonic clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from console.monitoring.notices import KINDS
from console.notify.occasions import Occasion

GONE_S = 600.0
"""Seconds after which what may come again counts as gone: one that flickers is told once."""


class Presence:
    """Since when each occasion is there, or is not any more."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._gone_since: dict[str, float] = {}

    def held(self, found: Iterable[Occasion], now: float) -> list[Occasion]:
        """Those that hold for as long as they have to."""
        found = tuple(found)
        self._since = {each.identity: self._since.get(each.identity, now) for each in found}
        return [each for each in found if now - self._since[each.identity] >= each.holds_s]

    def gone(self, held: Collection[Occasion], told: Collection[str], now: float) -> list[str]:
        """Keys that were told, may come again, and have not been there for a while."""
        here = {each.identity for each in held}
        away = {key for key in told if key not in here and _may_come_again(key)}
        self._gone_since = {key: self._gone_since.get(key, now) for key in away}
        return [key for key, since in self._gone_since.items() if now - since >= GONE_S]


def _may_come_again(key: str) -> bool:
    kind = KINDS.get(key.partition("|")[0])
    return kind is not None and kind.again
