"""Makes and fills a home in Cosmovisor's layout: init, add-upgrade, add-batch-upgrade (facts/cosmos.md §1.2, §1.3).

Blocking. Everything is checked before anything is written; a missing or broken `current` is never pointed at genesis
in a home that has upgrades (facts/cosmos.md §2.1 S9).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from console.errors import InputError, NodeError
from console.files import sha256_of, switch_link, sync_folder
from console.model import GENESIS
from console.node.cosmovisor.batch import BatchEntry, BatchError, missing_binaries, write_batch
from console.node.cosmovisor.names import plan_folder
from console.node.cosmovisor.settings import CosmovisorSettings
from console.node.cosmovisor.settings_text import write_config
from console.node.cosmovisor.upgrade_info import PlanFile, manual_plan, write_plan
from console.node.generation import Generations
from console.node.generation_folders import Generation
from console.text import untrusted

_FOLDER_MODE = 0o750
_EXECUTABLE = 0o111


def init_home(settings: CosmovisorSettings, executable: Path, *, overwrite_config: bool = False) -> tuple[str, ...]:
    """Make the home ready with its first binary; what is there already stays. Can be repeated.

    Args:
        settings: Read with `check_folders=False`, since the folders may not exist yet.
        executable: The node's first binary.
        overwrite_config: Whether an existing config.toml is replaced.

    Returns:
        A sentence for each step.

    Raises:
        InputError: The executable is no file.
        NodeError: `current` is broken, or points nowhere in a home that has upgrades.
        OSError: The disk refused.
    """
    if not executable.is_file():
        raise InputError(f"{executable} is no file", safe="nothing was made")
    link = settings.root / "current"
    if os.path.lexists(link) and not (link.is_symlink() and (link / "bin" / settings.name).is_file()):
        raise NodeError(
            f"{link} does not point at a generation",
            safe="it is not pointed at genesis, which may be an old binary",
            next_step="point it at the right generation, relative to its folder",
        )
    if not os.path.lexists(link) and settings.upgrades_dir.is_dir() and any(settings.upgrades_dir.iterdir()):
        raise NodeError(
            f"{link} is missing in a home that has upgrades",
            safe="it is not pointed at genesis, which may be an old binary",
            next_step="point it at the right generation, relative to its folder",
        )
    steps = []
    binary = settings.genesis_binary
    settings.home.mkdir(parents=True, exist_ok=True)
    for folder in (settings.root, binary.parent.parent, binary.parent):
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    if binary.exists():
        steps.append(f"{binary} was there already")
    else:
        _copied_durably(executable, binary)
        steps.append(f"{executable} was copied to {binary}")
    mode = stat.S_IMODE(binary.stat().st_mode)
    if mode & _EXECUTABLE != _EXECUTABLE:
        binary.chmod(mode | _EXECUTABLE)
    if os.path.lexists(link):
        steps.append(f"{link} points at {link.readlink()}")
    else:
        switch_link(link, GENESIS)
        steps.append(f"{link} points at {GENESIS} now")
    if settings.config_path.exists() and not overwrite_config:
        steps.append(f"{settings.config_path} was there already and stays")
    else:
        write_config(settings)
        steps.append(f"{settings.config_path} was written")
    return tuple(steps)


def add_upgrade(
    settings: CosmovisorSettings, name: str, executable: Path, *, force: bool = False, height: int | None = None
) -> Generation:
    """Stage a binary under a plan's name, and with a height write the plan too. Nothing is half done on an error.

    Args:
        settings: Of the home.
        name: Of the plan.
        executable: The binary; a copy is kept.
        force: Whether a staged binary and a plan file may be replaced; the running generation never is.
        height: H of a manual upgrade.

    Raises:
        InputError: The executable is no file, or something is there already.
        NodeError: The name or height cannot be a plan's, or the running generation would be replaced.
        OSError: The disk refused.
    """
    plan = None if height is None else manual_plan(name, height, recase=settings.recase)
    if not executable.is_file():
        raise InputError(f"{executable} is no file", safe="nothing was added")
    folder = plan_folder(name, recase=settings.recase)
    if plan is not None:
        if not settings.upgrade_info_path.parent.is_dir():
            raise NodeError(f"{settings.upgrade_info_path.parent} does not exist", safe="nothing was added")
        if settings.upgrade_info_path.exists() and not force:
            raise _already(settings.upgrade_info_path)
    binary = settings.upgrades_dir / folder / "bin" / settings.name
    if binary.exists() and not force:
        raise _already(binary)
    generation = _staged(settings, folder, executable)
    if plan is not None:
        write_plan(settings.upgrade_info_path, plan)
    return generation


def add_batch(settings: CosmovisorSettings, entries: Sequence[BatchEntry]) -> tuple[PlanFile, ...]:
    """Stage every binary of a batch and then write its plans; staged ones are replaced, as Cosmovisor does.

    Raises:
        BatchError: A binary is missing; nothing was added.
        NodeError: The running generation would be replaced, or there is no data folder.
        OSError: The disk refused; without its last file the batch has no effect.
    """
    problems = missing_binaries(entries)
    if problems:
        raise BatchError(problems)
    data = settings.upgrade_info_path.parent
    if not data.is_dir():
        raise NodeError(f"{data} does not exist", safe="nothing was added")
    running = Generations(settings.home, settings.name).current().name
    for entry in entries:
        if entry.plan.folder(recase=settings.recase) == running:
            raise NodeError(f"generation {running} is the current one and is not replaced", safe="nothing was added")
    for entry in entries:
        _staged(settings, entry.plan.folder(recase=settings.recase), entry.binary)
    write_batch(data, entries)
    return tuple(entry.plan for entry in entries)


def _staged(settings: CosmovisorSettings, folder: str, executable: Path) -> Generation:
    copy = settings.root / f".{folder}.{os.getpid()}.given"
    try:
        shutil.copyfile(executable, copy)
        generations = Generations(settings.home, settings.name)
        return generations.stage(folder, copy, sha256_of(copy), str(untrusted(executable)))
    finally:
        copy.unlink(missing_ok=True)


def _copied_durably(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        shutil.copyfile(source, beside)
        beside.chmod(0o755)
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(target.parent)


def _already(path: Path) -> InputError:
    return InputError(f"{path} exists already", safe="nothing was changed", next_step="replace it with --force")
