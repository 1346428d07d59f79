"""What differs by how a node's processes are run: shim, Docker or systemd, chosen by the settings (DESIGN §5)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from console.errors import NodeError
from console.node.contents import Binaries, Contents
from console.node.discovery import HaltSource, NamedEnvironment
from console.node.foreign import refuse_foreign
from console.node.generation import Generations
from console.node.images import ImageContents, ImageReleases
from console.node.releases import BinaryReleases, Releases
from console.node.runtime.command import RunCommand, run_command
from console.node.runtime.containers import Service
from console.node.runtime.docker import DockerRuntime
from console.node.runtime.engine import Engine, engine_socket
from console.node.runtime.runtime import Runtime
from console.node.runtime.shim import ShimRuntime
from console.node.runtime.systemd import Manager, SystemdRuntime, of_user
from console.node.shape import APP, HALT_VARIABLE, NodeShape, shape_of
from console.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class Running:
    """How one node is run, and what its generations and releases are made of."""

    runtime: Runtime
    releases: Releases
    command: RunCommand
    """Runs a short command of what a generation holds."""
    refuse_foreign: Callable[[Collection[int]], None]
    """Raises HeldByOther when something that is not ours holds the node; gets the pids of our run that goes on."""


def running_of(settings: Callable[[], NodeSettings], shape: NodeShape) -> Running:
    """How the settings want the node to be run; nothing is asked of an engine or a manager yet.

    Raises:
        NodeError: The engine that the environment names cannot run a node of this machine.
    """
    node = settings()
    if node.runtime == "docker":
        return _in_containers(settings, shape)
    run_dir = node.state_dir / "run"
    runtime: Runtime = ShimRuntime(run_dir, node.home)
    if node.runtime == "systemd":
        manager = Manager(user=of_user(node.systemd_manager))
        runtime = SystemdRuntime(run_dir, node.home, node=node.name, manager=manager)
    return Running(
        runtime=runtime,
        releases=BinaryReleases(settings, shape),
        command=run_command,
        refuse_foreign=lambda own: refuse_foreign(node.home, shape.ports().values(), shape.database_locks(), own),
    )


def _in_containers(settings: Callable[[], NodeSettings], shape: NodeShape) -> Running:
    node = settings()
    runtime = docker_runtime(node)
    containers = runtime.containers
    consensus = "cometbft" if "cometbft" in node.containers else APP
    app_data, consensus_data = shape.data_folders()

    def refuse(own: Collection[int]) -> None:
        ports: set[int] = set()
        try:
            containers.check_data([(APP, app_data), (consensus, consensus_data)])
            if not own:
                # While they run, the engine's own proxies listen there.
                published, shares_network = containers.host_ports()
                ports = {*published, *(shape.ports().values() if shares_network else ())}
        except OSError as error:
            raise NodeError(str(error), safe="nothing was started", next_step="start the Docker engine") from error
        refuse_foreign(node.home, ports, shape.database_locks(), own)

    releases = ImageReleases(settings, shape, engine_of(), containers)
    return Running(runtime=runtime, releases=releases, command=releases.run, refuse_foreign=refuse)


def docker_runtime(node: NodeSettings) -> DockerRuntime:
    """The containers of a node. Raises NodeError: the engine that the environment names is not on this machine."""
    return DockerRuntime(
        node.state_dir / "run",
        node.home,
        services_of(node),
        _socket(),
        managed=frozenset({HALT_VARIABLE, *node.environment}),
    )


def services_of(node: NodeSettings) -> tuple[Service, ...]:
    """A node's services and their containers, the app first."""
    return tuple(Service(name, node.containers[name]) for name in sorted(node.containers, key=lambda name: name != APP))


def engine_of() -> Engine:
    """The Docker engine that the environment names. Raises NodeError: it is not on this machine."""
    return Engine(_socket())


def container_environments(node: NodeSettings) -> tuple[NamedEnvironment, ...]:
    """The environments that the node's containers were made with, for `doctor`; empty without containers.

    Raises:
        NodeError: The engine does not answer.
    """
    found = []
    for service in services_of(node) if node.runtime == "docker" else ():
        try:
            container = engine_of().container(service.container)
        except OSError as error:
            raise NodeError(str(error), next_step="start the Docker engine") from error
        pairs = [] if container is None else container["Config"].get("Env") or []
        values = {name: value for name, equals, value in (pair.partition("=") for pair in pairs) if equals}
        if container is not None:
            found.append(NamedEnvironment(HaltSource.CONTAINER, f"container {service.container}", values))
    # The app's last: the last one that says a halt height wins.
    return tuple(reversed(found))


def _socket() -> str:
    try:
        return engine_socket(os.environ)
    except OSError as error:
        raise NodeError(str(error), safe="nothing was started") from error


def contents_of(node: NodeSettings) -> Contents:
    """What the files of a node's generations stand for. Raises NodeError as `engine_of`."""
    return ImageContents(engine_of()) if node.runtime == "docker" else Binaries()


def generations_of(node: NodeSettings, shape: NodeShape | None = None) -> Generations:
    """A node's generations, whatever they are made of.

    Args:
        node: The node.
        shape: Its shape, where it is known already.

    Raises:
        NodeError: The settings contradict themselves.
    """
    companions = (shape_of(node) if shape is None else shape).required_companions()
    return Generations(
        node.home, node.daemon, companions=companions, recase=not node.disable_recase, contents=contents_of(node)
    )
