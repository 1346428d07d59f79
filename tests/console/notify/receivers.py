"""A webhook and a mail server on this machine, for tests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import UnthreadedController


@dataclass
class Webhook:
    """What came, and what is answered."""

    port: int = 0
    status: int = 200
    came: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def titles(self) -> list[str]:
        return [str(each["title"]) for each in self.came]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """An HTTP server that takes POSTs."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.headers.append(dict(self.headers))
            hook.came.append(json.loads(body))
            self.send_response(hook.status)
            if 300 <= hook.status < 400:
                self.send_header("Location", f"http://127.0.0.1:{hook.port}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """A port that takes connections and never answers; the port."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in held:
            writer.close()


@asynccontextmanager
async def mailbox() -> AsyncIterator[tuple[int, list[EmailMessage]]]:
    """A mail server: its port, and what came."""
    came: list[EmailMessage] = []

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            came.append(message)
            return "250 taken"

    controller = UnthreadedController(Handler(), hostname="127.0.0.1", port=0, loop=asyncio.get_running_loop())
    server = await asyncio.get_running_loop().create_server(controller._factory_invoker, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1]), came
    finally:
        server.close()


def urls_file(folder: Path, *lines: str) -> Path:
    """A file of URLs, as an operator writes it."""
    path = folder / "notify.urls"
    path.write_text("# who is told\n" + "\n".join(lines) + "\n", "utf-8")
    path.chmod(0o600)
    return path
