"""`doctor`: what can be seen to be wrong with one node, each with what to do; it changes nothing (DESIGN §5)."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.errors import NodeError
from console.model import GENESIS, Attempt, Crossing, NodeState
from console.node.adoption import Adoption, Phase
from console.node.ballast import Ballast
from console.node.commands import SystemRunner
from console.node.discovery import (
    SYSTEM_ROOTS,
    Discovery,
    Finding,
    Home,
    Level,
    NamedEnvironment,
    ShapeKind,
    discover,
    inspect_home,
    worst,
)
from console.node.discovery.files import is_file, names_in, read_bounded
from console.node.discovery.mounts import file_system_finding, file_system_of
from console.node.discovery.units import is_controller
from console.node.foreign import HolderKind, foreign_holders
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.machine_health import cache_finding, clock_findings, disk_findings, limit_finding
from console.node.runtime.processes import alive
from console.node.runtime.shim import ShimRuntime
from console.node.signer_guard import check_not_lower
from console.text import untrusted


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """Which node to look at, and how."""

    home: Path
    state_dir: Path
    """The controller's folder; it need not exist yet."""
    daemons: tuple[str, ...] = ()
    """Names of the binaries; empty to take what is found."""
    cosmovisor: tuple[Finding, ...] = ()
    """What `console.node.cosmovisor` found: version, known defects, the passage."""
    keystore: Path | None = None
    """ipc-cli's folder (`~/.ipc`)."""
    containers: Sequence[NamedEnvironment] = ()
    """Environments of its containers; `container_environments` knows them."""
    unit_roots: Sequence[Path] = SYSTEM_ROOTS
    temporary: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    """Where ipc-cli unpacks CometBFT: the node's `$TMPDIR`."""
    now: float = field(default_factory=time.time)
    """Unix seconds."""
    proc: Path = Path("/proc")


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What was found."""

    state: str
    """`state_for_move` of the journal; empty when it cannot be read."""
    findings: tuple[Finding, ...]
    discovery: Discovery | None
    """None when no node's home is there."""

    @property
    def level(self) -> Level:
        """The gravest level."""
        return worst(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "level": self.level.value,
            "state": self.state,
            "findings": [finding.to_json() for finding in self.findings],
            "discovery": None if self.discovery is None else self.discovery.to_json(),
        }


@dataclass(frozen=True, slots=True)
class _Journalled:
    """What the journal says, as far as a doctor wants to know."""

    present: bool
    state: str
    signer_mark: tuple[int, int, int] | None
    newest: float | None
    """Unix seconds of the newest run or reading."""


def state_for_move(attempt: Attempt | None, *, armed: bool, needs_operator: bool) -> str:
    """The word that decides whether another supervisor may take the node: `IDLE`, or what is going on.

    An upgrade that ended well leaves a node idle, whatever word is shown for it, and so does a node that is stopped.
    """
    if needs_operator:
        return NodeState.NEEDS_OPERATOR.value
    if attempt is not None and attempt.crossing not in {Crossing.NONE, Crossing.COMMITTED, Crossing.RESUMED_OLD}:
        return attempt.crossing.value
    if armed:
        return "ARMED"
    if attempt is not None and attempt.crossing is Crossing.NONE:
        return attempt.preparation.value
    return NodeState.IDLE.value


def refuse_change_of_supervisor(state: str) -> None:
    """Refuse to move a node between this controller and another supervisor (Cosmovisor, the old unit) in an upgrade.

    Args:
        state: From `state_for_move`, or of a report; empty when nobody knows.

    Raises:
        NodeError: The node is not IDLE.
    """
    if state != NodeState.IDLE.value:
        raise NodeError(
            f"the node is {untrusted(state, 40) or 'in a state that cannot be read'}; "
            "another supervisor may take it over only while it is IDLE",
            safe="nothing was changed",
            next_step="end or abort the upgrade first",
        )


