"""A software upgrade as a proposal of x/gov: its fields checked in words, and the message that proposes it.

The same for the form, the command line and a file for somebody else: gov v1's JSON where the chain takes it, the older
content where it does not (facts/cosmos.md §4.2).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console import strict_json
from console.errors import ConsoleError, InputError
from console.model import ChainMessage, DaemonRole, Snapshot, outside
from console.operations.chain_messages import coins_of, document_message
from console.text import duration

if TYPE_CHECKING:
    from console.operations.connection import MessageSender
    from console.settings import NetworkSettings

FIELDS = ("name", "height", "info", "title", "summary", "deposit")
"""What the form and the command line ask for, in the order in which problems are told. `cancels` and `expedited`, `yes`
or `no`, are beside them; one that cancels has neither name nor height nor info."""

MAX_TITLE, MAX_SUMMARY, MAX_INFO = 140, 10_000, 60_000
"""Characters that every SDK takes by default."""

V1_SINCE = (0, 46)
"""The first SDK whose x/gov takes messages."""

TITLES_SINCE = (0, 47)
"""The first whose proposals of messages have a title and a summary: before it these are lost without a word."""

EXPEDITED_SINCE = (0, 50)
"""The first that has expedited proposals: before it a daemon leaves that wish out without a word."""

_NOTHING_SENT = "nothing was sent"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UpgradeProposal:
    """A checked proposal."""

    name: str
    """Of the plan; empty for one that cancels."""
    height: int
    """H: the first height that the new binary executes; 0 for one that cancels."""
    info: str
    """JSON of the binaries with their checksums, or the URL of one; may be empty."""
    title: str
    summary: str
    deposit: str
    """As `10000000stake`."""
    expedited: bool = False
    cancels: bool = False
    """It takes the chain's current plan back."""


def check_upgrade(fields: Mapping[str, str], snapshot: Snapshot | None) -> dict[str, str]:
    """Check a proposal as typed, without I/O.

    Args:
        fields: As typed, by the names in `FIELDS` and those beside them.
        snapshot: What is known of the chain; None checks what needs no chain.

    Returns:
        Field name to one sentence, in the order of `FIELDS`, `expedited` last; empty when all is well.
    """
    cancels = fields.get("cancels") == "yes"
    typed = {name: fields.get(name, "").strip() for name in FIELDS}
    found = {
        "name": "" if cancels else _name_problem(typed["name"]),
        "height": ""
        if cancels
        else _height_problem(typed["height"], typed["name"], snapshot, expedited=fields.get("expedited") == "yes"),
        "info": "" if cancels else info_problem(compact(typed["info"])),
        "title": _text_problem("title", typed["title"], MAX_TITLE),
        "summary": _text_problem("summary", typed["summary"], MAX_SUMMARY),
        "deposit": _deposit_problem(typed["deposit"]),
        "expedited": _expedited_problem(snapshot) if fields.get("expedited") == "yes" else "",
    }
    return {name: problem for name, problem in found.items() if problem}


def upgrade_of(fields: Mapping[str, str], snapshot: Snapshot | None = None) -> UpgradeProposal:
    """Turn the fields into a proposal. Raises InputError: the first problem's sentence."""
    problems = check_upgrade(fields, snapshot)
    if problems:
        raise InputError(next(iter(problems.values())), safe=_NOTHING_SENT)
    cancels = fields.get("cancels") == "yes"
    return UpgradeProposal(
        name="" if cancels else fields["name"].strip(),
        height=0 if cancels else int(fields["height"]),
        info="" if cancels else compact(fields.get("info", "").strip()),
        title=fields["title"].strip(),
        summary=fields["summary"].strip(),
        deposit=coins_of(fields["deposit"], "the deposit"),
        expedited=fields.get("expedited") == "yes",
        cancels=cancels,
    )


def proposal_document(proposal: UpgradeProposal, authority: str) -> dict[str, object]:
    """The file that `tx gov submit-proposal` takes.

    Args:
        proposal: What is proposed.
        authority: In whose name the chain's own government acts.
    """
    message: dict[str, object]
    if proposal.cancels:
        message = {"@type": "/cosmos.upgrade.v1beta1.MsgCancelUpgrade", "authority": authority}
    else:
        message = {
            "@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade",
            "authority": authority,
            "plan": {"name": proposal.name, "height": str(proposal.height), "info": proposal.info},
        }
    return {
        "messages": [message],
        "metadata": "",
        "deposit": proposal.deposit,
        "title": proposal.title,
        "summary": proposal.summary,
        "expedited": proposal.expedited,
    }


async def upgrade_message(proposal: UpgradeProposal, messages: MessageSender) -> ChainMessage:
    """The message that proposes it on this chain, by the daemon that the settings name.

    Raises:
        SettingsError: There is no daemon in the settings.
        DaemonError: The daemon does not tell its SDK.
        ChainError: The chain does not tell who upgrades it.
        InputError: It cannot be said on this chain.
    """
    sdk = await messages.sdk_version()
    form = messages.proposals_form
    if proposal.expedited and sdk is not None and sdk < EXPEDITED_SINCE:
        raise InputError(
            f"the daemon is of SDK {sdk[0]}.{sdk[1]}, which has no expedited proposals: they come with 0.50",
            safe=_NOTHING_SENT,
            next_step="propose it without --expedited",
        )
    if form == "v1" or (form == "auto" and (sdk is None or sdk >= TITLES_SINCE)):
        document = proposal_document(proposal, await messages.authority())
        return document_message(document, _effect(proposal), _UNDO, _upgrade(proposal))
    return legacy_message(proposal, sdk)


