"""One hardened HTTP exchange for every endpoint of every kind (facts/safety.md §7).

An endpoint is not trusted: each exchange has an overall deadline that a slow drip cannot stretch, the answer has a
cap, redirects and compression are refused. Proxies and credentials of the environment are not used, no cookie is kept.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from console.errors import BadAnswer, EndpointDown

_IDLE_S = 8.0
"""Seconds for which an idle connection is kept: CometBFT closes one after 10 (its `ReadTimeout`)."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One whole answer."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    content: bytes


class Http:
    """Exchanges with any number of endpoints; connections are kept while they are used.

    Args:
        max_bytes: Bytes of body read before an answer is refused.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def exchange(
        self,
        method: str,
        url: str,
        name: str,
        *,
        deadline_s: float,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Make one request and read its answer.

        Args:
            method: GET or POST.
            url: What is asked.
            name: What may be shown of the URL.
            deadline_s: Seconds from the start to the last byte.
            headers: Further headers.
            body: What is posted.

        Raises:
            EndpointDown: No whole answer before the deadline.
            BadAnswer: Not HTTP, too much, a redirect or compressed; or a URL that cannot be asked.
        """
        try:
            async with asyncio.timeout(deadline_s):
                return await self._exchange(method, url, name, headers, body)
        except TimeoutError:
            raise EndpointDown(f"{name} did not answer within {deadline_s:g} s") from None
        except (aiohttp.InvalidURL, ValueError):
            raise BadAnswer(f"{name} cannot be asked", next_step="check the URL in the settings") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError):
            raise EndpointDown(f"{name} closed the connection without a whole answer") from None
        except aiohttp.ClientResponseError:
            raise BadAnswer(f"{name} answered with something that is not HTTP") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EndpointDown(f"{name} does not answer ({_reason(error)})") from None

    async def close(self) -> None:
        """Close every connection; this may not be used afterwards."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    async def _exchange(
        self, method: str, url: str, name: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        asked = URL(url, encoded=True)
        if "Authorization" in headers:
            # A token was set for this very URL: it counts, not the name and password in it.
            asked = asked.with_user(None)
        every = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        async with self._session(asked).request(
            method, asked, data=body, headers=every, allow_redirects=False
        ) as response:
            if response.status in _REDIRECTS:
                raise BadAnswer(f"{name} answered with a redirect (HTTP {response.status}), which is not followed")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise BadAnswer(f"{name} answered with compressed data that was not asked for")
            content = await self._read(response, name)
        return HttpAnswer(response.status, {key.lower(): value for key, value in response.headers.items()}, content)

    async def _read(self, response: aiohttp.ClientResponse, name: str) -> bytes:
        too_big = BadAnswer(f"{name} answered with more than {self._max_bytes} bytes")
        if (response.content_length or 0) > self._max_bytes:
            raise too_big
        content = bytearray()
        # As it comes: a decoder would let a few compressed bytes grow beyond any cap.
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._max_bytes:
                raise too_big
        return bytes(content)

    def _session(self, url: URL) -> aiohttp.ClientSession:
        secure = url.scheme == "https"
        session = self._sessions.get(secure)
        if session is None:
            # Plain HTTP does not wait 20 ms for the system's certificates to be read; its context trusts nobody, so a
            # mistake here could only fail.
            context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
            )
            self._sessions[secure] = session
        return session


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "its certificate or TLS is not acceptable"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused or host unknown"
    return "the connection broke"
