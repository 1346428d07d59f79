"""Small files whose hash nobody knows before: the signatures beside a manifest's URL, checked by what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from console.errors import ReleaseError
from console.model import FailureCode
from console.node.release.keyring import Keyring
from console.node.release.roles import RING_ROLES
from console.node.release.signature_files import SUFFIX
from console.node.release.sshsig import MAX_FILE
from console.text import untrusted

Fetch = Callable[[Iterable[str], int], Awaitable[dict[str, bytes]]]
"""Files by URL, of at most so many bytes each; what is not there is left out. Raises ReleaseError."""

_DEADLINE_S = 60.0
_AT_ONCE = 8


def signature_urls(manifest_url: str, keyring: Keyring) -> dict[str, str]:
    """Where the signatures of a manifest may be, by the file name that each gets here.

    Beside it, called after it, the signer and the role, as `release sign` calls them.

    Args:
        manifest_url: Where the manifest is; its query is kept.
        keyring: Whose names are tried.
    """
    parts = urlsplit(manifest_url)
    last = parts.path.rsplit("/", 1)[-1]
    found = {}
    for key in keyring.keys:
        for role in RING_ROLES:
            if key.may(role):
                tail = f".{key.name}.{role.value}{SUFFIX}"
                found[parts._replace(path=f"{parts.path}{tail}", fragment="").geturl()] = f"{last}{tail}"
    return found


async def fetch_small(urls: Iterable[str], most: int = MAX_FILE) -> dict[str, bytes]:
    """Fetch small files, a few at a time; what is not there, or larger, is left out.

    Args:
        urls: https, or http to a loopback address only; no redirect is followed.
        most: Bytes of each.

    Raises:
        ReleaseError: A URL may not be used, the server does not answer, or it took too long.
    """
    import httpx

    wanted = list(urls)
    for url in wanted:
        _refuse_unsafe(url)
    turn = asyncio.Semaphore(_AT_ONCE)
    found: dict[str, bytes] = {}

    async def one(client: httpx.AsyncClient, url: str) -> None:
        async with turn, client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                return
            content = b""
            async for chunk in answer.aiter_raw(most + 1):
                content += chunk
                if len(content) > most:
                    return
            found[url] = content

    try:
        async with (
            asyncio.timeout(_DEADLINE_S),
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=10.0) as client,
            asyncio.TaskGroup() as group,
        ):
            for url in wanted:
                group.create_task(one(client, url))
    except* (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as group_error:
        first = group_error.exceptions[0]
        raise _failed(wanted[0], str(first) or type(first).__name__) from group_error
    return found


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


def _failed(url: str, why: str) -> ReleaseError:
    return ReleaseError(
        f"cannot fetch the signatures beside {untrusted(url)}: {untrusted(why, 120)}",
        code=FailureCode.DOWNLOAD_FAILED,
        safe="nothing was started",
    )
