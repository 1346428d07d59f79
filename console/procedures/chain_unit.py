"""The node's own unit where no controller of ours runs it: stopped, and by hand over systemd the kept program."""

from __future__ import annotations

from console.errors import InputError
from console.model import Finding
from console.model.procedure import failed, passed
from console.operations.kept_files import Kept
from console.operations.node_alone import controller_holds
from console.operations.service import WatchedService, unit_service
from console.procedures.here import node_of
from console.procedures.step import StepContext

WAYS = ("controller", "cosmovisor", "systemd")
"""Who brings a node over an upgrade, and takes it back."""
BINARY = "binary"
"""What the program is called in a backup."""
STOP_S = 600.0
_BEFORE = "-before-"


def way_given(text: str) -> str:
    """One of `WAYS`. Raises ValueError."""
    if text.strip() not in WAYS:
        raise ValueError(" or ".join(WAYS))
    return text.strip()


def unit_name(context: StepContext) -> str:
    """The unit that `--unit` names, else the node's `unit`; empty for none."""
    return context.arguments["unit"] or node_of(context).unit


def unit_of(context: StepContext) -> WatchedService:
    """That unit, of the manager that the settings name. Raises InputError: none is named."""
    name = unit_name(context)
    if not name:
        raise InputError(
            "no unit is named",
            safe="nothing was changed",
            next_step="begin again with --unit NAME, or write `unit` into the node's settings",
        )
    return unit_service(name, node_of(context).systemd_manager)


def runs_by_unit(context: StepContext) -> Finding | None:
    """What a step by our controller says of a node that the operator's own unit runs; None of any other."""
    node = context.node
    if node is None or not node.unit or controller_holds(node):
        return None
    return failed(
        f"no controller of ours runs {node.name}, its unit {node.unit} does",
        go_on="begin again with --way systemd, or --way cosmovisor where the unit starts that",
    )


async def unit_stopped(context: StepContext) -> Finding:
    """Whether nothing of the unit runs."""
    service = unit_of(context)
    if await service.running():
        return failed(f"{service.name} runs", go_on="go on")
    return passed(f"{service.name} is stopped")


def backup_name(now: float, height: int) -> str:
    """Name of the backup of the program that ran before an upgrade.

    Args:
        now: Unix seconds.
        height: H.
    """
    return f"{int(now)}{_BEFORE}{height}"


def height_of_backup(kept: Kept) -> int:
    """H of the upgrade before which a program was kept; 0 for a backup that was made for something else."""
    height = kept.name.partition(_BEFORE)[2]
    return int(height) if height.isdecimal() else 0


def way_back(unit: str) -> str:
    """How far a replaced program may go back, and by which command."""
    return (
        f"the kept program may go back only while H was not executed: `upgrade-console run rollback --way systemd"
        f" --unit {unit}`; after that the network alone goes back, and never by `rollback --hard`, which would delete"
        " the decided block H"
    )
