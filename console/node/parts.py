"""The pieces of a controller that differ between nodes, put together from the node's settings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from console.node.chain_halt import ChainHalts
from console.node.data_folders import DataFolders
from console.node.environment import node_environment
from console.node.faults import FaultPoints
from console.node.generation import Generations
from console.node.halt_in_file import HaltInFile
from console.node.journal import Journal
from console.node.manifests import Manifests, NetworkDemands
from console.node.plan_file import FileHalts
from console.node.pre_upgrades import PreUpgrades
from console.node.releases import Releases
from console.node.rollback_point import RollbackPoints
from console.node.runtime.command import RunCommand
from console.node.runtime.runtime import Runtime
from console.node.runtimes import generations_of, running_of
from console.node.shape import NodeShape, shape_of
from console.node.watching import AfterUpgrade
from console.ports.chain import StateReader
from console.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """What a controller is built from."""

    shape: NodeShape
    runtime: Runtime
    generations: Generations
    points: RollbackPoints
    pre_upgrades: PreUpgrades
    chain_halts: ChainHalts | None
    refuse_foreign: Callable[[Collection[int]], None]
    """Raises HeldByOther when something that is not ours holds the node."""
    releases: Releases
    manifests: Manifests | None
    """Verifies releases that are manifests; None where nobody said what the network demands."""
    command: RunCommand
    """Runs a short command of what a generation holds."""
    after_upgrade: AfterUpgrade
    set_halt: Callable[[int], None] | None
    """Told the halt height of each start, where the environment does not carry it."""


def parts_of(
    settings: Callable[[], NodeSettings],
    journal: Journal,
    faults: FaultPoints,
    demands: NetworkDemands | None = None,
    state: StateReader | None = None,
) -> Parts:
    """The pieces for a node.

    Args:
        settings: Of the moment.
        journal: The node's.
        faults: Fault points.
        demands: What the network demands of a release; None takes no manifests.
        state: What a WASM migration is tried on; None where the chain has none that can be read.

    Raises:
        NodeError: The settings contradict themselves.
    """
    node = settings()
    shape = shape_of(node)
    data = DataFolders(node.home, shape.data_folders(), None if shape.remote_signer() else shape.signer_state())
    running = running_of(settings, shape)
    return Parts(
        shape=shape,
        runtime=running.runtime,
        generations=generations_of(node, shape),
        points=RollbackPoints(data, node.points_dir, margin_bytes=node.rollback_space_margin_bytes, faults=faults),
        pre_upgrades=PreUpgrades(settings, shape, journal, lambda: node_environment(settings().environment)),
        chain_halts=FileHalts(node.home, journal) if shape.halts_itself else None,
        refuse_foreign=running.refuse_foreign,
        releases=running.releases,
        manifests=None if demands is None else Manifests(demands, settings, shape, running.releases, state),
        command=running.command,
        after_upgrade=AfterUpgrade(settings, journal, shape),
        set_halt=HaltInFile(shape.settings_folder(), journal).set if node.arm_by == "local.toml" else None,
    )