def examine(request: DoctorRequest) -> DoctorReport:
    """Look at one node; blocks for well under a second and never raises for what it finds."""
    findings: list[Finding] = []
    journalled = _Journalled(False, "", None, None)
    try:
        journalled = _read_journal(request.state_dir)
        findings.append(_journal_finding(request, journalled))
    except NodeError as error:
        findings.append(Finding(Level.FAIL, "journal", error.what, error.next_step))
    own_pids, app_pid = _our_run(request, findings)
    try:
        home = inspect_home(request.home)
    except NodeError as error:
        findings.append(Finding(Level.FAIL, "home", error.what, error.next_step))
        findings += _machine_findings(request, None, journalled, app_pid)
        return DoctorReport(journalled.state, (*findings, *request.cosmovisor), None)
    found = discover(
        home,
        app_pid=app_pid,
        containers=request.containers,
        unit_roots=request.unit_roots,
        keystore=request.keystore,
        proc=request.proc,
    )
    findings += found.findings
    parts: tuple[Callable[[], Iterable[Finding]], ...] = (
        lambda: _layout_findings(home, request.daemons or home.daemons),
        lambda: _signer_findings(found, journalled),
        lambda: _foreign_findings(request, found, own_pids, journalled),
        lambda: _adoption_findings(request),
        lambda: (_controller_finding(request),),
        lambda: _machine_findings(request, home, journalled, app_pid),
    )
    for part in parts:
        try:
            findings += part()
        except (NodeError, OSError) as error:
            # One thing that cannot be looked at hides none of the others.
            what, next_step = (error.what, error.next_step) if isinstance(error, NodeError) else (str(error), "")
            findings.append(Finding(Level.FAIL, "doctor", str(untrusted(what)), next_step))
    return DoctorReport(journalled.state, (*findings, *request.cosmovisor), found)


def _read_journal(state_dir: Path) -> _Journalled:
    """What the journal says. Raises NodeError."""
    path = state_dir / "journal.db"
    if not is_file(path):
        return _Journalled(False, NodeState.IDLE.value, None, None)
    journal = Journal(path, read_only=True)
    try:
        runs = journal.runs(1)
        run_armed = bool(runs and runs[0].ended_at is None and runs[0].halt_height)
        observation = journal.observation
        times = [run.started_at for run in runs] + ([] if observation is None else [observation.read_at])
        return _Journalled(
            present=True,
            state=state_for_move(
                journal.latest_attempt(),
                armed=bool(journal.armed_for) or run_armed,
                needs_operator=bool(journal.meta("needs_operator")),
            ),
            signer_mark=journal.signer_mark,
            newest=max(times, default=None),
        )
    finally:
        journal.close()


def _journal_finding(request: DoctorRequest, journalled: _Journalled) -> Finding:
    if not journalled.present:
        return Finding(Level.OK, "journal", f"there is no journal in {request.state_dir} yet")
    if journalled.state == NodeState.IDLE.value:
        return Finding(Level.OK, "journal", "the journal is readable and the node is IDLE")
    return Finding(
        Level.OK,
        "journal",
        f"the journal is readable and the node is {journalled.state}: no other supervisor may take it over now",
    )


def _our_run(request: DoctorRequest, findings: list[Finding]) -> tuple[tuple[int, ...], int | None]:
    """Pids of our living run, and of its app."""
    runtime = ShimRuntime(request.state_dir / "run", request.home)
    try:
        live = runtime.recorded()
    except NodeError as error:
        findings.append(Finding(Level.FAIL, "run", error.what, "look at the disk"))
        return (), None
    if live is None:
        return (), None
    app = live.child_pid if runtime.node_alive(live) else None
    shim = live.shim_pid if runtime.shim_alive(live) else None
    others = [one.pid for one in live.services if alive(one.pid, one.started)]
    return tuple(pid for pid in (shim, app, *others) if pid is not None), app


def _layout_findings(home: Home, daemons: tuple[str, ...]) -> list[Finding]:
    root = home.root / "cosmovisor"
    if not root.is_dir():
        advice = "run `upgrade-console node init`"
        return [Finding(Level.WARN, "layout", f"{root} is not there: nothing can be switched yet", advice)]
    if not daemons:
        return [Finding(Level.WARN, "layout", f"nothing in {root} tells the name of the binary", "name the daemon")]
    found = []
    try:
        current = Generations(home.root, daemons[0]).current()
        found.append(Finding(Level.OK, "layout", f"current is {untrusted(current.name)}"))
    except (NodeError, OSError) as error:
        what = error.what if isinstance(error, NodeError) else str(error)
        next_step = "point `current` at the generation that the data is of, relative to its folder"
        found.append(Finding(Level.FAIL, "layout", str(untrusted(what)), next_step))
    folders = [root / GENESIS, *(root / "upgrades" / name for name in names_in(root / "upgrades"))]
    for folder in folders:
        # A name with a dot in front is a staging that was cut off; it is done again.
        if folder.name.startswith("."):
            continue
        lacking = [name for name in daemons if not _executable(folder / "bin" / name)]
        if lacking:
            names = ", ".join(lacking)
            found.append(
                Finding(
                    Level.WARN,
                    "layout",
                    f"{untrusted(folder)} is not complete: {untrusted(names)} is missing or not executable",
                    "stage it again, or remove the folder",
                )
            )
    return found


