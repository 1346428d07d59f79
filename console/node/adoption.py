"""`init --adopt`: take a node over from the systemd unit that runs it today, and give it back (DESIGN §4.1).

Persist, then act: a record of the unit's state is durable before the first command, each step may be repeated, and the
record goes only when everything was given back. The unit is kept from starting before it is stopped, so that a kill
between the two leaves a node that runs once, never one that comes back beside ours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from console.errors import HeldByOther, NodeError
from console.files import sync_folder, write_durably
from console.node.commands import Runner
from console.node.discovery.files import names_in, read_bounded
from console.node.discovery.units import SYSTEM_ROOTS, units_for
from console.node.foreign import Holder
from console.text import untrusted

RECORD_NAME = "adopted.json"
"""In the node's state folder."""

DROP_IN_NAME = "00-upgrade-console-adopted.conf"

_ASK_S = 15.0
_CHANGE_S = 60.0
_STOP_S = 300.0
"""Seconds for a stop: databases flush, and the unit's own TimeoutStopSec is waited for."""


class Way(StrEnum):
    """How a unit is kept from starting."""

    MASK = "mask"
    BLOCK = "block"
    """A condition in a drop-in: a unit whose file is in /etc cannot be masked."""


class Phase(StrEnum):
    """How far an adoption is."""

    TAKING = "taking"
    TAKEN = "taken"
    GIVING = "giving"


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of a unit."""

    name: str
    file_state: str
    """`enabled`, `enabled-runtime`, `disabled`, `static`, `linked`, `masked` …"""
    active: bool
    path: str
    """Its file; empty when there is none."""
    main_pid: int
    dependents: tuple[str, ...] = ()
    """Running units that stop with it."""
    links: tuple[tuple[str, str], ...] = ()
    """(path, target) of the links that start it at boot: `disable` takes away those made by hand too."""


@dataclass(frozen=True, slots=True)
class AdoptionRecord:
    """What is needed to give a unit back; durable before the first command."""

    unit: str
    phase: Phase
    way: Way
    was: UnitState
    drop_in: str = ""
    """Path of our drop-in; empty for a masked unit."""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that will be done."""

    words: str
    command: tuple[str, ...] = ()
    deadline_s: float = _CHANGE_S


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What an adoption will do: a value that can be printed and done later."""

    record: AdoptionRecord
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan for the operator, one step a line."""
        steps = [
            f"{number}. {step.words}" + (f": `{' '.join(step.command)}`" if step.command else "")
            for number, step in enumerate(self.steps, 1)
        ]
        return (*steps, *(f"note: {warning}" for warning in self.warnings))


