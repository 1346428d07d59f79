"""The controlling terminal while a child of ours asks on it: as it was, afterwards."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager


def has_terminal() -> bool:
    """Whether somebody could be asked: this process has a terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


@contextmanager
def kept_terminal() -> Iterator[int]:
    """The terminal; its settings and who is in front are put back, also when a child was killed in the middle."""
    descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        before, front = termios.tcgetattr(descriptor), os.tcgetpgrp(descriptor)
        try:
            yield descriptor
        finally:
            # From behind, which we are when the child did not give it back, this would stop us.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
            try:
                os.tcsetpgrp(descriptor, front)
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
            except (OSError, termios.error):
                # The terminal is gone: the hang-up says so to everybody.
                pass
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})
    finally:
        os.close(descriptor)
