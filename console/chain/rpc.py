"""JSON-RPC over the hardened HTTP of `console.http`: JSON is read strictly, and ids must match."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from console import strict_json
from console.chain.fields import text
from console.errors import BadAnswer
from console.http import Http
from console.text import UntrustedText, untrusted

DEADLINE_S = 2.0
"""Seconds that one request may take from its start to its last byte."""

MAX_ANSWER_BYTES = 8 << 20
"""Bytes of an answer's body that are read."""

_HTML = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_ERROR_CODE_BITS = 64
_UNREADABLE = "a URL that cannot be read"


@dataclass(frozen=True, slots=True)
class Call:
    """One JSON-RPC call."""

    method: str
    params: Sequence[object] | Mapping[str, object] = ()


@dataclass(frozen=True, slots=True)
class RpcError:
    """An error object of JSON-RPC."""

    code: int
    message: UntrustedText
    data: object = None

    def __str__(self) -> str:
        return f"error {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one call: a result, or an error."""

    result: object = None
    error: RpcError | None = None

    def value(self, what: str) -> object:
        """The result.

        Args:
            what: What was asked of whom, for the sentence.

        Raises:
            BadAnswer: It is an error.
        """
        if self.error is not None:
            raise BadAnswer(f"{what} was answered with {self.error}")
        return self.result


def endpoint_name(url: str) -> str:
    """Scheme, host and port of a URL: all that may be shown, because paths and user parts hold access keys."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _UNREADABLE
    host = f"[{host}]" if ":" in host else host
    return str(untrusted(f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")))


class JsonRpc:
    """JSON-RPC 2.0 by POST to any number of endpoints; one HTTP request per `call` or `batch`.

    Args:
        deadline_s: Seconds per request, from start to last byte.
        max_bytes: Bytes of body read before an answer is refused.
        clock: Monotonic seconds, for ages.
        tokens: Access tokens by the URL that they are sent to, as `Authorization: Bearer`; never shown or logged.
    """

    def __init__(
        self,
        *,
        deadline_s: float = DEADLINE_S,
        max_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], float] = time.monotonic,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self._tokens = dict(tokens or {})
        self._deadline_s = deadline_s
        self._http = Http(max_bytes=max_bytes)
        self._clock = clock
        self._answered_at: dict[str, float] = {}
        self._next_id = 0

    async def call(
        self,
        url: str,
        method: str,
        params: Sequence[object] | Mapping[str, object] = (),
        *,
        deadline_s: float | None = None,
    ) -> Reply:
        """Make one call.

        Raises:
            EndpointDown: No answer before the deadline.
            BadAnswer: An answer that is not JSON-RPC.
        """
        (reply,) = await self.batch(url, [Call(method, params)], deadline_s=deadline_s)
        return reply

    async def batch(self, url: str, calls: Sequence[Call], *, deadline_s: float | None = None) -> tuple[Reply, ...]:
        """Make several calls in one HTTP request; a single one is sent as a plain object.

        Returns:
            Replies in the order of `calls`. An error of one call is in its reply.

        Raises:
            EndpointDown: No answer before the deadline.
            BadAnswer: An answer that is not JSON-RPC, or one that does not answer every call exactly once.
        """
        ids = list(range(self._next_id + 1, self._next_id + 1 + len(calls)))
        self._next_id += len(calls)
        requests = [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": call.method,
                "params": dict(call.params) if isinstance(call.params, Mapping) else list(call.params),
            }
            for number, call in zip(ids, calls, strict=True)
        ]
        body = json.dumps(requests if len(requests) != 1 else requests[0]).encode()
        answer = await self._post(url, body, self._deadline_s if deadline_s is None else deadline_s)
        replies = _replies(answer, ids, endpoint_name(url))
        self._answered_at[url] = self._clock()
        return replies

    def age_s(self, url: str) -> float | None:
        """Seconds since the endpoint's last usable answer, None when there was none."""
        at = self._answered_at.get(url)
        return None if at is None else max(0.0, self._clock() - at)

    async def close(self) -> None:
        """Close every connection; the client may not be used afterwards."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _post(self, url: str, body: bytes, deadline_s: float) -> object:
        name = endpoint_name(url)
        if name == _UNREADABLE:
            raise BadAnswer(f"{name} cannot be asked", next_step="check the URL in the settings")
        headers = {"Content-Type": "application/json"}
        if token := self._tokens.get(url):
            headers["Authorization"] = f"Bearer {token}"
        answer = await self._http.exchange("POST", url, name, deadline_s=deadline_s, headers=headers, body=body)
        return _parse(answer.content, answer.status, name)


def _parse(content: bytes, status: int, name: str) -> object:
    try:
        # CometBFT sends its JSON-RPC errors with HTTP 500, so the body decides and not the status.
        return strict_json.loads(content)
    except strict_json.NotStrictJson as error:
        came = "an empty body" if not content.strip() else "HTML" if _HTML.match(content) else str(error)
        said = f" (HTTP {status})" if status != 200 else ""
        raise BadAnswer(
            f"{name} answered with {came} instead of JSON-RPC{said}", next_step="check the URL in the settings"
        ) from None


def _replies(answer: object, ids: Sequence[int], name: str) -> tuple[Reply, ...]:
    if len(ids) == 1:
        number, reply = _reply(answer, name)
        # A node that cannot read the request answers with id null and its reason.
        if number != ids[0] and reply.error is None:
            raise BadAnswer(f"{name} answered another request than the one that was made")
        return (reply,)
    if not isinstance(answer, list):
        _, reply = _reply(answer, name)
        reply.value(f"a batch of {len(ids)} calls to {name}")
        raise BadAnswer(f"{name} answered a batch with a single value")
    asked = frozenset(ids)
    found: dict[int, Reply] = {}
    for entry in answer:
        number, reply = _reply(entry, name)
        if number is None or number not in asked or number in found:
            raise BadAnswer(f"{name} answered a call that was not made, or one twice")
        found[number] = reply
    if len(found) != len(ids):
        raise BadAnswer(f"{name} answered {len(found)} of {len(ids)} calls of a batch")
    return tuple(found[number] for number in ids)


def _reply(entry: object, name: str) -> tuple[int | None, Reply]:
    if not isinstance(entry, dict) or entry.get("jsonrpc") != "2.0":
        raise BadAnswer(f"{name} answered with JSON that is not JSON-RPC 2.0")
    number = entry.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        number = None
    error = entry.get("error")
    if error is not None:
        return number, Reply(error=_error(error, name))
    if "result" not in entry:
        raise BadAnswer(f"{name} answered with neither a result nor an error")
    return number, Reply(result=entry["result"])


def _error(error: object, name: str) -> RpcError:
    if not isinstance(error, dict):
        raise BadAnswer(f"{name} answered with an error that is not an object")
    code = error.get("code")
    if not isinstance(code, int) or isinstance(code, bool) or code.bit_length() > _ERROR_CODE_BITS:
        code = 0
    message = text(error.get("message"), f"the error message of {name}")
    data = error.get("data")
    # CometBFT's message is always "Internal error"; what happened is in its data.
    if isinstance(data, str) and str(message) in {"Internal error", "Invalid params", "Server error"}:
        message = untrusted(f"{message}: {data}")
    return RpcError(code, message, data)
