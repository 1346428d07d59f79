"""How the bytes of a release come to this machine and are tried: binaries here, images in images.py (DESIGN §4)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from console.errors import NodeError, ReleaseError
from console.files import sha256_of
from console.model import Attempt, FailureCode, Fetching
from console.node.cosmovisor.plan_info import (
    MAX_INFO_BYTES,
    Promised,
    choose,
    listed_elsewhere,
    parse_plan_info,
    this_platform,
)
from console.node.download import MAX_BYTES, Checksum, Downloaded, DownloadRules, download, sources_of
from console.node.generation_folders import Generation
from console.node.local_release import local_files, take_local
from console.node.preflight import PreflightReport, PreflightRequest, run_preflight
from console.node.shape import NodeShape
from console.node.threads import to_the_end
from console.settings import NodeSettings
from console.text import untrusted

Told = Callable[[Fetching], None]
"""Told how far a download is."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A release that came to this machine, verified."""

    file: Path
    """Stands for it."""
    sha256: str
    """What it stands for, 64 hex digits: of the binary, or an image's digest."""
    origin: str
    """Where it came from."""


class Releases(Protocol):
    """Where releases of one kind come from, and how one is tried before anything is stopped."""

    def hash_of(self, given: Path) -> str:
        """The sha256 that a file of the operator stands for. Raises NodeError, OSError."""
        ...

    def promised(self, info: str) -> str:
        """What a chain's own plan vouches for, as `Fetched.sha256`; empty where only fetching tells.

        Raises:
            ReleaseError: It vouches for nothing that could be fetched.
        """
        ...

    async def find(self, attempt: Attempt, folder: Path) -> tuple[Path, str] | None:
        """What the attempt's hash names, where this machine has it already, and where. Raises ReleaseError."""
        ...

    async def fetch(self, attempt: Attempt, folder: Path, told: Told | None = None) -> Fetched:
        """Bring a release to this machine.

        Args:
            attempt: With its hash, unless only fetching tells it, and where the chain says that it is.
            folder: For files on their way.
            told: Told how far it is.

        Raises:
            ReleaseError: With the registry's failure code.
        """
        ...

    def preflight(self, generation: Generation, sha256: str) -> PreflightReport:
        """Try a staged generation; blocks, and nothing of the node is touched."""
        ...


