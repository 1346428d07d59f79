"""One hardened HTTP exchange for every endpoint of every kind (facts/safety.md §7).

An endpoint is not trusted: each exchange has an overall deadline that a slow drip cannot stretch, the answer has a
cap, redirects and compression are refused. Proxies and credentials of the environment are not used, no cookie is kept.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import httpx

from console.errors import BadAnswer, EndpointDown

_IDLE_S = 8.0
"""Seconds for which an idle connection is kept: CometBFT closes one after 10 (its `ReadTimeout`)."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_ALWAYS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "upgrade-console"}


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
        self._transports: dict[bool, httpx.AsyncHTTPTransport] = {}

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
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise BadAnswer(f"{name} cannot be asked", next_step="check the URL in the settings") from None
        except httpx.RemoteProtocolError as error:
            if "disconnected" in str(error) or "closed connection" in str(error):
                raise EndpointDown(f"{name} closed the connection without a whole answer") from None
            raise BadAnswer(f"{name} answered with something that is not HTTP") from None
        except httpx.TransportError as error:
            raise EndpointDown(f"{name} does not answer ({_reason(error)})") from None

    async def close(self) -> None:
        """Close every connection; this may not be used afterwards."""
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()

    async def _exchange(
        self, method: str, url: str, name: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        asked = httpx.URL(url)
        every = {**_ALWAYS, **headers}
        # A token was set for this very URL: it counts, not the name and password in it.
        if asked.userinfo and "Authorization" not in headers:
            every["Authorization"] = f"Basic {b64encode(unquote(asked.userinfo.decode()).encode()).decode()}"
        request = httpx.Request(method, asked, headers=every, content=body)
        # A client above it would follow, keep, decode and ask the environment: all that we refuse.
        response = await self._transport(asked).handle_async_request(request)
        try:
            if response.status_code in _REDIRECTS:
                raise BadAnswer(f"{name} answered with a redirect (HTTP {response.status_code}), which is not followed")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise BadAnswer(f"{name} answered with compressed data that was not asked for")
            content = await self._read(response, name)
        finally:
            await response.aclose()
        return HttpAnswer(response.status_code, dict(response.headers), content)

    async def _read(self, response: httpx.Response, name: str) -> bytes:
        too_big = BadAnswer(f"{name} answered with more than {self._max_bytes} bytes")
        declared = response.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._max_bytes:
            raise too_big
        content = bytearray()
        # As it comes: a decoder would let a few compressed bytes grow beyond any cap.
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > self._max_bytes:
                raise too_big
        return bytes(content)

    def _transport(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        secure = url.scheme == "https"
        transport = self._transports.get(secure)
        if transport is None:
            # Plain HTTP does not wait 20 ms for the system's certificates to be read; its context trusts nobody, so a
            # mistake here could only fail.
            context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            limits = httpx.Limits(keepalive_expiry=_IDLE_S)
            transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
            self._transports[secure] = transport
        return transport


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError):
        words = str(error).lower()
        if "certificate" in words or "ssl" in words:
            return "its certificate or TLS is not acceptable"
        return "connection refused or host unknown"
    return "the connection broke"
