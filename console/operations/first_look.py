"""What an operator has on this machine, before anything is set up: the welcome and `doctor` both show this.

Nothing is changed, no key file is read, and what cannot be looked at is said instead of raised. It blocks for up to
some seconds (folders, `/proc`, nodes over loopback), so a screen asks for it in a thread.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from console.errors import ConsoleError, NodeError, SettingsError
from console.ipc_config import IpcConfig, ipc_config_file, read_ipc_config
from console.node.commands import Runner, SystemRunner
from console.node.cosmovisor.versions import advice, parse_version
from console.node.discovery import SYSTEM_ROOTS, Finding, Home, Level, find_homes, units_for, worst
from console.node.discovery.units import is_controller
from console.operations.found_homes import home_tables
from console.operations.networks import KnownNetwork, ProposedTable, known_networks, proposed_tables
from console.settings import DEVNET, config_file, default_devnet_folder, load_network
from console.settings_file import network_tables
from console.text import untrusted

_COSMOVISOR_DEADLINE_S = 5.0
_VARIABLES = ("DAEMON_HOME", "DAEMON_NAME")


@dataclass(frozen=True, slots=True)
class LookRequest:
    """Where to look."""

    user_home: Path = field(default_factory=Path.home)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    ipc_config: Path | None = None
    """ipc-cli's settings; None for their usual place."""
    proc: Path = Path("/proc")
    unit_roots: tuple[Path, ...] = SYSTEM_ROOTS
    runner: Runner | None = None
    """Asks `cosmovisor version`; None for this system's own."""


@dataclass(frozen=True, slots=True)
class FoundController:
    """A controller that runs."""

    pid: int
    command: str
    """Its command line, safe to show."""
    devnet: Path | None
    """The folder of the devnet that it is of, where its command line names one."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What was found."""

    settings: Path
    """The settings file, which need not be there."""
    networks: tuple[KnownNetwork, ...]
    """Every network that can be named, the devnet first; empty when the settings cannot be read."""
    homes: tuple[Home, ...]
    controllers: tuple[FoundController, ...]
    proposals: tuple[ProposedTable, ...]
    """What could be added to the settings; what is there already is left out."""
    devnet_runs: bool
    devnet_possible: bool
    """Whether a devnet can be brought up on this machine."""
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> tuple[str, ...]:
        """Names of the networks that can be opened as they are, the devnet not among them."""
        return tuple(each.name for each in self.networks if not each.problem and each.name != DEVNET)

    @property
    def devnets(self) -> tuple[Path, ...]:
        """Folders of devnets that run elsewhere than in the usual place."""
        found = dict.fromkeys(each.devnet for each in self.controllers if each.devnet is not None)
        return tuple(folder for folder in found if folder != default_devnet_folder())

    @property
    def level(self) -> Level:
        """The gravest level."""
        return worst(self.findings)

    def to_json(self) -> dict[str, Any]:
        """What was found as JSON values."""
        return {
            "level": self.level.value,
            "settings": str(self.settings),
            "networks": [{"name": each.name, "problem": each.problem or None} for each in self.networks],
            "homes": [
                {"path": str(each.root), "kind": each.kind.value, "daemons": list(each.daemons)} for each in self.homes
            ],
            "controllers": [
                {"pid": each.pid, "command": each.command, "devnet": str(each.devnet) if each.devnet else None}
                for each in self.controllers
            ],
            "proposals": [
                {
                    "network": each.network,
                    "from": each.subnet,
                    "nodes": list(each.nodes),
                    "missing": [key for key, _, _ in (*each.missing, *each.node_missing)],
                }
                for each in self.proposals
            ],
            "devnet": {"runs": self.devnet_runs, "possible": self.devnet_possible},
            "findings": [finding.to_json() for finding in self.findings],
        }


def look_around(request: LookRequest | None = None) -> FirstLook:
    """Look at this machine; changes nothing, and never raises for what it finds."""
    request = request or LookRequest()
    findings: list[Finding] = []
    tables = _tables(findings)
    ipc = _ipc(request, findings)
    networks = _networks(tables, ipc, findings)
    homes = find_homes(request.user_home)
    findings += [_home_finding(home, request) for home in homes]
    controllers = _controllers(request.proc)
    findings += [
        Finding(Level.OK, "controller", f"a controller runs as process {each.pid}: {each.command}")
        for each in controllers
    ]
    findings += _node_findings(networks)
    findings += _cosmovisor_findings(request)
    runs = _devnet_runs()
    possible = sys.platform == "linux"
    findings.append(_devnet_finding(runs=runs, possible=possible))
    if not homes:
        findings.append(Finding(Level.OK, "node homes", f"no node's home is in {request.user_home}"))
    proposals = () if tables is None else _proposals(ipc, homes, tables, findings)
    return FirstLook(config_file(), networks, homes, controllers, proposals, runs, possible, tuple(findings))


def _tables(findings: list[Finding]) -> dict[str, Any] | None:
    path = config_file()
    try:
        tables = network_tables()
    except SettingsError as error:
        findings.append(Finding(Level.FAIL, "settings", error.what, error.next_step))
        return None
    if not path.is_file():
        findings.append(Finding(Level.OK, "settings", f"there is no settings file yet; it would be {path}"))
    else:
        count = "no network" if not tables else f"{len(tables)} network{'s' if len(tables) > 1 else ''}"
        findings.append(Finding(Level.OK, "settings", f"{path} names {count}"))
    return tables


