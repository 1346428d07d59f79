"""A controller killed at every fault point, once or again and again: the upgrade ends as the verdict says."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.files import sha256_of
from console.model import Attempt, Crossing, Verdict
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.runtime.shim import ShimRuntime
from tests.console.node import nodes
from tests.console.node.driver import said

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).parents[3]
DEADLINE_S = 40.0
MOST_LIVES = 8

HALTING = """#!/bin/sh
# A node that watches the rules itself: never two, never the new one armed or before the halt.
case "$1" in
  --version) echo {version}; exit 0;;
  config) echo "halt_height = ${{FM_HALT_HEIGHT:-0}}"; exit 0;;
esac
trap 'exit 0' TERM
cd {home}
halt=${{FM_HALT_HEIGHT:-0}}
touch starts.log
while read -r other rest; do
  if kill -0 "$other" 2>/dev/null; then echo "$$ started beside $other" >> violations.log; fi
done < starts.log
if [ {version} = v0.2.0 ]; then
  if [ "$halt" != 0 ]; then echo "the new binary was armed for $halt" >> violations.log; fi
  if [ ! -f halts.log ]; then echo "the new binary ran before the halt" >> violations.log; fi
fi
echo "$$ {version} $halt $(date +%s.%N)" >> starts.log
while :; do
  if [ "$halt" = 100 ] && [ -f go ]; then
    echo '{{"height": 99}}' > fendermint/data/app.json
    echo "INFO app.rs:785: Stopping node due to reaching halt height height=100" >&2
    echo $$ >> halts.log
    exit 2
  fi
  sleep 0.03
