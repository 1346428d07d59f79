"""A devnet driven by the command line alone, as a script would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-m", "console.cli")
BLOCK_TIME = "500ms"
LEAD = 40
"""Blocks from the proposal to H: four arming turns, the freeze and some for a slow machine."""


@dataclass(frozen=True)
class Ran:
    """What one call of the command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*arguments: str, environment: dict[str, str] | None = None, timeout: float = 120.0) -> Ran:
    """Call `upgrade-console`; its output is never a pipe that a daemon could inherit and keep open."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


class Devnet:
    """One devnet in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def up(self, *arguments: str) -> None:
        ran = self.verb("up", "--background", "--block-time", BLOCK_TIME, *arguments)
        assert ran.code == 0, ran.err

    def verb(self, *arguments: str, environment: dict[str, str] | None = None) -> Ran:
        return run("devnet", *arguments, "--dir", str(self.folder), environment=environment)

    def call(self, *arguments: str) -> Ran:
        """A headless verb on this network."""
        return run(*arguments, "--network", "devnet", "--dir", str(self.folder))

    def status(self) -> dict[str, Any]:
        ran = self.verb("status", "--json")
        assert ran.code == 0, ran.err
        document: dict[str, Any] = ran.json
        return document

    def seen_by(self, node: str) -> dict[str, Any]:
        """`status --json` as the console of one node tells it."""
        ran = self.call("status", "--json", "--node", node)
        assert ran.code == 0, ran.err
        document: dict[str, Any] = ran.json
        return document

    def upgrade(self, node: str) -> dict[str, Any]:
        """The upgrade as one node's console tells it; empty while the chain cannot be read."""
        found: dict[str, Any] | None = self.seen_by(node)["upgrade"]
        return found or {}

    def states(self) -> dict[str, str]:
        return {node["name"]: node["state"] for node in self.status()["nodes"]}

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.status()["nodes"] if node["name"] == name)

    def home(self, name: str) -> Path:
        return Path(self.node(name)["home"])

    def state_dir(self, name: str) -> Path:
        return self.folder / "nodes" / name / "state"

    def propose(self, lead: int = LEAD, **changes: str) -> int:
        """Propose v0.2.0; returns H."""
        status = self.status()
        release = status["releases"][1]
        height = int(status["height"]) + lead
        fields = {
            "name": "v0.2.0",
            "height": str(height),
            "binary-url": release["url"],
            "binary-hash": f"sha256:{release['sha256']}",
            **changes,
        }
        ran = self.call("propose", *(part for key, value in fields.items() for part in (f"--{key}", value)))
        assert ran.code == 0, ran.err
        return height

    def eventually(self, what: str, condition: Callable[[], bool], deadline_s: float = 90.0) -> None:
        """Wait for a condition; gives up with every log of the network."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.3)
        pytest.fail(f"never happened: {what}\n{self.story()}")

    def story(self) -> str:
        """All that is known: states, controllers' logs, the ends of the nodes' logs."""
        parts = [json.dumps(self.status(), indent=1)]
        for log in sorted(self.folder.glob("nodes/*/state/run/*.log")) + sorted(self.folder.glob("logs/*.log")):
            lines = log.read_text(errors="replace").splitlines()[-25:]
            parts.append("\n".join([f"=== {log.relative_to(self.folder)}", *lines]))
        return "\n".join(parts)

    def all_are(self, state: str, *names: str) -> Callable[[], bool]:
        def condition() -> bool:
            states = self.states()
            return all(states[name] == state for name in names or states)

        return condition

    def past(self, height: int) -> Callable[[], bool]:
        return lambda: (self.status()["height"] or 0) > height

    def wipe(self) -> None:
        ran = self.verb("down", "--wipe")
        assert ran.code == 0, ran.err
