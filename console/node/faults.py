"""Named fault points: inert unless the environment asks for one (`UPGRADE_CONSOLE_FAULT=<point>:<n>`).

At the n-th time a process reaches the named point it kills itself as SIGKILL would: nothing is flushed, no handler
runs. So that a test can say "killed at the halt" exactly (facts/safety.md §3, snapd's MaybeInjectFault).
"""

from __future__ import annotations

import os
import signal

VARIABLE = "UPGRADE_CONSOLE_FAULT"


class FaultPoints:
    """Counts the points that this process passed.

    Args:
        wanted: `<point>:<n>` or empty; anything else is ignored, since a mistyped test must not stop a node.
    """

    def __init__(self, wanted: str) -> None:
        point, _, count = wanted.rpartition(":")
        self._point = point
        self._left = int(count) if point and count.isdigit() else 0

    @classmethod
    def from_environment(cls) -> FaultPoints:
        """What this process's environment asks for."""
        return cls(os.environ.get(VARIABLE, ""))

    def reach(self, point: str) -> None:
        """Pass a point; does not return when it is the wanted one for the n-th time."""
        if self._left <= 0 or point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
