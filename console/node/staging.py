"""What is verified becomes a generation: one publication at a time, whoever waits for it."""

from __future__ import annotations

import threading
from pathlib import Path

from console.errors import ReleaseError
from console.model import Attempt, FailureCode
from console.node.generation import Generations
from console.node.manifests import VerifiedRelease
from console.node.wasm_migrations import MODULE


class Staging:
    """Publishes generations; every call works on the disk and belongs into a thread.

    Args:
        generations: Where they are published.
        downloads: Folder of the files on their way, which are removed once they are there.
    """

    def __init__(self, generations: Generations, downloads: Path) -> None:
        self._generations = generations
        self._downloads = downloads
        self._lock = threading.Lock()
        """A thread that stages goes on when the task that waits for it is cancelled."""

    def release(
        self,
        attempt: Attempt,
        daemon: str,
        release: VerifiedRelease,
        files: dict[str, tuple[Path, str]],
        module: Path | None,
    ) -> None:
        """Publish every program of a release, those that do not change from the current generation.

        Args:
            attempt: Whose generation it becomes.
            daemon: Name of the program that is the node.
            release: What was verified.
            files: Where each program is, and its sha256.
            module: The release's WASM module; None where it has none.

        Raises:
            ReleaseError: The disk has no room, or the bytes are not what was verified.
        """
        others = {name: found for name, found in files.items() if name != daemon}
        try:
            file, sha256 = files[daemon]
            origin = release.own_build or f"manifest sha256 {release.sha256}"
            documents = dict(release.documents)
            if module is not None:
                documents[MODULE] = module.read_bytes()
            with self._lock:
                self._generations.stage(
                    attempt.generation, file, sha256, origin, companions=others, documents=documents
                )
        except OSError as error:
            raise ReleaseError(f"cannot stage the release: {error}", code=FailureCode.DISK_SPACE) from error
        for path, _ in others.values():
            path.unlink(missing_ok=True)
        if module is not None and module.parent == self._downloads:
            module.unlink(missing_ok=True)

    def file(self, attempt: Attempt, verified: Path, origin: str) -> None:
        """Publish one verified file, or vouch for the same bytes that lie there. Raises OSError, ReleaseError."""
        name = attempt.generation
        with self._lock:
            there = self._generations.staged(name, attempt.generation_hash)
            if there is None:
                self._generations.stage(name, verified, attempt.generation_hash, origin)
            elif not there.verified:
                # The same bytes, put there by hand or by Cosmovisor: now somebody vouches for them.
                self._generations.adopt_recorded(name, f"given: {origin}", sha256=attempt.generation_hash)
        verified.unlink(missing_ok=True)

    def ahead(self, folder: str, binary: Path, sha256: str, force: bool) -> None:
        """Stage bytes for a plan that the chain does not have yet, on the operator's word."""
        with self._lock:
            self._generations.stage_file(folder, binary, sha256, f"given: {binary}", force=force)
