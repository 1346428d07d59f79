"""The action registry: every key, label and help text is written here once (DESIGN §2, facts/tui.md A).

Footer, help, command palette and docs all read this; `id` is what a key remapping names.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.model import NodeVerb

MODE_NAMES = ("overview", "proposals", "validators", "node", "logs", "audit", "procedures", "fleet")
"""The top-level views, in the order of their number keys."""

VIEW_NAMES = (*MODE_NAMES, "proposal")
"""Every view with keys of its own; `proposal` is one proposal in full, opened from the list."""

WELCOME = "welcome"
"""What opens before any network is chosen; an application of its own, so it is none of the views."""

FOOTER_KEYS = 7
"""Most keys that a footer of 80 columns shows whole, with labels of a few letters (facts/tui.md C7)."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator can do from the keyboard."""

    id: str
    """Stable name, also the Textual action name unless `textual` says another."""
    key: str
    """Default key in Textual's spelling; several separated by commas."""
    label: str
    """At most ten characters: the footer at 80 columns holds six of them."""
    help: str
    """One sentence for help and the command palette."""
    modes: tuple[str, ...] = VIEW_NAMES
    """Views in which the key works."""
    footer: tuple[str, ...] = ()
    """Views whose footer shows it."""
    changes: bool = False
    """Whether it changes something outside the screen; refused when read-only."""
    local: bool = False
    """Whether the view itself carries it out; else the application does."""
    firm: bool = False
    """Whether its key comes before the same key of a list or a log, wherever the action is possible."""
    everywhere: bool = False
    """Whether its key works while anything is typed and over any dialog as well."""
    textual: str = ""
    """The Textual action with its argument, where one action of a view has several keys."""

    @property
    def call(self) -> str:
        """What Textual runs: the view's action, or the application's by its namespace."""
        return (self.textual or self.id) if self.local else f"app.{self.id}"


_ONE = ("proposal",)

_FIRST: tuple[Action, ...] = (
    # First, so that no footer is too narrow for it.
    Action(
        "emergency",
        "f9",
        "HALT",
        "Emergency: cancel the upgrade, or stop this node; each asks for the network's name.",
        footer=VIEW_NAMES,
        changes=True,
        everywhere=True,
    ),
)

_VIEWS: tuple[Action, ...] = (
    Action("show_overview", "1", "Overview", "Countdown, GO or NO-GO, readiness and this node."),
    Action(
        "show_proposals",
        "2",
        "Proposals",
        "All proposals with their state: filter, sort, and open one in full.",
        footer=("overview",),
    ),
    Action(
        "show_validators",
        "3",
        "Validators",
        "Who is ready and who is not, with versions, and when that schedules the upgrade.",
        footer=("overview", "proposals"),
    ),
    Action(
        "show_node",
        "4",
        "Node view",
        "This machine's node from inside: processes, disk, generations, rollback points, journal.",
    ),
    Action("show_logs", "5", "Logs", "The node's and the controller's log."),
    Action("show_audit", "6", "Audit", "What was decided and done: the journal, and what was signed here."),
    Action(
        "show_procedures",
        "7",
        "Procedures",
        "Checklists and runbooks, step by step: begin one, answer it, go on with what was left; and the timeline.",
    ),
    Action("show_fleet", "8", "Fleet", "Every node of the network in the settings, here and over SSH."),
)

_LOGS = ("logs",)
_AUDIT = ("audit",)

