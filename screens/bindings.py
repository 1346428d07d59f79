"""Key bindings from the action registry, and why an action is refused right now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

from console import model
from console.actions import ACTIONS, Action, action, actions_of, key_names

if TYPE_CHECKING:
    from console.model import Snapshot
    from console.ports.session import Session
    from widgets.travel_line import Past

LOCKED_REASON = f"The console is locked against changes: {key_names(action('lock'))} unlocks it."


PAST_REASON = "You look at the past. End returns to the present, where it can be done."
NOTHING_KNOWN = "Nothing is known of a node yet."
NOT_RECORDED_REASON = "It is asked for when it is wanted, so a recording does not hold it."

_ASKED = frozenset({"show_release", "show_calls", "verify_audit"})
"""Actions that show what only the present can tell."""
_MOVING_ON = frozenset({"travel_forward", "travel_next", "travel_slower", "travel_faster", "travel_live"})


def bindings_for(mode: str) -> list[Binding]:
    """The bindings of one view; keys for the application go there by the `app.` namespace."""
    return [
        Binding(
            key=entry.key,
            action=entry.call,
            description=entry.label,
            show=mode in entry.footer,
            tooltip=entry.help,
            id=entry.id,
            priority=entry.everywhere or entry.firm,
        )
        for entry in actions_of(mode)
    ]


def bindings_everywhere() -> list[Binding]:
    """The bindings that work over every dialog and in every field."""
    return [
        Binding(entry.key, entry.id, entry.label, show=False, id=entry.id, priority=True)
        for entry in ACTIONS
        if entry.everywhere
    ]


def refusal(entry: Action, session: Session, snapshot: Snapshot | None, past: Past | None) -> str:
    """One sentence on why this action cannot be done now; empty when it can.

    A refused action stays visible: an operator who looks for it must find it with its reason (DESIGN §9).

    Args:
        entry: The action.
        session: Whose network it would be done on.
        snapshot: What is shown.
        past: The moment of it; None for the present.
    """
    if reason := _refusal_of_then(entry, session, past):
        return reason
    if entry.changes and (reason := refusal_of_hands(session, emergency=entry.id == "emergency")):
        return reason
    of_node = entry.id in {"show_release", "ready"} or entry.id.startswith("node_")
    if of_node and snapshot is None:
        return NOTHING_KNOWN
    node = snapshot.node if snapshot is not None else None
    problem = snapshot.node_problem if snapshot is not None else ""
    if of_node and entry.id != "ready" and (node is None or problem):
        return problem or "No controller answers for a node on this machine."
    if entry.id == "copy" and snapshot is None and not session.own_address:
        return "Nothing is known yet that could be copied."
    if absent(entry, snapshot):
        return "Nobody signals anything to a Cosmos chain: it stops every node at H by itself."
    if entry.id == "ready":
        if node is None:
            return "No controller answers for a node on this machine, so there is nothing to signal for."
        upgrade = snapshot.upgrade if snapshot is not None else None
        if upgrade is None or upgrade.proposal.status is not model.ProposalStatus.SCHEDULED:
            return "No upgrade is scheduled, so there is nothing to be ready for."
    return ""


def absent(entry: Action, snapshot: Snapshot | None) -> bool:
    """Whether the network's kind has nothing of the sort: then the key is in the help alone, with its reason."""
    return entry.id in _OF_REGISTRIES and snapshot is not None and snapshot.network.kind == "cosmos"


_OF_REGISTRIES = frozenset({"ready", "advertise"})


def refusal_of_hands(session: Session, *, emergency: bool = False) -> str:
    """Why this session changes nothing now; empty when it does.

    Args:
        session: Whose lock it is.
        emergency: Its choices open under a lock too: the typed confirmation unlocks.
    """
    hands = session.hands
    if hands.forbidden and emergency:
        verb = f"upgrade-console --network {session.network} halt"
        return f"{hands.forbidden} To stop this node run `{verb} --stop-node`; to cancel an upgrade `{verb} ID`."
    return hands.forbidden or ("" if hands.free or emergency else LOCKED_REASON)


def _refusal_of_then(entry: Action, session: Session, past: Past | None) -> str:
    """Why it cannot be done over a moment of then. The emergency is always about the present."""
    replay = session.recording is not None
    if entry.changes and replay:
        return session.hands.forbidden
    if entry.changes and past is not None and not entry.everywhere:
        return PAST_REASON
    if entry.id in _ASKED and (replay or past is not None):
        return NOT_RECORDED_REASON
    if entry.id in _MOVING_ON and past is None and not replay:
        return "The present is shown; , steps back."
    return ""
