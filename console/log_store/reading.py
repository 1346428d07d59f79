"""One look at the logs for who reads them: where they stand, what they jump to, and the lines around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.log_store.selection import Place, Selection, Window
from console.log_store.store import LogStore


@dataclass(frozen=True, slots=True)
class Jump:
    """Where to go; one of these."""

    row: int | None = None
    """A row from 0 on; negative counts from the end."""
    at: float | None = None
    """The first line that is not older than these Unix seconds."""
    hit: int = 0
    """A line of the search: 1 the next, -1 the one before, -2 the newest that does not stand below."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What who reads wants to see."""

    selection: Selection
    search: Selection | None = None
    """Within `selection`."""
    rows: int = 24
    """Lines that fit at once."""
    top: Place | None = None
    cursor: Place | None = None
    """The line that they look at; None for the newest, which is then followed."""
    held: Place | None = None
    """The newest line when they began to look at `cursor`."""
    jump: Jump | None = None
    until: float | None = None
    """Unix seconds of then: the log as it was; None for now."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to see."""

    window: Window
    top: int
    """Row of the line that was at the top."""
    cursor: int
    """Row of the line that they look at."""
    fresh: int
    """Lines that came since they began to look."""
    busy: bool
    """Whether older lines are still being read or looked at."""
    looked: int
    of: int
    """How many of the known lines were looked at for selection and search."""
    hits: int
    hit: int
    """Lines that the search found, and the number of the one that they look at, from 1; 0 for none."""
    jumped: bool
    """Whether the jump was made."""


def look(store: LogStore, wanted: Wanted, stop: Callable[[], bool]) -> Found:
    """Read on for as long as there is something to read and `stop` does not say that it is time; then see.

    Args:
        store: The logs.
        wanted: What is wanted.
        stop: Asked between two blocks.
    """
    scanned = wanted.search or wanted.selection
    until = None if wanted.until is None else int(wanted.until * 1_000_000)
    wanted.selection.until = scanned.until = until
    busy = store.step(scanned, stop)
    total = store.total(wanted.selection)
    cursor = _jumped(store, wanted, total, busy)
    # A search that has found nothing yet may still find something.
    jumped = cursor is not None or not busy
    if cursor is None:
        cursor = total - 1 if wanted.cursor is None else store.row_of(wanted.selection, wanted.cursor)
    cursor = max(0, min(cursor, total - 1))
    moved = wanted.jump is not None and jumped
    if wanted.top is None or wanted.cursor is None or moved:
        top = max(0, cursor - wanted.rows // 3 if moved else cursor - wanted.rows + 1)
    else:
        top = store.row_of(wanted.selection, wanted.top)
    first = max(0, min(top, cursor) - 2 * wanted.rows)
    window = store.window(wanted.selection, first, max(top, cursor) - first + 3 * wanted.rows)
    looked, of = store.progress(scanned)
    hits, hit = _hit(store, wanted, window, cursor)
    fresh = 0 if wanted.held is None else max(0, window.total - 1 - store.row_of(wanted.selection, wanted.held))
    return Found(window, top, cursor, fresh, busy, looked, of, hits, hit, jumped)


def _jumped(store: LogStore, wanted: Wanted, total: int, busy: bool) -> int | None:
    jump = wanted.jump
    if jump is None:
        return None
    if jump.row is not None:
        return jump.row if jump.row >= 0 else total + jump.row
    if jump.at is not None:
        return store.row_at(wanted.selection, jump.at)
    if wanted.search is None:
        return None
    return _next_hit(store, wanted, wanted.search, jump.hit, busy)


def _next_hit(store: LogStore, wanted: Wanted, search: Selection, which: int, busy: bool) -> int | None:
    """Row of a hit; None when there is none, or while it is not known which is the next."""
    hits = store.total(search)
    number, on_hit = hits, False
    if wanted.cursor is not None:
        number = store.row_of(search, wanted.cursor)
        on_hit = _place(store, search, number) == wanted.cursor
        if busy and which > 0 and not search.has_seen(wanted.cursor):
            return None
    number += {1: int(on_hit), -1: -1, -2: int(on_hit) - 1}[which]
    # The newest lines are looked at first, so that a hit found above is the nearest one.
    if not hits or (busy and not 0 <= number < hits):
        return None
    place = _place(store, search, number % hits)
    return None if place is None else store.row_of(wanted.selection, place)


def _hit(store: LogStore, wanted: Wanted, window: Window, cursor: int) -> tuple[int, int]:
    if wanted.search is None:
        return 0, 0
    hits = store.total(wanted.search)
    at = cursor - window.first
    if not hits or not 0 <= at < len(window.places):
        return hits, 0
    number = store.row_of(wanted.search, window.places[at])
    return hits, number + 1 if _place(store, wanted.search, number) == window.places[at] else 0


def _place(store: LogStore, search: Selection, number: int) -> Place | None:
    found = store.window(search, number, 1)
    return found.places[0] if found.places and found.first == number else None
