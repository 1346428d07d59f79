"""Everything that can be found out about one node from its disk, put together (facts/ipc.md §1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.node.discovery.fendermint import merged, settings_files
from console.node.discovery.files import read_toml
from console.node.discovery.finding import Finding, Level
from console.node.discovery.halt_origin import (
    HaltOrigin,
    HaltSource,
    NamedEnvironment,
    halt_origin,
    process_environment,
)
from console.node.discovery.homes import Home, ShapeKind
from console.node.discovery.keys import KeyFile, SignerSetup, key_files, signer_setup
from console.node.discovery.mounts import file_system_finding, file_system_of
from console.node.discovery.ports import Port, ports_of
from console.node.discovery.units import SYSTEM_ROOTS, Unit, units_for


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found out about one node."""

    home: Home
    ports: tuple[Port, ...]
    halt: HaltOrigin
    signer: SignerSetup
    keys: tuple[KeyFile, ...]
    units: tuple[Unit, ...]
    """Units that would run this node, our own controller's not among them."""
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """What was found as JSON values; no key's content is in it."""
        winner = self.halt.winner
        return {
            "home": str(self.home.root),
            "shape": self.home.kind.value,
            "mode": self.home.mode,
            "cometbft_home": str(self.home.cometbft),
            "daemons": list(self.home.daemons),
            "ports": [
                {"name": port.name, "host": port.host, "port": port.number, "source": port.source}
                for port in self.ports
            ],
            "halt_height": {
                "value": self.halt.value,
                "winner": None if winner is None else winner.where,
                "places": [
                    {"source": place.source.value, "where": place.where, "value": place.value, "problem": place.problem}
                    for place in self.halt.places
                ],
                "unread": list(self.halt.unread),
            },
            "signer": {
                "remote": self.signer.remote,
                "state": str(self.signer.state),
                "double_sign_check_height": self.signer.double_sign_check_height,
            },
            "keys": [
                {
                    "name": key.name,
                    "path": str(key.path),
                    "present": key.present,
                    "mode": None if key.mode is None else f"{key.mode:04o}",
                }
                for key in self.keys
            ],
            "units": [unit.name for unit in self.units],
            "findings": [finding.to_json() for finding in self.findings],
        }


def discover(
    home: Home,
    *,
    app_pid: int | None = None,
    containers: Sequence[NamedEnvironment] = (),
    unit_roots: Sequence[Path] = SYSTEM_ROOTS,
    keystore: Path | None = None,
    proc: Path = Path("/proc"),
) -> Discovery:
    """Find out what there is to know about a node.

    Args:
        home: From `inspect_home`.
        app_pid: Process of the running app, whose environment counts most.
        containers: Environments of its containers (the Docker runtime knows them).
        unit_roots: Folders of systemd units, the strongest first.
        keystore: ipc-cli's folder; None to leave it out.
        proc: Where `/proc` is.
    """
    units = units_for(home.root, unit_roots)
    environments = [NamedEnvironment(HaltSource.UNIT, f"unit {unit.name}", dict(unit.environment)) for unit in units]
    environments += containers
    running = None if app_pid is None else process_environment(app_pid, proc)
    if running is not None:
        environments.append(running)
    setup = signer_setup(home)
    keys = key_files(home, setup, keystore)
    origin = halt_origin(home, environments)
    strongest = dict(environments[-1].values) if environments else {}
    findings = [
        *_settings_findings(home),
        *_layout_findings(home),
        _halt_finding(home, origin),
        *_elsewhere_findings(home, environments),
        *setup.findings,
        *(key.finding for key in keys),
        file_system_finding("home", home.root, file_system_of(home.root)),
    ]
    if app_pid is not None and running is None:
        findings.append(
            Finding(Level.WARN, "halt height", f"the environment of process {app_pid} cannot be read from here")
        )
    return Discovery(home, ports_of(home, strongest), origin, setup, keys, units, tuple(findings))


def _settings_findings(home: Home) -> list[Finding]:
    documents = [read_toml(home.cometbft / "config" / "config.toml"), *settings_files(home)]
    return [Finding(Level.FAIL, "settings", entry.problem, "mend the file") for entry in documents if entry.problem]


def _layout_findings(home: Home) -> list[Finding]:
    missing = [path for path in home.required if not _seen(path)]
    return [Finding(Level.FAIL, "home", f"{path} is missing; the node does not start without it") for path in missing]


def _halt_finding(home: Home, origin: HaltOrigin) -> Finding:
    if origin.winner is None and home.kind in {ShapeKind.DOCKER, ShapeKind.COSMOS}:
        # Inside the image, and absent in app.toml: both mean the default.
        return Finding(Level.OK, "halt height", origin.words)
    if origin.winner is None or origin.value is None:
        return Finding(Level.FAIL, "halt height", f"{origin.words}; Fendermint does not start like this")
    if origin.environment_rules and origin.value:
        return Finding(
            Level.WARN,
            "halt height",
            f"{origin.words}; editing a file does nothing while the environment says it",
            "take the variable out of the unit or the container before this controller runs the node",
        )
    if origin.value:
        return Finding(
            Level.WARN,
            "halt height",
            f"{origin.words}: after the halt every start halts again until it is taken out",
            "set it to 0, or leave it to this controller",
        )
    return Finding(Level.OK, "halt height", origin.words)


def _elsewhere_findings(home: Home, environments: Sequence[NamedEnvironment]) -> list[Finding]:
    """Variables that make Fendermint read other settings than the ones in this home."""
    found = []
    for environment in environments:
        for name in ("FM_HOME_DIR", "FM_CONFIG_DIR"):
            value = environment.values.get(name, "")
            expected = home.settings if name == "FM_CONFIG_DIR" else home.fendermint
            if value and home.settings is not None and Path(value) != expected:
                found.append(
                    Finding(
                        Level.WARN,
                        "settings",
                        f"{environment.where} sets {name}, so that settings are not read from {home.settings}",
                    )
                )
    if home.kind is not ShapeKind.COSMOS and home.settings is not None and not merged(home):
        found.append(Finding(Level.FAIL, "settings", f"there are no readable settings in {home.settings}"))
    return found


def _seen(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
