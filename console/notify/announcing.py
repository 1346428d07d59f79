"""Announcements of a maintenance: planned, begun, done, aborted; filled from what is known, read before they are sent.

They go to the operator's own services (`[notify]`). Nothing in them is made up: what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from console.model import Proposal, Snapshot
from console.monitoring.rules import Severity
from console.notify.message import MAX_BODY, Message, cut, plain, subject_of
from console.notify_settings import NotifySettings, weighs
from console.text import duration, short_hash, utc

_LONGEST = 400


class Occasion(StrEnum):
    """What is announced."""

    PLANNED = "planned"
    START = "start"
    DONE = "done"
    ABORTED = "aborted"


_SEVERITY = {
    Occasion.PLANNED: Severity.INFO,
    Occasion.START: Severity.WARNING,
    Occasion.DONE: Severity.INFO,
    Occasion.ABORTED: Severity.WARNING,
}
_HEAD = {
    Occasion.PLANNED: "maintenance planned",
    Occasion.START: "maintenance begins",
    Occasion.DONE: "maintenance done",
    Occasion.ABORTED: "maintenance aborted",
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message as it will be sent."""

    occasion: Occasion
    message: Message

    @property
    def lines(self) -> tuple[str, ...]:
        """Subject and body as they are shown and recorded."""
        return (f"Subject: {self.message.subject}", *self.message.body.splitlines())


def announcement(occasion: Occasion, snapshot: Snapshot, now: float, note: str = "", contact: str = "") -> Announcement:
    """Fill the text in.

    Args:
        occasion: What is announced.
        snapshot: Chain and node now.
        now: Unix seconds.
        note: A sentence of the operator's: why, what else; empty for none.
        contact: Where questions go; empty for nothing.
    """
    upgrade = snapshot.upgrade
    name = "a maintenance" if upgrade is None else f"the upgrade to {upgrade.proposal.name}"
    network = snapshot.network.name
    sentence = {
        Occasion.PLANNED: f"On {network}, {name} is planned.",
        Occasion.START: f"On {network}, {name} begins: nodes stop and come back with the new release.",
        Occasion.DONE: f"On {network}, {name} is done.",
        Occasion.ABORTED: f"On {network}, {name} is aborted: nodes go on with the release of before.",
    }[occasion]
    lines = [plain(sentence, _LONGEST), f"Network: {plain(f'{network} ({snapshot.network.chain_id})', 120)}"]
    if upgrade is not None:
        lines += _of_plan(occasion, upgrade.proposal, snapshot, now)
    if note:
        lines.append(plain(note, _LONGEST))
    if contact:
        lines.append(f"Questions: {plain(contact, 120)}")
    lines.append(f"Sent: {utc(now)}")
    body = cut("\n".join(lines), MAX_BODY)
    return Announcement(occasion, Message(_SEVERITY[occasion], subject_of(network, _HEAD[occasion], sentence), body))


def _of_plan(occasion: Occasion, proposal: Proposal, snapshot: Snapshot, now: float) -> Iterator[str]:
    upgrade = snapshot.upgrade
    assert upgrade is not None
    if proposal.has_height:
        yield f"Height: {proposal.target_height:,}" + (
            f" (now {snapshot.height:,})" if snapshot.height is not None else ""
        )
    if occasion is Occasion.PLANNED and upgrade.eta_s is not None and upgrade.blocks_left:
        yield f"Expected: {utc(now + upgrade.eta_s)}, in {duration(upgrade.eta_s)}, by the block time of now"
    if occasion in {Occasion.PLANNED, Occasion.START}:
        if proposal.release_url:
            yield f"Release: {plain(str(proposal.release_url), 300)}"
        if proposal.release_hash:
            yield f"sha256: {proposal.release_hash}"
    if occasion is Occasion.DONE and snapshot.node is not None and snapshot.node.exe_sha256:
        version = plain(str(snapshot.node.version or "unknown"), 64)
        yield f"Running: {version}, sha256 {short_hash(snapshot.node.exe_sha256)}"


def announced_to(settings: NotifySettings, network: str, severity: Severity) -> tuple[str, ...]:
    """Services that an announcement goes to: those of the network that asked for no events alone and for its weight."""
    return tuple(
        service.name
        for service in settings.services
        if service.serves(network) and not service.events and weighs(severity, service.severity)
    )
