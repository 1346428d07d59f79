"""A devnet to measure on: brought up in a folder of its own by the command line, and wiped."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "console.cli")
_VERB_DEADLINE_S = 120.0
_LOOK_EVERY_S = 0.5


class BenchmarkError(Exception):
    """What was to be measured did not happen."""


@dataclass(frozen=True, slots=True)
class Devnet:
    """A running devnet."""

    folder: Path

    def status(self) -> dict[str, Any]:
        """`devnet status --json`."""
        document: dict[str, Any] = json.loads(_run("devnet", "status", "--json", "--dir", str(self.folder)))
        return document

    def verb(self, *arguments: str) -> str:
        """Run a verb on this network; its standard output. Raises BenchmarkError."""
        return _run(*arguments, "--network", "devnet", "--dir", str(self.folder))

    def propose(self, lead: int, name: str = "v0.2.0") -> int:
        """Propose the second release `lead` blocks from now, and return H. Raises BenchmarkError."""
        status = self.status()
        release = status["releases"][1]
        height = int(status["height"]) + lead
        fields = {"name": name, "height": str(height), "binary-url": release["url"]}
        fields["binary-hash"] = f"sha256:{release['sha256']}"
        self.verb("propose", *(part for key, value in fields.items() for part in (f"--{key}", value)))
        return height

    def console(self) -> tuple[str, ...]:
        """The command that opens the console on it."""
        return (*COMMAND, "--network", "devnet", "--dir", str(self.folder))

    def until(
        self, what: str, condition: Callable[[dict[str, Any]], bool], deadline_s: float, *, quiet_s: float = 0.0
    ) -> dict[str, Any]:
        """Wait until the status fulfils a condition, and return it.

        Args:
            what: The condition in words.
            condition: Of the status document.
            deadline_s: Seconds after which this gives up.
            quiet_s: Seconds before the first look: each one costs a fifth of a second of a core.

        Raises:
            BenchmarkError: It was not fulfilled in time.
        """
        end = time.monotonic() + deadline_s
        time.sleep(quiet_s)
        while time.monotonic() < end:
            status = self.status()
            if condition(status):
                return status
            time.sleep(_LOOK_EVERY_S)
        raise BenchmarkError(f"never happened within {deadline_s:g} s: {what}")


@contextmanager
def devnet(block_time: str, *options: str) -> Iterator[Devnet]:
    """Four validators at a block time such as `250ms`; wiped at the end.

    Args:
        block_time: As `devnet up --block-time` takes it.
        options: More of `devnet up`.

    Raises:
        BenchmarkError: It did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="upgrade-console-bench-") as parent:
        folder = Path(parent).resolve() / "net"
        try:
            _run("devnet", "up", "--background", "--block-time", block_time, *options, "--dir", str(folder))
            yield Devnet(folder)
        finally:
            if folder.exists():
                _run("devnet", "down", "--wipe", "--dir", str(folder))


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_VERB_DEADLINE_S,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"upgrade-console {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
