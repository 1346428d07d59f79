"""Runs the node under the shim in a transient systemd unit of its own (facts/safety.md §4, DESIGN §4.1).

What systemd adds to the shim: the node is in its own control group, so a restart of the controller's unit does not
touch it, limits of the unit hold for it, and whatever the shim leaves behind is ended by the manager. Everything else
is the shim's, so that lock, verified descriptor, exit record and log are the same everywhere: this class only has the
shim started by the manager instead of by itself.

The node's environment (FM_HALT_HEIGHT too) goes through the shim's spec and not through the unit's `Environment=`,
which anybody may read with `systemctl show`. `Restart=no`: the controller decides; `RestartPreventExitStatus=2` says
the same to a drop-in that somebody adds (facts/ipc.md §1.9). The unit has one name per node, so the manager refuses a
second one by itself. In the user's manager the node outlives the session only with `loginctl enable-linger`.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.errors import HeldByOther, NodeError
from console.node import shim as shim_program
from console.node.runtime.runtime import LiveRun, RunSpec
from console.node.runtime.shim import ShimRuntime
from console.text import untrusted

COMMAND_S = 20.0
"""Seconds for one `systemctl` or `systemd-run`."""

STOP_MARGIN_S = 15
"""Seconds that the manager waits longer than the shim, which sends SIGKILL and writes the exit record itself."""

PROPERTIES = ("LimitNOFILE=65536", "LimitCORE=0")
"""Of the node's unit: databases open many files (facts/ipc.md §1.9), and a core holds keys."""

_START_DEADLINE_S = 60.0
_POLL_S = 0.02
_OVER = frozenset({"inactive", "failed"})


@dataclass(frozen=True, slots=True)
class UnitState:
    """What `systemctl show` says of a unit."""

    load: str
    """`loaded`, `not-found` …"""
    active: str
    """`active`, `activating`, `deactivating`, `inactive`, `failed`."""
    sub: str
    result: str
    """`success`, `exit-code`, `oom-kill` …"""
    main_pid: int
    """0 when it has no main process."""

    @property
    def over(self) -> bool:
        """Whether nothing of the unit runs, and nothing is about to."""
        return self.active in _OVER


def of_user(manager: str) -> bool:
    """Whether a setting `auto`, `system` or `user` means this user's manager: of root it is the system's."""
    return manager == "user" or (manager == "auto" and os.geteuid() != 0)


class Manager:
    """A systemd manager: the system's, or this user's. Every command has a deadline.

    Args:
        user: Whether it is the user's.
        environment: Of the commands, in which PATH finds them; the process's own when None.
    """

    def __init__(self, *, user: bool, environment: Mapping[str, str] | None = None) -> None:
        self.user = user
        """Whether it is the user's."""
        self._scope = ("--user",) if user else ()
        self._environment = dict(os.environ if environment is None else environment) | {"LC_ALL": "C", "PAGER": ""}

    async def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`systemctl` or `systemd-run` with those arguments. Raises NodeError when it cannot be run or does not end."""
        found = shutil.which(program, path=self._environment.get("PATH"))
        if found is None:
            raise NodeError(f"{program} is not installed", safe="nothing was changed")
        command = [found, *self._scope, "--no-ask-password", *arguments]
        try:
            return await asyncio.to_thread(
                subprocess.run,
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=self._environment,
                timeout=COMMAND_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NodeError(f"{program} failed: {error}") from error

    async def state(self, unit: str) -> UnitState:
        """State of a unit; `load` is `not-found` when there is none. Raises NodeError."""
        names = ("LoadState", "ActiveState", "SubState", "Result", "MainPID")
        done = await self.run("systemctl", "show", "--property", ",".join(names), "--", unit)
        found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        if done.returncode != 0 or not found.get("ActiveState"):
            raise NodeError(f"systemd does not tell of {unit}: {untrusted(done.stderr.strip())}")
        pid = found.get("MainPID", "0")
        return UnitState(
            load=found.get("LoadState", ""),
            active=found["ActiveState"],
            sub=found.get("SubState", ""),
            result=found.get("Result", ""),
            main_pid=int(pid) if pid.isdigit() else 0,
        )


def unit_name(node: str, home: Path) -> str:
    """Name of the node's transient unit: readable, and never that of a node with another home."""
    readable = re.sub(r"[^A-Za-z0-9_]+", "_", node)[:64]
    return f"upgrade-console-{readable}-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]}.service"