def _ipc(request: LookRequest, findings: list[Finding]) -> IpcConfig | None:
    path = ipc_config_file(request.ipc_config)
    if not path.is_file():
        return None
    try:
        found = read_ipc_config(path)
    except SettingsError as error:
        findings.append(Finding(Level.WARN, "ipc-cli", error.what, error.next_step))
        return None
    known = f"{len(found.subnets)} subnet{'' if len(found.subnets) == 1 else 's'}"
    findings.append(Finding(Level.OK, "ipc-cli", f"{path} names {known}"))
    findings += [Finding(Level.WARN, "ipc-cli", warning) for warning in found.warnings]
    return found


def _networks(
    tables: Mapping[str, Any] | None, ipc: IpcConfig | None, findings: list[Finding]
) -> tuple[KnownNetwork, ...]:
    if tables is None:
        return ()
    networks = known_networks(ipc)
    findings += [
        # A network that only this tool knows lacks what nobody wrote yet: that is no fault.
        Finding(Level.FAIL, "network", f"{untrusted(each.name, 80)} cannot be opened: {each.problem}")
        for each in networks
        if each.problem and each.name in tables
    ]
    return networks


def _node_findings(networks: tuple[KnownNetwork, ...]) -> list[Finding]:
    """Of each node in the settings the gravest thing that its own doctor says."""
    from console.operations.daemon_look import daemon_findings
    from console.operations.node_look import doctor

    found: list[Finding] = []
    for known in networks:
        if known.problem or known.name == DEVNET:
            continue
        try:
            network = load_network(known.name)
        except SettingsError as error:
            found.append(Finding(Level.FAIL, "network", error.what, error.next_step))
            continue
        if not network.nodes:
            # Else it is among what each node's doctor says.
            found += asyncio.run(daemon_findings(network))
        for node in network.nodes:
            topic = f"node {untrusted(node.name, 60)} of {untrusted(network.name, 60)}"
            try:
                report = doctor(node, network=network)
            except ConsoleError as error:
                found.append(Finding(Level.FAIL, topic, error.what, error.next_step))
                continue
            bad = [each for each in report.findings if each.level is report.level]
            more = f"upgrade-console --network {network.name} --node {node.name} node doctor"
            if report.level is Level.OK:
                found.append(Finding(Level.OK, topic, f"{report.state or 'no state'}; nothing is wrong with it"))
            else:
                first = f"{bad[0].topic}: {bad[0].what}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "")
                found.append(Finding(report.level, topic, first, f"run `{more}`"))
    return found


def _home_finding(home: Home, request: LookRequest) -> Finding:
    units = ", ".join(str(untrusted(unit.name, 80)) for unit in units_for(home.root, request.unit_roots))
    words = f"{untrusted(home.root, 200)} is the home of a node ({home.kind.value})"
    return Finding(Level.OK, "node homes", words + (f", run by {units}" if units else ""))


def _controllers(proc: Path) -> tuple[FoundController, ...]:
    """Processes whose command is `node run` of this program, of any user as far as they can be seen."""
    found = []
    for entry in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            words = [os.fsdecode(word) for word in (entry / "cmdline").read_bytes().split(b"\0") if word]
        except OSError:
            continue
        if is_controller(words) and ("node", "run") in pairwise(words):
            found.append(FoundController(int(entry.name), untrusted(" ".join(words), 160), _devnet_of(words)))
    return tuple(found)


def _devnet_of(words: Sequence[str]) -> Path | None:
    options = dict(pairwise(words))
    return Path(options["--dir"]) if "--dir" in options else None


def _cosmovisor_findings(request: LookRequest) -> list[Finding]:
    found = []
    named = {name: request.environment.get(name, "") for name in _VARIABLES}
    if all(named.values()):
        words = f"its variables name {untrusted(named['DAEMON_NAME'], 80)} in {untrusted(named['DAEMON_HOME'], 200)}"
        step = "`upgrade-console node run` takes its place with the same variables"
        found.append(Finding(Level.OK, "cosmovisor", words, step))
    binary = shutil.which("cosmovisor", path=request.environment.get("PATH"))
    if binary is None:
        return found
    try:
        runner = request.runner or SystemRunner()
        said = runner.run((binary, "version", "--cosmovisor-only"), _COSMOVISOR_DEADLINE_S)
    except NodeError as error:
        return [*found, Finding(Level.WARN, "cosmovisor", f"{binary} does not say its version: {error.what}")]
    return found + [
        Finding(Level.OK, "cosmovisor", words) for words in advice(parse_version(said.stdout or said.stderr))
    ]


def _devnet_runs() -> bool:
    folder = default_devnet_folder()
    if sys.platform != "linux" or not (folder / "network.toml").is_file():
        return False
    from console.devnet.network import is_running

    return is_running(folder)


def _devnet_finding(*, runs: bool, possible: bool) -> Finding:
    if not possible:
        return Finding(Level.WARN, "devnet", "the devnet runs on Linux only")
    if runs:
        return Finding(Level.OK, "devnet", f"a devnet runs in {default_devnet_folder()}")
    return Finding(
        Level.OK, "devnet", "a devnet of four validators can be tried out here", "upgrade-console --network devnet"
    )


def _proposals(
    ipc: IpcConfig | None, homes: tuple[Home, ...], tables: Mapping[str, Any], findings: list[Finding]
) -> tuple[ProposedTable, ...]:
    try:
        of_ipc = proposed_tables(ipc) if ipc is not None else ()
    except SettingsError as error:
        findings.append(Finding(Level.WARN, "ipc-cli", error.what, error.next_step))
        of_ipc = ()
    found = [each for each in (*of_ipc, *home_tables(homes, tables)) if not each.is_empty]
    return tuple(found)
