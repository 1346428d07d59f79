"""A program by its URL and checksum: downloaded, taken out of its archive, and tried before anything is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import InputError
from console.files import sha256_of
from console.model import Fetching
from console.node.cosmovisor.plan_info import parse_address
from console.node.download import MAX_BYTES, Checksum, DownloadRules, download
from console.node.download.checksum import read_checksum
from console.node.preflight import PreflightRequest, run_preflight
from console.node.threads import to_the_end
from console.text import UntrustedText

_ARCHIVES = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zst",
}
"""First bytes of what is packed."""


@dataclass(frozen=True, slots=True)
class FetchedExecutable:
    """A verified program on this machine that was not started as a daemon yet."""

    file: Path
    sha256: str
    """Of the program itself, 64 hex digits."""
    origin: str
    """URL that it came from."""
    checksum: Checksum
    """Of what was downloaded: the program, or its archive."""
    version: UntrustedText
    """What it says of itself; empty where it is not asked."""


def checksum_given(text: str) -> str:
    """A checksum as it is compared, `sha256:…`. Raises ValueError with the rest of `NAME must be …`."""
    try:
        found = read_checksum(text)
    except ValueError as error:
        raise ValueError(f"a checksum as sha256:…; it {error}") from error
    return f"{found.algorithm}:{found.digest}"


async def fetch_executable(
    url: str,
    checksum: str,
    folder: Path,
    names: Sequence[str],
    *,
    version: Sequence[str] = ("version",),
    allow_script: bool = False,
    told: Callable[[Fetching], None] | None = None,
) -> FetchedExecutable:
    """Bring a program that the operator named to this machine, and try it.

    Args:
        url: Where it is; its own host is trusted as the operator's word, its bytes are not.
        checksum: Of the bytes behind the URL, as `sha256:…`.
        folder: Where it is kept.
        names: What it may be called in an archive: `bin/simd`, `simd`.
        version: Arguments with which it prints its version; empty: it is not asked.
        allow_script: Whether a script will do.
        told: Told how far the download is.

    Raises:
        InputError: URL or checksum cannot be used.
        NodeError: The URL is none that is fetched.
        ReleaseError: It cannot be had, has other bytes, or is no program that runs here; nothing was stopped.
    """
    try:
        wanted = read_checksum(checksum)
    except ValueError as error:
        raise InputError(f"the checksum {error}", safe="nothing was downloaded") from error
    address = parse_address(url)
    if address.checksum is not None and address.checksum != wanted:
        raise InputError("the URL carries another checksum than the one that was given", safe="nothing was downloaded")
    target = folder / f"{wanted.digest}.program"
    if not target.is_file():
        # Named by the operator: it may be on his own machine or in his own network.
        got = await download((address.url,), wanted, folder, rules=DownloadRules(own=True), progress=told)
        await to_the_end(_unpacked, got.file, address.packing, names, target)
    digest = await asyncio.to_thread(sha256_of, target)
    report = await asyncio.to_thread(
        run_preflight, PreflightRequest(target, digest, version=tuple(version), allow_script=allow_script)
    )
    report.raise_on_failure()
    return FetchedExecutable(target, digest, address.url, wanted, report.version)


def _unpacked(whole: Path, packing: str, names: Sequence[str], target: Path) -> None:
    from console.node.unpack import take_member

    if not packing:
        with whole.open("rb") as stream:
            first = stream.read(8)
        kind = next((kind for magic, kind in _ARCHIVES.items() if first.startswith(magic)), "")
        if kind:
            raise InputError(
                f"what was downloaded is packed ({kind}) and no program, though its URL does not say so",
                safe="nothing was stopped or replaced",
                next_step=f"add `?archive={'tar.gz' if kind == 'gz' else kind}` to the URL, or give the program's own",
            )
        whole.chmod(0o700)
        whole.rename(target)
        return
    beside = target.with_suffix(".unpacked")
    beside.unlink(missing_ok=True)
    take_member(whole, packing, tuple(names), beside, MAX_BYTES)
    beside.chmod(0o700)
    beside.rename(target)
