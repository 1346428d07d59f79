"""`node init`, `node leave` and `node full-node`: a node comes under this controller, and goes back (DESIGN §5).

Everything is looked at before anything is changed, and each step may be done again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import HeldByOther, InputError, NodeError
from console.model import GENESIS
from console.node.adoption import Adoption, AdoptionPlan
from console.node.commands import Runner, SystemRunner
from console.node.cosmovisor.homes import Direction, look_at_home, passage
from console.node.discovery import Home, inspect_home, ports_of
from console.node.discovery.units import SYSTEM_ROOTS
from console.node.doctor import DoctorRequest, examine, refuse_change_of_supervisor
from console.node.foreign import Holder, foreign_holders
from console.node.home_layout import make_layout, running_binary
from console.node.inventory import Inventory
from console.node.journalled import journalled_status
from console.node.runtime.processes import alive
from console.node.runtime.shim import ShimRuntime
from console.operations.container_setup import (
    ContainerSetup,
    give_back_containers,
    plan_containers,
    set_up_containers,
)
from console.operations.node_alone import alone
from console.operations.node_stage import known_height
from console.settings import NodeSettings
from console.text import untrusted
from console.this_user import this_user

_NOTHING = "nothing was changed"


@dataclass(frozen=True, slots=True)
class Setup:
    """What `init` will do: a value that is shown first, and done later."""

    node: NodeSettings
    binary: Path | None
    """The binary to lay down as genesis; None when the layout is there."""
    current: str
    """The generation that is current, or will be."""
    adoption: AdoptionPlan | None
    adopter: Adoption
    notes: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan for the operator."""
        root = self.node.home / "cosmovisor"
        lines = []
        if self.binary is None:
            lines.append(f"{root} is there and stays; current is {self.current}")
        else:
            lines.append(f"copy {self.binary} to {root / GENESIS / 'bin' / self.node.daemon}")
            lines.append(f"point {root / 'current'} at {self.current}")
        lines.append(f"record the sha256 of {self.current}, on your word that it is what this node runs")
        if self.adoption is not None:
            lines += self.adoption.lines
        return (*lines, *(f"note: {note}" for note in self.notes))


def plan_setup(
    node: NodeSettings,
    *,
    adopt: bool,
    unit: str | None = None,
    binary: Path | None = None,
    runner: Runner | None = None,
    unit_roots: Sequence[Path] = SYSTEM_ROOTS,
) -> Setup | ContainerSetup:
    """Look at the node and say what `init` would do; changes nothing.

    Args:
        node: The node as the settings have it.
        adopt: Whether to take it over from the unit that runs it today.
        unit: That unit, where it cannot be told.
        binary: The binary that runs now, where it cannot be told.
        runner: Runs `systemctl`.
        unit_roots: Folders of systemd units.

    Raises:
        HeldByOther: The node was started by hand; it says what to stop.
        InputError: No binary can be told.
        NodeError: The node is in an upgrade, no node's home is there, or systemd does not answer.
    """
    if node.runtime == "docker":
        return plan_containers(node, adopt=adopt)
    adopter = Adoption(node.state_dir, runner or SystemRunner(), unit_roots)
    home = inspect_home(node.home)
    refuse_change_of_supervisor(_state(node))
    begun = adopter.record()
    holders = _holders(node, home, unit_roots)
    running = [holder for holder in holders if holder.pid is not None]
    if running and not adopt and begun is None:
        raise HeldByOther(
            f"the node runs already: {running[0].words}",
            safe=_NOTHING,
            next_step="take it over with --adopt, or stop it first",
        )
    plan = None
    if adopt:
        named = unit or (begun.unit if begun is not None else adopter.find_unit(node.home, holders))
        plan = adopter.plan(named)
    laid = _laid_out(node)
    if laid is None and binary is None:
        binary = _running_binary(node.daemon, running)
    if laid is None and binary is None:
        raise InputError(
            f"which binary this node runs cannot be told: no process of {node.daemon} is seen",
            safe=_NOTHING,
            next_step="name it with --binary FILE",
        )
    notes = () if laid is None or binary is None else (f"{binary} is not used, since the layout is there",)
    return Setup(node, binary if laid is None else None, laid or GENESIS, plan, adopter, notes)


