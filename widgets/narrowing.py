"""A filter as typed: a regular expression or its opposite, told when it is broken, given up when it takes too long.

Written once for every view with a filter. Patterns are those of the library `regex`, because it alone can be stopped:
one character too many makes a pattern try more ways than there are atoms, and nobody may wait for that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

LINE_S = 0.005
"""Seconds of processor time that one text may take; an honest pattern needs a thousandth of it."""

PASS_S = 0.5
"""Seconds of processor time for all texts of one pass."""

MOST_TYPED = 200
"""Characters of a pattern."""

MOST_REPEATED = 1000
"""How often a pattern may repeat a part by numbers, all its numbers multiplied: the library writes each one out."""

_SPECIAL = frozenset("\\^$.|?*+()[]{}")
_NUMBERS = re.compile(r"\{\s*([0-9]{0,9})\s*,?\s*([0-9]{0,9})")


class Narrowing:
    """What is kept of many texts. Capitals count only where one is typed; `!` first keeps what does not match.

    A pattern that cannot be used keeps everything, and `problem` says why.

    Args:
        typed: As the operator typed it; blank narrows nothing.
    """

    def __init__(self, typed: str = "") -> None:
        self.typed = typed.strip()
        self.inverse = self.typed.startswith("!")
        self.wanted = self.typed[1:].strip() if self.inverse else self.typed
        self.problem = ""
        """Why nothing is narrowed, as one clause; empty when all is well."""
        self._exact = any(character.isupper() for character in re.sub(r"\\.", "", self.wanted))
        self._pattern: regex.Pattern[str] | None = None
        if not _SPECIAL.isdisjoint(self.wanted):
            self._compile()

    @property
    def active(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.wanted) and not self.problem

    def keeps(self, text: str) -> bool:
        """Whether this text stays; one that takes too long ends the filter (`problem`)."""
        if not self.active:
            return True
        if self._pattern is None:
            found = self.wanted in text if self._exact else self.wanted.casefold() in text.casefold()
            return found != self.inverse
        try:
            # Without `concurrent` the interpreter's lock is held for as long as this takes.
            found = self._pattern.search(text, timeout=LINE_S, concurrent=True) is not None
        except (TimeoutError, MemoryError, RecursionError):
            self._give_up()
            return True
        return found != self.inverse

    def kept(self, texts: Sequence[str]) -> list[int]:
        """Places of the texts that stay; all of them when the pattern cannot be used or takes too long."""
        end = time.thread_time() + PASS_S
        places = []
        for place, text in enumerate(texts):
            if self.keeps(text):
                places.append(place)
            if place % 64 == 0 and self.active and time.thread_time() > end:
                self._give_up()
            if self.problem:
                break
        return list(range(len(texts))) if self.problem else places

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the text holds what is wanted, to mark it; nowhere when what does not match is wanted."""
        if not self.active or self.inverse:
            return []
        if self._pattern is None:
            found = re.finditer(re.escape(self.wanted), text, 0 if self._exact else re.IGNORECASE)
            return [each.span() for each in found]
        try:
            return [each.span() for each in self._pattern.finditer(text, timeout=LINE_S, concurrent=True)]
        except (TimeoutError, MemoryError, RecursionError):
            return []

    def words(self, shown: int, of: int) -> str:
        """What the filter does, for a title; empty when nothing is typed.

        Args:
            shown: How many stay.
            of: How many there are.
        """
        if not self.wanted:
            return ""
        if self.problem:
            return f"✗ filter: {self.problem}; nothing is filtered"
        return f"{shown:,} of {of:,} {'without' if self.inverse else 'match'} {self.wanted!r}"

    def _compile(self) -> None:
        if len(self.wanted) > MOST_TYPED:
            self.problem = f"more than {MOST_TYPED} characters"
            return
        if _repeated(self.wanted) > MOST_REPEATED:
            self.problem = f"it repeats more than {MOST_REPEATED} times"
            return
        # Ten milliseconds to import, and most filters are a plain word.
        import regex

        try:
            # Several lines are several fields: each has a start and an end.
            self._pattern = regex.compile(self.wanted, regex.MULTILINE | (0 if self._exact else regex.IGNORECASE))
        except (regex.error, RecursionError, OverflowError, MemoryError, ValueError) as error:
            said = getattr(error, "msg", None) or "it cannot be read"
            place = getattr(error, "pos", None)
            self.problem = f"{said} at character {place + 1}" if isinstance(place, int) else str(said)

    def _give_up(self) -> None:
        self.problem = "this pattern takes too long"


def _repeated(pattern: str) -> int:
    product = 1
    for low, high in _NUMBERS.findall(pattern):
        product *= max(1, int(low or 1), int(high or 1))
    return product


NOTHING_TYPED = Narrowing()
"""Keeps everything."""
