"""Propose an upgrade: the fields checked in words, and what they ask for (facts of the rules: contracts/)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from console.errors import InputError
from console.model import (
    ChainView,
    Proposal,
    ProposalStatus,
    RegistryRules,
    ReleaseKind,
    ScheduleKind,
    Snapshot,
    minimum_lead,
    outside,
)
from console.operations.contract_export import ExportedCall, read_export
from console.operations.propose_request import ProposeRequest
from console.operations.propose_terms import has_calls, has_release, is_voted, read_terms

FIELDS = (
    "name",
    "height",
    "url",
    "hash",
    "schedule",
    "threshold",
    "deadline",
    "delay",
    "calls",
    "undo",
    "voting",
    "expedited",
    "window",
    "grace",
    "migration",
    "migration_hash",
)
"""What the form and the command line ask for, in the order in which problems are told.

Beside them, and never a problem: `what` (`release`, `contracts` or `both`), `kind`, `breaking`, `order` (`first` or
`after`), `init`. Without any of the new ones it is a release for a fixed height.
"""

DEFAULT_FREEZE_BLOCKS = 5
"""F, the registry's least, until a proposal has told the real one."""

NOTICE_BLOCKS = 5
"""Blocks beyond the registry's own lead that we recommend where there is no vote: the proposal is scheduled in its own
transaction, and a controller at rest looks only every `query_interval_blocks` (5)."""

MAX_URL_LENGTH = 512
"""Bytes of a release URL (contracts/UpgradeRegistry.sol MAX_URL_LENGTH)."""