_OF_LOGS: tuple[Action, ...] = (
    Action("toggle_pause", "space", "Pause", "Hold the log still, or follow it again.", _LOGS, _LOGS, local=True),
    Action("search", "s", "Search", "Find a text in the lines that are shown.", _LOGS, _LOGS, local=True),
    Action("next_hit", "n", "Next", "Go down to the next line that was searched for.", _LOGS, local=True),
    Action("previous_hit", "N", "Previous", "Go up to the line before that was searched for.", _LOGS, local=True),
    Action(
        "levels",
        "l",
        "Levels",
        "Show all lines, or no debug, or warnings and errors, or errors.",
        _LOGS,
        _LOGS,
        local=True,
    ),
    Action("sources", "o", "Which log", "Show both logs, or the node's, or the controller's.", _LOGS, local=True),
    Action("go_to", "g", "Go to", "Go to a time: 14:32, or 90m for 90 minutes ago.", _LOGS, local=True),
    Action("wrap", "w", "Wrap", "Break long lines, or let them run out of the screen.", _LOGS, local=True),
    Action("moments", "t", "Times", "Show each line's time, or spend no columns on it.", _LOGS, local=True),
    Action("kinds", "l", "Kinds", "Show all kinds of entries, or one after the other.", _AUDIT, _AUDIT, local=True),
    Action(
        "verify_audit",
        "v",
        "Verify",
        "Look whether journal and record are whole: no row changed, none missing.",
        _AUDIT,
        _AUDIT,
        local=True,
    ),
    Action("whole_line", "enter", "Whole", "Show the chosen line whole.", (*_LOGS, *_AUDIT, "procedures"), local=True),
    Action(
        "save",
        "ctrl+s",
        "Save",
        "Write what is shown to a new file.",
        (*_LOGS, *_AUDIT, "procedures"),
        _AUDIT,
        local=True,
    ),
)

_RUNS = ("procedures",)

_OF_PROCEDURES: tuple[Action, ...] = (
    Action(
        "begin_run",
        "g",
        "Begin",
        "Begin the chosen procedure, or go on with the chosen run.",
        _RUNS,
        _RUNS,
        changes=True,
        local=True,
    ),
    Action("answer_run", "a", "Answer", "Confirm what the run asks.", _RUNS, _RUNS, changes=True, local=True),
    Action("deny_run", "d", "Say no", "Say no to what the run asks: it stops.", _RUNS, changes=True, local=True),
    Action(
        "skip_step",
        "k",
        "Leave out",
        "Leave the step at hand out, where it is optional.",
        _RUNS,
        changes=True,
        local=True,
    ),
    Action(
        "stop_run", "s", "Stop", "Leave the run that this console drives; it can be gone on with.", _RUNS, local=True
    ),
    Action(
        "give_up_run", "x", "Give up", "End the chosen run for good, with a reason.", _RUNS, changes=True, local=True
    ),
    Action(
        "dry_run",
        "w",
        "Dry run",
        "Look at all that the chosen procedure looks at, and list what it would do and ask.",
        _RUNS,
        changes=True,
        local=True,
    ),
    Action(
        "timeline",
        "t",
        "Timeline",
        "What of the upgrade is done, due now or late, from T-7 d to T+1 h.",
        _RUNS,
        _RUNS,
        local=True,
    ),
)

_LISTS = ("proposals", "validators")

_OF_LISTS: tuple[Action, ...] = (
    Action(
        "filter",
        "slash",
        "Filter",
        "Show only what matches a text or a pattern; ! first shows the rest.",
        ("logs", "proposals", "validators", "audit"),
        ("logs", "proposals", "validators", "audit"),
        local=True,
    ),
    Action("sort", "o", "Order", "The next order of the list.", _LISTS, _LISTS, local=True),
    Action("reverse", "O", "Reverse", "The same order from its other end.", ("validators",), local=True),
    Action("open", "enter", "Open", "Show the chosen one in full.", _LISTS, _LISTS, local=True),
)

_OF_UPGRADES: tuple[Action, ...] = (
    Action(
        "propose",
        "p",
        "Propose",
        "Propose an upgrade: a form that checks as you type.",
        MODE_NAMES,
        footer=("overview",),
        changes=True,
    ),
    Action(
        "network_abort",
        "B",
        "Abort",
        "Go back together at a halted chain: sign, count everybody's words, and take this node back.",
        ("overview", "node", "procedures"),
        changes=True,
    ),
    Action(
        "propose_draft",
        "P",
        "Draft",
        "Open the propose form with the draft of the chosen run, or the newest one, as verify-network prepares it.",
        MODE_NAMES,
        changes=True,
    ),
    Action("ready", "r", "Ready", "Signal by hand that this node is ready.", footer=("validators",), changes=True),
)

