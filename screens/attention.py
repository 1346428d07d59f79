"""What calls somebody back to a console that nobody looks at: the bell, the terminal's own notification, its title.

Only our own sequences are written, and what a chain says passes the walls before it is part of one (facts/tui.md §0.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from console.console_settings import ConsoleSettings
from console.model import ProposalStatus, Snapshot, Verdict
from console.notify.message import cut, plain
from console.notify.occasions import Occasion, occasions
from console.notify.presence import Presence
from console.notify_settings import heaviest, weighs

BELL = "\a"
MOST_SHOWN = 160
"""Characters of a notification."""
_END = "\x1b\\"


class Outlet(Protocol):
    """The terminal that is drawn on."""

    def write(self, data: str) -> None:
        """Write this as it is."""
        ...

    def set_title(self, title: str) -> None:
        """Name its window, until we leave."""
        ...


class Attention:
    """Looks at each Snapshot for what is new, and says it once.

    Args:
        settings: What the operator wants of it.
        network: The network's name in the settings.
        outlet: The terminal.
        clock: Seconds that only grow.
    """

    def __init__(
        self, settings: ConsoleSettings, network: str, outlet: Outlet, clock: Callable[[], float] = monotonic
    ) -> None:
        self._settings = settings
        self._network = network
        self._outlet = outlet
        self._clock = clock
        self._presence = Presence()
        self._known: set[str] = set()
        self._looked = self._chain_seen = False
        self._title = ""

    async def look(self, snapshot: Snapshot) -> None:
        """Say what is new in it. What was so before the console was opened stands on its screen."""
        # In a thread: of thousands of validators each is asked.
        new = await asyncio.to_thread(self._new, snapshot)
        if self._settings.title and (title := title_of(self._network, snapshot)) != self._title:
            self._title = title
            self._outlet.set_title(title)
        if not new:
            return
        weight = heaviest([each.severity for each in new])
        first = next(each for each in new if each.severity is weight)
        if weighs(weight, self._settings.bell):
            # Once, however much happened.
            self._outlet.write(BELL)
            if self._settings.osc_notifications != "none":
                text = cut(plain(f"{self._network}: {first.sentence}", 4 * MOST_SHOWN), MOST_SHOWN)
                sequence = notification(self._settings.osc_notifications, text)
                self._outlet.write(through_tmux(sequence) if self._settings.tmux_passthrough else sequence)

    def _new(self, snapshot: Snapshot) -> list[Occasion]:
        now = self._clock()
        held = self._presence.held(occasions(snapshot), now)
        new = [each for each in held if each.identity not in self._known]
        self._known -= set(self._presence.gone(held, self._known, now))
        self._known |= {each.identity for each in new}
        past = not self._looked or (snapshot.chain is not None and not self._chain_seen)
        self._looked, self._chain_seen = True, self._chain_seen or snapshot.chain is not None
        return [] if past else new


def title_of(network: str, snapshot: Snapshot) -> str:
    """What stands over the window: the network, where the upgrade is, and who shows it. Changes seldom."""
    upgrade, node = snapshot.upgrade, snapshot.node
    words = [plain(network, 40)]
    if node is not None and not snapshot.node_problem:
        words.append("NEEDS YOU" if node.alarm else plain(node.state, 30))
    if upgrade is not None and upgrade.proposal.status is ProposalStatus.SCHEDULED:
        decided = upgrade.proposal.verdict
        words.append(decided.name if decided is not Verdict.NONE else "GO" if upgrade.go else "NO-GO")
    return f"{' '.join(words)} - upgrade-console"


def notification(kind: str, text: str) -> str:
    """The sequence that has a terminal show a notification.

    Args:
        kind: `osc9` (iTerm2, Windows Terminal, WezTerm, kitty) or `osc777` (foot, Ghostty, VTE, urxvt).
        text: Printable; it has no place for a `;` in `osc777`.
    """
    if kind == "osc9":
        # It begins with a name and a colon: a number and a `;` would be one of ConEmu's commands, as progress is.
        return f"\x1b]9;{text}{_END}"
    return f"\x1b]777;notify;upgrade-console;{text.replace(';', ',')}{_END}"


def through_tmux(sequence: str) -> str:
    """The sequence wrapped so that tmux hands it on, where its `allow-passthrough` is on."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + _END
