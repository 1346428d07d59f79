"""Short commands of this machine, behind a seam so that tests see what would be run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from console.errors import NodeError


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs one command to its end."""

    def run(self, arguments: Sequence[str], deadline_s: float) -> CommandResult:
        """Run it.

        Raises:
            NodeError: It could not be run or did not end in time.
        """
        ...


class SystemRunner:
    """Runs commands on this machine, in the C locale."""

    def run(self, arguments: Sequence[str], deadline_s: float) -> CommandResult:
        """Run it. Raises NodeError."""
        try:
            done = subprocess.run(
                list(arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=deadline_s,
                env={**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NodeError(f"`{' '.join(arguments)}` did not end within {deadline_s:.0f} s") from error
        except OSError as error:
            raise NodeError(f"`{' '.join(arguments)}` cannot be run: {error}") from error
        return CommandResult(
            done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )
