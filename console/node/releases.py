"""How the bytes of a release come to this machine and are tried: binaries here, images in images.py (DESIGN §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from console.errors import NodeError
from console.files import sha256_of
from console.model import Attempt
from console.node.cosmovisor.plan_info import Address, choose, parse_plan_info, this_platform
from console.node.download import download, mirrored
from console.node.generation import Generation
from console.node.local_release import local_files, take_local
from console.node.preflight import PreflightReport, PreflightRequest, run_preflight
from console.node.shape import NodeShape
from console.settings import NodeSettings


class Releases(Protocol):
    """Where releases of one kind come from, and how one is tried before anything is stopped."""

    def hash_of(self, given: Path) -> str:
        """The sha256 that a file of the operator stands for. Raises NodeError, OSError."""
        ...

    async def find(self, attempt: Attempt, folder: Path) -> tuple[Path, str] | None:
        """What the attempt's hash names, where this machine has it already; as `fetch`. Raises ReleaseError."""
        ...

    async def fetch(self, attempt: Attempt, folder: Path) -> tuple[Path, str]:
        """Bring what the attempt's hash names to this machine.

        Args:
            attempt: With the hash, and where the chain says that it is.
            folder: For files on their way.

        Returns:
            A file that stands for it, verified, and where it came from.

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

    async def find(self, attempt: Attempt, folder: Path) -> tuple[Path, str] | None:
        """A copy of the operator's own file with just these bytes (`binary_path`)."""
        settings = self._settings()
        if settings.binary_path is None:
            return None
        files = local_files(settings.binary_path, attempt.generation, settings.daemon)
        found = await asyncio.to_thread(take_local, files, attempt.generation_hash, folder)
        return None if found is None else (found[0], str(found[1]))

    async def fetch(self, attempt: Attempt, folder: Path) -> tuple[Path, str]:
        """Download it. Raises ReleaseError."""
        promised = promised_binary(attempt.release_url) if attempt.halts_itself else None
        url = mirrored(attempt.release_url if promised is None else promised.url, self._settings().mirror)
        return await download(url, attempt.generation_hash, folder), url

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


def promised_binary(info: str) -> Address | None:
    """Where a chain's plan says that this platform's binary itself is, under its sha256; None when it does not.

    An archive's checksum is not the binary's, and without a checksum nothing is downloaded (DESIGN §4.2).
    """
    try:
        address = choose(parse_plan_info(info), this_platform(), must_have_checksum=True)
    except NodeError:
        return None
    plain = not address.archive and address.checksum is not None and address.checksum.algorithm == "sha256"
    return address if plain else None