def do_setup(setup: Setup | ContainerSetup) -> tuple[str, ...]:
    """Do what was planned; after a kill anywhere, plan and do it again.

    Returns:
        A sentence for each thing done.

    Raises:
        HeldByOther: A controller of this node runs.
        NodeError: A step failed; what was done stays.
    """
    if isinstance(setup, ContainerSetup):
        return set_up_containers(setup)
    node, done = setup.node, []
    with alone(node, "init", adopt=setup.adoption is not None, binary=str(setup.binary or "")):
        # The bytes are taken while the old process still holds them.
        layout = make_layout(node.home, {node.daemon: setup.binary} if setup.binary is not None else {})
        done += [
            f"{entry.path} {'was made' if entry.made else 'was there'}, sha256 {entry.sha256}"
            for entry in layout.binaries
        ]
        generations = Inventory.of(node).generations
        current = generations.current_name()
        try:
            kept = generations.adopt_recorded(current, f"ran here when {this_user()} took this node over")
        except OSError as error:
            raise NodeError(f"cannot record {current}: {error.strerror or error}") from error
        done.append(f"current is {untrusted(current)}, sha256 {kept.sha256}")
        if setup.adoption is not None:
            setup.adopter.take(setup.adoption)
            done.append(f"{setup.adoption.record.unit} is stopped and kept from starting")
    return tuple(done)


def give_back(
    node: NodeSettings, *, runner: Runner | None = None, unit_roots: Sequence[Path] = SYSTEM_ROOTS
) -> tuple[str, ...]:
    """Give the node back to the unit that it was taken from, as that was: enabled or not, running or not.

    Returns:
        A sentence for each thing done.

    Raises:
        HeldByOther: A controller of this node runs.
        NodeError: The node runs or is in an upgrade, its files cannot be taken over, or a step failed.
    """
    if node.runtime == "docker":
        return give_back_containers(node)
    adopter = Adoption(node.state_dir, runner or SystemRunner(), unit_roots)
    record = adopter.record()
    if record is None:
        raise NodeError("no unit was adopted for this node", safe=_NOTHING)
    refuse_change_of_supervisor(_state(node))
    if node.shape == "cosmos":
        _refuse_unfinished(node)
    with alone(node, "leave"):
        status = journalled_status(node.state_dir, node.name)
        given = adopter.give_back(node_runs=status is not None and status.pid is not None)
    was = "and runs again" if given.was.active else "and stays stopped, as it was"
    return (f"{given.unit} has this node back {was}",)


def _refuse_unfinished(node: NodeSettings) -> None:
    """Cosmovisor takes some states of a home for others. Raises NodeError."""
    facts = look_at_home(node.home, node.daemon)
    found = passage(
        facts,
        Direction.TO_COSMOVISOR,
        node_state="IDLE",
        app_height=known_height(node),
        recase=not node.disable_recase,
    )
    if not found.is_open:
        raise NodeError(f"the home cannot go to Cosmovisor: {'; '.join(found.hindrances)}", safe=_NOTHING)


def _state(node: NodeSettings) -> str:
    """`IDLE`, or what goes on. A node without a journal is idle: nobody of ours has begun anything."""
    return examine(DoctorRequest(node.home, node.state_dir, (node.daemon,), unit_roots=())).state or ""


def _holders(node: NodeSettings, home: Home, unit_roots: Sequence[Path]) -> tuple[Holder, ...]:
    runtime = ShimRuntime(node.state_dir / "run", node.home)
    live = runtime.recorded()
    own: list[int] = []
    if live is not None:
        # A number that is recorded may be somebody else's by now.
        own += [live.shim_pid] if runtime.shim_alive(live) else []
        own += [live.child_pid] if runtime.node_alive(live) else []
        own += [one.pid for one in live.services if alive(one.pid, one.started)]
    ports = [port.number for port in ports_of(home)]
    return foreign_holders(node.home, ports, home.database_locks, own, unit_roots=unit_roots)


def _laid_out(node: NodeSettings) -> str | None:
    """Name of the current generation when the layout is there; None when there is none at all. Raises NodeError."""
    root = node.home / "cosmovisor"
    if not os.path.lexists(root / "current") and not (root / GENESIS / "bin" / node.daemon).exists():
        return None
    if not os.path.lexists(root / "current"):
        return GENESIS
    return Inventory.of(node).generations.current().name


def _running_binary(daemon: str, holders: Sequence[Holder]) -> Path | None:
    """What the running app executes: Cosmovisor and other parents of it hold the home too."""
    for holder in holders:
        if holder.pid is None:
            continue
        try:
            path = running_binary(holder.pid)
            name = os.path.basename(os.readlink(path).removesuffix(" (deleted)"))
        except (NodeError, OSError):
            continue
        if name == daemon:
            return path
    return None
