"""The Docker engine behind its unix socket: one request, one answer. Standard library only, since the holder uses it.

The interface is spoken rather than the `docker` command line: what `inspect` tells is what `create` takes, so a
container is taken over without loss, and a query costs a millisecond instead of a process.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

API_VERSION = (1, 44)
"""Newest version of the engine's interface that we speak; an older engine is asked in its own."""

REQUEST_S = 30.0
"""Seconds for one answer of the engine: removing and creating copy a file system with some storage drivers."""

_LARGEST_ANSWER = 16 << 20


class EngineDown(OSError):
    """The engine does not answer: it is not running, or too slow, or may not be asked by us."""


class EngineRefused(OSError):
    """The engine answered with an error.

    Args:
        status: Of HTTP.
        message: The engine's own.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the Docker engine says: {message}")
        self.status = status


def engine_socket(environment: Mapping[str, str]) -> str:
    """Path of the engine's socket: of `DOCKER_HOST`, else where Docker has it.

    Raises:
        EngineDown: `DOCKER_HOST` names an engine on another machine, whose processes cannot be watched from here.
    """
    host = environment.get("DOCKER_HOST", "") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        raise EngineDown(f"DOCKER_HOST is {host}: only an engine on this machine, by its unix socket, can run a node")
    return os.path.abspath(host.removeprefix("unix://"))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """The Docker engine behind its unix socket; one connection per request, so threads may share it.

    Args:
        path: Of the socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._prefix = ""

    def ask(
        self, method: str, path: str, body: object = None, *, timeout_s: float | None = REQUEST_S
    ) -> dict[str, Any]:
        """One request; the JSON object of its answer, a list under `items`, empty for an empty one.

        Raises:
            EngineDown: No answer in time.
            EngineRefused: An answer that says no.
        """
        connection, response = self._open(method, path, body, timeout_s)
        try:
            raw = response.read(_LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise EngineDown(f"the Docker engine broke off: {error}") from error
        finally:
            connection.close()
        try:
            answer = json.loads(raw) if raw.strip() else {}
        except ValueError:
            answer = {"message": raw.decode("utf-8", "replace")}
        if response.status >= 400:
            message = answer.get("message", "") if isinstance(answer, dict) else ""
            raise EngineRefused(response.status, str(message) or f"HTTP {response.status}")
        return answer if isinstance(answer, dict) else {"items": answer}

    def stream(
        self, path: str, method: str = "GET", *, timeout_s: float | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """An answer that goes on; the caller closes the connection.

        Args:
            path: What is asked.
            method: Of HTTP.
            timeout_s: Longest silence in seconds; None for no limit.

        Raises:
            EngineDown: No answer.
            EngineRefused: An answer that says no.
        """
        connection, response = self._open(method, path, None, timeout_s)
        if response.status >= 400:
            message = response.read(4096).decode("utf-8", "replace")
            connection.close()
            raise EngineRefused(response.status, message)
        return connection, response

    def container(self, name: str, *, timeout_s: float = REQUEST_S) -> dict[str, Any] | None:
        """`docker inspect` of a container by name or id; None when there is none. Raises EngineDown, EngineRefused."""
        try:
            return self.ask("GET", f"/containers/{quote(name, safe='')}/json", timeout_s=timeout_s)
        except EngineRefused as error:
            if error.status == 404:
                return None
            raise

    def _open(
        self, method: str, path: str, body: object, timeout_s: float | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        if not self._prefix:
            self._prefix = self._negotiated()
        connection = _UnixConnection(self._path, timeout_s)
        try:
            if body is None:
                connection.request(method, self._prefix + path)
            else:
                connection.request(
                    method, self._prefix + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
                )
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineDown(f"the Docker engine at {self._path} does not answer: {error}") from error

    def _negotiated(self) -> str:
        connection = _UnixConnection(self._path, 5.0)
        try:
            connection.request("GET", "/_ping")
            said = connection.getresponse().getheader("Api-Version") or ""
            newest = tuple(int(part) for part in said.split("."))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineDown(f"the Docker engine at {self._path} does not answer: {error}") from error
        finally:
            connection.close()
        return "/v{}.{}".format(*min(newest[:2], API_VERSION))
