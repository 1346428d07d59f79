"""The devnet as a whole: up and down, and single nodes and controllers stopped and started.

What `up` promises: a new folder gets a new network, a stopped one goes on with the same chain, keys and ports, and a
running one is left alone. What `down` promises: afterwards no process of the devnet lives.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from console.devnet import processes
from console.devnet.controllers import Controllers, SocketControllers, shim_and_node
from console.devnet.folder import FolderLock, remove, require_devnet, require_usable
from console.devnet.layout import Layout
from console.devnet.options import UpOptions
from console.devnet.ports import PortBook, require_free
from console.devnet.process_identity import ProcessIdentity, identify, is_alive
from console.devnet.ready import DEADLINE_S, READY_HEIGHT, conditions, last_line, until_all
from console.devnet.record import EVM, RELEASES, Record, controller_of
from console.devnet.status import DevnetStatus, status
from console.errors import ControllerDown, DevnetError, NodeError
from console.settings import state_folder

__all__ = [
    "DevnetStatus",
    "Step",
    "down",
    "is_running",
    "start_controller",
    "start_node",
    "status",
    "stop_controller",
    "stop_node",
    "up",
]

CONTROLLER_GRACE_S = 5.0
NODE_GRACE_S = 20.0
"""Seconds for a shim: more than its own grace for the node."""
SERVICE_GRACE_S = 3.0
_CONTROLLER_START_S = 20.0
_SWEEPS = 3
"""Rounds of stopping what still lives: something may have been started during the round before."""

_T = TypeVar("_T")


class Step(NamedTuple):
    """One line of progress."""

    done: int
    total: int
    text: str


async def up(options: UpOptions, controllers: Controllers | None = None) -> AsyncGenerator[Step, None]:
    """Bring a devnet up; it runs on when this process ends.

    Ended early, by an error or by cancellation, it stops what it started and keeps the folder.

    Args:
        options: What to bring up, and where.
        controllers: The seam to the controllers; the real ones when not given.

    Yields:
        Progress; after the last step a new chain makes blocks and every controller answers.

    Raises:
        HeldByOther: Another `up` or `down` works on the folder.
        DevnetError: Not Linux, a devnet already runs there, the folder is somebody else's, an option contradicts what
            is kept, a port is taken, or it did not come up in time.
    """
    # What builds and writes a network: the console's first frame asks this module only whether one runs.
    from console.devnet.creation import CREATION_STEPS, choose, create

    if sys.platform != "linux":
        raise DevnetError("the devnet runs on Linux only", next_step="connect the console to another network")
    seam = controllers or SocketControllers()
    layout = Layout.of(options.folder)
    require_usable(layout)
    try:
        layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DevnetError(f"cannot make {layout.folder}: {error.strerror or error}") from error
    with FolderLock(layout):
        record = require_usable(layout)
        if record is not None:
            await _require_stopped(layout, record, options, seam)
        else:
            record = choose(layout, options, PortBook(state_folder()))
            record.save(layout)
        fresh = not record.complete
        wanted = conditions(layout, record, seam, fresh=fresh)
        total = (CREATION_STEPS if fresh else 0) + 1 + len(wanted)
        done = 0
        making = create(layout, record) if fresh else iter(())
        while (made := await _in_thread(lambda: next(making, None))) is not None:
            text, record = made
            if not record.complete:
                yield Step(done, total, text)
                done += 1
        record.save(layout)
        _require_python(layout, record)
        require_free(record.ports)
        try:
            yield Step(done, total, f"starting {len(record.validators)} validators")
            done += 1
            record = _start_all(layout, record, seam)
            # The first blocks of a slow chain take their time.
            deadline_s = DEADLINE_S + (READY_HEIGHT + 2) * record.block_time_ms / 1000
            async for text in until_all(wanted, layout, record, deadline_s=deadline_s):
                yield Step(done, total, text)
                done += 1
        except BaseException:
            # Also on cancellation: a half-started devnet is of no use to anyone.
            await _stop_all(layout, record, seam)
            raise
        yield Step(total, total, f"{record.chain_id} is up")


async def down(folder: Path, wipe: bool = False, controllers: Controllers | None = None) -> None:
    """Stop every process of a devnet. One that is down already is fine.

    Controllers go first, or they would take the end of their nodes for a failure; then the nodes through their shims,
    then the EVM and the release server, and at last whatever else carries the devnet's mark.

    Args:
        folder: The devnet's folder.
        wipe: Whether to remove the folder and give its ports back.
        controllers: The seam to the controllers; the real ones when not given.

    Raises:
        HeldByOther: Another `up` or `down` works on the folder.
        DevnetError: There is no devnet, a process survived, or the folder could not be removed.
    """
    layout = Layout.of(folder)
    require_devnet(layout)
    with FolderLock(layout):
        await _stop_all(layout, require_devnet(layout), controllers or SocketControllers())
        if wipe:
            PortBook(state_folder()).give_back(layout.folder)
            remove(layout)


def is_running(folder: Path) -> bool:
    """Whether a devnet in this folder is up: anything of it lives that is no leftover of an interrupted `up`.

    Raises:
        DevnetError: The folder's record cannot be read.
    """
    layout = Layout.of(folder)
    if not layout.folder.is_dir():
        return False
    record = require_usable(layout)
    return record is not None and record.up and bool(_living(layout, record))


async def stop_node(folder: Path, name: str, controllers: Controllers | None = None) -> None:
    """Stop one node: through its controller, which then leaves it stopped; without one, by ending its shim.

    Raises:
        DevnetError: There is no such devnet or node, or it did not end.
        NodeError: The controller refused.
    """
    layout, record = _opened(folder)
    node = layout.node(record.validator(name).name)
    try:
        await (controllers or SocketControllers()).stop(node.state_dir)
    except ControllerDown:
        survivors = await stop_shims(layout, [name])
        if survivors:
            raise DevnetError(f"{name} (pid {survivors[0].pid}) did not end") from None


async def start_node(folder: Path, name: str, controllers: Controllers | None = None) -> None:
    """Start one node through its controller.

    Raises:
        DevnetError: There is no such devnet or node.
        NodeError: The controller is down or refused.
    """
    layout, record = _opened(folder)
    node = layout.node(record.validator(name).name)
    try:
        await (controllers or SocketControllers()).start(node.state_dir)
    except ControllerDown as error:
        raise ControllerDown(
            f"the controller of {name} is down",
            safe="nothing was started",
            next_step=f"start it with `upgrade-console devnet start-controller {name}`",
        ) from error


async def stop_validators_controller(layout: Layout, record: Record, name: str, controllers: Controllers) -> None:
    """Stop one node's controller, by the record or by its own word. Raises DevnetError when it survives."""
    known = record.processes.get(controller_of(name))
    ours = {known} if known is not None else set()
    ours.update(await _answering(layout, [name], controllers))
    if survivors := await processes.stop(ours, grace_s=CONTROLLER_GRACE_S):
        raise DevnetError(f"the controller of {name} (pid {survivors[0].pid}) did not end")


