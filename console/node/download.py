"""Bytes from outside: a release's file, with deadline, cap and a hash known before (facts/safety.md §2)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from console.errors import ReleaseError
from console.model import FailureCode
from console.text import untrusted

MAX_BYTES = 1 << 30
"""A raw release says no size, so this caps it."""

_SPARE_BYTES = 64 << 20
_DEADLINE_S = 600.0
_MINIMUM_RATE = 4 * 1024
"""Bytes per second over a window below which a server counts as dripping."""
_RATE_WINDOW_S = 20.0


async def download(url: str, sha256: str, folder: Path, progress: Callable[[int], None] | None = None) -> Path:
    """Fetch `url` into `folder` and check its bytes.

    Args:
        url: https, or http to a loopback address only.
        sha256: 64 hex digits that the bytes must have.
        folder: Where the file goes, as `<sha256>`; partial files are hidden and removed.
        progress: Called with the bytes received so far.

    Returns:
        The verified file.

    Raises:
        ReleaseError: With the registry's failure code; nothing is left behind.
    """
    import httpx

    _refuse_unsafe(url)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / sha256
    partial = folder / f".{sha256}.partial"
    partial.unlink(missing_ok=True)
    digest = hashlib.sha256()
    received = 0
    clock = asyncio.get_running_loop().time
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            async with (
                asyncio.timeout(_DEADLINE_S),
                httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=10.0) as client,
                client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
            ):
                if response.status_code != 200:
                    raise _failed(url, f"the server answered {response.status_code}")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise _failed(url, "the server sent a compressed answer that nobody asked for")
                window_start, window_bytes = clock(), 0
                async for chunk in response.aiter_raw(1 << 16):
                    received += len(chunk)
                    window_bytes += len(chunk)
                    _refuse_oversize(url, received, folder)
                    if clock() - window_start > _RATE_WINDOW_S:
                        if window_bytes < _MINIMUM_RATE * _RATE_WINDOW_S:
                            raise _failed(url, f"less than {_MINIMUM_RATE} bytes per second came")
                        window_start, window_bytes = clock(), 0
                    digest.update(chunk)
                    stream.write(chunk)
                    if progress is not None:
                        progress(received)
            stream.flush()
            os.fsync(stream.fileno())
        if digest.hexdigest() != sha256:
            raise ReleaseError(
                f"the bytes of {untrusted(url)} have sha256 {digest.hexdigest()}, the chain says {sha256}",
                code=FailureCode.HASH_MISMATCH,
                safe="they were thrown away and nothing was started",
                next_step="give the right bytes with `upgrade-console node add-upgrade`",
            )
        partial.replace(target)
    except httpx.HTTPError as error:
        raise _failed(url, str(error) or type(error).__name__) from error
    except httpx.InvalidURL as error:
        raise _failed(url, str(error)) from error
    except TimeoutError as error:
        raise _failed(url, f"it took longer than {_DEADLINE_S:g} seconds") from error
    except OSError as error:
        raise ReleaseError(f"cannot keep the release in {folder}: {error}", code=FailureCode.DISK_SPACE) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def mirrored(url: str, mirror: str) -> str:
    """The same file name under the operator's mirror; the chain's URL when there is no mirror."""
    if not mirror:
        return url
    return f"{mirror.rstrip('/')}/{url.partition('?')[0].partition('#')[0].rsplit('/', 1)[-1]}"


def _refuse_unsafe(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _failed(url, f"that is no URL ({error})") from error
    loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise _failed(url, "only https is allowed, and http to this machine itself")
    if parts.username or parts.password:
        raise _failed(url, "a URL with a user name is not allowed")


def _refuse_oversize(url: str, received: int, folder: Path) -> None:
    if received > MAX_BYTES:
        raise _failed(url, f"it is larger than {MAX_BYTES} bytes")
    if received % (8 << 20) < (1 << 16) and shutil.disk_usage(folder).free < _SPARE_BYTES:
        raise ReleaseError(
            f"the disk of {folder} is nearly full",
            code=FailureCode.DISK_SPACE,
            safe="the download was stopped",
            next_step="free disk space",
        )


def _failed(url: str, why: str) -> ReleaseError:
    return ReleaseError(
        f"cannot download {untrusted(url)}: {untrusted(why)}",
        code=FailureCode.DOWNLOAD_FAILED,
        safe="nothing was changed",
    )
