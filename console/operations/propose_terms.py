"""How a proposal is decided and when it happens, from what is typed: spans are blocks, or times at the block time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from console.model import MigrationKind, RegistryRules, ScheduleKind, Snapshot, minimum_lead
from console.operations.propose_request import Terms
from console.quantities import parse_duration

USUAL_VOTE = "7d"
"""How long a vote is open where nobody says otherwise."""

MOST_BLOCKS = 100_000_000
"""Blocks that anything may lie ahead (contracts/RegistryState.sol MAX_BLOCKS_AHEAD)."""

SCHEDULES = {"height": ScheduleKind.FIXED, "vote": ScheduleKind.AFTER_VOTE, "readiness": ScheduleKind.READINESS}
"""Values of the field `schedule`."""

MIGRATIONS = {kind.name.lower(): kind for kind in MigrationKind}
"""Values of the field `migration`."""

_BLOCKS = re.compile(r"[0-9]{1,19}", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?\s*%?", re.ASCII)
_POINTS = re.compile(r"([0-9]{1,5})\s*bps", re.ASCII)
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})", re.ASCII)


def span_blocks(typed: str, block_time_s: float | None) -> int:
    """Blocks of a span: a number is blocks, `7d` or `1h30m` is time.

    Args:
        typed: As typed.
        block_time_s: Measured seconds per block; None while it is not known.

    Raises:
        ValueError: It is neither, longer than the registry takes, or a time where no block time is known.
    """
    text = typed.strip()
    if _BLOCKS.fullmatch(text):
        blocks = int(text)
    else:
        try:
            seconds = parse_duration(text)
        except ValueError:
            raise ValueError("must be a number of blocks, or a time as 7d or 1h30m") from None
        if not block_time_s:
            raise ValueError("must be a number of blocks: how long a block takes is not known now")
        blocks = max(1, round(seconds / block_time_s))
    if blocks > MOST_BLOCKS:
        raise ValueError(f"is more than {MOST_BLOCKS} blocks")
    return blocks


def share_bps(typed: str) -> int:
    """1/10000 of a share: `67`, `66.67%` or `6667bps`. Raises ValueError."""
    text = typed.strip()
    if points := _POINTS.fullmatch(text):
        found = int(points[1])
    elif share := _SHARE.fullmatch(text):
        found = int(share[1]) * 100 + int((share[2] or "0").ljust(2, "0"))
    else:
        raise ValueError("must be a share as 67, 66.67% or 6667bps")
    if not 1 <= found <= 10_000:
        raise ValueError("must be more than nothing, and at most 100%")
    return found


def has_release(fields: Mapping[str, str]) -> bool:
    """Whether a release is proposed: not contract calls alone."""
    return fields.get("what", "release") != "contracts"


def has_calls(fields: Mapping[str, str]) -> bool:
    """Whether contract calls are proposed."""
    return fields.get("what", "release") != "release"


def is_voted(fields: Mapping[str, str], rules: RegistryRules | None) -> bool:
    """Whether there will be a vote: calls always need one; a release where the registry or the proposer says so."""
    if has_calls(fields) or rules is None:
        return has_calls(fields) or bool(fields.get("voting", "").strip())
    return rules.voting_required


def voting_blocks(fields: Mapping[str, str], snapshot: Snapshot | None, rules: RegistryRules | None) -> int:
    """Blocks that the vote will be open; 0 where there is none.

    What nobody typed is the usual time, but never less than the registry wants; for an expedited vote the least.

    Raises:
        ValueError: What is typed is no span, or shorter than the registry wants.
    """
    if not is_voted(fields, rules):
        return 0
    expedited = fields.get("expedited") == "yes"
    least = 0 if rules is None else rules.min_expedited_blocks if expedited else rules.min_voting_blocks
    typed = fields.get("voting", "").strip()
    if not typed and expedited and least:
        return least
    blocks = span_blocks(typed or USUAL_VOTE, _block_time(snapshot))
    if not typed:
        return max(blocks, least)
    if blocks < least:
        kind = "an expedited vote" if expedited else "a vote"
        raise ValueError(f"is {blocks} blocks, and {kind} is open for at least {least} here")
    return blocks


def read_terms(
    fields: Mapping[str, str], snapshot: Snapshot | None, rules: RegistryRules | None, freeze_blocks: int
) -> tuple[Terms, dict[str, str]]:
    """Read how and when, without I/O.

    Args:
        fields: As typed; names are those of the form.
        snapshot: What is known of the chain; spans of time need it.
        rules: The registry's; None where they are not known.
        freeze_blocks: F, for the least lead.

    Returns:
        The terms, and field name to one sentence for what is not acceptable.
    """
    problems: dict[str, str] = {}

    def span(name: str, label: str, *, least: int = 0) -> int:
        typed = fields.get(name, "").strip()
        if not typed:
            if least:
                problems[name] = f"the {label} is missing: blocks, or a time as 24h"
            return 0
        try:
            blocks = span_blocks(typed, _block_time(snapshot))
        except ValueError as error:
            problems[name] = f"the {label} {error}"
            return 0
        if blocks < least:
            problems[name] = f"the {label} is {blocks} blocks: at least {least} are needed"
        return blocks

    kind = SCHEDULES.get(fields.get("schedule", "height"))
    if kind is None:
        problems["schedule"] = f"the schedule must be one of {', '.join(SCHEDULES)}"
        kind = ScheduleKind.FIXED
    if not has_release(fields):
        kind = ScheduleKind.FIXED
    vote = 0
    try:
        vote = voting_blocks(fields, snapshot, rules)
    except ValueError as error:
        problems["voting"] = f"the time to vote {error}"
    lead = minimum_lead(_validators(snapshot), freeze_blocks) if snapshot is not None else 1
    least = lead if rules is None else max(1, rules.minimum_lead)
    delay = span("delay", "delay to H", least=least) if kind is not ScheduleKind.FIXED else 0
    bps, deadline = 0, 0
    if kind is ScheduleKind.READINESS:
        bps = _share(fields, problems)
        ahead = span("deadline", "deadline for readiness", least=1)
        if "deadline" not in problems and ahead <= vote:
            problems["deadline"] = f"the deadline is {ahead} blocks from now, and the vote alone takes {vote}"
        deadline = ahead + (0 if snapshot is None or snapshot.height is None else snapshot.height) + 1
    migration, migration_hash = _migration(fields, problems)
    terms = Terms(
        schedule_kind=kind,
        delay=delay,
        readiness_bps=bps,
        readiness_deadline=deadline,
        voting_blocks=vote,
        expedited=fields.get("expedited") == "yes",
        execution_window=span("window", "execution window"),
        grace_blocks=span("grace", "grace period"),
        migration_kind=migration,
        migration_hash=migration_hash,
    )
    if terms.expedited and not is_voted(fields, rules):
        problems["expedited"] = "there is no vote here that could be expedited"
    if rules is not None and not is_voted(fields, rules) and fields.get("voting", "").strip():
        problems["voting"] = "this registry votes on contract calls only: leave the time to vote out"
    return terms, problems


def _share(fields: Mapping[str, str], problems: dict[str, str]) -> int:
    try:
        return share_bps(fields.get("threshold", ""))
    except ValueError as error:
        problems["threshold"] = f"the ready power {error}"
        return 0


def _migration(fields: Mapping[str, str], problems: dict[str, str]) -> tuple[MigrationKind, str]:
    kind = MIGRATIONS.get(fields.get("migration", "").strip() or "none")
    typed = fields.get("migration_hash", "").strip()
    if kind is None:
        problems["migration"] = f"the migration must be one of {', '.join(MIGRATIONS)}"
        return MigrationKind.NONE, ""
    if kind is MigrationKind.NONE:
        if typed:
            problems["migration_hash"] = "there is no migration that the hash could be of: say its kind"
        return kind, ""
    match = _HASH.fullmatch(typed)
    if match is None or not int(match[1], 16):
        problems["migration_hash"] = "the migration's hash must be sha256: and 64 hex digits, and not zero"
        return kind, ""
    return kind, match[1].lower()


def _block_time(snapshot: Snapshot | None) -> float | None:
    return None if snapshot is None or snapshot.chain is None else snapshot.chain.block_time_s


def _validators(snapshot: Snapshot) -> int:
    chain = snapshot.chain
    if chain is None:
        return 1
    return len(chain.validators) or (0 if chain.readiness is None else len(chain.readiness.validators))
