"""`node init` and `node leave` of a node in containers: layout from the images that run there, adoption, the way back.

Everything is looked at before anything is changed, and each step may be done again (as node_setup.py does for units).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from console.errors import HeldByOther, NodeError
from console.model import GENESIS
from console.node.container_adoption import ContainerAdoption, ContainerPlan
from console.node.doctor import DoctorRequest, examine, refuse_change_of_supervisor
from console.node.home_layout import make_layout
from console.node.image_reference import ImageReference
from console.node.images import reference_files
from console.node.journalled import journalled_status
from console.node.runtimes import engine_of, generations_of, services_of
from console.node.shape import APP, shape_of
from console.operations.node_alone import alone
from console.settings import NodeSettings
from console.text import untrusted
from console.this_user import this_user


@dataclass(frozen=True, slots=True)
class ContainerSetup:
    """What `init` will do: a value that is shown first, and done later."""

    node: NodeSettings
    images: Mapping[str, ImageReference]
    """By daemon, for the genesis generation; empty when the layout is there."""
    current: str
    """The generation that is current, or will be."""
    adoption: ContainerPlan | None
    adopter: ContainerAdoption

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan for the operator."""
        root = self.node.home / "cosmovisor"
        lines = [f"write {image} into {root / GENESIS / 'bin' / daemon}" for daemon, image in self.images.items()]
        lines += [f"point {root / 'current'} at {self.current}"] if self.images else [f"{root} is there and stays"]
        lines.append(f"record the images of {self.current}, on your word that they are what this node runs")
        return (*lines, *(self.adoption.lines if self.adoption is not None else ()))


def plan_containers(node: NodeSettings, *, adopt: bool) -> ContainerSetup:
    """Look at the node's containers and say what `init` would do; changes nothing.

    Args:
        node: The node as the settings have it.
        adopt: Whether to take the containers over from whoever keeps them running.

    Raises:
        HeldByOther: They run, and are not to be taken over.
        NodeError: The node is in an upgrade, a container is missing, or the engine does not answer.
    """
    shape = shape_of(node)
    adopter = _adopter(node)
    refuse_change_of_supervisor(_state(node))
    begun = adopter.record()
    plan = adopter.plan()
    running = [one.name for one in plan.containers if one.running]
    if running and not adopt and begun is None:
        raise HeldByOther(
            f"the container {running[0]} runs already",
            safe="nothing was changed",
            next_step="take it over with --adopt, or stop it first",
        )
    images = {node.daemon: plan.images[APP]}
    images |= {daemon: plan.images[daemon] for daemon in shape.required_companions()}
    laid = os.path.lexists(node.home / "cosmovisor" / "current")
    current = generations_of(node, shape).current().name if laid else GENESIS
    return ContainerSetup(node, {} if laid else images, current, plan if adopt else None, adopter)


def set_up_containers(setup: ContainerSetup) -> tuple[str, ...]:
    """Do what was planned; after a kill anywhere, plan and do it again.

    Returns:
        A sentence for each thing done.

    Raises:
        HeldByOther: A controller of this node runs.
        NodeError: A step failed; what was done stays.
    """
    node, done = setup.node, []
    with alone(node, "init", adopt=setup.adoption is not None):
        try:
            files = reference_files(node.state_dir / "given", setup.images)
            make_layout(node.home, files)
            generations = generations_of(node)
            current = generations.current_name()
            kept = generations.adopt_recorded(current, f"ran here when {this_user()} took this node over")
        except OSError as error:
            raise NodeError(f"cannot record the images: {error.strerror or error}") from error
        done.append(f"current is {untrusted(current)}, image sha256:{kept.sha256}")
        if setup.adoption is not None:
            done += setup.adopter.take(setup.adoption)
    return tuple(done)


def give_back_containers(node: NodeSettings) -> tuple[str, ...]:
    """Give the containers back as they were: policies, running or not.

    Returns:
        A sentence for each thing done.

    Raises:
        HeldByOther: A controller of this node runs.
        NodeError: None were adopted, the node runs or is in an upgrade, or a step failed.
    """
    refuse_change_of_supervisor(_state(node))
    with alone(node, "leave"):
        status = journalled_status(node.state_dir, node.name)
        return _adopter(node).give_back(node_runs=status is not None and status.pid is not None)


def _adopter(node: NodeSettings) -> ContainerAdoption:
    return ContainerAdoption(node.state_dir, node.home, engine_of(), services_of(node))


def _state(node: NodeSettings) -> str:
    """`IDLE`, or what goes on. A node without a journal is idle: nobody of ours has begun anything."""
    return examine(DoctorRequest(node.home, node.state_dir, (node.daemon,), unit_roots=())).state or ""
