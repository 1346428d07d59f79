"""Key bindings from the action registry, and why an action is refused right now."""

from __future__ import annotations

from textual.binding import Binding

from console.actions import ACTIONS, Action, actions_of
from console.model import ProposalStatus, Snapshot
from console.ports import Session

READ_ONLY_REASON = "The console is read-only: start it without --read-only to change anything."


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
            priority=entry.everywhere,
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


def refusal(entry: Action, session: Session, snapshot: Snapshot | None) -> str:
    """One sentence on why this action cannot be done now; empty when it can.

    A refused action stays visible: an operator who looks for it must find it with its reason (DESIGN §9).
    """
    if entry.changes and session.read_only:
        return READ_ONLY_REASON
    node = snapshot.node if snapshot is not None else None
    problem = snapshot.node_problem if snapshot is not None else ""
    if (entry.id == "show_release" or entry.id.startswith("node_")) and (node is None or problem):
        return problem or "No controller answers for a node on this machine."
    if entry.id == "ready":
        if node is None:
            return "No controller answers for a node on this machine, so there is nothing to signal for."
        upgrade = snapshot.upgrade if snapshot is not None else None
        if upgrade is None or upgrade.proposal.status is not ProposalStatus.SCHEDULED:
            return "No upgrade is scheduled, so there is nothing to be ready for."
    return ""
