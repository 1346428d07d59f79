"""One hardened GET for REST endpoints, as untrusted as any: deadline, size cap, strict JSON (facts/safety.md §7)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from console import strict_json
from console.chain.rpc import DEADLINE_S, MAX_ANSWER_BYTES, endpoint_name
from console.errors import BadAnswer, EndpointDown


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One answer with status 200."""

    body: object
    """Decoded JSON."""
    headers: Mapping[str, str]
    """By lower-case name."""


class Rest:
    """GET requests to any number of REST endpoints.

    Args:
        deadline_s: Seconds per request, from start to last byte.
        max_bytes: Bytes of body read before an answer is refused.
    """

    def __init__(self, *, deadline_s: float = DEADLINE_S, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def get(self, base: str, path: str) -> RestAnswer:
        """Get one path under a base URL.

        Raises:
            EndpointDown: No answer before the deadline.
            BadAnswer: An answer that is not JSON with status 200, redirects and compression included.
        """
        name = endpoint_name(base)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(base.rstrip("/") + path, name)
        except TimeoutError:
            raise EndpointDown(f"{name} did not answer within {self._deadline_s:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise BadAnswer(f"{name} cannot be asked", next_step="check the URL in the settings") from None
        except (httpx.RemoteProtocolError, httpx.DecodingError):
            raise BadAnswer(f"{name} answered with something that is not HTTP") from None
        except httpx.TransportError:
            raise EndpointDown(f"{name} does not answer") from None

    async def close(self) -> None:
        """Close every connection; the client may not be used afterwards."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()

    async def _exchange(self, url: str, name: str) -> RestAnswer:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client(url).stream("GET", url, headers=headers) as response:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise BadAnswer(f"{name} answered with compressed data that was not asked for")
            content = bytearray()
            # Raw: a decoder would let a few compressed bytes grow beyond any cap.
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > self._max_bytes:
                    raise BadAnswer(f"{name} answered with more than {self._max_bytes} bytes")
        if response.status_code != 200:
            raise BadAnswer(f"{name} answered with HTTP {response.status_code}")
        try:
            body = strict_json.loads(bytes(content))
        except strict_json.NotStrictJson as error:
            raise BadAnswer(f"{name} answered with {error} instead of JSON") from None
        return RestAnswer(body, {key.lower(): value for key, value in response.headers.items()})

    def _client(self, url: str) -> httpx.AsyncClient:
        secure = url[:6].lower() == "https:"
        client = self._clients.get(secure)
        if client is None:
            # As in console.chain.rpc: plain HTTP does not wait for the system's certificates.
            context: ssl.SSLContext | bool = True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client = httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=None)
            self._clients[secure] = client
        return client
