"""What many runs share: the process that forks controllers, and a server of releases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]

_ANSWER_S = 60.0


class Life:
    """One life of a controller."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        """Exit status; minus the signal; None while it lives."""
        self._ended = threading.Event()

    def end(self, status: int) -> None:
        """Note its end."""
        self.status = status
        self._ended.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended in time."""
        return self._ended.wait(timeout_s)


class Zygote:
    """Starts controllers.

    Args:
        package: Folder whose `console` is played, in the place of the repository's; None for that one.
    """

    def __init__(self, package: Path | None = None) -> None:
        path = [str(REPOSITORY)] if package is None else [str(package), str(REPOSITORY)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UPGRADE_CONSOLE_")}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.faults.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, "PYTHONPATH": os.pathsep.join(path)},
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._told = threading.Condition(self._lock)
        self._number = 0
        self._born: dict[int, Life] = {}
        self._living: dict[int, Life] = {}
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word = json.loads(line)
            with self._lock:
                if "number" in word:
                    self._living[word["pid"]] = self._born[word["number"]] = Life(word["pid"])
                    self._told.notify_all()
                elif (ended := self._living.pop(word["pid"], None)) is not None:
                    ended.end(word["status"])

    def begin(self, folder: Path, environment: dict[str, str], *, trace: Sequence[str] = (), shim: str = "") -> Life:
        """Start a life of the controller of FOLDER.

        Args:
            folder: The world's folder.
            environment: Its fault points.
            trace: Arguments of strace for itself; empty for none.
            shim: Program in the place of the interpreter of its shims; empty for the interpreter.
        """
        with self._lock:
            self._number += 1
            number = self._number
            order: dict[str, Any] = {
                "number": number,
                "folder": str(folder),
                "environment": environment,
                "trace": list(trace),
                "shim": shim,
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            if not self._told.wait_for(lambda: number in self._born, _ANSWER_S):
                raise TimeoutError("the process that forks controllers does not answer")
            return self._born.pop(number)

    def close(self) -> None:
        """End it, when no life goes on any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback; its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return None

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A controller that was killed while it fetched."""

    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
