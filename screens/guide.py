"""Every screen with its keys, as docs/screens.md prints it: what the screens say of themselves, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from console.actions import ACTIONS, MODE_NAMES, VIEW_NAMES, WELCOME, Action, key_names
from screens.mode import ModeScreen


@dataclass(frozen=True, slots=True)
class DialogRow:
    """One dialog."""

    screen: str
    """Name of its class."""
    title: str
    opens: str
    """With which key, and where; the key by its action's name."""
    shows: str
    keys: str


WELCOME_WORDS = (
    "Opens where no network is chosen: what was found on this machine (networks, nodes' homes, controllers, ipc-cli's "
    "settings), each a line. Enter opens a network, or shows the settings that would be written and asks first."
)

DIALOGS = (
    DialogRow(
        "EmergencyScreen",
        "Emergency",
        "{emergency}, from everywhere",
        "two choices that share nothing: cancel the upgrade for everybody (council), or stop this machine's node",
        "Left, Right, Enter",
    ),
    DialogRow(
        "AbortScreen",
        "Abort the upgrade together",
        "{network_abort} on Overview, Node, Procedures",
        "at a halted chain: who has to agree, our own signed word, everybody's lines counted, and going back",
        "Tab, Enter; lines are pasted; Esc keeps them",
    ),
    DialogRow(
        "PlanScreen",
        "The plan of an action",
        "whatever changes something",
        "what it does, on which network and node, what the way back costs, and each check with its outcome; a reason "
        "or the network's name is typed where it matters",
        "`y`, or Enter behind what is typed; Esc",
    ),
    DialogRow(
        "ReviewScreen",
        "Review and sign",
        "behind every call of the registry",
        "effect, function with its arguments, target, nonce, gas and the most it may cost, as the chain tells them now",
        "`y` signs and sends, `x` writes it to a file, Esc sends nothing",
    ),
    DialogRow(
        "ProposeScreen",
        "Propose an upgrade",
        "{propose}; {propose_draft} with a draft",
        "a form that checks while you type; filled in from a draft it marks what only people can say",
        "Tab, Enter; Esc keeps it",
    ),
    DialogRow(
        "ProposeUpgradeScreen",
        "Propose an upgrade on a Cosmos chain",
        "{propose}; {propose_draft} with a draft",
        "the same for x/gov: plan, info with checksums, deposit",
        "Tab, Enter",
    ),
    DialogRow(
        "DetailsScreen",
        "What a call needs to be told",
        "before some reviews",
        "a reason, another hash and its URL, a version: what a call has to be told",
        "Tab, Enter; Esc",
    ),
    DialogRow(
        "VoteScreen", "Vote", "{vote} on a proposal", "yes or no, with what is at stake", "Left, Right, Enter; Esc"
    ),
    DialogRow(
        "BallotScreen",
        "Vote on a Cosmos chain",
        "{vote} on a proposal",
        "yes, no, abstain, no with veto, or a split of them",
        "Left, Right, Enter; Esc",
    ),
    DialogRow(
        "NodeMenuScreen",
        "What can be done with the node",
        "{node_menu}",
        "every command with its key, and why it is refused now",
        "its letter, or Enter",
    ),
    DialogRow(
        "ReleaseScreen",
        "What was verified",
        "{show_release} on Proposals",
        "manifest, signatures in each role and every check, as this node's controller made them",
        "arrows, Esc",
    ),
    DialogRow(
        "CutsScreen",
        "What contract calls change",
        "{show_calls} on a proposal",
        "selector by selector: added, replaced, removed, owner, initialiser, code",
        "`/` searches, `n` `N` go from hit to hit, `a` shows each address in both forms; Esc",
    ),
    DialogRow(
        "WholeTextScreen", "A text whole", "{whole_line} on a row", "what a row has no room for", "`y` copies, Esc"
    ),
    DialogRow(
        "CopyScreen", "Copy", "{copy}", "what can be copied here, with what it would be", "Enter, `c` sends it; Esc"
    ),
    DialogRow(
        "HelpScreen",
        "Help",
        "`?`",
        "the view, every key with a reason where it is refused, and the words",
        "type to find, Tab to the words; Esc",
    ),
    DialogRow(
        "QuitScreen",
        "Leave",
        "`q`",
        "what goes on without the console; a devnet may be stopped",
        "Left, Right, Enter; Esc stays",
    ),
    DialogRow("UnlockScreen", "Unlock", "{lock}", "why it is locked, and the network's name to unlock", "Enter, Esc"),
    DialogRow(
        "BringUpScreen",
        "Bringing up the devnet",
        "`--network devnet`",
        "each step until it is up",
        "`q` or Esc gives it up",
    ),
)


def screens_markdown() -> str:
    """Views with their keys, what works everywhere, and the dialogs."""
    parts = []
    keys = {entry.id: f"`{key_names(entry)}`" for entry in ACTIONS}
    for name in VIEW_NAMES:
        number = f"{keys[f'show_{name}']} " if name in MODE_NAMES else ""
        own = [entry for entry in ACTIONS if name in entry.modes and not _everywhere(entry)]
        parts += [f"### {number}{name.capitalize()}", view_of(name).EXPLANATION, _keys(own)]
    parts += ["### Welcome", WELCOME_WORDS, _keys([entry for entry in ACTIONS if WELCOME in entry.modes])]
    parts += ["### In every view", _keys([entry for entry in ACTIONS if _everywhere(entry)])]
    rows = [f"| {each.title} | {each.opens.format_map(keys)} | {each.shows} | {each.keys} |" for each in DIALOGS]
    parts += ["### Dialogs", "\n".join(["| dialog | opens with | shows | keys |", "|---|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def view_of(name: str) -> type[ModeScreen]:
    """The screen of a view."""
    module = import_module(f"screens.{name}")
    found: type[ModeScreen] = next(
        each for each in vars(module).values() if isinstance(each, type) and getattr(each, "MODE", "") == name
    )
    return found


def _everywhere(entry: Action) -> bool:
    return entry.everywhere or set(VIEW_NAMES) <= set(entry.modes)


def _keys(entries: list[Action]) -> str:
    rows = [f"| {key_names(entry)} | {entry.label} | {entry.help} |" for entry in entries]
    return "\n".join(["| key | | |", "|---|---|---|", *rows])
