"""A Cosmos SDK node that answers what `record_cosmos` or `record_older` recorded of a real one, over REST and RPC.

    with replayed("voting") as node:
        node.rest, node.rpc      # URLs; node.moment = "halt" goes on to another moment

What was not recorded is answered as that node answers what it does not have.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.recorded.record_cosmos import FOLDER

_NOT_THERE = {"status": 501, "headers": {}, "body": {"code": 12, "message": "Not Implemented", "details": []}}
_NO_METHOD = {"error": {"code": -32601, "message": "Method not found"}}


@cache
def recorded(moment: str, folder: Path = FOLDER) -> dict[str, Any]:
    """What was recorded at a moment: `rest`, `rpc` and `abci`, as record_cosmos says."""
    found: dict[str, Any] = json.loads((folder / f"{moment}.json").read_text())
    return found


def rest_body(moment: str, path: str) -> Any:
    """The body of one REST answer."""
    return recorded(moment)["rest"][path]["body"]


def rpc_result(moment: str, path: str) -> Any:
    """The result of one RPC answer."""
    return recorded(moment)["rpc"][path]["body"]["result"]


class Replayed:
    """One node at one moment.

    Args:
        moment: One of `record_cosmos.MOMENTS`, or of `record_older`; may be set to another at any time.
        folder: Where it was recorded.
    """

    def __init__(self, moment: str, folder: Path = FOLDER) -> None:
        self.moment, self._folder = moment, folder
        self.asked: list[str] = []
        """REST paths and RPC methods, in order; of `abci_query` its path."""
        self.rest = self.rpc = ""

    def get(self, path: str) -> dict[str, Any]:
        """The answer of REST: status, headers, body."""
        self.asked.append(path)
        rest: dict[str, dict[str, Any]] = recorded(self.moment, self._folder)["rest"]
        # A page of another size than was recorded is the whole list.
        return rest.get(unquote(path)) or rest.get(unquote(path).partition("?")[0], _NOT_THERE)

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer of RPC: result or error."""
        if method == "abci_query":
            path, data = str(params.get("path", "")), str(params.get("data", "")).lower()
            self.asked.append(path)
            response = _response(recorded(self.moment, self._folder)["abci"], path, data)
            return _NO_METHOD if response is None else {"result": {"response": response}}
        self.asked.append(method)
        recordings = recorded(self.moment, self._folder)["rpc"]
        # `validators?per_page=100` answers any page: four fit into one.
        key = next((key for key in recordings if key.split("?")[0] == method), None)
        if key is None:
            return _NO_METHOD
        body: dict[str, Any] = recordings[key]["body"]
        return {kind: body[kind] for kind in ("result", "error") if kind in body}


def _response(abci: dict[str, Any], path: str, data: str) -> Any:
    """What was answered to that request, else to the longest beginning of it: how much of a list is asked for stands
    at its end."""
    known = (f"{path} {data[:length]}".strip() for length in range(len(data), -1, -2))
    return next((abci[key] for key in known if key in abci), None)


@contextmanager
def replayed(moment: str, folder: Path = FOLDER) -> Iterator[Replayed]:
    """A node on loopback that replays; it ends with the block."""
    node = Replayed(moment, folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = node.get(self.path.lstrip("/"))
            self._answer(answer["status"], answer["headers"], answer["body"])

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls = asked if isinstance(asked, list) else [asked]
            done = [
                {"jsonrpc": "2.0", "id": each["id"], **node.call(each["method"], each.get("params") or {})}
                for each in calls
            ]
            self._answer(200, {}, done if isinstance(asked, list) else done[0])

        def _answer(self, status: int, headers: dict[str, str], body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "content-type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        node.rest = node.rpc = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield node
        finally:
            server.shutdown()
            thread.join()
