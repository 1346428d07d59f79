"""What every rollback over kept files has in common: the backup that is meant, and what is in place kept as well."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from console.errors import InputError
from console.model import Finding
from console.model.procedure import passed, skipped
from console.operations.kept_backups import Backed, backups_folder
from console.operations.kept_files import Kept, all_kept, keep_files, read_kept
from console.operations.replaced_file import put_back
from console.procedures.step import Parameter, StepContext
from console.text import untrusted

AT_ROLLBACK = "-at-rollback"
BACKUP = Parameter("backup", "Name of the backup; empty: the newest whole one", "")
AGAIN = "mend it and go on with this run: nothing is half put back"


async def chosen(context: StepContext, backed: Backed, file: str) -> Kept:
    """The backup that was chosen at the start, also after a disconnect.

    Args:
        context: Of the step; `--backup` names one, else it is the newest whole one.
        backed: What it is of.
        file: What it has to keep.

    Raises:
        InputError: There is none.
        NodeError: The chosen one is not whole any more.
    """
    folder = backups_folder(context.network, backed)
    if name := context.remembered("from"):
        return await asyncio.to_thread(read_kept, folder / name)
    kept = await asyncio.to_thread(all_kept, folder)
    wanted = context.arguments["backup"]
    # What a rollback itself kept leads forward again: only who names it wants it.
    whole = [each for each in kept if file in each.files and (wanted or not each.name.endswith(AT_ROLLBACK))]
    found = next((each for each in whole if wanted in {"", each.name}), None)
    if found is None:
        known = ", ".join(each.name for each in kept) or "none"
        raise InputError(
            f"there is no whole backup {untrusted(wanted) or f'of the {backed}'} in {folder} (known: {known})",
            safe="nothing was changed",
        )
    return found


async def keep_present(context: StepContext, backed: Backed, files: Mapping[str, Path]) -> Finding:
    """Keep what is in place now as well: a rollback can be a mistake. Raises NodeError."""
    if not context.remembered("aside"):
        context.remember("aside", f"{int(context.now())}{AT_ROLLBACK}")
    note = f"at the rollback to {context.remembered('from')}, by {context.person}: {context.arguments['why']}"
    folder = backups_folder(context.network, backed) / context.remembered("aside")
    kept = await asyncio.to_thread(keep_files, folder, files, note, context.now())
    return passed(f"what is in place is kept as {kept.name}", *(str(file.path) for file in kept.files.values()))


async def put_one_back(kept: Kept, what: str) -> Finding:
    """Put one file of a backup in its place. Raises NodeError."""
    if what not in kept.files:
        return skipped(f"{kept.name} keeps no {what}")
    file = kept.files[what]
    changed = await asyncio.to_thread(put_back, kept, what)
    words = "is back" if changed else "was in place already"
    return passed(f"{file.path} {words}", f"sha256 {file.sha256}, mode {file.mode:04o}")