class Adoption:
    """Takes one node over from its unit, and gives it back.

    Args:
        state_dir: The controller's folder, where the record is.
        runner: How `systemctl` is run.
        roots: Folders of units, the strongest first; drop-ins go into the first.
    """

    def __init__(self, state_dir: Path, runner: Runner, roots: Sequence[Path] = SYSTEM_ROOTS) -> None:
        self._path = state_dir / RECORD_NAME
        self._runner = runner
        self._roots = roots

    def record(self) -> AdoptionRecord | None:
        """The adoption that was begun; None when there is none.

        Raises:
            NodeError: The record cannot be read; nothing is guessed.
        """
        try:
            document = json.loads(read_bounded(self._path))
            was = dict(document["was"])
            links = tuple((str(path), str(target)) for path, target in was["links"])
            state = UnitState(**{**was, "dependents": tuple(was["dependents"]), "links": links})
            return AdoptionRecord(
                str(document["unit"]), Phase(document["phase"]), Way(document["way"]), state, str(document["drop_in"])
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NodeError(
                f"the record of the adopted unit {self._path} cannot be read: {untrusted(error)}",
                safe="no unit was touched",
                next_step="look at it; `systemctl unmask` the old unit by hand if it has to come back",
            ) from error

    def find_unit(self, home: Path, holders: Sequence[Holder] = ()) -> str:
        """The unit that runs this node today.

        Args:
            home: The node's home.
            holders: From `foreign_holders`: what runs now outweighs what files say.

        Raises:
            HeldByOther: The node was started by hand; it says what to stop. We never kill it.
            NodeError: No unit, or more than one, would run it.
        """
        running = {holder.unit for holder in holders if holder.unit and holder.pid is not None}
        by_hand = [holder for holder in holders if not holder.unit]
        if by_hand:
            raise HeldByOther(
                f"the node was started by hand: {by_hand[0].words}",
                safe="it was left alone",
                next_step=f"{by_hand[0].remedy}, then run this again",
            )
        if docker := next((name for name in running if name.startswith("docker ")), None):
            raise HeldByOther(
                f"the node runs in a container ({docker}), which is no unit",
                safe="it was left alone",
                next_step='set `runtime = "docker"` and `containers` for this node, then run this again',
            )
        found = sorted(running or {unit.name for unit in units_for(home, self._roots)})
        if len(found) != 1:
            known = ", ".join(found) or "none"
            raise NodeError(
                f"cannot tell which unit runs the node of {home} (found: {known})",
                safe="no unit was touched",
                next_step="name it with --unit",
            )
        return found[0]

    def plan(self, unit: str) -> AdoptionPlan:
        """Say what taking over a unit will do; changes nothing. An adoption that was begun is planned to its end.

        Raises:
            NodeError: systemd does not know the unit, or it cannot be taken over, or another one is adopted.
        """
        unit = unit if "." in unit else f"{unit}.service"
        begun = self.record()
        if begun is not None and begun.unit != unit:
            raise NodeError(f"{begun.unit} is adopted already", next_step="give it back first")
        if begun is not None and begun.phase is Phase.GIVING:
            raise NodeError(f"giving back {unit} was begun and not ended", next_step="end it first")
        if begun is None:
            was = self._state(unit)
            way = Way.BLOCK if self._in_first_root(unit) else Way.MASK
            drop_in = str(self._roots[0] / f"{unit}.d" / DROP_IN_NAME) if way is Way.BLOCK else ""
            begun = AdoptionRecord(unit, Phase.TAKING, way, was, drop_in)
        return AdoptionPlan(begun, tuple(_taking(begun)), tuple(_warnings(begun.was)))

    def take(self, plan: AdoptionPlan) -> None:
        """Do a plan; after a kill anywhere, plan and take again.

        Raises:
            NodeError: A step failed; the sentence says which, and the record remains.
        """
        record = plan.record
        if record.phase is Phase.TAKING:
            self._keep(record)
        for step in plan.steps:
            if step.command:
                self._do(step)
            elif record.drop_in:
                self._write_drop_in(Path(record.drop_in))
        if self._state(record.unit).active:
            raise NodeError(f"{record.unit} still runs after it was stopped", safe="our node was not started")
        self._keep(replace(record, phase=Phase.TAKEN))

    def give_back(self, *, node_runs: bool) -> AdoptionRecord:
        """Give the unit back as it was: enabled or not, running or not. Again after a kill is the same.

        Args:
            node_runs: Whether our own run of the node lives; then nothing is given back.

        Raises:
            NodeError: There is nothing to give back, the node runs, or a step failed; the record remains.
        """
        record = self.record()
        if record is None:
            raise NodeError("no unit was adopted for this node", safe="nothing was changed")
        if node_runs:
            raise NodeError(
                f"{record.unit} is not given back while this controller runs the node",
                safe="nothing was changed",
                next_step="stop the node first",
            )
        record = replace(record, phase=Phase.GIVING)
        self._keep(record)
        if record.drop_in:
            self._remove_drop_in(Path(record.drop_in))
        for step in _giving(record):
            self._do(step)
            if "enable" in step.command:
                _put_links(record.was.links)
        try:
            self._path.unlink()
            sync_folder(self._path.parent)
        except OSError as error:
            raise NodeError(f"cannot remove {self._path}: {error}") from error
        return record

    def _in_first_root(self, unit: str) -> bool:
        """Whether a file of that name is where the mask would go: `systemctl mask` refuses to replace it."""
        path = self._roots[0] / unit
        return os.path.lexists(path) and os.path.realpath(path) != os.devnull

    def _state(self, unit: str) -> UnitState:
        names = "LoadState,UnitFileState,ActiveState,FragmentPath,MainPID,RequiredBy,BoundBy,ConsistsOf"
        found = self._show(unit, names)
        if found.get("LoadState") not in {"loaded", "masked"}:
            raise NodeError(
                f"systemd cannot load a unit {unit} (LoadState {untrusted(found.get('LoadState', ''), 40)})",
                safe="no unit was touched",
                next_step="a user's own unit (`systemctl --user`) is stopped and disabled by that user",
            )
        if found.get("UnitFileState") in {"transient", "generated"}:
            raise NodeError(
                f"{unit} is {found['UnitFileState']}: it has no file that could be given back later",
                safe="no unit was touched",
                next_step=f"stop it with `systemctl stop {unit}` and keep what makes it from doing so again",
            )
        others = {name for key in ("RequiredBy", "BoundBy", "ConsistsOf") for name in found.get(key, "").split()}
        running = [name for name in sorted(others) if name.endswith(".service") and self._is_active(name)]
        return UnitState(
            name=unit,
            file_state=found.get("UnitFileState", ""),
            active=found.get("ActiveState") not in {"inactive", "failed"},
            path=found.get("FragmentPath", ""),
            main_pid=int(found["MainPID"]) if found.get("MainPID", "").isdecimal() else 0,
            dependents=tuple(running),
            links=self._links(unit),
        )

    def _links(self, unit: str) -> tuple[tuple[str, str], ...]:
        root = self._roots[0]
        folders = [name for name in names_in(root) if name.endswith((".wants", ".requires"))]
        paths = [root / name / unit for name in folders if (root / name / unit).is_symlink()]
        return tuple((str(path), os.readlink(path)) for path in paths)

    def _is_active(self, unit: str) -> bool:
        return self._show(unit, "ActiveState").get("ActiveState") in {"active", "activating", "reloading"}

    def _show(self, unit: str, names: str) -> dict[str, str]:
        command = ("systemctl", "show", "--no-pager", f"--property={names}", "--", unit)
        done = self._runner.run(command, _ASK_S)
        if done.code != 0:
            raise NodeError(
                f"systemd does not answer about {unit}: {untrusted(done.stderr.strip())}", safe="no unit was touched"
            )
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def _do(self, step: Step) -> None:
        done = self._runner.run(step.command, step.deadline_s)
        if done.code != 0:
            raise NodeError(
                f"`{' '.join(step.command)}` failed: {untrusted(done.stderr.strip() or f'code {done.code}')}",
                next_step="mend that and run the same again: what was done is kept",
            )

    def _keep(self, record: AdoptionRecord) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self._path, json.dumps(record.to_json(), indent=1).encode())
        except OSError as error:
            raise NodeError(f"cannot write {self._path}: {error}", safe="no unit was touched") from error

    def _write_drop_in(self, path: Path) -> None:
        # Beside the missing wants-links, which the operator may put back by `systemctl enable` without a thought.
        content = (
            "# upgrade-console runs this node; `upgrade-console node init --give-back` takes this away.\n"
            f"[Unit]\nConditionPathExists=!{_in_unit(self._path)}\n"
        )
        try:
            path.parent.mkdir(exist_ok=True)
            write_durably(path, content.encode(), 0o644)
            sync_folder(path.parent.parent)
        except OSError as error:
            raise NodeError(f"cannot write {path}: {error}", next_step="run this as root") from error

    def _remove_drop_in(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir() and not os.listdir(path.parent):
                path.parent.rmdir()
            sync_folder(path.parent.parent)
        except OSError as error:
            raise NodeError(f"cannot remove {path}: {error}", next_step="run this as root") from error


def _taking(record: AdoptionRecord) -> list[Step]:
    unit = record.unit
    steps = []
    if record.was.file_state.startswith("masked"):
        pass
    elif record.way is Way.MASK:
        steps.append(Step(f"keep {unit} from starting", ("systemctl", "mask", "--", unit)))
    else:
        steps.append(Step(f"keep {unit} from starting while it is adopted, by {record.drop_in}"))
        steps.append(Step("let systemd read it", ("systemctl", "daemon-reload")))
        if record.was.file_state.startswith("enabled") and not os.path.islink(record.was.path):
            # Of a linked unit, `disable` would remove the file itself.
            steps.append(Step(f"take {unit} out of the boot", ("systemctl", "disable", "--", unit)))
    steps.append(Step(f"stop {unit}", ("systemctl", "stop", "--", unit), _STOP_S))
    return steps


def _giving(record: AdoptionRecord) -> list[Step]:
    unit = record.unit
    steps = []
    if record.way is Way.MASK and not record.was.file_state.startswith("masked"):
        steps.append(Step(f"unmask {unit}", ("systemctl", "unmask", "--", unit)))
    steps.append(Step("let systemd read it", ("systemctl", "daemon-reload")))
    if record.way is Way.BLOCK and record.was.file_state == "enabled-runtime":
        steps.append(Step(f"enable {unit}", ("systemctl", "enable", "--runtime", "--", unit)))
    elif record.way is Way.BLOCK and record.was.file_state == "enabled" and not os.path.islink(record.was.path):
        steps.append(Step(f"enable {unit}", ("systemctl", "enable", "--", unit)))
    if record.was.active:
        for name in (unit, *record.was.dependents):
            steps.append(Step(f"start {name}", ("systemctl", "start", "--", name), _STOP_S))
    return steps


def _put_links(links: tuple[tuple[str, str], ...]) -> None:
    """Put back links that `enable` does not make. Raises NodeError."""
    for name, target in links:
        path = Path(name)
        try:
            if not os.path.lexists(path):
                path.parent.mkdir(exist_ok=True)
                path.symlink_to(target)
                sync_folder(path.parent)
        except OSError as error:
            raise NodeError(f"cannot make the link {path}: {error}", next_step="run this as root") from error


def _warnings(was: UnitState) -> list[str]:
    found = []
    if was.dependents:
        names = ", ".join(was.dependents)
        found.append(f"{names} needs {was.name} and stops with it; it is started again when the unit is given back")
    if not was.active:
        found.append(f"{was.name} does not run now")
    return found


def _in_unit(path: Path) -> str:
    """A path as a unit's value: a percent sign begins a specifier."""
    return str(path.absolute()).replace("%", "%%")
