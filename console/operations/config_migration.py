"""A daemon's configuration brought to its new version: on a copy, with the difference shown, in place in one step."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of, write_durably
from console.node.redaction import redacted
from console.operations.operator_command import run_command_of_operator
from console.operations.replaced_file import replace_file
from console.provider_settings import Command
from console.text import UntrustedText, untrusted

_DEADLINE_S = 120.0
_MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class MigratedConfig:
    """What a migration would make of a configuration."""

    copy: Path
    before: str
    """sha256 of the file that it was made of."""
    after: str
    """sha256 of the copy."""
    difference: tuple[UntrustedText, ...]
    """Lines that go and come, without secrets; empty where nothing changes."""


async def migrate_copy(command: Command, binary: Path, config: Path, folder: Path) -> MigratedConfig:
    """Have the new program migrate a copy of the configuration; the file itself is not touched.

    Args:
        command: The operator's, with `{binary}` and `{config}`.
        binary: The new program.
        config: The file.
        folder: For the copy, which keeps the file's name.

    Raises:
        NodeError: The command failed, or the configuration cannot be read or copied.
    """
    try:
        content = await asyncio.to_thread(config.read_bytes)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = folder / config.name
        await asyncio.to_thread(write_durably, copy, content)
        before = await asyncio.to_thread(sha256_of, copy)
        end = await run_command_of_operator(command, deadline_s=_DEADLINE_S, values={"binary": binary, "config": copy})
        migrated = await asyncio.to_thread(copy.read_bytes)
    except OSError as error:
        raise NodeError(
            f"cannot copy {config}: {error.strerror or error}", safe="the configuration was not touched"
        ) from error
    if end.code:
        raise NodeError(
            f"the configuration cannot be migrated: {end.words} {end.how}",
            safe=f"{config} was not touched: it was a copy",
            next_step="mend what it says in the configuration, and go on",
        )
    if content and not migrated:
        raise NodeError(f"{end.words} left an empty configuration", safe=f"{config} was not touched: it was a copy")
    return MigratedConfig(copy, before, await asyncio.to_thread(sha256_of, copy), difference_of(content, migrated))


def difference_of(before: bytes, after: bytes) -> tuple[UntrustedText, ...]:
    """The lines that differ, as `-` and `+`, without secrets. A long difference is cut, and says so."""
    old, new = (redacted(content.decode("utf-8", "replace")).splitlines() for content in (before, after))
    told = difflib.unified_diff(old, new, n=0, lineterm="")
    lines = [line for line in told if not line.startswith(("---", "+++", "@@"))]
    if not lines and before != after:
        lines = ["(only in values that are not shown, or in how lines end)"]
    more = [f"… {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return tuple(untrusted(line, 200) for line in lines[:_MOST_LINES] + more)


async def take_over(migrated: MigratedConfig, config: Path) -> bool:
    """Put the migrated copy in the file's place; whether anything changed.

    Raises:
        NodeError: The file was changed since, or the disk refused; it stays as it is.
    """
    found = await asyncio.to_thread(sha256_of, config)
    if found == migrated.after:
        return False
    if found != migrated.before:
        raise NodeError(
            f"{config} was changed by somebody since its migration was tried",
            safe="it was not replaced",
            next_step="go on: the migration is tried again on what is there now",
        )
    return await asyncio.to_thread(replace_file, migrated.copy, config, migrated.after)
