"""Containers of a node: each run gets new ones, made after those that are there (facts/ipc.md §1.1 shape B).

A container's image and environment cannot be changed, so arming and switching are its re-creation: same name, mounts,
ports, networks and user, another image or another halt height. The operator's own container is never removed: it is
set aside under another name, without its restart policy. Ours are removed when their successor is there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from console.errors import HeldByOther, NodeError
from console.node.runtime.engine import Engine, EngineRefused
from console.node.runtime.engine_images import find_image
from console.node.runtime.runtime import RunSpec, ServiceSpec
from console.text import untrusted

_LOG = logging.getLogger(__name__)

HOME_LABEL = "upgrade-console.home"
RUN_LABEL = "upgrade-console.run"
SERVICE_LABEL = "upgrade-console.service"
FORMERLY_LABEL = "upgrade-console.formerly"
"""Id of the container that ours was made after: others may still name it as the owner of their network."""
MANAGED_LABEL = "upgrade-console.variables"
"""Names of the variables that we set in it, with commas between them: what the settings no longer say goes again."""

_OURS = ".upgrade-console-"
NEXT = f"{_OURS}next"
"""Appended to the name of a successor until it takes its place."""
BEFORE = f"{_OURS}before"
"""Appended to the name of the operator's own container when it is set aside."""

_SAME_AS_IMAGE = ("WorkingDir", "User", "StopSignal", "Healthcheck", "Shell")
_SHARED = ("NetworkMode", "PidMode", "IpcMode")
_COMPOSE = "com.docker.compose."
_DATA_VARIABLE = "FM_DATA_DIR"
"""Fendermint's data folder, as a path in the container."""
_APP_HOMES = ("fendermint", ".fendermint")


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the node and the container that it lives in."""

    name: str
    container: str
    """Its name for the engine, which other containers also know it by."""


def successor(
    found: Mapping[str, Any],
    inherited: Mapping[str, Any],
    image: str,
    service: ServiceSpec,
    managed: frozenset[str],
    renamed: Mapping[str, str],
    dropped: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """The body of a `create` for what `inspect` found, with another image, arguments and environment.

    What the old container had from its image is left to the new image.

    Args:
        found: The inspected container.
        inherited: `Config` of the image that it was made of.
        image: Id of the image to run.
        service: Its arguments replace the container's when there are any; of its environment only `managed` is used.
        managed: Names of variables that are ours: absent from the service's environment is absent from the container.
        renamed: Ids of containers that are replaced too, and the names of their successors.
        dropped: Names of variables that were ours, and are left to the image again.
    """
    config = dict(found["Config"])
    host = dict(found["HostConfig"])
    for key in _SAME_AS_IMAGE:
        if config.get(key) == inherited.get(key):
            config.pop(key, None)
    for key in ("Volumes", "ExposedPorts", "Labels"):
        old = inherited.get(key) or {}
        config[key] = {name: value for name, value in (config.get(key) or {}).items() if old.get(name) != value}
    # `docker compose up` would take a container with its labels for its own, and replace it by the old image.
    config["Labels"] = {name: value for name, value in config["Labels"].items() if not name.startswith(_COMPOSE)}
    if config.get("Entrypoint") == inherited.get("Entrypoint"):
        config.pop("Entrypoint", None)
        if config.get("Cmd") == inherited.get("Cmd"):
            config.pop("Cmd", None)
    if service.arguments:
        config["Cmd"] = list(service.arguments)
    own = set(inherited.get("Env") or ())
    gone = managed | dropped
    kept = [pair for pair in config.get("Env") or () if pair not in own and pair.partition("=")[0] not in gone]
    # A name without `=` takes the variable away even where the image sets it.
    ours = [f"{name}={service.environment[name]}" if name in service.environment else name for name in sorted(managed)]
    config["Env"] = kept + ours
    config["Image"] = image
    for key in _SHARED:
        kind, _, owner = str(host.get(key) or "").partition(":")
        if kind == "container" and owner in renamed:
            host[key] = f"container:{renamed[owner]}"
    network = str(host.get("NetworkMode") or "")
    if found["Id"].startswith(config.get("Hostname") or "-") or network == "host" or network.startswith("container:"):
        config.pop("Hostname", None)
    host["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    host["AutoRemove"] = False
    if host.get("Init") is None:
        # As infra/fendermint runs it; the program is then not the first process, whose signals are special.
        host["Init"] = True
    host["Binds"] = [*(host.get("Binds") or ()), *_unnamed_volumes(found, host)]
    body = {**config, "HostConfig": host}
    endpoints = _endpoints(found)
    if endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return body


def _unnamed_volumes(found: Mapping[str, Any], host: Mapping[str, Any]) -> list[str]:
    """Volumes that exist only because the image or `-v /path` asked for one: a new container would get empty ones."""
    bound = {bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind}
    bound |= {mount.get("Target") for mount in host.get("Mounts") or ()}
    return [
        f"{mount['Name']}:{mount['Destination']}" + ("" if mount.get("RW", True) else ":ro")
        for mount in found.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount["Destination"] not in bound
    ]


def _endpoints(found: Mapping[str, Any]) -> dict[str, Any]:
    """How it is connected to networks that are not the engine's own three."""
    kept = {}
    for name, endpoint in (found["NetworkSettings"].get("Networks") or {}).items():
        if name in ("bridge", "host", "none"):
            continue
        aliases = [alias for alias in endpoint.get("Aliases") or () if not found["Id"].startswith(alias)]
        kept[name] = {"IPAMConfig": endpoint.get("IPAMConfig"), "Links": endpoint.get("Links"), "Aliases": aliases}
    return kept


