"""Getting a release ready: fetch, verify, stage, preflight; a failure is said and retried without harm (DESIGN §4)."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from pathlib import Path
from typing import Any

from console.errors import JournalError, NodeError, ReleaseError
from console.files import sha256_of
from console.model import Attempt, FailureCode, Preparation, ReleaseKind
from console.node.attempts import AttemptBook
from console.node.download import download, mirrored
from console.node.generation import Generations, folder_name
from console.node.runtime.shim import run_command

_LOG = logging.getLogger(__name__)

_RETRY_FIRST_S = 2.0
_RETRY_LAST_S = 60.0
_VERSION_DEADLINE_S = 20.0


class _Superseded(NodeError):
    """The attempt that was being prepared is not the open one any more."""


class Preparer:
    """Prepares the open attempt in the background, until READY.

    Args:
        book: The attempt.
        generations: Where it is staged.
        downloads: Folder for files on their way.
        mirror: Base URL to fetch from instead of the chain's URL; empty for none.
    """

    def __init__(self, book: AttemptBook, generations: Generations, downloads: Path, mirror: str) -> None:
        self._book = book
        self._generations = generations
        self._downloads = downloads
        self._mirror = mirror
        self._task: asyncio.Task[None] | None = None
        self._attempt_id = 0
        self._giving = asyncio.Lock()
        self._staging = threading.Lock()
        """A thread that stages goes on when the task that waits for it is cancelled."""

    def ensure(self) -> None:
        """Begin, or go on after a restart of the controller, when there is something to prepare."""
        attempt = self._book.open
        if attempt is None or attempt.preparation is Preparation.READY or self._giving.locked():
            return
        if self._task is not None and not self._task.done() and self._attempt_id == attempt.id:
            return
        before, self._attempt_id = self._task, attempt.id
        self._task = asyncio.get_running_loop().create_task(self._until_ready(attempt.id, before))

    async def give(self, name: str, binary: Path) -> None:
        """Take the release's bytes from the operator.

        Raises:
            NodeError: There is no such plan, or the bytes are not the ones that the chain names.
        """
        attempt = self._book.open
        if attempt is None or folder_name(name) != folder_name(attempt.name):
            planned = "none" if attempt is None else str(attempt.name)
            raise NodeError(f"there is no open plan named {name!r} (open plan: {planned})", safe="nothing was changed")
        try:
            # Anything but a file could be read for ever.
            found = await asyncio.to_thread(sha256_of, binary) if binary.is_file() else None
        except OSError as error:
            raise NodeError(f"cannot read {binary}: {error}", safe="nothing was changed") from error
        if found is None:
            raise NodeError(f"cannot read {binary}: there is no such file", safe="nothing was changed")
        if found != attempt.release_hash:
            raise NodeError(
                f"{binary} has sha256 {found}, the chain says {attempt.release_hash}", safe="nothing was changed"
            )
        async with self._giving:
            await self.close()
            copy = self._downloads / f"{found}.given"
            try:
                self._downloads.mkdir(parents=True, exist_ok=True)
                await asyncio.to_thread(shutil.copyfile, binary, copy)
            except OSError as error:
                raise NodeError(f"cannot copy {binary}: {error}", safe="nothing was changed") from error
            self._change(attempt.id, preparation=Preparation.VERIFIED, failure_code=0, note="")
            await self._stage(attempt, copy, str(binary))
            await self._preflight(attempt)

    async def close(self) -> None:
        """Stop; what was begun is begun again by `ensure`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _until_ready(self, attempt_id: int, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.wait({before})
        pause = _RETRY_FIRST_S
        try:
            while not await self._tried(attempt_id):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _RETRY_LAST_S)
        except _Superseded:
            return

    async def _tried(self, attempt_id: int) -> bool:
        """Try once; False when it failed and was said. Raises _Superseded, JournalError."""
        code = FailureCode.INTERNAL
        try:
            await self._prepare(self._mine(attempt_id))
            return True
        except (_Superseded, JournalError):
            raise
        except ReleaseError as error:
            code, why = FailureCode(error.code), str(error)
        except (NodeError, OSError) as error:
            why = str(error)
        except Exception as error:
            _LOG.exception("the preparation failed in a way that nobody foresaw")
            why = f"{type(error).__name__} while preparing"
        _LOG.warning("%s", why)
        self._change(attempt_id, preparation=Preparation.FAILED, failure_code=int(code), note=why)
        return False

    def _mine(self, attempt_id: int) -> Attempt:
        """The open attempt, as long as it is the one that is being prepared. Raises _Superseded."""
        attempt = self._book.open
        if attempt is None or attempt.id != attempt_id:
            raise _Superseded("the plan is not open any more")
        return attempt

    def _change(self, attempt_id: int, **changes: Any) -> None:
        self._mine(attempt_id)
        self._book.change(**changes)

    async def _prepare(self, attempt: Attempt) -> None:
        if attempt.release_kind != ReleaseKind.RAW:
            raise ReleaseError(
                "the plan names a release manifest, which this version cannot verify",
                code=FailureCode.UNSUPPORTED_RELEASE,
            )
        staged = self._generations.staged(folder_name(attempt.name), attempt.release_hash)
        if staged is None:
            if attempt.preparation is not Preparation.FAILED:
                self._change(attempt.id, preparation=Preparation.FETCHING)
            url = mirrored(attempt.release_url, self._mirror)
            verified = await download(url, attempt.release_hash, self._downloads)
            self._change(attempt.id, preparation=Preparation.VERIFIED, failure_code=0, note="")
            await self._stage(attempt, verified, url)
        elif attempt.preparation is not Preparation.STAGED:
            self._change(attempt.id, preparation=Preparation.STAGED, failure_code=0, note="")
        await self._preflight(attempt)

    async def _stage(self, attempt: Attempt, verified: Path, origin: str) -> None:
        try:
            await asyncio.to_thread(self._publish, attempt, verified, origin)
        except OSError as error:
            raise ReleaseError(f"cannot stage the release: {error}", code=FailureCode.DISK_SPACE) from error
        self._change(attempt.id, preparation=Preparation.STAGED, failure_code=0, note="")

    def _publish(self, attempt: Attempt, verified: Path, origin: str) -> None:
        name = folder_name(attempt.name)
        with self._staging:
            if self._generations.staged(name, attempt.release_hash) is None:
                self._generations.stage(name, verified, attempt.release_hash, origin)
        verified.unlink(missing_ok=True)

    async def _preflight(self, attempt: Attempt) -> None:
        """Run the staged binary's `--version` before anything is stopped."""
        generation = self._generations.generation(folder_name(attempt.name))
        command = (generation.binary, attempt.release_hash, ("--version",))
        try:
            done = await asyncio.to_thread(run_command, *command, {"PATH": "/usr/bin:/bin"}, _VERSION_DEADLINE_S)
        except NodeError as error:
            raise ReleaseError(str(error), code=FailureCode.PREFLIGHT_FAILED) from error
        if done.returncode != 0:
            raise ReleaseError(
                f"the staged binary's --version ended with code {done.returncode}",
                code=FailureCode.PREFLIGHT_FAILED,
                safe="it was not started",
            )
        self._change(attempt.id, preparation=Preparation.READY, failure_code=0, note="")