_OF_VALIDATORS: tuple[Action, ...] = (
    Action(
        "advertise",
        "g",
        "Advertise",
        "Tell the network which release this validator runs.",
        ("validators",),
        changes=True,
    ),
)

_OF_ONE_PROPOSAL: tuple[Action, ...] = (
    Action("vote", "t", "Vote", "Vote on this proposal.", _ONE, _ONE, changes=True, local=True),
    Action(
        "deposit",
        "m",
        "Deposit",
        "Add to the deposit of a Cosmos chain's proposal.",
        _ONE,
        _ONE,
        changes=True,
        local=True,
    ),
    Action(
        "finalize", "f", "Finalize", "Store that the vote was lost or ran out.", _ONE, _ONE, changes=True, local=True
    ),
    Action("schedule", "s", "Schedule", "Give an approved upgrade its height.", _ONE, _ONE, changes=True, local=True),
    Action("execute", "e", "Execute", "Have the linked contract calls made.", _ONE, _ONE, changes=True, local=True),
    Action(
        "undo",
        "u",
        "Undo",
        "Take back calls made for an upgrade that did not come.",
        _ONE,
        _ONE,
        changes=True,
        local=True,
    ),
    Action("replace", "x", "Replace", "Agree with others on other bytes for it.", _ONE, _ONE, changes=True, local=True),
    Action(
        "rollback",
        "b",
        "Roll back",
        "Agree with others that the network went on with the old release.",
        _ONE,
        _ONE,
        changes=True,
        local=True,
    ),
    Action(
        "cancel",
        "c",
        "Cancel",
        "Withdraw your own proposal: of a registry before anybody voted.",
        _ONE,
        _ONE,
        changes=True,
        local=True,
    ),
    Action("expire", "z", "Expire", "Store that it ran out of time.", _ONE, _ONE, changes=True, local=True),
    Action(
        "show_calls",
        "d",
        "Diff",
        "What the linked contract calls change, selector by selector.",
        _ONE,
        _ONE,
        local=True,
    ),
)

_OF_DETAILS: tuple[Action, ...] = (
    Action(
        "show_release",
        "v",
        "Verified",
        "What this node's controller verified of the planned release: signatures and checks.",
        ("proposals", "proposal"),
    ),
    Action(
        "addresses",
        "a",
        "Addresses",
        "Show each address in both forms: 0x and f410 or t410.",
        ("proposal", "validators"),
        local=True,
    ),
)


def _of_node(verb: NodeVerb, key: str, label: str, help: str, *, footer: bool = False) -> Action:
    return Action(
        node_action_id(verb),
        key,
        label,
        help,
        ("node",),
        ("node",) if footer else (),
        changes=True,
        local=True,
        textual=f"command('{verb.value}')",
    )


def node_action_id(verb: NodeVerb) -> str:
    """Id of the action of a command to the node."""
    return f"node_{verb.name.lower()}"


NODE_ACTIONS: tuple[Action, ...] = (
    _of_node(NodeVerb.START, "s", "Start", "Start the node, and let automation go on.", footer=True),
    _of_node(NodeVerb.STOP, "x", "Stop", "Stop the node; nobody starts it but you.", footer=True),
    _of_node(NodeVerb.RESTART, "t", "Restart", "Stop the node and start it again as it was."),
    _of_node(NodeVerb.ARM, "a", "Arm", "Arm for H now, out of turn: restarts the node."),
    _of_node(NodeVerb.DISARM, "d", "Disarm", "Restart without a halt height: the node goes on under old rules at H."),
    _of_node(NodeVerb.ARM_UNPROVEN, "f", "Force", "Take a release that no other network has proven."),
    _of_node(NodeVerb.SWAP, "w", "Swap", "Switch to the generation that is chosen in the table.", footer=True),
    _of_node(NodeVerb.ROLLBACK, "b", "Roll back", "Back to the old binary, where that is still possible; ends PARKED."),
    _of_node(NodeVerb.RESTORE, "o", "Restore", "Put the data of the rollback point that is chosen in the table back."),
    _of_node(NodeVerb.RESYNC, "g", "Resync", "Bring a node that missed its halt back to before it."),
    _of_node(NodeVerb.RESYNC_FROM_GENESIS, "G", "Replay", "Set the data aside, and execute every block anew."),
    _of_node(NodeVerb.PAUSE, "h", "Pause", "Pause every automatic step; what is armed halts all the same."),
    _of_node(NodeVerb.RESUME, "u", "Resume", "Let automation go on."),
    _of_node(NodeVerb.RESUME_WITHOUT_POINT, "i", "No point", "Cross without a rollback point."),
    _of_node(NodeVerb.RESUME_CROSS, "c", "Cross", "Cross although the verdict cannot be read."),
)
"""What the node's view and the menu over every view can have the controller do, in the menu's order."""