def data_elsewhere(found: Mapping[str, Any], folder: Path) -> str:
    """Why a container's data is not in that folder of this machine; empty when it is, or seems to be.

    Args:
        found: The inspected container.
        folder: Where its data should be.
    """
    wanted = Path(os.path.realpath(folder))
    mounts = [(Path(each["Destination"]), Path(os.path.realpath(each["Source"]))) for each in found["Mounts"] or ()]
    variables = dict(pair.partition("=")[::2] for pair in found["Config"].get("Env") or ())
    named = variables.get(_DATA_VARIABLE, "") if folder.parent.name in _APP_HOMES else ""
    if named:
        inside = Path(named)
        around = [(to, source) for to, source in mounts if inside.is_relative_to(to)]
        if not around:
            return f"keeps its data at {untrusted(named)} in itself, and would lose it with its next start"
        to, source = max(around, key=lambda mount: len(mount[0].parts))
        real = Path(os.path.realpath(source / inside.relative_to(to)))
        return "" if real == wanted else f"keeps its data in {untrusted(real)} and not in {folder}"
    if any(wanted.is_relative_to(source) or source.is_relative_to(wanted) for _, source in mounts):
        return ""
    return f"has nothing of {folder} mounted"


class Containers:
    """The containers of one node.

    Args:
        engine: That runs them.
        home: The node's home; in a label it says whose containers they are.
        services: In the order of the run's services.
        managed: Names of variables that are ours.
    """

    def __init__(self, engine: Engine, home: Path, services: tuple[Service, ...], managed: frozenset[str]) -> None:
        self._engine = engine
        self._home = str(home.resolve())
        self._services = {service.name: service for service in services}
        self._managed = managed

    def labels(self, run_id: int) -> dict[str, str]:
        """What every container of that run is labelled with."""
        return {HOME_LABEL: self._home, RUN_LABEL: str(run_id)}

    def living(self, *, timeout_s: float) -> list[str]:
        """Names of containers of this node that run, the operator's own included. Raises OSError without an engine."""
        names = {f"/{service.container}" for service in self._services.values()}
        answer = self._engine.ask("GET", "/containers/json", timeout_s=timeout_s)
        return [
            str((each["Names"] or [each["Id"]])[0]).lstrip("/")
            for each in answer["items"]
            if (each.get("Labels") or {}).get(HOME_LABEL) == self._home
            or any(name.partition(_OURS)[0] in names for name in each["Names"] or ())
        ]

    def image(self, wanted: str) -> str:
        """Id of the image with that id or registry digest (64 hex digits), which the engine stores by its content.

        Raises:
            NodeError: It is not on this machine; nothing is pulled here.
        """
        found = find_image(self._engine, wanted)
        if found is None:
            raise NodeError(
                f"no image with digest sha256:{wanted} is on this machine",
                safe="nothing was started",
                next_step="pull it by that digest",
            )
        return found.id

    def create(self, spec: RunSpec) -> list[dict[str, str]]:
        """Make the containers of a run, not started; returns name, container id, image id and
        the wanted digest of each service.

        Done again after a kill at any point it ends the same.

        Raises:
            HeldByOther: One of them runs.
            NodeError: A container or an image is missing, or a service is not known.
            OSError: The engine is down or refused.
        """
        # Every image first: nothing is touched for a run that cannot be.
        images = {service.name: self.image(service.sha256) for service in spec.services}
        found = {service.name: self._template(service.name) for service in spec.services}
        renamed = {}
        for name, template in found.items():
            renamed[template["Id"]] = self._services[name].container
            formerly = (template["Config"].get("Labels") or {}).get(FORMERLY_LABEL)
            if formerly:
                renamed[formerly] = self._services[name].container
        made = []
        for service in spec.services:
            self._forbid_restart(found[service.name])
            made.append(self._replace(spec, service, found[service.name], images[service.name], renamed))
        return made

    def forbid_restarts(self) -> list[str]:
        """Take the restart policy from every container of the node; returns what was done, a sentence each.

        An engine that starts a node by itself would start the old one beside the new. Raises OSError.
        """
        found = [self._engine.container(service.container) for service in self._services.values()]
        done = [self._forbid_restart(each) for each in found if each is not None]
        return [said for said in done if said]

    def check_data(self, folders: Iterable[tuple[str, Path]]) -> None:
        """Look whether what the containers write lies where rollback points are taken of.

        Args:
            folders: Services and folders of this machine that they write to.

        Raises:
            NodeError: A container keeps its data elsewhere, or in itself, where its successor would not find it.
            OSError: The engine is down or refused.
        """
        for name, folder in folders:
            found = self._engine.container(self._services[name].container)
            if found is not None and (why := data_elsewhere(found, folder)):
                raise NodeError(
                    f"the container {untrusted(self._services[name].container)} {why}",
                    safe="nothing was started",
                    next_step=f"mount the folder that holds {folder} into it, or set the node's home to its data's",
                )

    def host_ports(self) -> tuple[tuple[int, ...], bool]:
        """TCP ports of this machine that the containers take when they run, and whether one has its whole network.

        Raises OSError.
        """
        ports: set[int] = set()
        shared = False
        for service in self._services.values():
            host = (self._engine.container(service.container) or {}).get("HostConfig") or {}
            shared = shared or host.get("NetworkMode") == "host"
            for inside, bindings in (host.get("PortBindings") or {}).items():
                if inside.endswith("/tcp"):
                    named = [str(binding.get("HostPort") or "") for binding in bindings or ()]
                    ports |= {int(port) for port in named if port.isdigit() and port != "0"}
        return tuple(sorted(ports)), shared

    def settings_of(self, service: str, image: str) -> dict[str, Any]:
        """What a successor of that service's container would be created with; empty when there is no container.

        Args:
            service: Its name.
            image: Id of the image that the successor has.

        Raises OSError.
        """
        known = self._services.get(service)
        found = None if known is None else self._engine.container(known.container)
        if found is None:
            return {}
        spec = ServiceSpec(service, Path(), "", (), {})
        return successor(found, self._inherited(found["Image"]), image, spec, self._managed, {})

    def _template(self, name: str) -> dict[str, Any]:
        service = self._services.get(name)
        if service is None:
            raise NodeError(f"no container is set for the service {name}", safe="nothing was started")
        found = self._engine.container(service.container)
        # Without it, a kill between the renames of `_replace`: the successor was whole by then.
        for suffix in (NEXT, BEFORE):
            if found is None and (left := self._engine.container(service.container + suffix)) is not None:
                self._rename(left["Id"], service.container)
                found = self._engine.container(service.container)
        if found is None:
            raise NodeError(
                f"there is no container {service.container} to take mounts, ports and networks from",
                safe="nothing was started",
                next_step="create it as you would without this controller; it need not run",
            )
        if found["State"]["Running"]:
            raise HeldByOther(
                f"the container {service.container} runs",
                safe="a second node was not started",
                next_step="stop it first",
            )
        return found

    def _forbid_restart(self, found: Mapping[str, Any]) -> str:
        policy = (found["HostConfig"].get("RestartPolicy") or {}).get("Name") or "no"
        if policy == "no":
            return ""
        self._engine.ask("POST", f"/containers/{found['Id']}/update", {"RestartPolicy": {"Name": "no"}})
        name = found["Name"].lstrip("/")
        said = f"took the restart policy {untrusted(policy)} from container {untrusted(name)}: the controller decides"
        _LOG.warning("%s", said)
        return said

    def _replace(
        self, spec: RunSpec, service: ServiceSpec, found: dict[str, Any], image: str, renamed: Mapping[str, str]
    ) -> dict[str, str]:
        name = self._services[service.name].container
        labels = found["Config"].get("Labels") or {}
        ours = labels.get(HOME_LABEL) == self._home
        once = frozenset(labels.get(MANAGED_LABEL, "").split(",")) - {""} if ours else frozenset()
        body = successor(found, self._inherited(found["Image"]), image, service, self._managed, renamed, once)
        body["Labels"] |= {
            **self.labels(spec.run_id),
            MANAGED_LABEL: ",".join(sorted(self._managed)),
            SERVICE_LABEL: service.name,
            FORMERLY_LABEL: found["Id"],
        }
        self._remove(name + NEXT)
        endpoints = body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
        # Older engines take one network at creation.
        primary = found["HostConfig"].get("NetworkMode")
        first = primary if primary in endpoints else next(iter(endpoints), None)
        if first is not None:
            body["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints[first]}}
        made = self._engine.ask("POST", f"/containers/create?name={quote(name + NEXT)}", body)["Id"]
        for network in endpoints:
            if network != first:
                connection = {"Container": made, "EndpointConfig": endpoints[network]}
                self._engine.ask("POST", f"/networks/{quote(network, safe='')}/connect", connection)
        created = self._engine.container(made)
        if created is None or created["Image"] != image:
            raise NodeError(f"the container of {service.name} is not of image {image}", safe="nothing was started")
        if ours:
            self._engine.ask("DELETE", f"/containers/{found['Id']}")
        else:
            aside = name + BEFORE
            if self._engine.container(aside) is not None:
                aside += f"-{found['Id'][:12]}"
            self._rename(found["Id"], aside)
            _LOG.info("set the container %s aside as %s", untrusted(name), untrusted(aside))
        self._rename(made, name)
        return {"name": service.name, "container": made, "image": image, "sha256": service.sha256}

    def _inherited(self, image: str) -> dict[str, Any]:
        try:
            return self._engine.ask("GET", f"/images/{quote(image, safe=':')}/json").get("Config") or {}
        except EngineRefused as error:
            if error.status != 404:
                raise
            # Removed by force: what came from it can no longer be told from what the operator set.
            return {}

    def _remove(self, name: str) -> None:
        """Remove a container that was never started; its volumes stay."""
        if self._engine.container(name) is not None:
            self._engine.ask("DELETE", f"/containers/{quote(name, safe='')}")

    def _rename(self, container: str, name: str) -> None:
        self._engine.ask("POST", f"/containers/{container}/rename?name={quote(name)}")
