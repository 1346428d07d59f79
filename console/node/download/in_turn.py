"""The sources of one file in turn, none of them trusted: the first whose bytes are the promised ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import ReleaseError
from console.model import FailureCode, Fetching
from console.node.download.checksum import Checksum
from console.node.download.failure import SourceFailed
from console.node.download.partial import Partial
from console.node.download.rules import DownloadRules
from console.node.download.transfer import Transfer
from console.node.download.urls import parse_url
from console.node.threads import to_the_end
from console.text import untrusted

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A verified file."""

    file: Path
    source: str
    """URL that it came from, as it was given; the first one for what an earlier run brought."""


async def download(
    sources: Sequence[str],
    checksum: Checksum,
    folder: Path,
    *,
    size: int | None = None,
    rules: DownloadRules | None = None,
    progress: Callable[[Fetching], None] | None = None,
) -> Downloaded:
    """Fetch a file into `folder` and check its bytes.

    Args:
        sources: URLs, in the order in which they are tried.
        checksum: That the whole file must have.
        folder: Where the file goes, as the digest; what is on its way is in `.partial/`.
        size: Its exact bytes, where somebody signed them.
        rules: Bounds; the usual ones when not given.
        progress: Told how far it is, at most twice a second and once at the end of each source's body.

    Returns:
        The verified file, durable, and where it came from.

    Raises:
        ReleaseError: With the registry's failure code and what each source did; only what can be resumed is left.
    """
    rules = DownloadRules() if rules is None else rules
    target = folder / checksum.digest
    failures: list[tuple[str, SourceFailed]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if await asyncio.to_thread(_is_there, target, checksum):
            return Downloaded(target, sources[0] if sources else "")
        for source in sources:
            try:
                return await _from(source, checksum, folder, size, rules, progress)
            except SourceFailed as failure:
                if len(sources) > 1:
                    # One failure is told by whoever asked.
                    _LOG.warning("%s: %s", untrusted(source), failure)
                failures.append((source, failure))
                if failure.code is FailureCode.DISK_SPACE:
                    break
    except OSError as error:
        raise ReleaseError(
            f"cannot keep the download in {folder}: {error.strerror or error}",
            code=FailureCode.DISK_SPACE,
            safe="what came of it was thrown away",
            next_step="free disk space",
        ) from error
    raise _failed(failures, checksum)


async def _from(
    source: str,
    checksum: Checksum,
    folder: Path,
    size: int | None,
    rules: DownloadRules,
    progress: Callable[[Fetching], None] | None,
) -> Downloaded:
    parse_url(source)
    partial = Partial(folder, checksum, source)
    keep = False
    try:
        while True:
            await Transfer(source, partial, rules, size, progress).run()
            try:
                return Downloaded(await to_the_end(partial.publish), source)
            except SourceFailed as failure:
                if partial.came_at_once:
                    raise
                # No lie of the server: what was kept may have been cut by a power failure.
                _LOG.warning("%s: %s; from the beginning", untrusted(source), failure)
                partial.begin("", None)
    except SourceFailed as failure:
        keep = failure.resumable
        raise
    except asyncio.CancelledError:
        keep = True
        raise
    finally:
        partial.close(keep=keep)


def _is_there(target: Path, checksum: Checksum) -> bool:
    """Whether an earlier run brought the file and got no further; anything else in its place is removed."""
    if not target.is_symlink() and target.is_file() and checksum.of(target) == checksum.digest:
        return True
    target.unlink(missing_ok=True)
    return False


def _failed(failures: Sequence[tuple[str, SourceFailed]], checksum: Checksum) -> ReleaseError:
    codes = {failure.code for _, failure in failures}
    code = next(
        (code for code in (FailureCode.DISK_SPACE, FailureCode.HASH_MISMATCH) if code in codes),
        FailureCode.DOWNLOAD_FAILED,
    )
    said = [f"{untrusted(source)}: {failure}" for source, failure in failures]
    return ReleaseError(
        f"cannot download {' — '.join(said) if said else 'anything: no source is known'}",
        code=code,
        safe="nothing was started",
        next_step={
            FailureCode.DISK_SPACE: "free disk space",
            FailureCode.HASH_MISMATCH: "give the right bytes with `upgrade-console node add-upgrade`",
        }.get(code, ""),
    )