done
"""

PREPARING = ("planned", "fetching", "verified", "staged", "ready", "arming", "armed")
CROSSING = ("halted", "quiesced", "switched", "starting", "waiting_for_quorum", "probation", "committed")

CROSS_POINTS = (
    *(f"{side}-{state}:1" for state in (*PREPARING, "verdict", *CROSSING) for side in ("before", "after")),
    # Starts: the first one, the one that arms, the new binary's. The stop is the arming restart's.
    *(f"{side}-start:{number}" for number in (1, 2, 3) for side in ("before", "after")),
    "before-stop:1",
    # The first end that is judged is the halt.
    "before-judged:1",
    "after-judged:1",
)
ABORT_POINTS = ("before-halted:1", "after-halted:1", "before-resumed_old:1", "after-resumed_old:1", "after-start:3")
REPEATED = ("before-stop:1", "before-start:1", "before-judged:1", "before-switched:1", "before-committed:1")
"""Points where two lives of the controller are killed; elsewhere only the first."""


@dataclass(frozen=True, slots=True)
class Case:
    """One upgrade."""

    point: str
    verdict: Verdict
    kills: int = 1

    def __str__(self) -> str:
        return f"{self.point}-{self.verdict.name.lower()}-{self.kills}"


CASES = (
    *(Case(point, Verdict.CROSS) for point in CROSS_POINTS),
    *(Case(point, Verdict.ABORT) for point in ABORT_POINTS),
    *(Case(point, Verdict.CROSS, kills=2) for point in REPEATED),
)
BATCHES = [CASES[at : at + 4] for at in range(0, len(CASES), 4)]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A release server's folder; `url` is in its name file."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return None

    folder = tmp_path_factory.mktemp("releases")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    (folder / "url").write_text(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


class Upgrade:
    """One node's folder, its chain and the lives of its controller."""

    def __init__(self, folder: Path, release: Path, case: Case) -> None:
        self.folder = folder
        self.case = case
        self.home = nodes.make_home(folder / "home", HALTING)
        (folder / "state" / "run").mkdir(parents=True)
        given = release / folder.name
        self.sha256 = nodes.write_binary(given, self.home, HALTING)
        self.url = f"{(release / 'url').read_text()}/{given.name}"
        self.runtime = ShimRuntime(folder / "state" / "run", self.home)
        self.generations = Generations(self.home, nodes.DAEMON)
        self.known = {self.sha256, sha256_of(self.generations.current().binary)}
        self.tell(60, Verdict.NONE)

    def tell(self, height: int, verdict: Verdict) -> None:
        """Edit the chain, atomically."""
        beside = self.folder / "chain.json.new"
        told = {"height": height, "verdict": verdict.value, "sha256": self.sha256, "url": self.url}
        beside.write_text(json.dumps(told))
        beside.replace(self.folder / "chain.json")

    def attempt(self) -> Attempt | None:
        path = self.folder / "state" / "journal.db"
        if not path.exists():
            return None
        journal = Journal(path, read_only=True)
        try:
            return journal.latest_attempt()
        finally:
            journal.close()

    def done(self) -> bool:
        attempt = self.attempt()
        if attempt is None or attempt.arming.value != "ARMED":
            return False
        if self.case.verdict is Verdict.CROSS:
            return attempt.crossing is Crossing.COMMITTED and "confirm" in said(self.folder)
        live = self.runtime.recorded()
        running = live is not None and self.runtime.node_alive(live)
        return attempt.crossing is Crossing.RESUMED_OLD and running and nodes.starts(self.home)[-1].split()[1] == "0"

    async def life(self, fault: str) -> asyncio.subprocess.Process:
        environment = {name: value for name, value in os.environ.items() if name != "UPGRADE_CONSOLE_FAULT"}
        if fault:
            environment["UPGRADE_CONSOLE_FAULT"] = fault
        log = (self.folder / "controller.log").open("ab")
        with log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.console.node.driver", str(self.folder)),
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
            )

    async def run(self) -> int:
        """Play the upgrade to its end; returns how often the controller was killed."""
        kills = 0
        told = False
        process = await self.life(self.case.point)
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not self.done() or kills == 0:
                    assert self.generations.current().sha256 in self.known
                    if not told and {"ready", "armed"} <= set(said(self.folder)):
                        told = True
                        self.tell(97, self.case.verdict)
                        (self.home / "go").touch()
                    if process.returncode is not None:
                        assert process.returncode == -signal.SIGKILL, self.story()
                        kills += 1
                        assert kills < MOST_LIVES, self.story()
                        process = await self.life(self.case.point if kills < self.case.kills else "")
                    await asyncio.sleep(0.03)
        except TimeoutError:
            pytest.fail(f"{self.case}: gave up\n{self.story()}")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            await nodes.end_all(self.runtime, self.folder / "state", self.home)
        return kills

    def story(self) -> str:
        log = (self.folder / "controller.log").read_text()[-3000:]
        return f"{self.attempt()}\n{nodes.starts(self.home)}\n{said(self.folder)}\n{log}"

    def check(self) -> None:
        """What must hold whatever was killed."""
        violations = self.home / "violations.log"
        assert not violations.exists(), f"{self.case}: {violations.read_text()}\n{self.story()}"
        binary = self.generations.current().binary
        expected = self.sha256 if self.case.verdict is Verdict.CROSS else None
        assert sha256_of(binary) in ({expected} if expected else self.known - {self.sha256})
        starts = [line.split() for line in nodes.starts(self.home)]
        last = ["v0.2.0", "0"] if expected else ["v0.1.5", "0"]
        assert [start[:2] for start in starts] == [["v0.1.5", "0"], ["v0.1.5", "100"], last], self.story()
        journal = Journal(self.folder / "state" / "journal.db", read_only=True)
        try:
            events = journal.events()
            switched = [event["at"] for event in events if event["kind"] == "switched"]
            if switched:
                assert all(float(at) < switched[0] for version, _, at in starts if version == "v0.1.5"), self.story()
            assert journal.armed_for == 0
        finally:
            journal.close()


@pytest.mark.parametrize("cases", BATCHES, ids=lambda cases: f"{cases[0].point.partition(':')[0]}+{len(cases) - 1}")
async def test_a_kill_at_any_point_changes_nothing(tmp_path: Path, release: Path, cases: tuple[Case, ...]) -> None:
    upgrades = [Upgrade(tmp_path / str(case), release, case) for case in cases]
    # Not a task group: one that fails must not keep the others from clearing up.
    results = await asyncio.gather(*(upgrade.run() for upgrade in upgrades), return_exceptions=True)
    for upgrade, result in zip(upgrades, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        assert result == upgrade.case.kills, upgrade.story()
        upgrade.check()
