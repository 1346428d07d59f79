"""Whether a list of the pre-upgrade checklist is due now, by the countdown; and what else the countdown says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from console.maintenance import LOCAL, MaintenanceWindow
from console.model import Finding, Snapshot, Traffic
from console.model.procedure import failed, passed, warned
from console.operations.propose_window import (
    BLOCKS_DECIDE,
    estimate,
    estimate_words,
    in_zone,
    maintenance_words,
    pace_words,
    traffic_words,
)
from console.text import duration

_HOUR, _DAY = 3600.0, 86400.0


class Phase(StrEnum):
    """A list of the checklist; the value is how its procedure is called."""

    DAY = "24h"
    HOUR = "1h"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Due:
    """When a list is due, in seconds before H."""

    earliest_s: float
    """Before that what it finds may be old at H."""
    latest_s: float
    """After that the next list is due, and what this one would have to mend comes late."""
    refused_early: bool
    """Whether it is refused before `earliest_s`: what it finds holds for minutes."""
    words: str


DUE = {
    Phase.DAY: Due(3 * _DAY, 2 * _HOUR, False, "24 hours before H"),
    Phase.HOUR: Due(4 * _HOUR, 600.0, True, "1 hour before H"),
    Phase.NOW: Due(1800.0, 0.0, True, "immediately before H"),
}


def is_due(phase: Phase, snapshot: Snapshot) -> Finding:
    """Whether a list is due: refused when H is past or far away, a warning when it is late or nobody knows."""
    due = DUE[phase]
    upgrade = snapshot.upgrade
    if upgrade is None or not upgrade.proposal.has_height or snapshot.height is None:
        return warned(
            f"there is no countdown to hold this list against; it is meant for {due.words}",
            "no plan with a height is known",
            go_on="go on if you know when the maintenance is",
        )
    target = upgrade.proposal.target_height
    evidence = [f"{upgrade.proposal.name}, H {target:,}; now {snapshot.height:,}", f"this list is due {due.words}"]
    if snapshot.height >= target:
        return failed(
            f"H {target:,} is reached: it is too late for a checklist",
            *evidence,
            go_on="verify the upgrade instead: `upgrade-console run verify-validator`",
        )
    left = upgrade.eta_s
    if left is None:
        return warned(
            f"{target - snapshot.height:,} blocks are left, and the block time is not known yet",
            *evidence,
            go_on="judge the time yourself",
        )
    evidence.append(f"{target - snapshot.height:,} blocks, about {duration(left)}, at the block time of now")
    if left > due.earliest_s:
        wait = f"it is due in {duration(left - due.earliest_s)}"
        if due.refused_early:
            return failed(f"{duration(left)} before H is too early: {wait}", *evidence, go_on="run it then")
        return warned(f"{duration(left)} before H is early: {wait}", *evidence, go_on="run it again then")
    if left < due.latest_s:
        return warned(
            f"only {duration(left)} are left: this list is late",
            *evidence,
            go_on="go on quickly, and begin the next list in time: what fails now may be a reason to stop",
        )
    return passed(f"{duration(left)} before H: this list is due", *evidence)


def maintenance(
    snapshot: Snapshot, traffic: Traffic | None, windows: Sequence[MaintenanceWindow], zone: str = LOCAL
) -> Finding:
    """When H is likely to come, held against declared windows in their zones and the chain's own traffic.

    Args:
        snapshot: Now.
        traffic: Of the last hours; None where it was not read.
        windows: One's own, and what other operators declared.
        zone: In which moments are told.
    """
    lines = [] if traffic is None else [traffic_words(traffic, zone)]
    upgrade = snapshot.upgrade
    if upgrade is None or not upgrade.proposal.has_height:
        lines += [f"declared: {f'{each.operator}: ' if each.operator else ''}{each.text}" for each in windows]
        return warned("no height is known yet that a window could be held against", *lines, go_on="settle one by hand")
    guess = estimate(upgrade.proposal.target_height, snapshot, traffic)
    if guess is None:
        return warned("the block time is not known yet", *lines, go_on="look again in a minute")
    held = maintenance_words(windows, guess.low, guess.high)
    lines = [estimate_words(guess, zone), pace_words(guess), *(words for _, words in held), *lines, BLOCKS_DECIDE]
    if in_zone(guess.moment, zone) != (in_utc := in_zone(guess.moment, "UTC")):
        lines.append(f"in UTC: {in_utc}")
    outside = [words for inside, words in held if not inside]
    if outside:
        return warned(
            f"H is likely to be {outside[0]}", *lines, go_on="settle who is at hand then; H itself stays as it is"
        )
    if not held:
        return warned(
            f"H is likely at {in_zone(guess.moment, zone)}, and nobody declared a window",
            *lines,
            go_on="declare one: `[maintenance] windows` in the settings file",
        )
    return passed(f"H is likely at {in_zone(guess.moment, zone)}, inside every declared window", *lines)