class SystemdRuntime(ShimRuntime):
    """Runs one node under shims in a transient unit, one run at a time.

    Args:
        run_dir: The controller's `run` folder.
        home: The node's home, where the one-signer lock is.
        node: Name of the node, for the unit's name.
        manager: Whose unit it is.
        run_as: User that the node runs as; empty for the manager's own.
        properties: Of the unit, beside those that make it safe.
    """

    def __init__(
        self,
        run_dir: Path,
        home: Path,
        *,
        node: str,
        manager: Manager,
        run_as: str = "",
        properties: tuple[str, ...] = PROPERTIES,
    ) -> None:
        super().__init__(run_dir, home)
        self._manager = manager
        self._run_as = run_as
        self._properties = properties
        self.unit = unit_name(node, home)
        """Name of the node's unit."""

    def prepare(self, spec: RunSpec) -> None:
        """Nothing: only the manager can start what is in another control group."""

    async def start(self, spec: RunSpec) -> LiveRun:
        """Start the node and return once it is executed.

        Raises:
            HeldByOther: Something of this node still lives and holds the lock, or its unit is active.
            NodeError: A binary is not the verified one, or systemd or the shim failed; nothing of the run lives.
            TimeoutError: It took too long; nothing of it lives.
        """
        self._refuse_when_held()
        self._exit_path(spec.run_id).unlink(missing_ok=True)
        self._write_spec(spec)
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                await self._pristine()
                await self._run_unit(spec)
                live = await self._recorded(spec.run_id)
        except TimeoutError:
            # Or it would come up later, when nobody expects it.
            await self._manager.run("systemctl", "stop", "--no-block", "--", self.unit)
            while not (await self._manager.state(self.unit)).over or self.lock_held():
                await asyncio.sleep(_POLL_S)
            raise
        self._prune(spec.run_id)
        return live

    async def settle(self) -> None:
        """Wait until a start that a killed controller left half done is recorded or has ended. Raises TimeoutError.

        A unit that is being started has no process with the shim's command line yet.
        """
        async with asyncio.timeout(_START_DEADLINE_S):
            while True:
                await super().settle()
                state, live = await self._manager.state(self.unit), self.recorded()
                starting = state.active == "activating" or (
                    state.active == "active" and (live is None or state.main_pid != live.shim_pid)
                )
                if not starting:
                    return
                await asyncio.sleep(_POLL_S)

    def arguments(self, spec: RunSpec) -> tuple[str, ...]:
        """Arguments of `systemd-run` for that run."""
        properties = (
            "Type=exec",
            "KillMode=control-group",
            "SendSIGKILL=yes",
            f"TimeoutStopSec={math.ceil(spec.grace_s) + STOP_MARGIN_S}",
            "Restart=no",
            "RestartPreventExitStatus=2",
            "StandardInput=null",
            "StandardOutput=null",
            "StandardError=journal",
            *self._properties,
        )
        marked = {name: value for name, value in spec.app.environment.items() if name.startswith("UPGRADE_CONSOLE_")}
        if (fault := os.environ.get(shim_program.FAULT_VARIABLE)) is not None:
            marked[shim_program.FAULT_VARIABLE] = fault
        return (
            "--quiet",
            f"--unit={self.unit}",
            "--description=Node of upgrade-console",
            *(f"--property={each}" for each in properties),
            *((f"--uid={self._run_as}",) if self._run_as else ()),
            *(f"--setenv={name}={value}" for name, value in sorted(marked.items())),
            "--",
            *(sys.executable, "-I", "-S", shim_program.__file__, str(self._spec_path)),
        )

    async def _pristine(self) -> None:
        """Wait until the last run's unit is over, and forget its failure. Raises HeldByOther, NodeError."""
        state = await self._manager.state(self.unit)
        while state.active == "deactivating":
            await asyncio.sleep(_POLL_S)
            state = await self._manager.state(self.unit)
        if not state.over:
            raise HeldByOther(
                f"the unit {self.unit} is {state.active}",
                safe="a second node was not started",
                next_step=f"run `systemctl stop {self.unit}`",
            )
        # A failed unit stays loaded, and nothing of that name can be started until it is forgotten.
        await self._manager.run("systemctl", "reset-failed", "--", self.unit)

    async def _run_unit(self, spec: RunSpec) -> None:
        while True:
            done = await self._manager.run("systemd-run", *self.arguments(spec))
            if done.returncode == 0:
                return
            # Of the last run: over, and about to be unloaded.
            if "already loaded" not in done.stderr or not (await self._manager.state(self.unit)).over:
                raise NodeError(f"systemd did not start the node: {untrusted(done.stderr.strip())}")
            await asyncio.sleep(_POLL_S)

    async def _recorded(self, run_id: int) -> LiveRun:
        while True:
            # Asked first: what ends after this look has left its record before the next.
            over = (await self._manager.state(self.unit)).over
            live, record = self.recorded(), self.exit_record(run_id)
            if live is not None and live.run_id == run_id:
                return live
            if record is not None:
                # The shim writes it with its last steps, and keeps the lock until it is gone.
                while self.lock_held():
                    await asyncio.sleep(_POLL_S)
                raise NodeError(
                    f"the node was not started: {record.problem or 'it ended at once'}", safe="nothing of it runs"
                )
            if over:
                raise NodeError("the node was not started: its shim ended without a record")
            await asyncio.sleep(_POLL_S)
