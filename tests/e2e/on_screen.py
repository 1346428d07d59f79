"""Steps of the story that a person walks on the screens, whatever consensus is under the network."""

from __future__ import annotations

from typing import Any

from tests.e2e.terminal import Terminal

TAB = "\t"
ENTER = "\r"
ESCAPE = "\x1b"


def fill_form(terminal: Terminal, *, name: str, height: int, url: str, sha256: str) -> None:
    """Fill the propose form as a person does, one field after the other."""
    terminal.press("p")
    terminal.until("Propose an upgrade", "Height H")
    terminal.type(name)
    for text in (url, sha256):
        terminal.press(TAB)
        terminal.read(0.3)
        terminal.type(text)
    # Over what the hash is of, whether it breaks, and how the height comes about: as they are.
    for _field in range(4):
        terminal.press(TAB)
        terminal.read(0.3)
    terminal.type(str(height))
    terminal.until("far enough ahead")


def propose(terminal: Terminal, release: dict[str, Any], height: int) -> None:
    """From the overview through form and review onto the chain, and back; the registry asks for no vote."""
    fill_form(terminal, name="v0.2.0", height=height, url=release["url"], sha256=release["sha256"])
    # After the height and its window comes the way on.
    for _field in range(2):
        terminal.press(TAB)
        terminal.read(0.3)
    terminal.press(ENTER)
    terminal.until("Review and sign", "y signs and sends")
    terminal.press("y")
    terminal.until("In block", deadline_s=30)
    terminal.press(ESCAPE)
    terminal.until("is on the chain")
    terminal.press(ESCAPE)
    terminal.until_not("is on the chain")


CROSSING = ("HALTED", "QUIESCED", "BACKED_UP", "SWITCHED", "STARTING", "WAITING_FOR_QUORUM", "PROBATION")
"""What the node's state reads from its halt to its proof; each may pass between two frames."""


def until_crossing(terminal: Terminal, deadline_s: float) -> None:
    """Wait until the screen shows that the node crosses."""
    terminal.until_that("a crossing", lambda: any(word in terminal.text for word in CROSSING), deadline_s)