def legacy_message(proposal: UpgradeProposal, sdk: tuple[int, int] | None) -> ChainMessage:
    """The message of a chain whose x/gov takes content, as all did before SDK 0.46 and every one still does.

    Raises:
        InputError: Such a chain has no expedited proposals.
    """
    if proposal.expedited:
        raise InputError("a proposal of the older kind cannot be expedited", safe=_NOTHING_SENT)
    since = sdk is not None and sdk >= V1_SINCE
    words = ("--title", proposal.title, "--description", proposal.summary, "--deposit", proposal.deposit)
    command = (
        ("cancel-software-upgrade",)
        if proposal.cancels
        else (
            "software-upgrade",
            proposal.name,
            "--upgrade-height",
            str(proposal.height),
            "--upgrade-info",
            proposal.info,
            # It would download every binary; the info was checked here.
            *(("--no-validate",) if since else ()),
        )
    )
    verb = "submit-legacy-proposal" if since else "submit-proposal"
    return ChainMessage(
        ("gov", verb, *command, *words), DaemonRole.PROPOSER, 0, _effect(proposal), _UNDO, upgrade=_upgrade(proposal)
    )


def info_of_binaries(urls: Mapping[str, str], children: Sequence[Mapping[str, object]] = ()) -> str:
    """A plan's info from URLs with their checksums, by platform.

    Args:
        urls: By platform.
        children: What the upgrade means for child networks, as in a manifest.

    Raises:
        InputError: A platform or a URL is not one that every node could use.
    """
    document = {"binaries": dict(urls), **({"children": list(children)} if children else {})}
    info = json.dumps(document, separators=(",", ":"), sort_keys=True)
    if problem := info_problem(info):
        raise InputError(problem, safe=_NOTHING_SENT)
    return info


def info_of_binary(url: str, sha256: str) -> str:
    """A plan's info of one binary for every platform. Raises InputError."""
    digest = sha256.strip().removeprefix("sha256:").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InputError("the hash must be sha256: and 64 hex digits", safe=_NOTHING_SENT)
    return info_of_binaries({"any": _with_checksum(url, digest)})


def fields_of_manifest(network: NetworkSettings, content: bytes, program: str = "") -> dict[str, str]:
    """What a release manifest settles of a proposal: name and info, as Cosmovisor and every controller read it.

    Args:
        network: Where it will be proposed.
        content: The manifest's bytes.
        program: The daemon's name in it; empty for the only one.

    Raises:
        InputError: It is not for this chain, or names no place where a binary is to be had.
        ManifestRefused: Nobody could use it.
    """
    from console.node.release.manifest import peek_manifest

    manifest = peek_manifest(content)
    if manifest.chain != network.chain_id:
        raise InputError(
            f"the manifest is for chain {manifest.chain}, and {network.name} is {network.chain_id}", safe=_NOTHING_SENT
        )
    urls: dict[str, str] = {}
    for platform, entry in manifest.platforms.items():
        names = [program] if program else list(entry.binaries)
        if len(names) != 1 or names[0] not in entry.binaries:
            raise InputError(
                f"the manifest has {', '.join(entry.binaries) or 'no binary'} for {platform}: a plan names one",
                safe=_NOTHING_SENT,
            )
        artefact = entry.binaries[names[0]]
        source = next((each for each in artefact.sources if each.startswith(("https://", "http://"))), "")
        if not source:
            raise InputError(
                f"the manifest names no http URL of {names[0]} for {platform}",
                safe=_NOTHING_SENT,
                next_step="make the release with its sources, or write the info by hand",
            )
        # A plan's checksum is of what is downloaded.
        digest = artefact.sha256 if artefact.archive is None else artefact.archive.sha256
        urls[platform] = _with_checksum(source, digest)
    return {
        "name": manifest.name,
        "info": info_of_binaries(urls, manifest.document().get("children", ())),
        "manifest_sha256": hashlib.sha256(content).hexdigest(),
    }


async def manifest_file_fields(network: NetworkSettings, path: Path) -> dict[str, str]:
    """`fields_of_manifest` of a file. Raises as it, and InputError: it cannot be read."""
    import asyncio

    from console.given_file import read_given
    from console.node.release.manifest import MAX_MANIFEST_BYTES

    content = await asyncio.to_thread(read_given, path, MAX_MANIFEST_BYTES)
    program = Path(network.daemon.command).name if network.daemon is not None else ""
    try:
        return fields_of_manifest(network, content, program)
    except InputError:
        # A wrapper's name is not the program's.
        return fields_of_manifest(network, content)