def _executable(path: Path) -> bool:
    return is_file(path) and os.access(path, os.X_OK)


def _signer_findings(found: Discovery, journalled: _Journalled) -> list[Finding]:
    if found.signer.remote:
        # Its finding says that the file has no meaning.
        return []
    try:
        height, turn, step = check_not_lower(found.signer.state, journalled.signer_mark)
    except NodeError as error:
        return [Finding(Level.FAIL, "signer", error.what, error.next_step)]
    words = f"the signer state is at height {height} round {turn} step {step}, and never fell as far as is known"
    return [Finding(Level.OK, "signer", words)]


def _foreign_findings(
    request: DoctorRequest, found: Discovery, own_pids: tuple[int, ...], journalled: _Journalled
) -> list[Finding]:
    ports = [port.number for port in found.ports]
    holders = foreign_holders(
        found.home.root,
        ports,
        found.home.database_locks,
        own_pids,
        unit_roots=request.unit_roots,
        proc=request.proc,
    )
    # Before the first start of ours the node is run by something else, as it should be.
    level = Level.FAIL if journalled.present else Level.WARN
    findings = [
        Finding(
            level if holder.kind is HolderKind.PROCESS else Level.WARN, "foreign holder", holder.words, holder.remedy
        )
        for holder in holders
    ]
    return findings or [Finding(Level.OK, "foreign holder", "nothing else holds the node's home, ports or databases")]


def _adoption_findings(request: DoctorRequest) -> list[Finding]:
    record = Adoption(request.state_dir, SystemRunner(), request.unit_roots).record()
    if record is None:
        return []
    if record.phase is Phase.TAKEN:
        return [Finding(Level.OK, "old unit", f"{record.unit} is adopted and can be given back")]
    verb = "taking over" if record.phase is Phase.TAKING else "giving back"
    return [Finding(Level.WARN, "old unit", f"{verb} {record.unit} was begun and not ended", "run the same again")]


def _controller_finding(request: DoctorRequest) -> Finding:
    """By the lock's note and not by the lock: trying it could keep a controller from starting at this moment."""
    path = request.state_dir / "controller.lock"
    try:
        pid = int(read_bounded(path, 64).decode("ascii", "replace").strip() or "0")
        words = read_bounded(request.proc / str(pid) / "cmdline").split(b"\0")
    except (OSError, ValueError):
        return Finding(Level.WARN, "controller", "no controller of this node runs", "start `upgrade-console node run`")
    if pid > 0 and is_controller([os.fsdecode(word) for word in words[:6]]):
        return Finding(Level.OK, "controller", f"the controller runs, pid {pid}")
    return Finding(Level.WARN, "controller", "no controller of this node runs", "start `upgrade-console node run`")


def _machine_findings(
    request: DoctorRequest, home: Home | None, journalled: _Journalled, app_pid: int | None
) -> list[Finding]:
    folders = [("home", request.home)] if home is not None else []
    if home is not None:
        folders += [("data folder", path) for path in home.data if path.is_dir()]
    found = []
    if request.state_dir.is_dir():
        folders.append(("state folder", request.state_dir))
        found.append(file_system_finding("state folder", request.state_dir, file_system_of(request.state_dir)))
        if journalled.present and not Ballast(request.state_dir).present:
            found.append(
                Finding(
                    Level.WARN,
                    "disk",
                    "there is no ballast: on a full disk a rollback could not be written",
                    "make room; the controller then makes it",
                )
            )
    found += disk_findings(folders)
    found += clock_findings(request.now, journalled.newest)
    found.append(limit_finding(app_pid, request.proc))
    if home is not None and home.kind is ShapeKind.EMBEDDED:
        found.append(cache_finding(request.temporary))
    return found
