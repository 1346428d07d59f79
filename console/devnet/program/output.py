"""What the process says: lines on stderr and stdout; a closed pipe does not stop a validator."""

from __future__ import annotations

import sys


def tell(line: str) -> None:
    """One line on stderr."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def log(line: str) -> None:
    """One line on stdout, "I text" or "E text", with the time."""
    # Imported late: `--version` says nothing else.
    import time

    from .block import format_time

    level, _, text = line.partition(" ")
    try:
        sys.stdout.write(f"{level}[{format_time(time.time_ns())}] {text}\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        pass
