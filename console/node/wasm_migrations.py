"""A release's WASM migration on this machine: its module brought here, and tried before the release counts as ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import ChainError, MigrationError, ReleaseError
from console.files import sha256_of
from console.model import Attempt, Crossing, FailureCode
from console.node.download import Checksum
from console.node.migration import WasmMigration
from console.node.migration.outcome import Run
from console.node.releases import Told, fetch_file
from console.ports.chain import StateReader
from console.settings import NodeSettings

MODULE = "migration.wasm"
"""The module, beside the manifest that names it."""
MIGRATION_TRIED = "migration-tried"
"""Kind of the journal's event of a dry run."""
RUN_SECONDS = 60.0
"""Wall clock of a run whose state comes over the network."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A dry run on a chain's state."""

    run: Run
    height: int
    """The block whose state was read."""


async def try_on(migration: WasmMigration, module: bytes, state: StateReader) -> Trial:
    """Run a module on the state after a chain's last block; nothing is changed anywhere.

    Args:
        migration: What the manifest says.
        module: The module.
        state: The chain's.

    Raises:
        ChainError: The state cannot be read.
        MigrationError: The sandbox does not hold here, or cannot be started.
    """
    # The child's side of it is heavy, and most releases have no WASM migration.
    from console.node.migration.dry_run import dry_run
    from console.node.migration.exploits import require_sandbox

    await asyncio.to_thread(require_sandbox)
    height = await state.height()
    loop = asyncio.get_running_loop()

    def read(key: bytes) -> bytes | None:
        return asyncio.run_coroutine_threadsafe(state.value(key, height), loop).result(RUN_SECONDS)

    return Trial(await asyncio.to_thread(dry_run, migration, module, read, seconds=RUN_SECONDS), height)


class WasmMigrations:
    """Brings and tries the modules of one node's releases.

    Args:
        settings: The node's settings of the moment.
        state: Its chain's state; None where it has none that can be read.
    """

    def __init__(self, settings: Callable[[], NodeSettings], state: StateReader | None) -> None:
        self._settings = settings
        self._state = state
        self._recorded: tuple[int, str] | None = None
        """Attempt, and what its last recorded try said."""

    async def bring(self, migration: WasmMigration, name: str, kept: Path, folder: Path, told: Told) -> Path:
        """The module's file, with the size and hash that the manifest names.

        Args:
            migration: What the manifest says.
            name: The plan's.
            kept: Where a staged generation keeps it.
            folder: For files on their way; what is there with the right bytes is taken.
            told: Told how far it is.

        Raises:
            ReleaseError: It cannot be had.
        """
        for there in (kept, folder / migration.sha256):
            if await asyncio.to_thread(_is, there, migration.sha256):
                return there
        settings = self._settings()
        if not migration.url or not settings.auto_download:
            why = "and auto_download is off" if migration.url else "and the manifest names no place for it"
            raise ReleaseError(
                f"the migration's module {migration.sha256} of {name} is not here, {why}",
                code=FailureCode.DOWNLOAD_FAILED,
                next_step=f"give it with `upgrade-console node add-upgrade {name} FILE`",
            )
        checksum = Checksum("sha256", migration.sha256)
        return (await fetch_file(settings, migration.url, checksum, folder, size=migration.size, told=told)).file

    async def try_out(
        self, migration: WasmMigration, module: Path, attempt: Attempt, record: Callable[..., None]
    ) -> None:
        """Try it on our node's state, and record what came of it.

        Args:
            migration: What the manifest says.
            module: Its file.
            attempt: Whose release it is. Where its node halted already nobody may tell the state any more; then the
                migration goes untried, as the node itself runs it in the same sandbox at H.
            record: Journals what came of it, once for tries that end alike: a failing one comes again every minute.

        Raises:
            ReleaseError: It failed, or could not be tried.
        """
        try:
            if self._state is None:
                raise MigrationError("this node has no state that can be read")
            trial = await try_on(migration, await asyncio.to_thread(module.read_bytes), self._state)
        except (ChainError, MigrationError) as error:
            sentence = f"the release's migration cannot be tried: {error.what}"
            if isinstance(error, ChainError) and attempt.crossing is not Crossing.NONE:
                self._record(attempt, record, ok=None, sentence=sentence)
                return
            raise ReleaseError(sentence, code=FailureCode.PREFLIGHT_FAILED) from error
        run = trial.run
        sentence = f"{run.sentence}, on the state after block {trial.height}"
        details = {"fuel": run.fuel, "writes": len(run.writes), "journal": run.journal_sha256}
        self._record(attempt, record, ok=run.ok, said=run.sentence, sentence=sentence, height=trial.height, **details)
        if not run.ok:
            raise ReleaseError(
                sentence,
                code=FailureCode.PREFLIGHT_FAILED,
                safe="nothing was changed",
                next_step="`upgrade-console migration dry-run` tries it again",
            )

    def _record(self, attempt: Attempt, record: Callable[..., None], *, said: str = "", **details: Any) -> None:
        if (attempt.id, said) != self._recorded:
            record(**details)
            self._recorded = (attempt.id, said)


def _is(file: Path, sha256: str) -> bool:
    try:
        return file.is_file() and sha256_of(file) == sha256
    except OSError:
        return False
