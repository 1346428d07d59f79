"""Getting a release ready: fetch, verify, stage, preflight; a failure is said and retried without harm (DESIGN §4)."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console.errors import JournalError, NodeError, ReleaseError
from console.model import Attempt, Crossing, FailureCode, Fetching, Preparation, ReleaseKind
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.generation_folders import Generation
from console.node.manifests import Manifests, VerifiedRelease, holds
from console.node.migration import WasmMigration
from console.node.releases import BinaryReleases, Fetched, Releases
from console.node.shape import NodeShape
from console.node.staging import Staging
from console.node.wasm_migrations import MIGRATION_TRIED, MODULE
from console.settings import NodeSettings

_LOG = logging.getLogger(__name__)

_RETRY_FIRST_S = 2.0
_RETRY_LAST_S = 60.0


class _Superseded(NodeError):
    """The attempt that was being prepared is not the open one any more, or has another release or height."""


_Job = tuple[int, str, int]
"""What is prepared: the attempt's id, the release's hash as the chain names it, and H where a manifest is held against
it."""


def _job(attempt: Attempt) -> _Job:
    held_against = attempt.target_height if attempt.release_kind == ReleaseKind.MANIFEST else 0
    return attempt.id, attempt.release_hash, held_against


class Preparer:
    """Prepares the open attempt in the background, until READY.

    Args:
        book: The attempt.
        generations: Where it is staged.
        downloads: Folder for files on their way.
        settings: The node's settings of the moment.
        shape: What kind of node it is.
        releases: Where releases come from and how they are tried; executables when not given.
        changed: Called when there is news of a download.
        manifests: Verifies releases that are manifests; None where none is taken.
    """

    def __init__(
        self,
        book: AttemptBook,
        generations: Generations,
        downloads: Path,
        settings: Callable[[], NodeSettings],
        shape: NodeShape,
        releases: Releases | None = None,
        changed: Callable[[], None] = lambda: None,
        manifests: Manifests | None = None,
    ) -> None:
        self._book = book
        self._releases = BinaryReleases(settings, shape) if releases is None else releases
        self._manifests = manifests
        self._generations = generations
        self._downloads = downloads
        self._settings = settings
        self._shape = shape
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._prepares: _Job = (0, "", 0)
        self.fetching: Fetching | None = None
        """How far the download is that goes on; None while none does. Not journalled: it is of the moment."""
        self._giving = asyncio.Lock()
        self._staging = Staging(generations, downloads)

    def ensure(self) -> None:
        """Begin, or go on after a restart of the controller, when there is something to prepare."""
        attempt = self._book.open
        if attempt is None or attempt.preparation is Preparation.READY or self._giving.locked():
            return
        if self._task is not None and not self._task.done() and self._prepares == _job(attempt):
            return
        before, self._prepares = self._task, _job(attempt)
        self._task = asyncio.get_running_loop().create_task(self._until_ready(self._prepares, before))

    async def give(self, name: str, binary: Path, *, force: bool = False) -> None:
        """Take the release's bytes from the operator.

        For a plan whose hash the chain names they must be those bytes. Where the chain names none, giving them is the
        operator's word for them, and it is kept with them (DESIGN §4.2).

        Args:
            name: The plan's name.
            binary: The file.
            force: Replace other bytes of that name which were never run.

        Raises:
            NodeError: There is no such plan, or the bytes are not the ones that the chain names.
        """
        attempt = self._book.open
        folder = self._generations.folder_of_plan(name)
        if attempt is not None and folder != self._generations.folder_of_plan(attempt.name):
            attempt = None
        if attempt is None and not self._shape.halts_itself and not force:
            opened = self._book.open
            planned = "none" if opened is None else str(opened.name)
            raise NodeError(
                f"there is no open plan named {name!r} (open plan: {planned})",
                safe="nothing was changed",
                next_step="add --force to stage it on your own word, for `upgrade-console node swap`",
            )
        if attempt is not None and attempt.crossing not in {Crossing.NONE, Crossing.HALTED}:
            raise NodeError(
                f"the crossing has begun ({attempt.crossing.value}), and its release stays what it is",
                safe="nothing was changed",
            )
        found = await self._hash_of(binary)
        self._refuse_what_runs(folder, name, found)
        if attempt is not None and self._manifests is not None and self._manifests.concerns(attempt):
            await self._give_program(attempt, self._manifests, binary, found)
            return
        if attempt is not None and attempt.release_hash and found != attempt.release_hash:
            raise NodeError(
                f"{binary} has sha256 {found}, the chain says {attempt.release_hash}", safe="nothing was changed"
            )
        if attempt is not None and attempt.preparation is Preparation.READY and attempt.generation_hash == found:
            return
        if attempt is not None and not attempt.release_hash and not force:
            there = next((entry for entry in self._generations.all() if entry.name == folder), None)
            if there is not None and there.sha256 not in {"", found}:
                raise NodeError(
                    f"other bytes of {name} are staged (sha256 {there.sha256})",
                    safe="nothing was changed",
                    next_step="add --force to replace them",
                )
        async with self._giving:
            await self.close()
            if attempt is None:
                await asyncio.to_thread(self._staging.ahead, folder, binary, found, force)
                return
            copy = self._downloads / f"{found}.given"
            try:
                self._downloads.mkdir(parents=True, exist_ok=True)
                await asyncio.to_thread(shutil.copyfile, binary, copy)
            except OSError as error:
                raise NodeError(f"cannot copy {binary}: {error}", safe="nothing was changed") from error
            self._change(
                _job(attempt), preparation=Preparation.VERIFIED, generation_hash=found, failure_code=0, note=""
            )
            await self._stage(self._mine(_job(attempt)), copy, str(binary))
            await self._preflight(self._mine(_job(attempt)))

    async def _give_program(self, attempt: Attempt, manifests: Manifests, binary: Path, found: str) -> None:
        """Take one file of a manifest's release; it is staged when all of them are there."""
        release = await manifests.verified(attempt)
        hashes = {name: each.sha256 for name, each in release.programs.items()}
        migration = release.manifest.migration
        if isinstance(migration, WasmMigration):
            hashes[MODULE] = migration.sha256
        if found not in hashes.values():
            wanted = ", ".join(f"{name} {sha256}" for name, sha256 in hashes.items())
            raise NodeError(
                f"{binary} has sha256 {found}, and the release holds {wanted}",
                safe="nothing was changed",
                next_step="for a build of your own: `upgrade-console release attest`",
            )
        async with self._giving:
            await self.close()
            try:
                self._downloads.mkdir(parents=True, exist_ok=True)
                copy = self._downloads / f".{found}.given"
                await asyncio.to_thread(shutil.copyfile, binary, copy)
                copy.replace(self._downloads / found)
            except OSError as error:
                raise NodeError(f"cannot copy {binary}: {error}", safe="nothing was changed") from error

    def _refuse_what_runs(self, folder: str, name: str, sha256: str) -> None:
        """Refuse the binary that runs now as the one for after a halt of the chain: it would only stop there again.

        Raises:
            ReleaseError: It is that one, on a chain that stops its nodes by itself.
        """
        current = self._generations.current()
        if self._shape.halts_itself and sha256 == current.sha256 and folder != current.name:
            raise ReleaseError(
                f"these are the bytes of {current.name}, which run here and stop at the height of {name}",
                code=FailureCode.HASH_MISMATCH,
                next_step=f"give the new binary with `upgrade-console node add-upgrade {name} FILE`",
            )

    async def _hash_of(self, binary: Path) -> str:
        try:
            # Anything but a file could be read for ever.
            found = await asyncio.to_thread(self._releases.hash_of, binary) if binary.is_file() else None
        except OSError as error:
            raise NodeError(f"cannot read {binary}: {error}", safe="nothing was changed") from error
        if found is None:
            raise NodeError(f"cannot read {binary}: there is no such file", safe="nothing was changed")
        return found

    async def close(self) -> None:
        """Stop; what was begun is begun again by `ensure`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _until_ready(self, job: _Job, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.wait({before})
        pause = _RETRY_FIRST_S
        try:
            while not await self._tried(job):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _RETRY_LAST_S)
        except _Superseded:
            return

    async def _tried(self, job: _Job) -> bool:
        """Try once; False when it failed and was said. Raises _Superseded, JournalError."""
        code = FailureCode.INTERNAL
        try:
            await self._prepare(self._mine(job))
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
        self._change(job, preparation=Preparation.FAILED, failure_code=int(code), note=why)
        return False

    def _mine(self, job: _Job) -> Attempt:
        """The open attempt, as long as it is the one that is being prepared. Raises _Superseded."""
        attempt = self._book.open
        if attempt is None or _job(attempt) != job:
            raise _Superseded("the plan is not open any more, or has another release")
        return attempt

    def _change(self, job: _Job, **changes: Any) -> None:
        self._mine(job)
        self._book.change(**changes)

    async def _prepare(self, attempt: Attempt) -> None:
        if self._manifests is not None and self._manifests.concerns(attempt):
            await self._prepare_manifest(attempt, self._manifests)
            return
        if attempt.release_kind != ReleaseKind.RAW:
            raise ReleaseError(
                "the plan names a release manifest, and nobody says here whom to trust",
                code=FailureCode.UNSUPPORTED_RELEASE,
            )
        if not attempt.generation_hash:
            attempt = self._learn_hash(attempt)
        staged = None
        if attempt.generation_hash:
            staged = await asyncio.to_thread(self._generations.staged, attempt.generation, attempt.generation_hash)
        if staged is None:
            await self._fetch(attempt)
        elif attempt.preparation is not Preparation.STAGED:
            self._change(_job(attempt), preparation=Preparation.STAGED, failure_code=0, note="")
        await self._preflight(self._mine(_job(attempt)))

    async def _prepare_manifest(self, attempt: Attempt, manifests: Manifests) -> None:
        release = await manifests.verified(attempt)
        daemon = self._settings().daemon
        app = release.programs[daemon].sha256
        self._change(_job(attempt), generation_hash=app, grace_blocks=release.manifest.grace_blocks)
        module = await self._module(attempt, release, manifests)
        staged = await asyncio.to_thread(self._generations.staged, attempt.generation, app)
        if staged is None or not staged.verified or not holds(staged, release, daemon):
            if attempt.preparation is not Preparation.FAILED:
                self._change(_job(attempt), preparation=Preparation.FETCHING)
            files = await self._brought(attempt, release, manifests)
            self._change(_job(attempt), preparation=Preparation.VERIFIED, failure_code=0, note="")
            await manifests.accept(release)
            mine = self._mine(_job(attempt))
            if release.own_build:
                hashes = {name: each.sha256 for name, each in release.programs.items()}
                self._book.record("own-build", said=release.own_build, release=release.sha256, binaries=hashes)
            await asyncio.to_thread(self._staging.release, mine, self._settings().daemon, release, files, module)
        if self._mine(_job(attempt)).preparation is not Preparation.STAGED:
            self._change(_job(attempt), preparation=Preparation.STAGED, failure_code=0, note="")
        if module is not None:
            await self._try_migration(attempt, release, manifests)
        await self._preflight(self._mine(_job(attempt)))

    async def _module(self, attempt: Attempt, release: VerifiedRelease, manifests: Manifests) -> Path | None:
        """The file of a release's WASM module; None where it has none. Raises ReleaseError."""
        migration = release.manifest.migration
        if not isinstance(migration, WasmMigration):
            return None
        kept = self._generations.manifest_of(attempt.generation).with_name(MODULE)
        try:
            return await manifests.migrations.bring(migration, str(attempt.name), kept, self._downloads, self._tell)
        finally:
            self._tell(None)

    async def _try_migration(self, attempt: Attempt, release: VerifiedRelease, manifests: Manifests) -> None:
        """Run a release's WASM module without consequences. Raises ReleaseError: it failed, or could not be tried."""
        migration = release.manifest.migration
        # Where it is now: beside the manifest, or still on its way where the release was staged without it before.
        module = await self._module(attempt, release, manifests)
        assert isinstance(migration, WasmMigration)
        assert module is not None

        def record(**detail: Any) -> None:
            self._mine(_job(attempt))
            self._book.record(MIGRATION_TRIED, **detail)

        await manifests.migrations.try_out(migration, module, self._mine(_job(attempt)), record)

    async def _brought(
        self, attempt: Attempt, release: VerifiedRelease, manifests: Manifests
    ) -> dict[str, tuple[Path, str]]:
        try:
            return await manifests.bring(attempt, release, self._downloads, self._tell)
        finally:
            self._tell(None)

    def _learn_hash(self, attempt: Attempt) -> Attempt:
        """The hash of a chain's plan: of the bytes that somebody vouched for, or of its one binary with a checksum.

        It stays empty where the plan vouches for an archive, and the binary in it is still to be seen.

        Raises:
            ReleaseError: Nobody vouches for anything.
        """
        staged = next((entry for entry in self._generations.all() if entry.name == attempt.generation), None)
        if staged is not None and staged.complete and staged.sha256:
            self._refuse_what_runs(attempt.generation, attempt.name, staged.sha256)
            self._change(_job(attempt), generation_hash=staged.sha256)
            return self._mine(_job(attempt))
        try:
            promised = self._releases.promised(attempt.release_url)
        except ReleaseError as error:
            in_place = "is in its folder, but nobody vouched for it" if staged and staged.complete else "is not staged"
            raise ReleaseError(
                f"the binary of {attempt.name} {in_place}: {error.what}",
                code=error.code,
                next_step=f"give it with `upgrade-console node add-upgrade {attempt.name} FILE`",
            ) from error
        if promised:
            self._refuse_what_runs(attempt.generation, attempt.name, promised)
            self._change(_job(attempt), generation_hash=promised)
        return self._mine(_job(attempt))

    async def _fetch(self, attempt: Attempt) -> None:
        found = await self._releases.find(attempt, self._downloads) if attempt.generation_hash else None
        if found is None and not self._settings().auto_download:
            raise ReleaseError(
                f"the release {attempt.name} is not staged, and auto_download is off",
                code=FailureCode.DOWNLOAD_FAILED,
                next_step=f"give its bytes with `upgrade-console node add-upgrade {attempt.name} FILE`",
            )
        if found is None and self._manifests is not None and self._manifests.required:
            raise ReleaseError(
                f"this network demands signed releases, and the plan {attempt.name} names a raw binary",
                code=FailureCode.NOT_TRUSTED,
                next_step=f"check its bytes and give them with `upgrade-console node add-upgrade {attempt.name} FILE`",
            )
        if attempt.preparation is not Preparation.FAILED:
            self._change(_job(attempt), preparation=Preparation.FETCHING)
        if found is None:
            fetched = await self._fetched(attempt)
        else:
            fetched = Fetched(found[0], attempt.generation_hash, found[1])
        self._refuse_what_runs(attempt.generation, attempt.name, fetched.sha256)
        self._change(
            _job(attempt),
            preparation=Preparation.VERIFIED,
            generation_hash=fetched.sha256,
            failure_code=0,
            note="",
        )
        await self._stage(self._mine(_job(attempt)), fetched.file, fetched.origin)

    async def _fetched(self, attempt: Attempt) -> Fetched:
        try:
            return await self._releases.fetch(attempt, self._downloads, self._tell)
        finally:
            self._tell(None)

    def _tell(self, fetching: Fetching | None) -> None:
        self.fetching = fetching
        self._changed()

    async def _stage(self, attempt: Attempt, verified: Path, origin: str) -> None:
        try:
            await asyncio.to_thread(self._staging.file, attempt, verified, origin)
        except OSError as error:
            raise ReleaseError(f"cannot stage the release: {error}", code=FailureCode.DISK_SPACE) from error
        self._change(_job(attempt), preparation=Preparation.STAGED, failure_code=0, note="")

    async def try_out(self, generation: Generation) -> None:
        """Check a staged generation while nothing is stopped yet.

        Raises:
            ReleaseError: It would not run here.
        """
        report = await asyncio.to_thread(self._releases.preflight, generation, generation.sha256)
        report.raise_on_failure()

    async def _preflight(self, attempt: Attempt) -> None:
        await self.try_out(self._generations.generation(attempt.generation))
        self._change(_job(attempt), preparation=Preparation.READY, failure_code=0, note="")
