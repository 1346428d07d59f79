"""Proposals that change a model: messages of a type that the settings name, read over REST.

Only REST tells a message of a module that this program does not know: `abci_query` gives it as bytes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.chain.cosmos import queries
from console.chain.cosmos.queries import Page
from console.chain.fields import exact_text, integer, items, table, text, wrong
from console.chain.rest import Rest, RestRefused
from console.errors import BadAnswer, ChainError, EndpointDown
from console.text import UntrustedText

LOOKS, BETWEEN_S = 3, 2.0
"""How often endpoints are asked that contradict each other, and seconds between: one may be a block behind."""

_NEWEST = 30
_MOST_MESSAGES = 100
_PREFIX = "PROPOSAL_STATUS_"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
"""It becomes part of a file's name."""
_HASH = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelChange:
    """A proposal's message that changes the model."""

    proposal: int
    status: str
    """`DEPOSIT_PERIOD`, `VOTING_PERIOD`, `PASSED`, `REJECTED` or `FAILED`."""
    title: UntrustedText
    version: str
    checksum: str
    """`sha256:` and 64 hex digits."""
    height: int
    """The first height that is executed with the new model."""
    url: str
    """As the message names it; empty where it names none."""
    failed_reason: UntrustedText
    """Why the chain did not carry it out, though it passed; empty otherwise, and on SDKs before 0.50."""


def model_version(value: str) -> str:
    """A version that can be part of a file's name. Raises ValueError with the rest of `NAME must be …`."""
    if not _VERSION.fullmatch(value.strip()):
        raise ValueError("a version of letters, digits and . _ + -, as v1.1.0")
    return value.strip()


async def read_model_changes(rest: Rest, urls: Sequence[str], message_type: str) -> tuple[ModelChange, ...]:
    """Every change in the newest proposals, newest first, on which all endpoints that answer agree.

    Args:
        rest: Asks.
        urls: REST endpoints of one chain.
        message_type: `@type` of the message.

    Raises:
        EndpointDown: None answers.
        BadAnswer: One answers something else, or they contradict each other.
    """
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(BETWEEN_S)
        told = await _read_all(rest, urls, message_type)
        first, changes = next(iter(told.items()))
        other = next((url for url, each in told.items() if each != changes), "")
        if not other:
            return changes
    raise BadAnswer(
        f"{first} and {other} tell different proposals",
        next_step="wait until both are at one height, or find out which is wrong",
    )


async def _read_all(rest: Rest, urls: Sequence[str], message_type: str) -> dict[str, tuple[ModelChange, ...]]:
    """What each endpoint that answers tells; at least one."""
    told: dict[str, tuple[ModelChange, ...]] = {}
    failed: ChainError | None = None
    for url in urls:
        try:
            told[url] = await _read(rest, url, message_type)
        except EndpointDown as error:
            failed = error
    if not told:
        raise failed or EndpointDown("no REST endpoint is set", next_step="set `rest` of the network")
    return told


async def _read(rest: Rest, url: str, message_type: str) -> tuple[ModelChange, ...]:
    page = Page(_NEWEST, reverse=True)
    try:
        body = (await rest.get(url, queries.proposals("v1", page).path)).body
    except RestRefused as refused:
        if refused.status not in {404, 501}:
            raise
        body = (await rest.get(url, queries.proposals("v1beta1", page).path)).body
    return parse_model_changes(body, message_type)


def parse_model_changes(body: object, message_type: str) -> tuple[ModelChange, ...]:
    """The changes of one answer. Raises BadAnswer."""
    entries = items(table(body, "the proposals").get("proposals"), "the proposals", most=1000)
    return tuple(change for entry in entries for change in _changes(table(entry, "a proposal"), message_type))


def _changes(entry: Mapping[str, object], message_type: str) -> list[ModelChange]:
    number = integer(entry.get("id") or entry.get("proposal_id"), "the proposal's number")
    status = exact_text(entry.get("status"), "the proposal's status", most=40)
    if not status.startswith(_PREFIX):
        raise wrong("the proposal's status", status)
    found = []
    for message in _messages(entry):
        if message.get("@type") != message_type:
            continue
        checksum = exact_text(message.get("model_hash"), "the model's hash", most=100).strip().lower()
        checksum = checksum if ":" in checksum else f"sha256:{checksum}"
        version = exact_text(message.get("model_version"), "the model's version", most=100)
        if not _HASH.fullmatch(checksum) or not _VERSION.fullmatch(version):
            raise wrong("the model of the proposal", f"{version} {checksum}")
        url = message.get("model_url") or message.get("url") or ""
        found.append(
            ModelChange(
                proposal=number,
                status=status.removeprefix(_PREFIX),
                title=text(entry.get("title") or message.get("title") or "", "the title", most=256),
                version=version,
                checksum=checksum,
                height=integer(message.get("effective_height"), "the effective height", low=1),
                url=exact_text(url, "the model's URL", most=4096),
                failed_reason=text(entry.get("failed_reason"), "failed_reason"),
            )
        )
    return found


def _messages(entry: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Its messages, and what legacy content holds."""
    listed = items(entry.get("messages"), "the messages", most=_MOST_MESSAGES)
    found = [table(message, "a message") for message in listed]
    wrapped = [message.get("content") for message in found] + [entry.get("content")]
    return found + [table(content, "the content") for content in wrapped if content is not None]
