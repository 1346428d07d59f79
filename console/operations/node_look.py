"""What can be seen of a node on this machine with or without a controller; nothing here changes anything."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from console import __version__
from console.chain.signing import SignerProcess, own_key_warning
from console.errors import NodeError, SettingsError, SignerError
from console.node.commands import Runner, SystemRunner
from console.node.cosmovisor.batch import read_batch
from console.node.cosmovisor.homes import Direction, look_at_home, passage
from console.node.cosmovisor.settings import CosmovisorSettings, read_settings
from console.node.cosmovisor.upgrade_info import FILE_NAME, PlanFile, read_plan
from console.node.cosmovisor.versions import PINNED_INSTALL, advice, parse_version
from console.node.discovery import NamedEnvironment
from console.node.discovery.finding import Finding, Level
from console.node.doctor import DoctorReport, DoctorRequest, examine
from console.node.inventory import Inventory
from console.node.plan_ahead import plan_path
from console.node.runtimes import container_environments, running_of
from console.node.shape import shape_of
from console.operations.daemon_look import daemon_findings
from console.operations.node_alone import reading
from console.operations.node_stage import known_height
from console.settings import NetworkSettings, NodeSettings, proving_network
from console.text import untrusted

_VERSION_DEADLINE_S = 20.0
_COSMOVISOR_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Versions:
    """Who runs the node, and what runs."""

    console: str
    generation: str
    """Name of the current generation; empty when `current` cannot be followed."""
    app: str
    """What the current binary says of itself; empty when it says nothing."""
    problem: str = ""
    """Why the binary was not asked."""


def doctor(node: NodeSettings, *, network: NetworkSettings | None = None, runner: Runner | None = None) -> DoctorReport:
    """Look at one node: what is wrong, each with what to do, and on a Cosmos chain whether Cosmovisor may take over.

    Args:
        node: The node.
        network: Its network, whose demands on releases are looked at too.
        runner: Asks `cosmovisor version`.
    """
    keystore = Path.home() / ".ipc"
    containers: tuple[NamedEnvironment, ...] = ()
    problem = ""
    try:
        containers = container_environments(node)
    except NodeError as error:
        problem = str(error)
    request = DoctorRequest(
        node.home,
        node.state_dir,
        (node.daemon,),
        keystore=keystore if keystore.is_dir() else None,
        containers=containers,
    )
    report = examine(request)
    if problem:
        report = replace(report, findings=(*report.findings, Finding(Level.FAIL, "containers", problem)))
    if network is not None:
        said = asyncio.run(daemon_findings(network, node))
        report = replace(report, findings=(*report.findings, *proof_findings(network), *said))
    report = replace(report, findings=(*report.findings, *key_findings(node)))
    if node.shape != "cosmos":
        return report
    found = cosmovisor_findings(node, report.state, runner or SystemRunner())
    return replace(report, findings=(*report.findings, *found))


def key_findings(node: NodeSettings) -> tuple[Finding, ...]:
    """Whether the operator key can be used, is kept well and is not too good for its work; nothing without one.

    The signer process is asked, so that no key is read here.
    """
    if node.operator_key is None:
        return ()
    try:
        found = asyncio.run(SignerProcess().describe(node.operator_key))
    except SignerError as error:
        return (Finding(Level.WARN, "operator key", error.what, error.next_step),)
    problems = [(each, "keep it in a keystore, or where only its owner reads it") for each in found.warnings]
    if own := own_key_warning(found.address, node.address):
        problems.append((own, "make one, and name it with `upgrade-console set-operator`"))
    if problems:
        return tuple(Finding(Level.WARN, "operator key", what, next_step) for what, next_step in problems)
    return (Finding(Level.OK, "operator key", f"the operator key is {found.address}"),)


def proof_findings(network: NetworkSettings) -> tuple[Finding, ...]:
    """Whether what the network demands of releases on another network can be met; nothing where it demands none."""
    demands = network.demands
    if not demands.proven_s:
        return ()
    if not demands.proven_on:
        return (
            Finding(
                Level.WARN,
                "proven releases",
                f"network {network.name} demands proven releases and names no network that proves them: nothing is"
                " armed for before you force it, with a reason, each time",
                "set proven_on in [networks.NAME.releases], or proven_hours = 0",
            ),
        )
    try:
        proving = proving_network(network)
    except SettingsError as error:
        return (Finding(Level.WARN, "proven releases", error.what, error.next_step),)
    words = f"a release has to be executed on {proving.name} for {demands.proven_hours:g} hours of its block time"
    return (Finding(Level.OK, "proven releases", words),)


def cosmovisor_findings(node: NodeSettings, state: str, runner: Runner) -> tuple[Finding, ...]:
    """Whether this home could go to Cosmovisor now, and what is known of the one that is installed.

    Args:
        node: The node.
        state: `IDLE`, or what is going on.
        runner: Asks `cosmovisor version`.
    """
    found = passage(
        look_at_home(node.home, node.daemon),
        Direction.TO_COSMOVISOR,
        node_state=state,
        app_height=_height_or_none(node),
        recase=not node.disable_recase,
    )
    findings = [Finding(Level.WARN, "to Cosmovisor", f"not now: {words}") for words in found.hindrances]
    findings += [Finding(Level.OK, "to Cosmovisor", words) for words in found.notes]
    if found.is_open:
        findings.append(
            Finding(Level.OK, "to Cosmovisor", "the home can go to Cosmovisor now, nothing has to be moved")
        )
    binary = shutil.which("cosmovisor")
    if binary is None:
        words = f"none is on PATH; the pinned install is: {PINNED_INSTALL}"
        return (*findings, Finding(Level.OK, "cosmovisor", words))
    try:
        said = runner.run((binary, "version", "--cosmovisor-only"), _COSMOVISOR_DEADLINE_S)
    except NodeError as error:
        return (*findings, Finding(Level.WARN, "cosmovisor", str(error)))
    findings += [Finding(Level.OK, "cosmovisor", words) for words in advice(parse_version(said.stdout or said.stderr))]
    return tuple(findings)


def _height_or_none(node: NodeSettings) -> int | None:
    try:
        return known_height(node)
    except NodeError:
        # `doctor` has said it of the journal already.
        return None


def verify(node: NodeSettings) -> tuple[Finding, ...]:
    """Hash every generation and check every rollback point; reads everything. Raises NodeError."""
    return Inventory.of(node).verified()


def listed(node: NodeSettings) -> dict[str, Any]:
    """Generations and rollback points of a node. Raises NodeError."""
    inventory = Inventory.of(node)
    return {"generations": inventory.generation_documents(), "points": inventory.point_documents()}


class AskedNode(Protocol):
    """What looking at a node of another machine needs of its controller's client. All raise ControllerDown."""

    async def generations(self) -> list[dict[str, Any]]: ...
    async def points(self) -> list[dict[str, Any]]: ...
    async def verify(self) -> list[dict[str, Any]]: ...
    async def events(self, since: int = 0) -> list[dict[str, Any]]: ...


