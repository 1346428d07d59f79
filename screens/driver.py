"""The terminal that is drawn on: one that takes nothing, or is gone, holds nobody up (facts/tui.md §0.5, §0.6).

Textual's own driver hands what it draws to a thread through a queue of 30 places. While the terminal takes nothing (a
stalled SSH connection, a stopped multiplexer) the queue fills, the application waits for a place in it, and neither
SIGTERM nor SIGHUP is seen any more; once the terminal is gone the thread dies, and that wait has no end.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
from collections.abc import Callable
from typing import TextIO

from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event

MAX_WAITING = 64 * 1024
"""Bytes that may wait for the terminal; what is drawn beyond them is left out and drawn anew when it has caught up."""
SLICE = 4096
"""Bytes that are given to the terminal at once."""
PATIENCE_S = 1.0
"""Seconds that a terminal has to take what puts it back into its usual state."""
_NEW_START = b"\x1b\\"
"""Ends a sequence that was cut off; nothing by itself."""

_KEEP_TITLE, _TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
"""The terminal's stack of titles (xterm); one that has none keeps ours."""


class Output:
    """What is drawn, on its way to the terminal in a thread of its own. `write` never waits.

    Args:
        fileno: The terminal.
        gone: Called in the thread, once, when the terminal is no more.
        caught_up: Called in the thread when the terminal has taken everything and something had been left out.
    """

    def __init__(self, fileno: int, gone: Callable[[], None], caught_up: Callable[[], None]) -> None:
        self._fileno = fileno
        self._gone = gone
        self._caught_up = caught_up
        self._waiting = bytearray()
        self._left_out = False
        self._last_words = False
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="terminal output", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Have this written. What comes while too much waits is left out, until all that waits is written."""
        with self._changed:
            if self._closed:
                return
            if not self._last_words and (self._left_out or len(self._waiting) > MAX_WAITING):
                self._left_out = True
                return
            self._waiting += data
            self._changed.notify_all()

    def begin_last_words(self) -> None:
        """Drop what waits: only what comes from now on matters."""
        with self._changed:
            self._last_words = True
            self._dropped += 1
            if self._waiting:
                self._waiting[:] = _NEW_START

    def close(self, patience_s: float = PATIENCE_S) -> bool:
        """Write what waits, for this many seconds; returns whether the terminal took it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # A thread that the terminal holds is left to the end of the process.
        self._thread.join(patience_s)
        return not self._thread.is_alive() and not self._waiting

    def _run(self) -> None:
        while (following := self._next()) is not None:
            dropped, piece = following
            # Not the stream: its lock, held by a thread that waits, would abort the interpreter at its end.
            try:
                taken = os.write(self._fileno, piece)
            except BlockingIOError:
                # Somebody who shares the terminal has made it non-blocking.
                select.select([], [self._fileno], [], 0.1)
                continue
            except OSError:
                with self._changed:
                    self._closed = True
                    self._waiting.clear()
                self._gone()
                return
            with self._changed:
                # What was being written may have been dropped meanwhile.
                if self._dropped == dropped:
                    del self._waiting[:taken]

    def _next(self) -> tuple[int, bytes] | None:
        """How often was dropped what waits, and its first bytes; waits until there are some. None at the end."""
        while True:
            with self._changed:
                if self._waiting:
                    return self._dropped, bytes(self._waiting[:SLICE])
                caught_up, self._left_out = self._left_out, False
                if not caught_up:
                    if self._closed:
                        return None
                    self._changed.wait()
                    continue
            self._caught_up()


def _terminal() -> TextIO:
    # Textual draws on it, as programs do whose output may be piped away.
    assert sys.__stderr__ is not None
    return sys.__stderr__


class TerminalDriver(LinuxDriver):
    """Textual's driver with an `Output` in the place of its queue."""

    _output: Output | None = None
    _title = ""
    _titled = False

    class Gone(Event):
        """The terminal is no more."""

    def start_application_mode(self) -> None:
        """Start drawing."""
        if self._output is None:
            self._output = Output(_terminal().fileno(), self._terminal_gone, self._draw_anew)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self._writer_thread.stop()
            self._writer_thread = None
        if self._title:
            self.set_title(self._title)

    def set_title(self, title: str) -> None:
        """Name the terminal's window until it is put back into its usual state; what stands there now is kept there.

        Args:
            title: Printable text.
        """
        self._title = title
        if self._output is not None:
            self.write(("" if self._titled else _KEEP_TITLE) + f"\x1b]2;{title}\x1b\\")
            self._titled = True

    def write(self, data: str) -> None:
        """Draw; nothing while the terminal is lent."""
        if self._output is not None:
            self._output.write(data.encode(_terminal().encoding, "backslashreplace"))

    def stop_application_mode(self) -> None:
        """Put the terminal back into its usual state."""
        if self._output is not None:
            self._output.begin_last_words()
        if self._titled:
            self.write(_TITLE_BACK)
            self._titled = False
        super().stop_application_mode()

    def _sigcont_application(self, *_: object) -> None:
        """Go on after a stop."""
        if self._output is None:
            super()._sigcont_application()
        else:
            # A stop that nobody could prepare for (SIGSTOP): Textual would start everything a second time, beside what
            # still runs, and keep the raw terminal as its usual state.
            self._in_loop(self._begin_anew)

    def _begin_anew(self) -> None:
        """Take the terminal again: whoever had it meanwhile may have drawn on it and set its modes."""
        try:
            termios.tcgetattr(self.fileno)
        except termios.error:
            # A hang-up is followed by a SIGCONT too, and ends the console by itself.
            return
        if self._output is not None:
            self.suspend_application_mode()
            self.resume_application_mode()
            self._draw_anew()

    def close(self) -> None:
        """Stop drawing."""
        super().close()
        if self._output is not None:
            self._output.close()
            self._output = None

    def run_input_thread(self) -> None:
        """Read keys until the end, or until the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._terminal_gone()

    def _terminal_gone(self) -> None:
        self._in_loop(lambda: self._app.post_message(self.Gone()))

    def _draw_anew(self) -> None:
        self._in_loop(lambda: self._app.refresh(layout=True))

    def _in_loop(self, call: Callable[[], object]) -> None:
        # A loop that is closed draws nothing and leaves by itself.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)