class BinaryReleases:
    """Releases that are one executable.

    Args:
        settings: The node's settings of the moment.
        shape: What kind of node it is.
    """

    def __init__(self, settings: Callable[[], NodeSettings], shape: NodeShape) -> None:
        self._settings = settings
        self._shape = shape

    def hash_of(self, given: Path) -> str:
        """The file's own hash. Raises OSError."""
        return sha256_of(given)

    def promised(self, info: str) -> str:
        """The hash of this platform's plain binary; an archive and a list elsewhere have to be fetched first."""
        return _promise_of(info).binary_sha256

    async def find(self, attempt: Attempt, folder: Path) -> tuple[Path, str] | None:
        """A copy of the operator's own file with just these bytes (`binary_path`)."""
        settings = self._settings()
        if settings.binary_path is None:
            return None
        files = local_files(settings.binary_path, attempt.generation, settings.daemon)
        found = await asyncio.to_thread(take_local, files, attempt.generation_hash, folder)
        return None if found is None else (found[0], str(found[1]))

    async def fetch(self, attempt: Attempt, folder: Path, told: Told | None = None) -> Fetched:
        """Download it, and take it out of its archive where it is in one. Raises ReleaseError."""
        if not attempt.halts_itself:
            checksum = Checksum("sha256", attempt.generation_hash)
            whole = await self._download(attempt.release_url, checksum, folder, told)
            return Fetched(whole.file, checksum.digest, whole.source)
        fetched = await self.fetch_plan(attempt.release_url, folder, told)
        if attempt.generation_hash and fetched.sha256 != attempt.generation_hash:
            fetched.file.unlink(missing_ok=True)
            raise ReleaseError(
                f"the binary of {untrusted(fetched.origin)} has sha256 {fetched.sha256}, not {attempt.generation_hash}",
                code=FailureCode.HASH_MISMATCH,
                safe="it was thrown away and nothing was started",
            )
        return fetched

    async def fetch_plan(self, info: str, folder: Path, told: Told | None = None) -> Fetched:
        """Download what a chain's plan names for this platform, by the checksum in it.

        Args:
            info: The plan's own words.
            folder: For files on their way.
            told: Told how far it is.

        Raises:
            ReleaseError: It names nothing that could be fetched and checked, or it cannot be had.
        """
        promised = _promise_of(info)
        if promised.lists:
            promised = await self._listed(promised, folder)
        whole = await self._download(promised.url, promised.checksum, folder, told)
        if promised.packing:
            return await self._unpacked(whole, promised, folder)
        return Fetched(whole.file, await asyncio.to_thread(sha256_of, whole.file), whole.source)

    async def _listed(self, listed: Promised, folder: Path) -> Promised:
        """The binary in a list that has to be fetched first."""
        whole = await self._download(listed.url, listed.checksum, folder, None, max_bytes=MAX_INFO_BYTES)
        try:
            body = whole.file.read_bytes()
            if hashlib.new(listed.checksum.algorithm, body).hexdigest() != listed.checksum.digest:
                raise NodeError(f"{whole.file} was changed by somebody", safe="it was not read")
            return choose(listed_elsewhere(body), this_platform())
        except NodeError as error:
            raise _not_fetched(error) from error
        except OSError as error:
            raise ReleaseError(f"cannot read {whole.file}: {error}", code=FailureCode.DISK_SPACE) from error
        finally:
            whole.file.unlink(missing_ok=True)

    async def _unpacked(self, whole: Downloaded, promised: Promised, folder: Path) -> Fetched:
        from console.node.unpack import take_member

        daemon = self._settings().daemon
        target = folder / f"{promised.checksum.digest}.unpacked"
        target.unlink(missing_ok=True)
        # What Cosmovisor accepts (facts/cosmos.md §1.7).
        names = (f"bin/{daemon}", daemon)
        try:
            sha256 = await to_the_end(take_member, whole.file, promised.packing, names, target, MAX_BYTES)
        except ReleaseError:
            whole.file.unlink(missing_ok=True)
            raise
        whole.file.unlink(missing_ok=True)
        return Fetched(target, sha256, f"{whole.source} ({promised.checksum})")

    async def _download(
        self, url: str, checksum: Checksum, folder: Path, told: Told | None, *, max_bytes: int = MAX_BYTES
    ) -> Downloaded:
        return await fetch_file(self._settings(), url, checksum, folder, max_bytes=max_bytes, told=told)

    def preflight(self, generation: Generation, sha256: str) -> PreflightReport:
        """Read it, and run its short commands."""
        request = PreflightRequest(
            binary=generation.binary,
            sha256=sha256,
            version=self._shape.version_command(),
            config_display=self._shape.config_display() if self._shape.name == "fendermint" else (),
            allow_script=self._settings().allow_scripts,
        )
        return run_preflight(request)


async def fetch_file(
    settings: NodeSettings,
    url: str,
    checksum: Checksum,
    folder: Path,
    *,
    size: int | None = None,
    max_bytes: int = MAX_BYTES,
    told: Told | None = None,
) -> Downloaded:
    """Download one file of a release from where this node's settings say that such files are had.

    Args:
        settings: Mirrors, gateways, and whether a plan's URL may lead to this machine.
        url: As the plan or the manifest writes it.
        checksum: Of the whole file.
        folder: Where it goes, as the digest.
        size: Its exact bytes, where somebody signed them.
        max_bytes: Most bytes, where nobody did.
        told: Told how far it is.

    Raises:
        ReleaseError: With the registry's failure code.
    """
    sources = sources_of(url, mirrors=settings.mirror, gateways=settings.ipfs_gateways, local=settings.local_downloads)
    rules = DownloadRules(own=sources.own, max_bytes=max_bytes)
    return await download(sources.urls, checksum, folder, size=size, rules=rules, progress=told)


def _promise_of(info: str) -> Promised:
    """What a plan promises for this machine. Raises ReleaseError."""
    try:
        return choose(parse_plan_info(info), this_platform())
    except NodeError as error:
        raise _not_fetched(error) from error


def _not_fetched(error: NodeError) -> ReleaseError:
    return ReleaseError(error.what, code=FailureCode.DOWNLOAD_FAILED, safe=error.safe, next_step=error.next_step)
