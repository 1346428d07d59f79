"""Whether hands may change anything from this console: never, not while it is locked, or freely."""

from __future__ import annotations

from console.errors import InputError

READ_ONLY = "The console is read-only: start it without --read-only to change anything."

REPLAY = "This is a replay of a recording: nothing can be done here, and nothing is followed."


class HandLock:
    """The lock of one session. Every operation that changes something asks `require_free` first.

    Args:
        forbidden: A sentence on why nothing can ever be changed in this session; empty when it can.
        locked: Whether it begins locked; a person can unlock that.
        after_s: Seconds without a key after which it locks itself; 0 for never.
    """

    def __init__(self, forbidden: str = "", *, locked: bool = False, after_s: float = 0.0) -> None:
        self.forbidden = forbidden
        self.after_s = after_s
        self._locked = locked

    @property
    def locked(self) -> bool:
        """Whether changes are refused until somebody unlocks it."""
        return self._locked

    @property
    def free(self) -> bool:
        """Whether changes are possible."""
        return not self.forbidden and not self._locked

    def lock(self) -> None:
        """Refuse changes from now on."""
        self._locked = True

    def unlock(self) -> None:
        """Let changes through again; what is forbidden stays forbidden."""
        self._locked = False

    def idle_for(self, seconds: float) -> bool:
        """Nobody pressed anything for so long. Returns whether it locked itself by that."""
        if not self.after_s or seconds < self.after_s or not self.free:
            return False
        self._locked = True
        return True

    def require_free(self) -> None:
        """Raises InputError while changes are refused: nothing was changed."""
        self.require_possible()
        if self._locked:
            raise InputError("this console is locked", safe="nothing was changed", next_step="unlock it first (Lock)")

    def require_possible(self) -> None:
        """Raises InputError where nothing can ever be changed; a lock does not matter to what only prepares."""
        if self.forbidden:
            raise InputError("this console is read-only", safe="nothing was changed")
