"""Getting a release ready: fetch, verify, stage, preflight; a failure is said and retried without harm (DESIGN §4)."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from pathlib import Path

from console.errors import NodeError, ReleaseError
from console.files import sha256_of
from console.model import FailureCode, Preparation, ReleaseKind
from console.node.attempts import AttemptBook
from console.node.download import download, mirrored
from console.node.generation import Generation, Generations, folder_name
from console.node.runtime.shim import run_command

_LOG = logging.getLogger(__name__)

_RETRY_FIRST_S = 2.0
_RETRY_LAST_S = 60.0
_VERSION_DEADLINE_S = 20.0


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

    def ensure(self) -> None:
        """Begin, or go on after a restart of the controller, when there is something to prepare."""
        attempt = self._book.open
        if attempt is None or attempt.preparation is Preparation.READY:
            return
        if self._task is not None and not self._task.done() and self._attempt_id == attempt.id:
            return
        self._attempt_id = attempt.id
        self._task = asyncio.get_running_loop().create_task(self._until_ready())

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
            found = await asyncio.to_thread(sha256_of, binary)
        except OSError as error:
            raise NodeError(f"cannot read {binary}: {error}", safe="nothing was changed") from error
        if found != attempt.release_hash:
            raise NodeError(
                f"{binary} has sha256 {found}, the chain says {attempt.release_hash}", safe="nothing was changed"
            )
        await self.close()
        self._downloads.mkdir(parents=True, exist_ok=True)
        copy = self._downloads / f"{found}.given"
        await asyncio.to_thread(shutil.copyfile, binary, copy)
        self._book.change(preparation=Preparation.VERIFIED, failure_code=0, note="")
        await self._stage(copy, str(binary))
        await self._preflight()

    async def close(self) -> None:
        """Stop; what was begun is begun again by `ensure`."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _until_ready(self) -> None:
        pause = _RETRY_FIRST_S
        while True:
            try:
                await self._prepare()
                return
            except ReleaseError as error:
                self._failed(error.code, str(error))
            except (NodeError, OSError) as error:
                self._failed(int(FailureCode.INTERNAL), str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RETRY_LAST_S)

    def _failed(self, code: int, why: str) -> None:
        _LOG.warning("%s", why)
        self._book.change(preparation=Preparation.FAILED, failure_code=code, note=why)

    async def _prepare(self) -> None:
        attempt = self._book.attempt
        assert attempt is not None
        if attempt.release_kind != ReleaseKind.RAW:
            raise ReleaseError(
                "the plan names a release manifest, which this version cannot verify",
                code=FailureCode.UNSUPPORTED_RELEASE,
            )
        staged = self._generations.staged(folder_name(attempt.name), attempt.release_hash)
        if staged is None:
            if attempt.preparation is not Preparation.FAILED:
                self._book.change(preparation=Preparation.FETCHING)
            url = mirrored(attempt.release_url, self._mirror)
            verified = await download(url, attempt.release_hash, self._downloads)
            self._book.change(preparation=Preparation.VERIFIED, failure_code=0, note="")
            await self._stage(verified, url)
        elif attempt.preparation is not Preparation.STAGED:
            self._book.change(preparation=Preparation.STAGED, failure_code=0, note="")
        await self._preflight()

    async def _stage(self, verified: Path, origin: str) -> Generation:
        attempt = self._book.attempt
        assert attempt is not None
        name = folder_name(attempt.name)
        try:
            generation = await asyncio.to_thread(self._generations.stage, name, verified, attempt.release_hash, origin)
        except OSError as error:
            raise ReleaseError(f"cannot stage the release: {error}", code=FailureCode.DISK_SPACE) from error
        self._book.change(preparation=Preparation.STAGED, failure_code=0, note="")
        return generation

    async def _preflight(self) -> None:
        """Run the staged binary's `--version` before anything is stopped."""
        attempt = self._book.attempt
        assert attempt is not None
        generation = self._generations.generation(folder_name(attempt.name))
        try:
            done = await asyncio.to_thread(
                run_command, [str(generation.binary), "--version"], {"PATH": "/usr/bin:/bin"}, _VERSION_DEADLINE_S
            )
        except NodeError as error:
            raise ReleaseError(str(error), code=FailureCode.PREFLIGHT_FAILED) from error
        if done.returncode != 0:
            raise ReleaseError(
                f"the staged binary's --version ended with code {done.returncode}",
                code=FailureCode.PREFLIGHT_FAILED,
                safe="it was not started",
            )
        self._book.change(preparation=Preparation.READY, failure_code=0, note="")