def compact(info: str) -> str:
    """A plan's info as it is written on the chain: JSON without the line breaks of a file, anything else as it is."""
    if not info.startswith("{"):
        return info
    try:
        return json.dumps(strict_json.loads(info.encode()), separators=(",", ":"), ensure_ascii=False)
    except strict_json.NotStrictJson:
        return info


def info_problem(info: str) -> str:
    """Why nodes could not get their binary from a plan's info; empty when they can, or when it says nothing."""
    from console.node.cosmovisor.plan_info import Binaries, BinariesElsewhere, choose, parse_plan_info

    if len(info) > MAX_INFO:
        return f"the info has {len(info)} characters, {MAX_INFO} are allowed"
    if any(not character.isprintable() for character in info):
        return "the info holds line breaks or control characters"
    try:
        found = parse_plan_info(info)
        if isinstance(found, Binaries):
            for platform, _ in found.urls:
                choose(found, platform)
        elif isinstance(found, BinariesElsewhere):
            choose(found, "any")
    except ConsoleError as error:
        return error.what
    return ""


def _with_checksum(url: str, digest: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}checksum=sha256:{digest}"


def _name_problem(name: str) -> str:
    if not name:
        return "the name is missing: give the plan's name, which is the upgrade handler's in the new binary"
    if not _NAME.fullmatch(name):
        return "the name must be 1 to 64 of letters, digits, '.', '_' and '-': it is also a folder's name"
    return ""


def _height_problem(typed: str, name: str, snapshot: Snapshot | None, *, expedited: bool) -> str:
    if not typed:
        return "the height is missing: give the first height that the new binary executes"
    if not _DIGITS.fullmatch(typed) or int(typed) < 1:
        return "the height must be a whole number of blocks"
    height = None if snapshot is None else snapshot.height
    if height is not None and int(typed) <= height:
        return f"height {typed} is in the past: the chain is at {height}"
    if snapshot is None:
        return ""
    return _vote_problem(int(typed), snapshot, expedited=expedited) or outside(int(typed), name, snapshot.safe_heights)


def _vote_problem(height: int, snapshot: Snapshot, *, expedited: bool) -> str:
    """That a plan would come too late to be scheduled: x/upgrade refuses a height that the vote's end has passed."""
    first = first_after_vote(snapshot, expedited=expedited)
    chain = snapshot.chain
    if first is None or height >= first or chain is None or chain.cosmos is None or chain.cosmos.proposing is None:
        return ""
    rules = chain.cosmos.proposing
    span = rules.expedited_voting_s if expedited else rules.voting_s
    return (
        f"height {height} is passed before its vote ends, and the plan would be refused: the vote is open for"
        f" {duration(span)}, so about {first} is the first possible, and operators need time after it"
    )


def _expedited_problem(snapshot: Snapshot | None) -> str:
    """That the chain's SDK has no such votes; a daemon of such an SDK leaves that wish out without a word."""
    chain = None if snapshot is None else snapshot.chain
    application = None if chain is None or chain.cosmos is None else chain.cosmos.application
    sdk = None if application is None else application.sdk
    if sdk is None or sdk >= EXPEDITED_SINCE:
        return ""
    return f"this chain is of SDK {sdk[0]}.{sdk[1]}, which has no expedited votes: they come with 0.50"


def first_after_vote(snapshot: Snapshot | None, *, expedited: bool) -> int | None:
    """About the first height after the end of a vote that opens now; None where the chain does not tell."""
    chain = None if snapshot is None else snapshot.chain
    if snapshot is None or chain is None or chain.cosmos is None or chain.cosmos.proposing is None:
        return None
    rules = chain.cosmos.proposing
    span = rules.expedited_voting_s if expedited else rules.voting_s
    if span is None or snapshot.height is None or not chain.block_time_s:
        return None
    return snapshot.height + math.ceil(span / chain.block_time_s) + 1


def _text_problem(what: str, typed: str, most: int) -> str:
    if not typed:
        return f"the {what} is missing: everybody who votes reads it"
    if len(typed) > most:
        return f"the {what} has {len(typed)} characters, {most} are allowed"
    if any(not (character.isprintable() or character == "\n") for character in typed):
        return f"the {what} holds control characters"
    return ""


def _deposit_problem(typed: str) -> str:
    if not typed:
        return "the deposit is missing: give an amount with its denom, as 10000000stake"
    try:
        coins_of(typed, "the deposit")
    except InputError as error:
        return error.what
    return ""


_UNDO = "Taking it back costs a part of the deposit, where the chain allows it at all; once it passed, only another"
_UNDO += " proposal cancels the plan."


def _effect(proposal: UpgradeProposal) -> str:
    by = " by an expedited vote" if proposal.expedited else ""
    if proposal.cancels:
        return f"Proposes{by} that the chain's scheduled upgrade is cancelled, with {proposal.deposit} as deposit."
    return (
        f"Proposes {proposal.name}{by}: once it passed, every node stops before it executes block {proposal.height}."
        f" Deposit {proposal.deposit}."
    )


def _upgrade(proposal: UpgradeProposal) -> tuple[str, int] | None:
    return None if proposal.cancels else (proposal.name, proposal.height)
