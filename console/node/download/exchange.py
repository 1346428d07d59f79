"""One request and its answer over one connected socket; blocking, for a thread, and stopped from outside.

The standard library's client and not a larger one: it takes a socket that we connected to a checked address, trusts
the system's roots and no environment, and reads as fast as the socket gives.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.node.download.failure import SourceFailed
from console.node.download.urls import Url
from console.text import untrusted

if TYPE_CHECKING:
    import http.client
    import ssl

CHUNK = 1 << 20
"""Most bytes of one read: fewer, larger steps through Python; measured on loopback."""
_SILENCE_S = 60.0
"""Longest wait for a single byte; pace and deadline are watched from outside."""
_LENGTH = re.compile(r"[0-9]{1,15}")
_AGENT = "upgrade-console"


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of an answer says, as far as it matters; all of it foreign text."""

    status: int
    location: str
    etag: str
    content_range: str
    length: int | None
    """Bytes that the body should have; None where it is not said."""


class Exchange:
    """One exchange.

    Args:
        sock: Connected, blocking; closed by `close`.
        url: What is asked for; its host is in Host, and in the TLS hello.
        tls: For https.
    """

    def __init__(self, sock: socket.socket, url: Url, tls: ssl.SSLContext | None) -> None:
        self._socket = sock
        self._url = url
        self._tls = tls
        self._stopped = False
        self._answer: http.client.HTTPResponse | None = None
        self.received = 0
        """Bytes of the body so far; read by whoever watches."""

    def ask(self, headers: Mapping[str, str]) -> Head:
        """Send the request and read the answer's head.

        Raises:
            SourceFailed: There is no answer, or one that is refused as a whole.
        """
        import http.client

        try:
            self._socket.settimeout(_SILENCE_S)
            if self._tls is not None:
                # The handshake only once the socket can be stopped by the name that it has now.
                self._socket = self._tls.wrap_socket(
                    self._socket, server_hostname=self._url.host, do_handshake_on_connect=False
                )
                self._still_wanted()
                self._socket.do_handshake()
            self._still_wanted()
            connection = http.client.HTTPConnection(self._url.host, self._url.port)
            connection.auto_open = 0
            connection.sock = self._socket
            connection.putrequest("GET", self._url.target, skip_host=True, skip_accept_encoding=True)
            ours = {"Host": self._url.authority, "User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
            for name, value in {**ours, **headers, "Connection": "close"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            self._answer = answer = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceFailed(_words(error)) from error
        return _head(answer)

    def receive(self, write: Callable[[bytes], None], length: int | None) -> None:
        """Hand the body over piece by piece, as it comes over the wire.

        Args:
            write: Gets each piece; its own errors are let through.
            length: Bytes to read; None: all that there are.

        Raises:
            SourceFailed: The connection ended before the body did.
        """
        import http.client

        assert self._answer is not None, "nothing was asked"
        while length is None or self.received < length:
            wanted = CHUNK if length is None else min(CHUNK, length - self.received)
            try:
                chunk = self._answer.read1(wanted)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise SourceFailed(_words(error)) from error
            if not chunk:
                break
            write(chunk)
            self.received += len(chunk)
        if length is not None and self.received < length:
            raise SourceFailed(f"the connection ended after {self.received} of {length} bytes")
        self._still_wanted()

    def stop(self) -> None:
        """Make a thread that is in here come out with an error; from any thread."""
        self._stopped = True
        # Below TLS, whose own shutdown would wait for the other side.
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, once no thread is in here."""
        if self._answer is not None:
            self._answer.close()
        self._socket.close()

    def _still_wanted(self) -> None:
        if self._stopped:
            raise SourceFailed("it was stopped")


def _head(answer: http.client.HTTPResponse) -> Head:
    headers = answer.headers
    lengths = {value.strip() for value in headers.get_all("Content-Length", [])}
    chunked = [value.strip().lower() for value in headers.get_all("Transfer-Encoding", [])]
    if len(lengths) > 1 or (lengths and chunked):
        raise SourceFailed("the server says the length in two ways")
    if chunked not in ([], ["chunked"]):
        raise SourceFailed("the server sent a transfer encoding that nobody asked for")
    if any(value.strip().lower() not in ("", "identity") for value in headers.get_all("Content-Encoding", [])):
        raise SourceFailed("the server sent a compressed answer that nobody asked for")
    length = lengths.pop() if lengths else ""
    if length and not _LENGTH.fullmatch(length):
        raise SourceFailed(f"the server says a length of {untrusted(length, 40)}")
    return Head(
        status=answer.status,
        location=headers.get("Location", ""),
        etag=headers.get("ETag", "").strip(),
        content_range=headers.get("Content-Range", "").strip(),
        length=int(length) if length else None,
    )


def _words(error: Exception) -> str:
    reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error)
    return str(untrusted(reason or type(error).__name__, 160))