async def listed_elsewhere(control: AskedNode) -> dict[str, Any]:
    """The same of a node on another machine, as its controller tells it. Raises NodeError."""
    found = {"generations": await control.generations(), "points": await control.points()}
    _has(found["generations"], "name", "current", "complete", "missing", "verified", "sha256", "problem", "origin")
    _has(found["points"], "name", "sentence")
    return found


async def verified_elsewhere(control: AskedNode) -> tuple[Finding, ...]:
    """`verify` of a node on another machine. Raises NodeError."""
    return tuple(Finding.from_json(each) for each in await control.verify())


async def events_elsewhere(control: AskedNode, *, since: int = 0, newest: int = 100) -> list[dict[str, Any]]:
    """`events` of a node on another machine. Raises NodeError."""
    kept: deque[dict[str, Any]] = deque(maxlen=newest)
    while page := await control.events(since):
        _has(page, "seq", "at", "attempt", "kind", "detail")
        kept.extend(page)
        if page[-1]["seq"] <= since:
            raise NodeError("the controller's journal does not go on as it should")
        since = page[-1]["seq"]
    return list(kept)


def _has(entries: list[dict[str, Any]], *keys: str) -> None:
    """Raises NodeError: an entry of another machine's controller lacks something."""
    for entry in entries:
        if missing := [key for key in keys if key not in entry]:
            raise NodeError(f"the controller's answer is not understood (it lacks {missing[0]})")


def upgrade_info(node: NodeSettings) -> dict[str, Any]:
    """The plan in the node's `upgrade-info.json`, what is wrong with it, and the batch that is still to come."""
    path = plan_path(node)
    found = read_plan(path)
    batch = read_batch(path.with_name(f"{FILE_NAME}.batch"))
    document: dict[str, Any] = {"path": str(path), "plan": None, "problem": ""}
    if isinstance(found, PlanFile):
        document["plan"] = _plan_document(found)
    elif found is not None:
        document["problem"] = getattr(found, "reason", "is not whole: the node is writing it, or was stopped meanwhile")
    document["batch"] = [_plan_document(plan) for plan in batch] if isinstance(batch, tuple) else []
    return document


def _plan_document(plan: PlanFile) -> dict[str, Any]:
    return {"name": str(plan.shown_name), "height": plan.height, "info": str(untrusted(plan.info, 4096))}


def versions(node: NodeSettings, *, own_only: bool = False) -> Versions:
    """Our version, and that of the binary that is current; it is run for that, by its recorded hash."""
    if own_only:
        return Versions(__version__, "", "")
    name = ""
    try:
        current = Inventory.of(node).generations.current()
        name = current.name
        arguments = ("version",) if node.shape == "cosmos" else ("--version",)
        environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
        run = running_of(lambda: node, shape_of(node)).command
        done = run(current.binary, current.sha256, arguments, environment, _VERSION_DEADLINE_S)
    except (NodeError, OSError) as error:
        return Versions(__version__, name, "", str(error))
    said = str(untrusted(done.stdout.strip() or done.stderr.strip(), 200))
    if done.returncode != 0:
        return Versions(__version__, name, "", f"`{node.daemon} {arguments[0]}` ended with code {done.returncode}")
    return Versions(__version__, name, said)


def events(node: NodeSettings, *, since: int = 0, newest: int = 100) -> list[dict[str, Any]]:
    """The newest journal events after a sequence number, oldest first. Raises JournalError, and NodeError: none yet."""
    kept: deque[dict[str, Any]] = deque(maxlen=newest)
    with reading(node) as journal:
        if journal is None:
            raise NodeError(f"{node.name} has no journal in {node.state_dir}", next_step="it comes with the controller")
        while page := journal.events(since, 500):
            kept.extend(page)
            since = page[-1]["seq"]
    return list(kept)


def cosmovisor_settings(environment: dict[str, str], config: Path | None = None) -> CosmovisorSettings:
    """Cosmovisor's settings as it would read them. Raises CosmovisorSettingsError."""
    return read_settings(environment, config)
