"""One container of a run, watched: its end, its words, its stop. Standard library only, since the holder uses it."""

from __future__ import annotations

import http.client
import math
import os
import queue
import threading
import time

from console.node.runtime.engine import REQUEST_S, Engine, EngineRefused

_RETRY_S = 0.5
_LAST_WORDS_S = 5.0

Events = queue.SimpleQueue[tuple[str, str]]
"""(`ended`, service) or (`stop`, nothing)."""


class Watched:
    """One container of the run: waits for its end, copies what it writes, stops it. One thread for each.

    Args:
        engine: That runs it.
        name: Of the service.
        container: Its id.
        log: Descriptor of node.log, opened to append.
        events: Where ends are told: (what, this).
    """

    def __init__(self, engine: Engine, name: str, container: str, log: int, events: Events) -> None:
        self._engine = engine
        self.name = name
        self.container = container
        self._log = log
        self._events = events
        self._stopped_at: float | None = None
        self._grace_s = 0.0
        self._since = 0.0
        self._following: threading.Thread | None = None
        self.code: int | None = None
        self.killed = False
        self.gone = threading.Event()

    def begin(self, since: float) -> None:
        """Watch it, and copy what it wrote since then (Unix seconds)."""
        self._since = since
        self._following = threading.Thread(target=self._follow, daemon=True)
        self._following.start()
        threading.Thread(target=self._wait, daemon=True).start()

    def stop(self, grace_s: float) -> None:
        """Stop it: its stop signal, SIGKILL after the grace. Asks until it is gone."""
        self._stopped_at, self._grace_s = time.monotonic(), float(math.ceil(grace_s))
        threading.Thread(target=self._stop, daemon=True).start()

    def last_words(self) -> None:
        """Give what it wrote last time to arrive."""
        if self._following is not None:
            self._following.join(_LAST_WORDS_S)

    def _wait(self) -> None:
        while True:
            try:
                try:
                    self._engine.ask("POST", f"/containers/{self.container}/wait", timeout_s=None)
                except EngineRefused:
                    # Removed by somebody: the look below tells.
                    pass
                found = self._engine.container(self.container)
            except OSError:
                # An engine that is being restarted: the container lives on, or its end is known when it is back.
                time.sleep(_RETRY_S)
                continue
            state = {} if found is None else found["State"]
            if state.get("Running"):
                # Somebody else started it again: that is not our run any more.
                self._events.put(("ended", self.name))
                time.sleep(_RETRY_S)
                continue
            code = state.get("ExitCode")
            self.code = code if isinstance(code, int) else None
            late = self._stopped_at is not None and time.monotonic() - self._stopped_at >= self._grace_s
            # 137 is all that the engine tells of SIGKILL; before the grace was over it was not ours.
            self.killed = late and code == 137
            self.gone.set()
            self._events.put(("ended", self.name))
            return

    def _follow(self) -> None:
        whole = False
        while not (whole and self.gone.wait(_RETRY_S)):
            try:
                self._copy()
                whole = True
            except EngineRefused as error:
                os.write(self._log, f"holder: {self.name} cannot be read: {error}\n".encode())
                return
            except (OSError, http.client.HTTPException):
                whole = False
                time.sleep(_RETRY_S)

    def _copy(self) -> None:
        """Copy until the engine says that there is no more. A broken stream is taken up a second before it broke."""
        found = self._engine.container(self.container)
        if found is None:
            return
        connection, response = self._engine.stream(
            f"/containers/{self.container}/logs?follow=1&stdout=1&stderr=1&since={self._since:.3f}"
        )
        try:
            while True:
                if found["Config"].get("Tty"):
                    piece = response.read1(1 << 16)
                else:
                    piece = response.read(int.from_bytes(response.read(8)[4:], "big"))
                if not piece:
                    return
                os.write(self._log, piece)
                self._since = time.time() - 1.0
        finally:
            connection.close()

    def _stop(self) -> None:
        path = f"/containers/{self.container}/stop?t={int(self._grace_s)}"
        while not self.gone.is_set():
            try:
                self._engine.ask("POST", path, timeout_s=self._grace_s + REQUEST_S)
            except OSError:
                # Refused or down: asked again until its end is seen, since a node that lives must not be forgotten.
                pass
            self.gone.wait(_RETRY_S)
