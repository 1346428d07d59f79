"""The emergency on the screen: from the key that confirms it to the end of the last of four nodes' processes.

Four consoles are asked at once, each for its own node. What comes before (`F9`, the choice, the network's name) is the
operator's own time, and is not measured.
"""

from __future__ import annotations

import os
import select
import signal
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.devnet import BenchmarkError, Devnet, devnet
from benchmarks.first_frame import DATA_MARKER
from benchmarks.ratio import Ratio
from benchmarks.terminal import CountingTerminal

ROUNDS = 3
F9, RIGHT, ENTER = "\x1b[20~", "\x1b[C", "\r"
_QUIET_S = 1.0
"""Seconds without a key before a dialog takes a confirmation, and more: what comes in a burst confirms nothing."""
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class EmergencyHalt:
    """Seconds from Enter, one per round."""

    last_s: tuple[float, ...]
    """To the end of the last of four applications."""
    first_s: tuple[float, ...]
    """To the end of the first."""
    plain_s: tuple[float, ...]
    """From a plain SIGTERM to the end of each node's process: what the node itself takes to stop."""

    def lines(self) -> list[str]:
        """For a person."""
        named = (
            ("first node stopped", self.first_s),
            ("last of four stopped", self.last_s),
            ("a plain SIGTERM to one", self.plain_s),
        )
        return [
            "Stop my node, confirmed in four consoles at the same moment",
            *(
                f"{name:<24} {statistics.median(times) * 1000:.0f} ms, {max(times) * 1000:.0f} ms at most"
                f" of {len(times)}"
                for name, times in named
            ),
        ]

    def ratios(self) -> list[Ratio]:
        """Beside what the nodes need by themselves."""
        plain = statistics.median(self.plain_s)
        return [
            Ratio(
                "emergency halt: key to last of four by SIGTERM to end of one", statistics.median(self.last_s) / plain
            )
        ]


def measure(rounds: int = ROUNDS) -> EmergencyHalt:
    """Stop four nodes, start them again, and so on.

    Raises:
        BenchmarkError: A node did not stop, or did not start again.
    """
    found = []
    with devnet("1s") as network:
        for _ in range(rounds):
            found.append(_stopped(network))
            _start_again(network)
        plain = tuple(_ended(node["pid"]) for node in network.status()["nodes"])
    firsts, lasts = zip(*((min(times), max(times)) for times in found), strict=True)
    return EmergencyHalt(lasts, firsts, plain)


def _start_again(network: Devnet) -> None:
    for node in network.status()["nodes"]:
        network.verb("devnet", "start-node", node["name"])
    at = network.status()["height"] or 0
    network.until("blocks come again", lambda now: (now["height"] or 0) > at, _DEADLINE_S)


def _stopped(network: Devnet) -> list[float]:
    """Seconds until each node's process had ended."""
    nodes = network.status()["nodes"]
    with ExitStack() as stack:
        terminals = [
            stack.enter_context(CountingTerminal((*network.console(), "--node", node["name"]))) for node in nodes
        ]
        for terminal in terminals:
            _ask(terminal)
        watched = [os.pidfd_open(node["pid"]) for node in nodes]
        for descriptor in watched:
            stack.callback(os.close, descriptor)
        for terminal in terminals:
            terminal.count(_QUIET_S)
        began = time.perf_counter()
        for terminal in terminals:
            terminal.press(ENTER)
        return _ends(watched, began, terminals)


def _ended(pid: int) -> float:
    """Seconds from SIGTERM to the end of a process."""
    descriptor = os.pidfd_open(pid)
    try:
        began = time.perf_counter()
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not select.select([descriptor], [], [], _DEADLINE_S)[0]:
            raise BenchmarkError("a node did not end on SIGTERM")
        return time.perf_counter() - began
    finally:
        os.close(descriptor)


def _ask(terminal: CountingTerminal) -> None:
    """Up to the last key."""
    terminal.seconds_to(DATA_MARKER)
    terminal.count(_QUIET_S)
    terminal.press(F9)
    terminal.seconds_to("EMERGENCY")
    terminal.count(_QUIET_S)
    # No upgrade is there to cancel, so that the next button is the node's.
    terminal.press(RIGHT)
    terminal.count(0.3)
    terminal.press(ENTER)
    terminal.seconds_to("to say that you mean it")
    terminal.count(_QUIET_S)
    for letter in "devnet":
        terminal.press(letter)
        terminal.count(0.05)


def _ends(watched: list[int], began: float, terminals: list[CountingTerminal]) -> list[float]:
    poll = select.poll()
    for descriptor in watched:
        poll.register(descriptor, select.POLLIN)
    found: list[float] = []
    while len(found) < len(watched):
        if time.perf_counter() - began > _DEADLINE_S:
            raise BenchmarkError(f"{len(watched) - len(found)} nodes did not stop")
        for descriptor, _ in poll.poll(20):
            poll.unregister(descriptor)
            found.append(time.perf_counter() - began)
        for terminal in terminals:
            # A console whose terminal takes nothing stands still.
            terminal.count(0.0005)
    return found