MANIFEST_KIND = "manifest"
"""Of the field `kind` where the hash is a manifest's."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")
_MAX_HEIGHT = 2**63 - 1


def check_fields(
    fields: Mapping[str, str],
    snapshot: Snapshot | None,
    rules: RegistryRules | None = None,
    *,
    short_notice: bool = False,
) -> dict[str, str]:
    """Check a proposal as typed, without I/O: the rules of the registry in an operator's words.

    Args:
        fields: As typed, by the names in `FIELDS` and those beside them.
        snapshot: What is known of the chain; None checks what needs no chain.
        rules: The registry's; None while they are not known: the registry then decides.
        short_notice: Whether a height that the registry takes is enough, without the notice that we recommend.

    Returns:
        Field name to one sentence, in the order of `FIELDS`; empty when all is well. That the chain is silent, or that
        another proposal occupies it, is a problem of the height.
    """
    chain = None if snapshot is None else snapshot.chain
    height = None if snapshot is None else snapshot.height
    terms, problems = read_terms(fields, snapshot, rules, freeze_blocks_of(chain, rules))
    found = {"name": _name_problem(fields.get("name", "").strip()), "height": _chain_problem(snapshot), **problems}
    if has_release(fields):
        waits = is_voted(fields, rules) or terms.schedule_kind is ScheduleKind.READINESS
        found["height"] = found["height"] or ("" if waits else _occupied_problem(chain, height))
        if terms.schedule_kind is ScheduleKind.FIXED:
            typed = fields.get("height", "").strip()
            found["height"] = found["height"] or _height_problem(
                typed, height, chain, rules, terms.voting_blocks, short_notice=short_notice
            )
            found["height"] = found["height"] or parent_problem(typed, fields.get("name", "").strip(), snapshot)
        found["url"] = _url_problem(fields.get("url", "").strip())
        found["hash"] = _hash_problem(fields.get("hash", "").strip())
    if has_calls(fields) and not fields.get("calls", "").strip():
        found["calls"] = "the file of the calls is missing: the one that `propose-contract --out` wrote"
    return {field: found[field] for field in FIELDS if found.get(field)}


def request_of(
    fields: Mapping[str, str],
    snapshot: Snapshot | None,
    rules: RegistryRules | None = None,
    *,
    evm_chain_id: int | None = None,
    short_notice: bool = False,
) -> ProposeRequest:
    """Turn the fields into a request; files of calls are read.

    Args:
        fields: As typed.
        snapshot: What is known of the chain.
        rules: The registry's, where they are known.
        evm_chain_id: Which chain exported calls have to be for; None for any.
        short_notice: As for `check_fields`.

    Raises:
        InputError: A field is not acceptable: the first problem's sentence; or a file cannot be used.
    """
    problems = check_fields(fields, snapshot, rules, short_notice=short_notice)
    if problems:
        raise InputError(next(iter(problems.values())), safe="nothing was sent")
    chain = None if snapshot is None else snapshot.chain
    terms, _ = read_terms(fields, snapshot, rules, freeze_blocks_of(chain, rules))
    calls, undo = _linked(fields, evm_chain_id) if has_calls(fields) else ((), ())
    release = has_release(fields)
    match = _HASH.fullmatch(fields.get("hash", "").strip())
    manifest = fields.get("kind") == MANIFEST_KIND
    if release and manifest and not fields.get("migration", "").strip():
        raise InputError(
            "give the manifest's file: a proposal without its migration is one that every controller refuses",
            safe="nothing was sent",
        )
    first = release and bool(calls) and fields.get("order") == "first"
    if first and not undo:
        raise InputError(
            "calls that come before the upgrade need calls that take them back, and the file has none",
            safe="nothing was sent",
            next_step="give them with --undo FILE, or have them made after the upgrade",
        )
    return ProposeRequest(
        name=fields["name"].strip(),
        height=int(fields["height"].strip()) if release and terms.schedule_kind is ScheduleKind.FIXED else 0,
        url=fields["url"].strip() if release else "",
        release_hash=match.group(1).lower() if release and match is not None else "",
        kind=ReleaseKind.NONE if not release else ReleaseKind.MANIFEST if manifest else ReleaseKind.RAW,
        breaking=release and fields.get("breaking", "yes") != "no",
        terms=terms if release else replace(terms, grace_blocks=0),
        contracts_first=first,
        init_allowed=bool(calls) and fields.get("init") == "yes",
        calls=calls,
        undo=undo if release else (),
    )


_Calls = tuple[tuple[str, bytes], ...]


def _linked(fields: Mapping[str, str], evm_chain_id: int | None) -> tuple[_Calls, _Calls]:
    """The calls of the file and what takes them back, in the opposite order unless a file of its own says it."""
    exported = _exported(fields["calls"].strip(), evm_chain_id)
    calls = tuple((each.target, each.data) for each in exported)
    if own := fields.get("undo", "").strip():
        return calls, tuple((each.target, each.data) for each in _exported(own, evm_chain_id))
    if not all(each.undo for each in exported):
        return calls, ()
    return calls, tuple((each.target, each.undo) for each in reversed(exported))


def _exported(path: str, evm_chain_id: int | None) -> Sequence[ExportedCall]:
    exported = read_export(Path(path).expanduser())
    if not exported:
        raise InputError(f"{path} holds no call", safe="nothing was sent")
    if evm_chain_id is not None and any(each.chain_id != evm_chain_id for each in exported):
        raise InputError(
            f"the calls in {path} are for chain {exported[0].chain_id}, not for chain {evm_chain_id}",
            safe="nothing was sent",
            next_step="calls on the parent chain are made by their owner there",
        )
    return exported


def fields_of(name: str, height: int | None, url: str, release_hash: str, *, breaking: bool) -> dict[str, str]:
    """The propose form's fields from values, for callers without a form."""
    return {
        "name": name,
        "height": "" if height is None else str(height),
        "url": url,
        "hash": release_hash,
        "breaking": "yes" if breaking else "no",
    }


def freeze_blocks_of(chain: ChainView | None, rules: RegistryRules | None = None) -> int:
    """F in blocks: as the registry says, else of the newest proposal, else the registry's least."""
    if rules is not None:
        return rules.freeze_blocks
    if chain is None or not chain.proposals:
        return DEFAULT_FREEZE_BLOCKS
    return chain.proposals[0].freeze_blocks


def earliest_height(
    chain: ChainView, height: int, rules: RegistryRules | None = None, *, voting_blocks: int = 0
) -> int:
    """The first target height that we recommend: the registry's first, and where nobody votes some blocks of notice.

    Args:
        chain: What is known of the chain.
        height: Of the chain.
        rules: The registry's, where they are known.
        voting_blocks: Blocks that the vote is open: one that is won in its last block still leaves the lead.
    """
    return height + 1 + voting_blocks + _lead(chain, rules) + _notice(rules, voting_blocks)


def notice_warning(request: ProposeRequest, snapshot: Snapshot, rules: RegistryRules | None) -> str:
    """That a height which the registry takes is nearer than we recommend; empty when it is not, or is no fixed one."""
    if snapshot.chain is None or snapshot.height is None or not request.height:
        return ""
    earliest = earliest_height(snapshot.chain, snapshot.height, rules, voting_blocks=request.terms.voting_blocks)
    if request.height >= earliest:
        return ""
    return (
        f"height {request.height} leaves a controller at rest less than the {NOTICE_BLOCKS} blocks in which it notices"
        f" the proposal: the registry takes it, and {earliest} is the first that we recommend"
    )