async def stop_controller(folder: Path, name: str) -> None:
    """Stop one node's controller; the node goes on under its shim.

    Raises:
        DevnetError: There is no such devnet or node, the controller is down already, or it did not end.
    """
    _, record = _opened(folder)
    process = controller_of(record.validator(name).name)
    identity = record.processes.get(process)
    if identity is None or not is_alive(identity):
        raise DevnetError(f"the controller of {name} is down already", safe="nothing was changed")
    if await processes.stop([identity], grace_s=CONTROLLER_GRACE_S):
        raise DevnetError(f"the controller of {name} (pid {identity.pid}) did not end")


async def start_controller(
    folder: Path,
    name: str,
    controllers: Controllers | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Start one node's controller and wait until it answers.

    Args:
        folder: The devnet's folder.
        name: The node's name.
        controllers: The seam to the controllers; the real ones when not given.
        environment: Variables to add to its environment (tests: `UPGRADE_CONSOLE_FAULT`).

    Raises:
        HeldByOther: Another command works on the folder.
        DevnetError: There is no such devnet or node, the devnet is down, the controller runs already, or it ended or
            did not answer in time.
    """
    seam = controllers or SocketControllers()
    layout, _ = _opened(folder)
    with FolderLock(layout):
        record = require_devnet(layout)
        process = controller_of(record.validator(name).name)
        if not record.up:
            raise DevnetError(
                f"the devnet in {layout.folder} is down",
                safe="nothing was started",
                next_step=f"run `upgrade-console devnet up --background --dir {layout.folder}`",
            )
        known = record.processes.get(process)
        if known is not None and is_alive(known):
            raise DevnetError(f"the controller of {name} runs already (pid {known.pid})", safe="nothing was changed")
        identity = processes.spawn(
            seam.command(layout, record, name),
            folder=layout.folder,
            log=layout.log(process),
            environment=processes.daemon_environment(layout.folder, environment),
        )
        record.with_process(process, identity).save(layout)
    state_dir = layout.node(name).state_dir
    with suppress(TimeoutError):
        async with asyncio.timeout(_CONTROLLER_START_S):
            while is_alive(identity):
                with suppress(NodeError):
                    await seam.status(state_dir)
                    return
                await asyncio.sleep(0.05)
    raise DevnetError(
        f"the controller of {name} did not come up: {last_line(layout.log(process))}",
        next_step=f"look at {layout.log(process)}",
    )


def _opened(folder: Path) -> tuple[Layout, Record]:
    layout = Layout.of(folder)
    return layout, require_devnet(layout)


async def _require_stopped(layout: Layout, record: Record, options: UpOptions, controllers: Controllers) -> None:
    living = _living(layout, record)
    if living and record.up:
        raise DevnetError(
            f"a devnet is already running in {layout.folder}",
            safe="nothing was changed",
            next_step=f"use it, or stop it with `upgrade-console devnet down --dir {layout.folder}`",
        )
    problem = record.contradiction(options)
    if problem is not None:
        raise DevnetError(
            f"the devnet in {layout.folder} was created otherwise: {problem}",
            safe="nothing was changed",
            next_step="leave the option out, or give another folder with --dir",
        )
    if living:
        await _stop_all(layout, record, controllers)


def _require_python(layout: Layout, record: Record) -> None:
    if not os.access(record.python, os.X_OK):
        raise DevnetError(
            f"the devnet in {layout.folder} was built for {record.python}, which is gone",
            safe="nothing was started",
            next_step="put it back, or wipe the devnet with `upgrade-console devnet down --wipe`",
        )


def _start_all(layout: Layout, record: Record, controllers: Controllers) -> Record:
    environment = processes.daemon_environment(layout.folder)
    python = record.python
    evm = ["--genesis", str(layout.evm_genesis), "--data", str(layout.evm), "--port", str(record.evm_port)]
    releases = ["--dir", str(layout.releases), "--port", str(record.release_port)]
    commands = {
        EVM: [python, "-m", "console.devnet.evm", *evm],
        RELEASES: [python, "-m", "console.devnet.release_server", *releases],
    }
    for validator in record.validators:
        commands[controller_of(validator.name)] = controllers.command(layout, record, validator.name)
    started = {
        name: processes.spawn(command, folder=layout.folder, log=layout.log(name), environment=environment)
        for name, command in commands.items()
    }
    # From here on the network is up, and stays up whatever happens to this process.
    record = replace(record, processes=started, up=True)
    record.save(layout)
    return record


def _living(layout: Layout, record: Record) -> list[ProcessIdentity]:
    """Every living process of the devnet: as recorded, by the shims' own records, and by the mark."""
    found = {identity for identity in record.processes.values() if is_alive(identity)}
    for validator in record.validators:
        found.update(each for each in shim_and_node(layout.node(validator.name)) if each is not None)
    return [*found, *(each for each in processes.marked(layout.folder) if each not in found)]


async def _stop_all(layout: Layout, record: Record, controllers: Controllers) -> None:
    known = record.processes
    nodes = [validator.name for validator in record.validators]
    ours = {known[name] for name in map(controller_of, nodes) if name in known}
    ours.update(await _answering(layout, nodes, controllers))
    await processes.stop(ours, grace_s=CONTROLLER_GRACE_S)
    await stop_shims(layout, nodes)
    await processes.stop([known[name] for name in (EVM, RELEASES) if name in known], grace_s=SERVICE_GRACE_S)
    for _ in range(_SWEEPS):
        living = _living(layout, record)
        if not living:
            break
        await processes.stop(living, grace_s=SERVICE_GRACE_S)
    else:
        pids = ", ".join(str(each.pid) for each in _living(layout, record))
        if pids:
            raise DevnetError(f"processes of the devnet did not end (pid {pids})", next_step="stop them by hand")
    replace(record, up=False, processes={}).save(layout)


async def _answering(layout: Layout, nodes: list[str], controllers: Controllers) -> list[ProcessIdentity]:
    """Controllers that answer, whoever started them: one that is left alone would start its node again."""

    async def asked(name: str) -> ProcessIdentity | None:
        try:
            return identify((await controllers.status(layout.node(name).state_dir)).controller_pid)
        except NodeError:
            return None

    return [each for each in await asyncio.gather(*map(asked, nodes)) if each is not None]


async def stop_shims(layout: Layout, nodes: list[str]) -> list[ProcessIdentity]:
    """End the nodes by SIGTERM to their shims, to the node itself where the shim is gone; returns survivors."""
    ends: list[ProcessIdentity] = []
    watched: list[ProcessIdentity] = []
    for name in nodes:
        shim, child = shim_and_node(layout.node(name))
        ends.extend(each for each in (shim or child,) if each is not None)
        watched.extend(each for each in (shim, child) if each is not None)
    await processes.stop(ends, grace_s=NODE_GRACE_S)
    return await processes.stop(watched, grace_s=SERVICE_GRACE_S)


async def _in_thread(function: Callable[[], _T]) -> _T:
    """Run in a thread; a cancellation waits for its end, so that no thread writes on behind a released lock."""
    task = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception):
            await task
        raise