_OF_NODE: tuple[Action, ...] = (
    *NODE_ACTIONS,
    Action(
        "node_menu",
        "n",
        "Node",
        "Everything that can be done with this machine's node, and why not.",
        # In the logs its key goes to the next hit, as everywhere where a text is searched.
        tuple(mode for mode in MODE_NAMES if mode != "logs"),
        footer=("overview", "node"),
        changes=True,
    ),
)

_OF_TIME: tuple[Action, ...] = (
    Action("travel_back", "comma", "Earlier", "Back by one Snapshot of this session, and hold the picture still."),
    Action("travel_forward", "full_stop", "Later", "On by one Snapshot."),
    Action("travel_previous", "less_than_sign", "Event <", "Back to the change of state before."),
    Action("travel_next", "greater_than_sign", "Event >", "On to the next change of state."),
    Action("travel_hold", "semicolon", "Hold", "Hold the picture still, or let it run on from there."),
    Action("travel_slower", "minus", "Slower", "Let time run slower."),
    Action("travel_faster", "plus,equals_sign", "Faster", "Let time run faster."),
    Action("travel_live", "end", "Now", "Back to the present; of a recording, to its end.", firm=True),
)

_OF_WELCOME: tuple[Action, ...] = (
    Action("choose", "enter", "Choose", "Open it, or show what would be written.", (WELCOME,), (WELCOME,), local=True),
    Action("look_again", "l", "Look again", "Look at this machine again.", (WELCOME,), (WELCOME,), local=True),
)

_LAST: tuple[Action, ...] = (
    Action("copy", "y", "Copy", "Copy a hash, an address, a height, a URL or a command to the clipboard."),
    Action(
        "lock",
        "ctrl+l",
        "Lock",
        "Lock the console against changes, or unlock it.",
        everywhere=True,
    ),
    Action("help", "question_mark,f1", "Help", "Explain this screen and list every key.", footer=VIEW_NAMES),
    Action(
        "quit_console",
        "q,ctrl+q",
        "Quit",
        "Leave the console; the node and the upgrade go on.",
        (*VIEW_NAMES, WELCOME),
        footer=(*MODE_NAMES, WELCOME),
    ),
    Action("back", "escape", "Back", "Close what is open, go back to the overview.", footer=_ONE, local=True),
)

ACTIONS: tuple[Action, ...] = (
    *_FIRST,
    *_VIEWS,
    *_OF_LOGS,
    *_OF_PROCEDURES,
    *_OF_LISTS,
    *_OF_UPGRADES,
    *_OF_VALIDATORS,
    *_OF_ONE_PROPOSAL,
    *_OF_DETAILS,
    *_OF_NODE,
    *_OF_TIME,
    *_OF_WELCOME,
    *_LAST,
)
"""Every action, in the order in which footer, help and palette show them."""


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
    return " ".join(key_name(key) for key in entry.key.split(","))


def key_name(key: str) -> str:
    """One key in Textual's spelling as an operator reads it; ASCII alone."""
    if key.startswith("ctrl+"):
        return "Ctrl+" + key[5:].upper()
    if key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return _SPELLED.get(key, key)


_SPELLED = {
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
    "space": "Space",
    "enter": "Enter",
    "end": "End",
    "comma": ",",
    "full_stop": ".",
    "semicolon": ";",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}
