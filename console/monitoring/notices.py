"""What an operator is told of without looking, as data: each occasion's name, weight, words and source.

`console.notify.occasions` finds them; settings and docs/notifications.md name them as they are here.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.monitoring.rules import Severity

NETWORK, NODE = "network", "node"
"""What an occasion is about: a network's is told by one of its nodes' controllers here, a node's by its own."""


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """One kind of occasion."""

    name: str
    severity: Severity
    about: tuple[str, ...]
    says: str
    """When it is told, for the documentation."""
    do: str
    """What to do next; `{status}` and `{node_status}` stand for the commands."""
    source: str
    """What it is read from."""
    again: bool = False
    """Whether it is told again when it comes back after it was gone for a while; all else is told once for ever."""


NOTICES = (
    NoticeKind(
        "proposal-created",
        Severity.INFO,
        (NETWORK,),
        "A proposal is new on the chain.",
        "Look at it in the console's view of proposals, or run: {status}",
        "the registry's or x/upgrade's plans",
    ),
    NoticeKind(
        "vote-open",
        Severity.WARNING,
        (NETWORK,),
        "Its vote is open.",
        "Read the proposal and vote before the vote ends: the view of proposals, or upgrade-console vote",
        "the proposal's status",
    ),
    NoticeKind(
        "scheduled",
        Severity.INFO,
        (NETWORK,),
        "It has its height.",
        "Be at hand at that time, and have your node ready: {status}",
        "the proposal's status and height",
    ),
    NoticeKind(
        "closed",
        Severity.INFO,
        (NETWORK,),
        "It was rejected, or expired.",
        "Nothing: no node stops for it.",
        "the proposal's status",
    ),
    NoticeKind(
        "preparation-failed",
        Severity.WARNING,
        (NODE,),
        "The node could not prepare its release.",
        "It is tried again by itself; why it failed: {node_status}",
        "the controller's journal: FAILED",
        again=True,
    ),
    NoticeKind(
        "not-ready-24h",
        Severity.WARNING,
        (NETWORK, NODE),
        "24 hours or less before H the node is not ready, or too little of the network's power is.",
        "Find out what is missing, and mend it before H: {status}",
        "the countdown, the node's preparation, the registry's readiness",
    ),
    NoticeKind(
        "not-ready-1h",
        Severity.CRITICAL,
        (NETWORK, NODE),
        "The same, one hour or less before H.",
        "Give the node its release (upgrade-console node add-upgrade), or wake whoever is missing: {status}",
        "as above",
    ),
    NoticeKind(
        "halt-imminent",
        Severity.WARNING,
        (NETWORK,),
        "Nodes stop within ten minutes (100 blocks where the block time is not known); with GO or NO-GO.",
        "Have the console open: {status}",
        "the countdown and the terms of GO",
    ),
    NoticeKind(
        "verdict",
        Severity.INFO,
        (NETWORK,),
        "The registry keeps the verdict. ABORT weighs `warning`.",
        "CROSS: nothing, the nodes cross by themselves. ABORT: nothing, the old binary goes on after a short pause.",
        "the proposal's verdict",
    ),
    NoticeKind(
        "halted",
        Severity.INFO,
        (NETWORK, NODE),
        "The node, or the first of the network's, stopped before H.",
        "Nothing for now; if it does not resume within minutes: {status}",
        "the controller's journal; what the network's nodes tell",
    ),
    NoticeKind(
        "resumed",
        Severity.INFO,
        (NETWORK, NODE),
        "The node runs the new release and is committed, or the network went on past H with it.",
        "Verify it in the console (the view of the node), and tell your team.",
        "the controller's journal: COMMITTED; the chain's height",
    ),
    NoticeKind(
        "aborted",
        Severity.WARNING,
        (NETWORK, NODE),
        "The upgrade was aborted, and the old binary goes on.",
        "Nothing at once; find out why it was aborted before it is proposed again: {status}",
        "the proposal's status; the controller's journal: RESUMED_OLD",
    ),
    NoticeKind(
        "behind-after-upgrade",
        Severity.CRITICAL,
        (NETWORK, NODE),
        "Two minutes long a node is ten blocks or more behind a network that went on past H.",
        "Look whether it runs the new release and catches up; MISSED_HALT is led back by node resync: {status}",
        "heights of node and network",
        again=True,
    ),
    NoticeKind(
        "rolled-back",
        Severity.CRITICAL,
        (NETWORK, NODE),
        "The node went back to the old binary, or the network agreed to.",
        "A node that is PARKED stays down until you lead it on: {node_status}",
        "the controller's journal: ROLLBACK to PARKED; the proposal's status",
    ),
    NoticeKind(
        "needs-operator",
        Severity.CRITICAL,
        (NODE,),
        "The controller calls its operator; again when it does after it had stopped to.",
        "Only you lead on from here; what it says and what may follow: {node_status}",
        "the controller's alarm",
        again=True,
    ),
    NoticeKind(
        "node-stopped",
        Severity.WARNING,
        (NODE,),
        "Somebody stopped the node: no automation starts it again.",
        "If that was not you, ask who did. It starts with: upgrade-console node start",
        "the controller's state: STOPPED_BY_OPERATOR",
        again=True,
    ),
    NoticeKind(
        "emergency-halt",
        Severity.CRITICAL,
        (NETWORK,),
        "A member of the council approved to stop the upgrade; and again when it is cancelled.",
        "Do not start anything by hand; ask the council why: {status}",
        "the proposal's approvals and status",
    ),
    NoticeKind(
        "chain-stands",
        Severity.CRITICAL,
        (NETWORK,),
        "For a minute no block is made, and no upgrade is the reason (`notify watch` alone).",
        "Who does not vote is in the console's view of validators; wake them: {status}",
        "the votes of the round",
        again=True,
    ),
    NoticeKind(
        "validator-jailed",
        Severity.WARNING,
        (NETWORK,),
        "A validator of a Cosmos chain was jailed (`notify watch` alone).",
        "If it is yours: find out why it missed blocks, mend it, then have it released (tx slashing unjail): {status}",
        "the chain's staking and slashing modules",
        again=True,
    ),
    NoticeKind(
        "no-answer",
        Severity.WARNING,
        (NETWORK,),
        "For two minutes no endpoint of the network answers (`notify watch` alone).",
        "Either the network is down, or the way there from here: ask its operators, and run: {status}",
        "the age of the newest answer",
        again=True,
    ),
)
"""Every kind, in the order in which they come."""

KINDS = {kind.name: kind for kind in NOTICES}


def notices_markdown() -> str:
    """The table as docs/notifications.md prints it."""
    lines = ["| event | severity | about | told when | read from |", "|---|---|---|---|---|"]
    for kind in NOTICES:
        cells = (f"`{kind.name}`", kind.severity.value, ", ".join(kind.about), kind.says, kind.source)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
