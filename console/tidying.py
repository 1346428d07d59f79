"""To look through everything for garbage holds every key up: seldom, and while nobody presses one.

With ten thousand validators it takes up to 180 ms. Snapshots are no part of it: what is without cycles goes at once.
"""

from __future__ import annotations

import gc

QUIET_S = 10.0
"""Seconds without a key after which nobody waits for one."""
EVERY_S = 300.0
"""Seconds between two looks."""
_YOUNG = 10_000
"""Objects made since the last look at the young ones."""
_NEVER = 1_000_000
"""Looks at the young ones after which Python would look through everything by itself."""


def begin() -> None:
    """Take what start-up made for no garbage, and look from now on for young garbage alone."""
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, _NEVER)
    gc.enable()


class Tidying:
    """Remembers when it was looked last.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._looked = now

    def look_if_quiet(self, now: float, quiet_s: float) -> bool:
        """Look through everything if it is time and nobody is kept waiting; returns whether that was done.

        Args:
            now: Monotonic seconds.
            quiet_s: Seconds without a key.
        """
        if quiet_s < QUIET_S or now - self._looked < EVERY_S:
            return False
        self._looked = now
        gc.collect()
        return True
