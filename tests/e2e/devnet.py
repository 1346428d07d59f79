"""A devnet driven by the command line, as a script would."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.devnet.build import Build, Release, build_all
from console.devnet.network import status

COMMAND = (sys.executable, "-m", "console.cli")
BLOCK_TIME = "500ms"
_USUAL_UP_S = 4.5
"""Seconds that four validators take to come up on two idle cores."""
LEAD = 45
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
        self._slowness = 1.0

    def up(self, *arguments: str) -> None:
        # One at a time on this machine: how long it takes tells how slow that is, not how many come up beside it.
        with open(__file__, "rb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            began = time.monotonic()
            ran = self.verb("up", "--background", "--block-time", BLOCK_TIME, *arguments)
        assert ran.code == 0, ran.err
        self._slowness = max(1.0, (time.monotonic() - began) / _USUAL_UP_S)

    def lead(self, blocks: int) -> int:
        """A lead for this machine: more blocks where it is slow or busy, since blocks do not wait for it."""
        return int(blocks * self._patience())

    def _patience(self) -> float:
        busy = os.getloadavg()[0] / (2 * (os.cpu_count() or 1))
        return min(4.0, max(self._slowness, busy))

    def verb(self, *arguments: str, environment: dict[str, str] | None = None) -> Ran:
        return run("devnet", *arguments, "--dir", str(self.folder), environment=environment)

    def call(self, *arguments: str) -> Ran:
        """A headless verb on this network."""
        return run(*arguments, "--network", "devnet", "--dir", str(self.folder))

    def tells(self, *arguments: str) -> Any:
        """A headless verb with `--json` on this network, which must not be refused; its document."""
        ran = self.call(*arguments, "--json")
        assert ran.code == 0, ran.err
        return ran.json

    def vote(self, number: int, *nodes: str, choice: str = "yes") -> None:
        """Have validators vote on a proposal, in this order."""
        for node in nodes:
            self.tells("vote", str(number), choice, "--node", node)

    def council_key(self, number: int) -> str:
        """The key file of a member of the council."""
        return str(self.folder / "keys" / f"council{number}.key")

    def status(self) -> dict[str, Any]:
        """What `devnet status --json` prints, asked in this process: it is asked several times a second."""
        return dict(asyncio.run(status(self.folder)))

    def seen_by(self, node: str) -> dict[str, Any]:
        """`status --json` as the console of one node tells it."""
        return self._read("status", node)

    def _read(self, verb: str, node: str) -> dict[str, Any]:
        """A document of one node, read in this process: a process of its own starts longer than a test may look."""
        out, err = io.StringIO(), io.StringIO()
        where = ("--network", "devnet", "--dir", str(self.folder), "--node", node)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*verb.split(), "--json", *where])
        assert code == 0, err.getvalue()
        document: dict[str, Any] = json.loads(out.getvalue())
        return document

    def upgrade(self, node: str) -> dict[str, Any]:
        """The upgrade as one node's console tells it; empty while the chain cannot be read."""
        found: dict[str, Any] | None = self.seen_by(node)["upgrade"]
        return found or {}

    def asks(self, node: str, verb: str, *arguments: str) -> Ran:
        """`node VERB` for one node."""
        return self.call("node", verb, *arguments, "--node", node)

    def does(self, node: str, verb: str, *arguments: str) -> Any:
        """`node VERB --json` for one node, which must not be refused; its document."""
        ran = self.asks(node, verb, *arguments, "--json")
        assert ran.code == 0, ran.err
        return ran.json

    def told(self, node: str) -> dict[str, Any]:
        """`node status --json`: what only the node's controller knows."""
        return self._read("node status", node)

    def add_release(self, version: str, rules: int, migration: str = "") -> Build:
        """Build another release and have the devnet's server offer it.

        Args:
            version: What it calls itself, and its folder.
            rules: Its rule set; with one that no program knows it answers `--version` and does not start.
            migration: What it does to the state at H (`ReleaseMigration.carried`).
        """
        record = json.loads((self.folder / "devnet.json").read_text())
        (build,) = build_all(record["python"], (Release(version, rules, migration),))
        path = self.folder / "releases" / version / "subnetd"
        path.parent.mkdir()
        path.write_bytes(build.content)
        path.chmod(0o755)
        return build

    def propose_build(self, build: Build, lead: int = LEAD) -> int:
        """Propose a release that `add_release` made; returns H."""
        url = self.status()["releases"][0]["url"].rsplit("/", 2)[0]
        changes = {"binary-url": f"{url}/{build.version}/subnetd", "binary-hash": f"sha256:{build.sha256}"}
        return self.propose(lead, name=build.version, **changes)

    def states(self) -> dict[str, str]:
        return {node["name"]: node["state"] for node in self.status()["nodes"]}

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.status()["nodes"] if node["name"] == name)

    def home(self, name: str) -> Path:
        return Path(self.node(name)["home"])

    def state_dir(self, name: str) -> Path:
        return self.folder / "nodes" / name / "state"

    def propose(self, lead: int = LEAD, **changes: str) -> int:
        """Propose v0.2.0, with a lead for this machine; returns H."""
        status = self.status()
        release = status["releases"][1]
        height = int(status["height"]) + self.lead(lead)
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
        """Wait for a condition, on a busy machine for longer; gives up with every log of the network."""
        end = time.monotonic() + deadline_s * self._patience()
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


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Devnet]:
    """A devnet for the tests of one file: brought up, wiped at the end, and nothing of it survives."""
    from tests.e2e.conftest import survivors

    if sys.platform != "linux":
        pytest.skip("the devnet needs Linux")
    devnet = Devnet(folder)
    try:
        devnet.up(*arguments)
        yield devnet
    finally:
        if devnet.folder.exists():
            devnet.wipe()
        left = survivors(devnet.folder)
        for process in left:
            process.kill()
    assert not left, f"these survived `devnet down`: {left}"
