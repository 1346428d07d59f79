"""A daemon beside the node, stopped and started as its operator does it: by its unit, or by commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

import psutil

from console.errors import NodeError
from console.node.commands import SystemRunner
from console.node.journald import unit_lines
from console.node.runtime.systemd import Manager, of_user
from console.operations.operator_command import CommandEnd, run_command_of_operator
from console.provider_settings import Command, ProviderSettings

_POLL_S = 0.2
_COMMAND_S = 60.0
_START_S = 60.0
_SETTLED_S = 1.0
"""Seconds that a unit has to stay active: a simple one is so as soon as it is forked."""


class Service(Protocol):
    """One daemon. Every method raises NodeError."""

    @property
    def name(self) -> str:
        """For sentences: `the unit provider-daemon`."""
        ...

    async def running(self) -> bool:
        """Whether anything of it runs, or is about to."""
        ...

    async def stop(self, deadline_s: float) -> None:
        """Stop it, and see that it has stopped; one that has stopped is left as it is."""
        ...

    async def start(self) -> None:
        """Start it, and see that it was started; one that runs is left as it is."""
        ...


class WatchedService(Service, Protocol):
    """A daemon of which it is also known since when it runs and what it wrote."""

    async def started_at(self) -> float | None:
        """Unix seconds at which its main process was started; None while it has none."""
        ...

    async def log_since(self, since: float) -> str:
        """What it wrote since a moment."""
        ...


def service_of(settings: ProviderSettings) -> Service:
    """The provider daemon of this machine."""
    if settings.unit:
        return unit_service(settings.unit, settings.manager)
    values = {"binary": settings.binary or "", "config": settings.config or ""}
    return CommandService(settings.stop_command, settings.start_command, settings.state_command, values)


def unit_service(unit: str, manager: str = "auto") -> WatchedService:
    """A systemd unit, of the manager that the settings name: root's is the system's, others have their own."""
    return UnitService(Manager(user=of_user(manager)), unit)


class UnitService:
    """A systemd unit that the operator wrote.

    Args:
        manager: Whose unit it is.
        unit: Its name.
    """

    def __init__(self, manager: Manager, unit: str) -> None:
        self._manager = manager
        self._unit = unit

    @property
    def name(self) -> str:
        return f"the unit {self._unit}"

    async def started_at(self) -> float | None:
        """Unix seconds at which its main process was started; None while it has none. Raises NodeError."""
        state = await self._manager.state(self._unit)
        try:
            return psutil.Process(state.main_pid).create_time() if state.main_pid else None
        except psutil.Error:
            return None

    async def log_since(self, since: float) -> str:
        """What it wrote to systemd's journal since a moment. Raises NodeError: nothing can be said of it."""
        lines = await asyncio.to_thread(unit_lines, SystemRunner(), self._unit, since, user=self._manager.user)
        return "\n".join(line.text for line in lines)

    async def running(self) -> bool:
        state = await self._manager.state(self._unit)
        if state.load == "not-found":
            raise NodeError(
                f"systemd knows no unit {self._unit}",
                safe="nothing was changed",
                next_step="mend `unit` or `manager` in the settings",
            )
        return not state.over

    async def stop(self, deadline_s: float) -> None:
        if await self.running():
            await self._do("stop", deadline_s)
            await _until_stopped(self, deadline_s)

    async def start(self) -> None:
        if await self.running():
            return
        await self._manager.run("systemctl", "reset-failed", "--", self._unit)
        await self._do("start", _START_S)
        end, active_since = time.monotonic() + _START_S, None
        while True:
            state, now = await self._manager.state(self._unit), time.monotonic()
            if state.over or now > end:
                raise NodeError(
                    f"{self.name} did not start: it is {state.active} ({state.result})",
                    next_step=f"read `journalctl -u {self._unit}`",
                )
            active_since = (active_since or now) if state.active == "active" else None
            if active_since is not None and now - active_since >= _SETTLED_S:
                return
            await asyncio.sleep(_POLL_S)

    async def _do(self, what: str, deadline_s: float) -> None:
        # Not waited for: a unit may take longer than any command of ours.
        done = await self._manager.run("systemctl", what, "--no-block", "--", self._unit)
        if done.returncode:
            raise NodeError(
                f"systemd did not {what} {self._unit}: {done.stderr.strip()}",
                next_step=f"see `systemctl status {self._unit}`",
            )


class CommandService:
    """A daemon that three commands of the operator stop, start and look at.

    Args:
        stop: Stops it.
        start: Starts it, and ends.
        state: Exits 0 while it runs.
        values: For the placeholders in them.
    """

    def __init__(self, stop: Command, start: Command, state: Command, values: Mapping[str, object]) -> None:
        self._values = values
        self._stop = stop
        self._start = start
        self._state = state

    @property
    def name(self) -> str:
        return "the daemon"

    async def running(self) -> bool:
        return (await self._run(self._state, _COMMAND_S)).code == 0

    async def stop(self, deadline_s: float) -> None:
        if await self.running():
            await self._done(self._stop, deadline_s)
            await _until_stopped(self, deadline_s)

    async def start(self) -> None:
        if await self.running():
            return
        await self._done(self._start, _START_S)
        if not await self.running():
            raise NodeError(f"{self.name} did not start: the command ended, and it does not run")

    async def _done(self, command: Command, deadline_s: float) -> None:
        end = await self._run(command, deadline_s)
        if end.code:
            raise NodeError(f"{end.words} {end.how}")

    async def _run(self, command: Command, deadline_s: float) -> CommandEnd:
        return await run_command_of_operator(command, deadline_s=deadline_s, values=self._values)


async def _until_stopped(service: Service, deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    while await service.running():
        if time.monotonic() > end:
            raise NodeError(
                f"{service.name} still runs {deadline_s:g} seconds after it was told to stop",
                safe="it was not killed, and nothing was replaced",
                next_step="find out what it waits for, stop it, and go on",
            )
        await asyncio.sleep(_POLL_S)
