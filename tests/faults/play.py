"""Plays one run: the lives of a controller in a world, what is done to them, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from console.errors import NodeError
from console.node.faults import VARIABLE
from console.node.shim import FAULT_VARIABLE as SHIM_VARIABLE
from tests.console.node import nodes
from tests.faults import tracing
from tests.faults.driver import DAEMON
from tests.faults.invariants import Watch
from tests.faults.plan import FaultRun
from tests.faults.rig import Life, Zygote
from tests.faults.scripted import NEW_VERSION
from tests.faults.world import World

MOST_LIVES = 12
"""Lives of a controller within which every run must come to rest (facts/safety.md §3, I5)."""
DEADLINE_S = 45.0
"""Seconds after which a run counts as one that never comes to rest."""
_HINDERED_S = 5.0
"""Seconds after which a controller whose system calls fail again and again is started anew without that."""
_LOOK_S = 0.012
_RESTS = 4
"""Looks in a row at the same end: a kill just after it was written is still to be seen."""


@dataclass(slots=True)
class Outcome:
    """What became of a run."""

    run: FaultRun
    end: str = ""
    """Where it came to rest; empty when it did not."""
    lives: int = 0
    kills: int = 0
    """Lives that ended by SIGKILL."""
    failures: int = 0
    """Lives that ended by themselves, with an error."""
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    story: str = ""

    def __str__(self) -> str:
        lines = [f"{self.run} -> {self.end or 'no rest'} after {self.lives} lives, {self.kills} kills"]
        lines += [f"  {violation}" for violation in self.violations]
        return "\n".join(lines)


class Play:
    """One run.

    Args:
        run: What is played.
        folder: Where; it is made.
        url: Where that folder is served.
        zygote: Starts controllers.
        deadline_s: Seconds after which it counts as one that never comes to rest.
    """

    def __init__(
        self, run: FaultRun, folder: Path, url: str, zygote: Zygote, *, deadline_s: float = DEADLINE_S
    ) -> None:
        folder.mkdir()
        self._deadline_s = deadline_s
        self._run = run
        self._zygote = zygote
        self.world = World(folder, run.scenario, url)
        self._watch = Watch(self.world, run)
        self._outcome = Outcome(run)
        self._acts = self._timed_acts()
        self._next_act = next(self._acts, None)
        self._begun = self._life_begun = 0.0

    def play(self) -> Outcome:
        """Play it to its end, and leave nothing running."""
        outcome = self._outcome
        self._begun = time.monotonic()
        life = self._begin()
        try:
            life = self._until_rest(life)
        finally:
            self._resume_all(life)
            if life.status is None and not self._told_to_end(life):
                os.kill(life.pid, signal.SIGKILL)
                life.wait(20.0)
                outcome.violations.append("left: the controller does not end on SIGTERM")
            self._watch.judge(outcome.end)
            left = asyncio.run(self._end_node())
        outcome.violations += self._watch.violations + left
        if self._run.must_happen and not outcome.kills:
            outcome.violations.append("plan: the controller was never killed")
        outcome.seconds = time.monotonic() - self._begun
        if outcome.violations:
            outcome.story = self.world.story()
        return outcome

    def _until_rest(self, life: Life) -> Life:
        outcome, rests = self._outcome, 0
        while time.monotonic() - self._begun < self._deadline_s:
            self._watch.look()
            if life.status is not None:
                if outcome.lives >= MOST_LIVES:
                    self._watch.violations.append(f"I5: {MOST_LIVES} lives of the controller were not enough")
                    return life
                rests = 0
                self._note_end(life.status)
                life = self._begin()
            self._act(life)
            self._relieve(life)
            end = self.world.end()
            rests = rests + 1 if end and end == outcome.end else 0
            outcome.end = end
            if rests >= _RESTS and life.status is None and not self._acting_soon():
                return life
            life.wait(_LOOK_S)
        outcome.end = ""
        self._watch.violations.append(f"I5: it did not come to rest within {self._deadline_s:.0f} s")
        return life

    def _begin(self) -> Life:
        fault, outcome = self._run.fault, self._outcome
        outcome.lives += 1
        self._life_begun = time.monotonic()
        environment = {}
        trace: tuple[str, ...] = ()
        shim = ""
        if outcome.lives <= fault.times:
            if fault.kind in {"point", "both", "tamper", "damage"}:
                environment[VARIABLE] = f"{fault.point}:{fault.when}"
            elif fault.kind == "call":
                trace = tracing.words(fault.call, fault.action, fault.when)
        if fault.kind == "shim":
            environment[SHIM_VARIABLE] = f"{fault.point}:{fault.when}"
        elif fault.kind == "shim-call" and outcome.lives == 1:
            words = tracing.words(fault.call, fault.action, fault.when)
            turns = range(fault.skips + 1, fault.skips + 1 + fault.times)
            shim = str(tracing.wrapper(self.world.folder / "traced-python", words, turns))
        return self._zygote.begin(self.world.folder, environment, trace=trace, shim=shim)

    def _note_end(self, status: int) -> None:
        outcome, fault = self._outcome, self._run.fault
        if status != -signal.SIGKILL:
            outcome.failures += 1
            return
        outcome.kills += 1
        if outcome.kills == 1 and fault.kind == "both":
            self._signal_shim(signal.SIGKILL)
        elif outcome.kills == 1 and fault.kind == "tamper":
            binary = self.world.home / "cosmovisor" / "upgrades" / NEW_VERSION / "bin" / DAEMON
            with suppress(FileNotFoundError):
                binary.chmod(0o755)
                with binary.open("a") as stream:
                    stream.write("# by nobody\n")

        elif outcome.kills == 1 and fault.kind == "damage":
            for kept in (self.world.state_dir / "backups").glob("crossing-*/tree/**/000003.log"):
                kept.unlink()

    # --- at a moment ---

    def _timed_acts(self) -> Iterator[tuple[float, int]]:
        fault = self._run.fault
        if fault.kind == "kill":
            for turn in range(fault.times):
                yield fault.after_s * (turn + 1), signal.SIGKILL
        elif fault.kind == "pause":
            yield fault.after_s, signal.SIGSTOP
            yield fault.after_s + fault.for_s, signal.SIGCONT

    def _told_to_end(self, life: Life) -> bool:
        """Whether SIGTERM ends it. Twice where a call may fail: it may be the one by which Python notes the signal."""
        for _ in range(2 if self._run.fault.kind == "call" else 1):
            with suppress(ProcessLookupError):
                os.kill(life.pid, signal.SIGTERM)
            if life.wait(20.0 if self._run.fault.kind != "call" else 5.0):
                return True
        return life.wait(15.0)

    def _relieve(self, life: Life) -> None:
        """End a life that is hindered for ever: its successor is not."""
        hindered = self._run.fault.kind in {"call", "shim-call"} and self._outcome.lives <= self._run.fault.times
        if hindered and life.status is None and time.monotonic() - self._life_begun > _HINDERED_S:
            self._told_to_end(life)

    def _acting_soon(self) -> bool:
        """Whether something stopped is still to go on."""
        return self._next_act is not None and self._next_act[1] == signal.SIGCONT

    def _act(self, life: Life) -> None:
        if self._next_act is None or time.monotonic() - self._begun < self._next_act[0]:
            return
        number = self._next_act[1]
        self._next_act = next(self._acts, None)
        target = self._run.fault.target
        if target in {"controller", "both"} and life.status is None:
            with suppress(ProcessLookupError):
                os.kill(life.pid, number)
        if target in {"shim", "both"}:
            self._signal_shim(number)

    def _signal_shim(self, number: int) -> None:
        try:
            live = self.world.runtime.recorded()
        except NodeError:
            return
        if live is not None and self.world.runtime.shim_alive(live):
            with suppress(ProcessLookupError):
                os.kill(live.shim_pid, number)

    def _resume_all(self, life: Life) -> None:
        if self._run.fault.kind != "pause":
            return
        self._signal_shim(signal.SIGCONT)
        if life.status is None:
            with suppress(ProcessLookupError):
                os.kill(life.pid, signal.SIGCONT)

    # --- the end ---

    async def _end_node(self) -> list[str]:
        """Stop the node as a controller does; what lives then was left behind, and is killed and told."""
        world = self.world
        try:
            await world.runtime.settle()
            live = world.runtime.recorded()
            if live is not None:
                async with asyncio.timeout(20):
                    await world.runtime.stop(live)
        except (NodeError, TimeoutError):
            # What could not be stopped is found below.
            pass
        left = nodes.living(world.state_dir / "run" / "start.json", world.home)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [f"left: process {pid}: {line}" for pid, line in left.items()]
