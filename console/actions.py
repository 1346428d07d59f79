"""The action registry: every key, label and help text is written here once (DESIGN §2, facts/tui.md A).

Footer, help, command palette and docs all read this; `id` is what a key remapping names.
"""

from __future__ import annotations

from dataclasses import dataclass

MODE_NAMES = ("overview", "proposals", "logs")
"""The top-level views, in the order of their keys."""

FOOTER_KEYS = 6
"""Most keys that a footer of 80 columns shows whole (facts/tui.md C7)."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator can do from the keyboard."""

    id: str
    """Stable name, also the Textual action name."""
    key: str
    """Default key in Textual's spelling; several separated by commas."""
    label: str
    """At most ten characters: the footer at 80 columns holds six of them."""
    help: str
    """One sentence for help and the command palette."""
    modes: tuple[str, ...] = MODE_NAMES
    """Top-level views in which the key works."""
    footer: tuple[str, ...] = ()
    """Top-level views whose footer shows it."""
    changes: bool = False
    """Whether it changes something outside the screen; refused when read-only."""
    local: bool = False
    """Whether the view itself carries it out; else the application does."""


ACTIONS: tuple[Action, ...] = (
    Action(
        "show_overview",
        "1",
        "Overview",
        "Countdown, GO or NO-GO, readiness and this node.",
        footer=("proposals", "logs"),
    ),
    Action(
        "show_proposals",
        "2",
        "Proposals",
        "All proposals, newest first, with their state.",
        footer=("overview", "logs"),
    ),
    Action("show_logs", "3", "Logs", "The node's and the controller's log.", footer=("overview", "proposals")),
    Action(
        "toggle_pause", "space", "Pause", "Hold the log still, or follow it again.", ("logs",), ("logs",), local=True
    ),
    Action("filter", "slash", "Filter", "Show only log lines that hold a text.", ("logs",), ("logs",), local=True),
    Action(
        "propose",
        "p",
        "Propose",
        "Propose an upgrade: a form that checks as you type.",
        footer=("overview", "proposals"),
        changes=True,
    ),
    Action(
        "ready",
        "r",
        "Ready",
        "Signal by hand that this node is ready.",
        footer=("proposals",),
        changes=True,
    ),
    Action(
        "show_release",
        "v",
        "Verified",
        "What this node's controller verified of the planned release.",
        ("proposals",),
    ),
    Action(
        "node_menu",
        "n",
        "Node",
        "This machine's node: start, stop, restart, force.",
        footer=("overview",),
        changes=True,
    ),
    Action("help", "question_mark,f1", "Help", "Explain this screen and list every key.", footer=MODE_NAMES),
    Action(
        "quit_console",
        "q,ctrl+q",
        "Quit",
        "Leave the console; the node and the upgrade go on.",
        footer=MODE_NAMES,
    ),
    Action("back", "escape", "Back", "Close what is open, go back to the overview.", local=True),
)


PALETTE = Action("command_palette", "ctrl+p", "Find", "Find any action by typing a part of its name.")
"""Bound by Textual itself; here so that help lists it."""


def action(action_id: str) -> Action:
    """The action of that id.

    Raises:
        KeyError: There is no such action: a mistake in the code.
    """
    for entry in (*ACTIONS, PALETTE):
        if entry.id == action_id:
            return entry
    raise KeyError(action_id)


def actions_of(mode: str) -> tuple[Action, ...]:
    """The actions that work in a top-level view, in the order in which they are shown."""
    return tuple(entry for entry in ACTIONS if mode in entry.modes)


def key_names(entry: Action) -> str:
    """The action's keys as an operator reads them: `?`, `Ctrl+Q`, `Space`."""
    spelled = {"question_mark": "?", "slash": "/", "escape": "Esc", "space": "Space"}
    names = []
    for key in entry.key.split(","):
        if key.startswith("ctrl+"):
            names.append("Ctrl+" + key[5:].upper())
        elif key[0] == "f" and key[1:].isdigit():
            names.append(key.upper())
        else:
            names.append(spelled.get(key, key))
    return " ".join(names)