def _lead(chain: ChainView, rules: RegistryRules | None) -> int:
    """The registry's own: a proposal that is sent now is in the next block at the earliest, and this after it."""
    count = len(chain.validators) or (0 if chain.readiness is None else len(chain.readiness.validators))
    return max(minimum_lead(count, freeze_blocks_of(chain, rules)), 0 if rules is None else rules.minimum_lead)


def _notice(rules: RegistryRules | None, voting_blocks: int) -> int:
    # A vote is noticed while it is open.
    return 0 if voting_blocks or (rules is not None and rules.voting_required) else NOTICE_BLOCKS


def _name_problem(name: str) -> str:
    if not name:
        return "the name is missing: give the release's name, such as v0.2.0"
    if not _NAME.fullmatch(name):
        return "the name must be 1 to 64 of a-z, 0-9, '.', '_' and '-', and start with a letter or digit"
    return ""


def _height_problem(
    typed: str,
    height: int | None,
    chain: ChainView | None,
    rules: RegistryRules | None,
    voting_blocks: int,
    *,
    short_notice: bool,
) -> str:
    if not typed:
        return "the height is missing: give the first height that the new binary executes"
    if not _DIGITS.fullmatch(typed) or int(typed) > _MAX_HEIGHT:
        return "the height must be a whole number of blocks"
    target = int(typed)
    if target < 1:
        return f"height {target} is in the past: heights start at 1"
    if height is not None and target <= height:
        return f"height {target} is in the past: the chain is at {height}"
    if chain is None or height is None:
        return ""
    lead, notice = _lead(chain, rules), _notice(rules, voting_blocks)
    first = height + 1 + voting_blocks + lead
    if target >= first + (0 if short_notice else notice):
        return ""
    vote = f"{voting_blocks} blocks of voting and " if voting_blocks else ""
    words = f"height {target} is too near: {vote}{lead} blocks of lead are needed, so {first} is the first possible"
    return f"{words}, and {first + notice} the first that we recommend" if notice else words


def _url_problem(url: str) -> str:
    if not url:
        return "the URL is missing: say where the release is to be had"
    if any(not "!" <= character <= "~" for character in url):
        return "the URL must be printable ASCII without blanks"
    if len(url) > MAX_URL_LENGTH:
        return f"the URL has {len(url)} characters, {MAX_URL_LENGTH} are allowed"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "the URL cannot be understood: it must be http:// or https:// with a host"
    if parts.scheme not in {"http", "https"} or not host:
        return "the URL must start with http:// or https:// and name a host"
    if parts.username is not None or parts.password is not None:
        return "the URL must not hold a user name or password: the chain is public"
    return ""


def _hash_problem(typed: str) -> str:
    if not typed:
        return "the hash is missing: give sha256: and 64 hex digits"
    match = _HASH.fullmatch(typed)
    if match is None:
        return "the hash must be sha256: and 64 hex digits"
    if int(match.group(1), 16) == 0:
        return "the hash must not be zero"
    return ""


def parent_problem(typed: str, name: str, snapshot: Snapshot | None) -> str:
    """Why a height does not go with what the network above intends; empty when it does, or when it is no number."""
    if snapshot is None or not _DIGITS.fullmatch(typed):
        return ""
    return outside(int(typed), name, snapshot.safe_heights)


def _chain_problem(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.chain is not None:
        return ""
    return snapshot.chain_problem.rstrip(".") or "the chain has not answered yet"


def _occupied_problem(chain: ChainView | None, height: int | None) -> str:
    occupant = None if chain is None else next((p for p in chain.proposals if _occupies(p, height)), None)
    if occupant is None:
        return ""
    if occupant.status is ProposalStatus.ABORTED:
        return (
            f"proposal {occupant.id} ({occupant.name}) was aborted and armed nodes still stop at height"
            f" {occupant.target_height}: propose again after it"
        )
    return (
        f"proposal {occupant.id} ({occupant.name}) is scheduled for height {occupant.target_height}:"
        " one at a time, propose again when it is over"
    )


def _occupies(proposal: Proposal, height: int | None) -> bool:
    # The registry's `_occupied`: an aborted plan keeps its place until its height is over.
    if proposal.status is ProposalStatus.SCHEDULED:
        return True
    return proposal.status is ProposalStatus.ABORTED and height is not None and height + 1 <= proposal.target_height
