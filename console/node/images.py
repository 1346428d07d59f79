"""Images as generations and releases of a node in containers (DESIGN §4.2; facts/ipc.md §1.1 shape B).

What a chain or an operator vouches for is an image's digest: of the engine's own id, or the registry's. The engine
keeps images by their content and checks them when they are pulled, so nothing is hashed here again. Nothing is pulled
by a tag.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from console.errors import NodeError, ReleaseError
from console.files import write_durably
from console.model import Attempt, FailureCode
from console.node.generation_folders import Generation
from console.node.image_reference import ImageReference, parse_image, parse_repository, read_image
from console.node.preflight import COMMANDS, Check, PreflightReport, PreflightRequest, run_preflight
from console.node.releases import Fetched, Told
from console.node.runtime.containers import Containers
from console.node.runtime.engine import Engine, EngineRefused
from console.node.runtime.engine_images import Image, engine_platform, find_image, pull, try_image
from console.node.shape import APP, HALT_VARIABLE, NodeShape
from console.settings import NodeSettings
from console.text import untrusted


class ImageContents:
    """What the files in `bin/` of a node in containers stand for: images, named by digest.

    Args:
        engine: That has them.
    """

    carries_over = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hash_of(self, file: Path) -> str:
        """The digest that the file names. Raises NodeError, OSError."""
        return read_image(file).sha256

    def is_here(self, sha256: str) -> bool:
        """Whether the image is on this machine. Raises NodeError: the engine does not answer."""
        return _looked_up(self._engine, sha256) is not None


class ImageReleases:
    """Releases that are images.

    Args:
        settings: The node's settings of the moment.
        shape: What kind of node it is.
        engine: That has or pulls them.
        containers: Of the node: what an image is tried with.
    """

    def __init__(
        self, settings: Callable[[], NodeSettings], shape: NodeShape, engine: Engine, containers: Containers
    ) -> None:
        self._settings = settings
        self._shape = shape
        self._engine = engine
        self._containers = containers

    def hash_of(self, given: Path) -> str:
        """The digest that a file of the operator names. Raises NodeError, OSError."""
        return read_image(given).sha256

    async def find(self, attempt: Attempt, folder: Path) -> tuple[Path, str] | None:
        """The image that the attempt's hash names, when it is on this machine. Raises ReleaseError."""
        wanted = ImageReference(attempt.generation_hash, parse_repository(attempt.release_url))
        try:
            if await asyncio.to_thread(_looked_up, self._engine, wanted.sha256) is None:
                return None
        except NodeError as error:
            raise ReleaseError(str(error), code=FailureCode.DOWNLOAD_FAILED) from error
        try:
            return _reference_file(folder, wanted), str(wanted)
        except OSError as error:
            raise ReleaseError(f"cannot write into {folder}: {error}", code=FailureCode.DISK_SPACE) from error

    def promised(self, info: str) -> str:
        """Nothing: the checksum of a plan is a file's, and no image's. Raises ReleaseError."""
        raise ReleaseError(
            "the plan names no image that could be pulled",
            code=FailureCode.DOWNLOAD_FAILED,
            safe="nothing was changed",
        )

    async def fetch(self, attempt: Attempt, folder: Path, told: Told | None = None) -> Fetched:
        """Have the engine pull the image that the attempt's hash names, by digest.

        Raises:
            ReleaseError: The plan's URL names no image, the registry does not give it, or it gave something else.
        """
        url, wanted = attempt.release_url, attempt.generation_hash
        name, named = parse_repository(url), parse_image(url)
        if not name:
            raise ReleaseError(
                f"the image sha256:{wanted} is not on this machine, and {untrusted(url)} names none of a registry",
                code=FailureCode.DOWNLOAD_FAILED,
                next_step="pull it by its digest, or `docker load` it",
            )
        try:
            await asyncio.to_thread(_pulled, self._engine, name, wanted if named is None else named.sha256)
        except NodeError as error:
            raise ReleaseError(str(error), code=FailureCode.DOWNLOAD_FAILED) from error
        found = await self.find(attempt, folder)
        if found is None:
            raise ReleaseError(
                f"{untrusted(url)} is another image than the chain's sha256:{wanted}",
                code=FailureCode.HASH_MISMATCH,
                safe="nothing of it was started",
            )
        file, origin = found
        return Fetched(file, wanted, origin)

    def preflight(self, generation: Generation, sha256: str) -> PreflightReport:
        """Look at every image of a generation, and run short commands of the app's without network or mounts."""
        checks: list[Check] = []
        for daemon, wanted in self._images(generation, sha256):
            check = self._check_image(daemon, wanted)
            checks.append(check)
            if not check.passed:
                return PreflightReport(tuple(checks), untrusted(""))
        request = PreflightRequest(
            binary=generation.binary,
            sha256=sha256,
            version=self._shape.version_command(),
            config_display=self._shape.config_display(),
            run=self.run,
        )
        report = run_preflight(request, COMMANDS)
        return PreflightReport((*checks, *report.checks), report.version)

    def run(
        self, binary: Path, sha256: str, arguments: Sequence[str], environment: Mapping[str, str], deadline_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a short command of an image as the app's container would, as `run_command` does of a binary.

        Args:
            binary: Not used: an image is known by its digest.
            sha256: The digest.
            arguments: For its entry point.
            environment: Of it, what is the controller's to set.
            deadline_s: Seconds.

        Raises:
            NodeError: There is no such image, the engine refused, or it did not end in time.
        """
        managed = {HALT_VARIABLE, *self._settings().environment}
        given = {name: value for name, value in environment.items() if name in managed}
        try:
            image = find_image(self._engine, sha256)
            if image is None:
                raise NodeError(f"no image with digest sha256:{sha256} is on this machine", safe="nothing was run")
            return try_image(
                self._engine,
                image,
                arguments,
                settings=self._containers.settings_of(APP, image.id),
                environment=given,
                home=str(self._shape.home),
                deadline_s=deadline_s,
            )
        except OSError as error:
            raise NodeError(f"cannot run image sha256:{sha256}: {error}") from error

    def _images(self, generation: Generation, sha256: str) -> Iterator[tuple[str, str]]:
        yield generation.binary.name, sha256
        yield from ((one.daemon, one.sha256) for one in generation.companions)

    def _check_image(self, daemon: str, sha256: str) -> Check:
        try:
            image = _looked_up(self._engine, sha256)
            here = engine_platform(self._engine)
        except (NodeError, OSError) as error:
            return Check("image", False, f"the image of {daemon} cannot be looked at: {untrusted(error)}")
        if image is None:
            return Check("image", False, f"the image of {daemon}, sha256:{sha256}, is not on this machine")
        if image.platform != here:
            said = untrusted(image.platform, 60)
            return Check("image", False, f"the image of {daemon} is for {said}; the engine runs {untrusted(here, 60)}")
        return Check("image", True, f"the image of {daemon} is here, and for {here}")


def _looked_up(engine: Engine, sha256: str) -> Image | None:
    try:
        return find_image(engine, sha256)
    except OSError as error:
        raise NodeError(str(error), safe="nothing was changed", next_step="look at the Docker engine") from error


def _pulled(engine: Engine, name: str, sha256: str) -> None:
    try:
        pull(engine, name, sha256)
    except OSError as error:
        raise NodeError(str(error), next_step="look at the Docker engine") from error


def pinned_reference(text: str, engine: Engine) -> ImageReference:
    """The image that an operator names: by digest as it stands, by tag or short id as the engine has it now.

    Args:
        text: `sha256:…`, `NAME@sha256:…`, `NAME:TAG` or an id.
        engine: Asked only where there is no digest.

    Raises:
        NodeError: The engine has no such image, or does not answer.
    """
    found = parse_image(text)
    if found is not None:
        return found
    try:
        known = str(engine.ask("GET", f"/images/{quote(text.strip(), safe='')}/json")["Id"])
    except EngineRefused as error:
        raise NodeError(
            f"the image {untrusted(text, 200)} is not on this machine",
            safe="nothing was changed; nothing is pulled by a tag",
            next_step="pull it, or name it by its digest",
        ) from error
    except OSError as error:
        raise NodeError(str(error), safe="nothing was changed", next_step="start the Docker engine") from error
    return ImageReference(known.removeprefix("sha256:"))


def given_image(node: NodeSettings, given: str, engine: Engine) -> Path:
    """A file for `add-upgrade` that stands for what the operator named: an image, or a file that names one by digest.

    Args:
        node: The node; the file is put into its state folder.
        given: As typed.
        engine: Asked only where there is no digest.

    Raises:
        NodeError: There is no such image, or the file cannot be written.
    """
    path = Path(given)
    if parse_image(given) is None and path.is_file():
        return path.absolute()
    found = pinned_reference(given, engine)
    folder = node.state_dir / "given"
    try:
        return _reference_file(folder, found)
    except OSError as error:
        raise NodeError(f"cannot write into {folder}: {error}", safe="nothing was changed") from error


def reference_files(folder: Path, images: Mapping[str, ImageReference]) -> dict[str, Path]:
    """A file for each daemon that names its image, as a generation's `bin/` has it. Raises OSError."""
    return {daemon: _reference_file(folder, image) for daemon, image in images.items()}


def _reference_file(folder: Path, image: ImageReference) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{image.sha256}.image"
    write_durably(file, f"{image}\n".encode())
    return file
