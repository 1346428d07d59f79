"""A model that validators score with: brought to this machine, loaded once in a child with limits, named by a file."""

from __future__ import annotations

import asyncio
import math
import stat
from collections.abc import Callable
from pathlib import Path

from console.errors import InputError, NodeError, SettingsError
from console.files import sha256_of
from console.model import Fetching
from console.node.download import Checksum, DownloadRules, download
from console.node.download.checksum import read_checksum
from console.operations.operator_command import CommandEnd, Limits, run_command_of_operator
from console.operations.replaced_file import check_room, replace_file
from console.provider_settings import ModelSettings
from console.settings import NetworkSettings

MOST_BYTES = 64 << 30
"""Bytes that a model may have; nobody signs its size."""
_STATUS_S = 60.0
_FILE_MODE = 0o644


def model_of(network: NetworkSettings) -> ModelSettings:
    """The settings of the network's model. Raises SettingsError: there are none."""
    if network.model is None:
        raise SettingsError(
            f"network {network.name} has no model in the settings",
            next_step=f"add [networks.{network.name}.model]: docs/provider-and-model.md",
        )
    return network.model


def model_path(settings: ModelSettings, version: str) -> Path:
    """Where the file of that version is."""
    return settings.folder / settings.file_name.replace("{version}", version)


def sha256_given(text: str) -> Checksum:
    """A model's hash. Raises InputError: it is none, or of another kind than sha256."""
    try:
        found = read_checksum(text)
    except ValueError as error:
        raise InputError(f"the model's hash {error}", safe="nothing was downloaded") from error
    if found.algorithm != "sha256":
        raise InputError(f"the model's hash is {found.algorithm} and not sha256", safe="nothing was downloaded")
    return found


async def fetch_model(
    settings: ModelSettings,
    version: str,
    checksum: Checksum,
    url: str,
    folder: Path,
    *,
    own: bool,
    told: Callable[[Fetching], None] | None = None,
) -> tuple[Path, str]:
    """Have the model of a version in its place.

    Args:
        settings: Of the model.
        version: Its version.
        checksum: Of the file.
        url: Where it is.
        folder: For the download on its way.
        own: Whether the operator named the URL: only then may it lead to this machine or a private network.
        told: Told how far the download is.

    Returns:
        Its path, and where it came from; empty where it was there already.

    Raises:
        ReleaseError: It cannot be had, or has other bytes.
        NodeError: Another file is in its place, or there is no room; nothing was replaced.
    """
    target = model_path(settings, version)
    if await asyncio.to_thread(is_there, target, checksum.digest):
        return target, ""
    rules = DownloadRules(own=own, max_bytes=MOST_BYTES)
    got = await download((url,), checksum, folder, rules=rules, progress=told)
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(check_room, target, got.file.stat().st_size)
    except OSError as error:
        raise NodeError(f"{settings.folder} cannot be made: {error.strerror}", safe="nothing was replaced") from error
    await asyncio.to_thread(replace_file, got.file, target, checksum.digest, new_mode=_FILE_MODE)
    got.file.unlink(missing_ok=True)
    return target, got.source


def is_there(target: Path, sha256: str) -> bool:
    """Whether a model is in its place; blocking. Raises NodeError: another file is, which is never replaced."""
    try:
        if not stat.S_ISREG(target.lstat().st_mode):
            raise NodeError(f"{target} is no plain file", safe="it was not replaced", next_step="move it away")
        found = sha256_of(target)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NodeError(f"{target} cannot be read: {error.strerror or error}", safe="it was not replaced") from error
    if found != sha256:
        raise NodeError(
            f"{target} has sha256 {found}, and the model of that version has {sha256}",
            safe="it was not replaced: something may use it",
            next_step="find out where it is from, and move it away",
        )
    return True


async def load_model(settings: ModelSettings, model: Path) -> CommandEnd:
    """Load it once with the operator's command, in a child with limits and without a network.

    Raises:
        NodeError: It cannot be run, takes too long, or fails.
    """
    limits = Limits(cpu_s=math.ceil(settings.load_s), memory_bytes=settings.load_memory_bytes)
    end = await run_command_of_operator(
        settings.load_command, deadline_s=settings.load_s, values={"model": model}, limits=limits
    )
    if end.code:
        raise NodeError(
            f"the model does not load: {end.words} {end.how}",
            safe="nothing uses it yet",
            next_step="ask who made the model, or give the command more memory or time in the settings",
        )
    return end


async def model_status(settings: ModelSettings, model: Path) -> CommandEnd:
    """What the operator's command says of the model in force. Raises NodeError: it cannot be run or does not end."""
    return await run_command_of_operator(settings.status_command, deadline_s=_STATUS_S, values={"model": model})
