"""The pieces of a controller that differ between nodes, put together from the node's settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from console.node.chain_halt import ChainHalts
from console.node.crossing import PreUpgrade
from console.node.data_folders import DataFolders
from console.node.faults import VARIABLE as FAULT_VARIABLE
from console.node.faults import FaultPoints
from console.node.foreign import refuse_foreign
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.plan_file import FileHalts
from console.node.pre_upgrades import PreUpgrades
from console.node.rollback_point import RollbackPoints
from console.node.runtime.runtime import Runtime
from console.node.runtime.shim import ShimRuntime
from console.node.shape import HALT_VARIABLE, NodeShape, shape_of
from console.node.shim import FAULT_VARIABLE as SHIM_FAULT_VARIABLE
from console.node.watching import AfterUpgrade
from console.settings import NodeSettings

_NOT_INHERITED = frozenset({HALT_VARIABLE, FAULT_VARIABLE, SHIM_FAULT_VARIABLE})


@dataclass(frozen=True, slots=True)
class Parts:
    """What a controller is built from."""

    shape: NodeShape
    runtime: Runtime
    generations: Generations
    points: RollbackPoints
    pre_upgrade: PreUpgrade
    chain_halts: ChainHalts | None
    refuse_foreign: Callable[[], None]
    """Raises HeldByOther when something that is not ours holds the node."""
    after_upgrade: AfterUpgrade


def node_environment(node: NodeSettings) -> dict[str, str]:
    """The environment of what we run for a node: ours without what would arm it by accident, and the settings' own."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return kept | dict(node.environment)


def parts_of(settings: Callable[[], NodeSettings], journal: Journal, faults: FaultPoints) -> Parts:
    """The pieces for a node.

    Raises:
        NodeError: The settings contradict themselves.
    """
    node = settings()
    shape = shape_of(node)
    data = DataFolders(node.home, shape.data_folders(), None if shape.remote_signer() else shape.signer_state())
    return Parts(
        shape=shape,
        runtime=ShimRuntime(node.state_dir / "run", node.home),
        generations=Generations(
            node.home, node.daemon, companions=shape.required_companions(), recase=not node.disable_recase
        ),
        points=RollbackPoints(data, node.points_dir, margin_bytes=node.rollback_space_margin_bytes, faults=faults),
        pre_upgrade=PreUpgrades(settings, shape, journal, lambda: node_environment(settings())).run,
        chain_halts=FileHalts(node.home, journal) if shape.halts_itself else None,
        refuse_foreign=lambda: refuse_foreign(node.home, shape.ports().values(), shape.database_locks(), ()),
        after_upgrade=AfterUpgrade(settings, journal),
    )
