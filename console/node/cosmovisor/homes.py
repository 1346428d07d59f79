"""Can a home go from Cosmovisor to us, or from us to Cosmovisor, now (DESIGN §5, facts/cosmos.md §8)?"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from console.node.cosmovisor.names import lowered
from console.node.cosmovisor.upgrade_info import (
    FILE_NAME,
    Incomplete,
    Invalid,
    PlanFile,
    PlanReading,
    applied_path,
    is_pending,
    read_plan,
)
from console.text import untrusted


class Direction(StrEnum):
    """Who runs the home next."""

    TO_US = "to us"
    TO_COSMOVISOR = "to Cosmovisor"


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """One folder of binaries."""

    folder: str
    """`genesis`, or `upgrades/<name>`."""
    problem: str
    """What its binary lacks; empty when it is complete."""


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What is on disk, as far as the move is concerned."""

    root: Path
    current: str | None
    """Where the link points, as written; None when there is no link."""
    current_folder: str
    """The generation that it resolves to; empty when it resolves to none."""
    generations: tuple[GenerationFacts, ...]
    plan: PlanReading | None
    """Of `data/upgrade-info.json`."""
    applied: PlanReading | None
    """Of `current/upgrade-info.json`."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Whether the move can be made."""

    hindrances: tuple[str, ...]
    """Each must be gone first; none means that it can be made now."""
    notes: tuple[str, ...]
    """Worth knowing, and no hindrance."""

    @property
    def is_open(self) -> bool:
        """Whether nothing hinders."""
        return not self.hindrances


def look_at_home(home: Path, daemon: str) -> HomeFacts:
    """Read the facts from disk; blocking, changes nothing, never raises for what is missing."""
    root = home / "cosmovisor"
    link = root / "current"
    folders = ["genesis", *(f"upgrades/{name}" for name in _names(root / "upgrades"))]
    current = os.readlink(link) if link.is_symlink() else None
    resolved = os.path.realpath(link) if current is not None else ""
    inside = next((folder for folder in folders if resolved == os.path.realpath(root / folder)), "")
    return HomeFacts(
        root=root,
        current=current,
        current_folder=inside if inside and (root / inside).is_dir() else "",
        generations=tuple(GenerationFacts(folder, _problem(root / folder / "bin" / daemon)) for folder in folders),
        plan=read_plan(home / "data" / FILE_NAME),
        applied=read_plan(applied_path(root / inside)) if inside else None,
    )


def passage(
    facts: HomeFacts, direction: Direction, *, node_state: str, app_height: int | None = None, recase: bool = True
) -> Passage:
    """Judge the move; pure.

    Args:
        facts: What is on disk.
        direction: Who runs the home next.
        node_state: The node's one word; anything but `IDLE` hinders. Cosmovisor's own node that runs is IDLE.
        app_height: Last height that the application executed, if known: a plan at or below it is past.
        recase: Whether plan names are lower-cased.
    """
    hindrances = [*_of_link(facts), *_of_plan(facts, direction, app_height)]
    notes = []
    if node_state != "IDLE":
        hindrances.append(f"the node is {untrusted(node_state, 40)}, and the move is made only while it is IDLE")
    for generation in facts.generations:
        if generation.problem and generation.folder != facts.current_folder:
            sentence = f"{untrusted(generation.folder)} is not complete: {generation.problem}"
            if direction is Direction.TO_COSMOVISOR and generation.folder != "genesis":
                hindrances.append(f"{sentence}; Cosmovisor would not download into a folder that exists")
            else:
                notes.append(sentence)
        name = generation.folder.rpartition("/")[2]
        if recase and lowered(name) != name:
            notes.append(f"{untrusted(generation.folder)} is never used: plan names are lower-cased")
    if facts.current is not None and os.path.isabs(facts.current):
        notes.append("`current` is an absolute link, which breaks when the home is mounted elsewhere")
    return Passage(tuple(hindrances), tuple(notes))


def _of_link(facts: HomeFacts) -> list[str]:
    link = facts.root / "current"
    if facts.current is None:
        return [f"{link} is missing or is no link; Cosmovisor would start the genesis binary without a word"]
    if not facts.current_folder:
        return [f"{link} points at {untrusted(facts.current)}, which is no generation of this home"]
    problem = next((found.problem for found in facts.generations if found.folder == facts.current_folder), "")
    return [f"the current generation {untrusted(facts.current_folder)} is not complete: {problem}"] if problem else []


def _of_plan(facts: HomeFacts, direction: Direction, app_height: int | None) -> list[str]:
    plan = facts.plan
    if isinstance(plan, Incomplete):
        return [f"data/{FILE_NAME} is cut off; Cosmovisor would panic on it and leave the node an orphan"]
    if isinstance(plan, Invalid):
        return [f"data/{FILE_NAME} {plan.reason}"]
    if not isinstance(plan, PlanFile) or not is_pending(plan, facts.applied):
        return []
    if app_height is None or app_height < plan.height:
        return [f"the upgrade {plan.shown_name} at height {plan.height} is pending"]
    if direction is Direction.TO_COSMOVISOR:
        # It compares names only, and would stop the node for an upgrade that is long done (cosmos-sdk#23947).
        return [
            f"the upgrade {plan.shown_name} was executed without a record beside the current binary; "
            "Cosmovisor would take it for new"
        ]
    return []


def _names(folder: Path) -> list[str]:
    try:
        # A leading dot: our own folders on their way.
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []


def _problem(binary: Path) -> str:
    try:
        found = binary.stat()
    except OSError:
        return f"{binary.name} is missing"
    if not stat.S_ISREG(found.st_mode):
        return f"{binary.name} is no regular file"
    if not found.st_mode & stat.S_IXUSR:
        return f"{binary.name} is not executable"
    return "" if found.st_size else f"{binary.name} is empty"
