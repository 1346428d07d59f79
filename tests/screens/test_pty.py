"""The console in a real terminal: type-ahead, split keys, a storm of sizes, signals, a crash, and every way out."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.timeout(200)

COMMAND = (sys.executable, "-m", "tests.screens.pty_console")
ROOT = Path(__file__).parents[2]
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
"""What puts a terminal back: the usual screen, the cursor, no mouse, no bracketed paste."""


@dataclass
class Console:
    """One console, its terminal, and what it was asked to do."""

    terminal: Terminal
    path: Path

    @property
    def asked(self) -> dict[str, object]:
        return dict(json.loads(self.path.read_text()))

    def restored(self) -> bool:
        """Whether the terminal is as it was."""
        return all(each in self.terminal.raw for each in RESTORED)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opening]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # As some shells export them: the terminal's own size counts.
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    opening = Opening(tmp_path)
    yield opening
    for terminal in opening.terminals:
        if terminal.process.isalive():
            terminal.kill()


class Opening:
    """Opens consoles, and ends them with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.terminals: list[Terminal] = []

    def __call__(self, *how: str, columns: int = 80, rows: int = 24, words: str = "GO") -> Console:
        path = self._folder / "asked.json"
        terminal = Terminal(str(path), *how, columns=columns, rows=rows, command=COMMAND)
        self.terminals.append(terminal)
        terminal.until(words)
        return Console(terminal, path)


def test_hands_that_are_too_fast_change_nothing_and_a_split_key_is_one_key(opened: Opening) -> None:
    console = opened()
    terminal = console.terminal
    # Typed ahead in one burst: the dialog opens, and nothing of the rest confirms it.
    terminal.press("ryyyy")
    terminal.until("Press y to signal")
    terminal.press("yy")
    terminal.until("came in a burst")
    terminal.press("\x1b")
    terminal.until_not("Signal readiness")
    # An F9 that a slow line cuts in two, held down.
    terminal.press("\x1b")
    terminal.read(0.15)
    terminal.press("[20~\x1b[20~\x1b[20~")
    terminal.until("EMERGENCY on")
    terminal.press("\x1b")
    terminal.until_not("EMERGENCY")
    # Ctrl+C stops nothing, and a paste is no key.
    terminal.press("\x03")
    terminal.until("or Ctrl+Q in a form")
    terminal.press("\x1b[200~rnq\r\x1b[201~")
    for columns in (20, 200, 1, 61, 40):
        terminal.process.setwinsize(max(1, columns // 4), columns)
        terminal.read(0.05)
    terminal.resize(80, 24)
    terminal.until("GO", "HALT")
    terminal.process.kill(signal.SIGTERM)
    assert terminal.ended() == 143
    assert console.restored()
    assert console.asked == {"node": [], "ready": [], "sent": 0}


def test_a_console_that_was_stopped_takes_its_terminal_again_and_gives_it_back_once(opened: Opening) -> None:
    terminal = opened().terminal
    process = psutil.Process(terminal.process.pid)
    threads = process.num_threads()
    terminal.raw = b""
    # Without a word before, as by `kill -STOP`; the shell that comes to the front writes where the console was.
    terminal.process.kill(signal.SIGSTOP)
    while process.status() != psutil.STATUS_STOPPED:
        terminal.read(0.02)
    terminal.screen.reset()
    terminal.process.kill(signal.SIGCONT)
    terminal.until("GO", "HALT")
    terminal.press("?")
    terminal.until("Help: Overview")
    terminal.press("\x1b")
    terminal.until_not("Help: Overview")
    assert process.num_threads() <= threads
    terminal.press("q")
    assert terminal.ended() == 0
    # Taken once more, and given back as often as it was taken since: before the second time, and at the end.
    for begin, end in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[>", b"\x1b[<u")):
        assert (terminal.raw.count(begin), terminal.raw.count(end)) == (1, 2)


def test_q_leaves_while_an_endpoint_never_answers(opened: Opening) -> None:
    console = opened("hang")
    console.terminal.press("\x1b[20~")
    console.terminal.until("EMERGENCY on")
    console.terminal.press("\x11")
    assert console.terminal.ended() == 0
    assert console.restored()


def test_a_crash_puts_the_terminal_back_exits_1_and_names_its_report(opened: Opening, tmp_path: Path) -> None:
    console = opened("crash")
    console.terminal.press("\x1b[20~")
    assert console.terminal.ended() == 1
    assert console.restored()
    after = console.terminal.raw.rpartition(b"\x1b[?1049l")[2]
    assert b"The console crashed: ZeroDivisionError: a planted mistake" in after
    (report,) = (tmp_path / "upgrade-console" / "crashes").iterdir()
    assert report.name.encode() in after.replace(b"\r\n", b"")
    assert b"5ec7e7" not in console.terminal.raw
    text = report.read_text()
    assert "5ec7e7" not in text
    assert "  emergency" in text


def test_a_terminal_that_is_too_small_opens_it_too_and_a_hang_up_ends_it(opened: Opening) -> None:
    console = opened(columns=20, rows=5, words="too small")
    console.terminal.press("\x1b[20~")
    console.terminal.until("EMERGENCY", "[ Back ]")
    assert console.terminal.hang_up() == 129


def test_it_ends_with_its_terminal_though_nothing_is_drawn_and_nobody_says_so(opened: Opening) -> None:
    # As under nohup: the hang-up is ignored, and reading keys from the closed terminal would never wait again.
    assert opened("nohup").terminal.hang_up() == 129


def test_a_bell_a_notification_and_the_title_which_is_put_back(opened: Opening) -> None:
    console = opened("called", words="replaced")
    terminal = console.terminal
    title = b"\x1b]2;calibration NEEDS YOU CROSS - upgrade-console\x1b\\"
    terminal.until_raw(title)
    wrapped = b"\x1bPtmux;\x1b\x1b]777;notify;upgrade-console;calibration: node1 needs you: "
    terminal.until_raw(wrapped)
    # One, however much is new. Textual ends a sequence of its own with the same byte.
    assert terminal.raw.replace(b"\x1b]22;default\x07", b"").count(b"\x07") == 1
    assert terminal.raw.count(b"\x1b[22;2t") == 1
    terminal.press("q")
    assert terminal.ended() == 0
    assert console.restored()
    assert terminal.raw.index(b"\x1b[22;2t") < terminal.raw.index(title) < terminal.raw.index(b"\x1b[23;2t")
