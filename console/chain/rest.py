"""GET requests of REST endpoints over the hardened HTTP of `console.http`, with JSON read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console import strict_json
from console.chain.rpc import DEADLINE_S, MAX_ANSWER_BYTES, endpoint_name
from console.errors import BadAnswer
from console.http import Http


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One answer with status 200."""

    body: object
    """Decoded JSON."""
    headers: Mapping[str, str]
    """By lower-case name."""


class RestRefused(BadAnswer):
    """An endpoint answered, with another status than 200: it is there, and does not tell this."""

    def __init__(self, what: str, *, status: int) -> None:
        super().__init__(what)
        self.status = status


class Rest:
    """GET requests to any number of REST endpoints.

    Args:
        deadline_s: Seconds per request, from start to last byte.
        max_bytes: Bytes of body read before an answer is refused.
    """

    def __init__(self, *, deadline_s: float = DEADLINE_S, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._deadline_s = deadline_s
        self._http = Http(max_bytes=max_bytes)

    async def get(self, base: str, path: str, headers: Mapping[str, str] | None = None) -> RestAnswer:
        """Get one path under a base URL.

        Raises:
            EndpointDown: No answer before the deadline.
            RestRefused: Another status than 200.
            BadAnswer: An answer that is not JSON with status 200, redirects and compression included.
        """
        name, url = endpoint_name(base), base.rstrip("/") + path
        answer = await self._http.exchange("GET", url, name, deadline_s=self._deadline_s, headers=headers or {})
        if answer.status != 200:
            raise RestRefused(f"{name} answered with HTTP {answer.status}", status=answer.status)
        try:
            body = strict_json.loads(answer.content)
        except strict_json.NotStrictJson as error:
            raise BadAnswer(f"{name} answered with {error} instead of JSON") from None
        return RestAnswer(body, answer.headers)

    async def close(self) -> None:
        """Close every connection; the client may not be used afterwards."""
        await self._http.close()
