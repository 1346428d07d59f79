"""A plan that the operator writes ahead of its height: `add-upgrade --height` (facts/cosmos.md §1.2, §4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from console.errors import InputError, NodeError
from console.node.cosmovisor.upgrade_info import FILE_NAME, PlanFile, manual_plan, read_plan, write_plan
from console.node.cosmovisor.watch import DATA_FOLDER
from console.node.journal import Journal
from console.node.plan_file import note_written_ahead
from console.settings import NodeSettings

_NOTHING = "no plan was written"


def plan_path(node: NodeSettings) -> Path:
    """Where the node and we look for its plan."""
    return node.home / DATA_FOLDER / FILE_NAME


def check_ahead(node: NodeSettings, name: str, height: int, *, app_height: int | None, force: bool) -> PlanFile:
    """Check a plan before anything is written.

    Args:
        node: The node.
        name: The plan's name.
        height: H: the first height that the new binary executes.
        app_height: Last height that the application executed; None when it is not known.
        force: Whether a plan that is there and still to come may be replaced.

    Raises:
        InputError: The node has passed that height, or another plan is there.
        NodeError: Plans of this node are not files, or the name or height cannot be a plan's.
    """
    if node.shape != "cosmos":
        raise NodeError(
            f"plans of {node.name} come from the registry and not from a file",
            safe=_NOTHING,
            next_step="propose the upgrade with `upgrade-console propose`",
        )
    plan = manual_plan(name, height, recase=not node.disable_recase)
    if app_height is not None and height <= app_height:
        raise InputError(
            f"the node has executed height {app_height} already, so nothing can be planned for {height}", safe=_NOTHING
        )
    path = plan_path(node)
    if not path.parent.is_dir():
        raise NodeError(f"{path.parent} does not exist", safe=_NOTHING, next_step="start the node once, or mend `home`")
    there = read_plan(path)
    if isinstance(there, PlanFile):
        to_come = app_height is None or there.height > app_height
        if to_come and not there.is_same(plan) and not force:
            raise InputError(
                f"{path} plans {there.shown_name} for height {there.height}",
                safe=_NOTHING,
                next_step="replace it with --force",
            )
    elif there is not None and not force:
        raise InputError(f"{path} is there and is no whole plan", safe=_NOTHING, next_step="replace it with --force")
    return plan


def write_ahead(node: NodeSettings, journal: Journal, plan: PlanFile) -> None:
    """Write a checked plan; the journal knows before that it is no sign of a halt.

    Raises:
        JournalError: It could not be kept; nothing was written.
        NodeError: The disk refused.
    """
    path = plan_path(node)
    note_written_ahead(journal, plan.name, plan.height)
    try:
        write_plan(path, plan)
        mtime_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise NodeError(f"cannot write {path}: {error.strerror or error}", safe=_NOTHING) from error
    note_written_ahead(journal, plan.name, plan.height, mtime_ns)


def next_of(plans: Sequence[PlanFile], app_height: int | None) -> PlanFile | None:
    """The plan of a batch that comes next; the lowest when no height is known."""
    ahead = [plan for plan in plans if app_height is None or plan.height > app_height]
    return min(ahead, key=lambda plan: plan.height, default=None)
