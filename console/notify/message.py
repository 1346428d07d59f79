"""A message as it is sent: short, plain, and nothing in it that a service would obey (facts/safety.md §7)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.monitoring.notices import KINDS
from console.monitoring.rules import Severity
from console.notify.occasions import Occasion
from console.notify_settings import heaviest
from console.text import untrusted, utc

MAX_SUBJECT = 120
"""Characters."""
MAX_BODY = 1800
"""Characters, of several messages in one too: Discord takes 2,000."""
_MAX_SENTENCE = 500

_OBEYED = str.maketrans(
    {
        "@": "\N{FULLWIDTH COMMERCIAL AT}",
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "`": "'",
        "\\": "/",
    }
)
"""Written out, for they go to services and never to a terminal, whose signs are in one table."""
_JOINED = ((re.compile(r"\]\s*\("), "] ("), (re.compile(r"://"), ": //"), (re.compile(r"\|\|+"), "|"))


@dataclass(frozen=True, slots=True)
class Message:
    """What one service is told at once."""

    severity: Severity
    subject: str
    body: str


def plain(text: str, limit: int) -> str:
    """One line of foreign text in which no service finds a mention, a link, a tag or code.

    Args:
        text: Anything.
        limit: Characters.
    """
    line = str(untrusted(text, limit)).translate(_OBEYED)
    for pattern, instead in _JOINED:
        line = pattern.sub(instead, line)
    return line


def message_of(
    occasion: Occasion, *, network: str, chain_id: str, option: str, height: int | None, at: float
) -> Message:
    """The message of one occasion.

    Args:
        occasion: What is to be told.
        network: The network's name in the settings.
        chain_id: CometBFT's chain id.
        option: How the network is named on the command line, as `--network devnet`.
        height: The newest known, in blocks.
        at: When it was seen, Unix seconds.
    """
    kind = KINDS[occasion.kind]
    node_option = f" --node {occasion.node}" if occasion.node else ""
    node_status = f"upgrade-console node status {option}{node_option}"
    status = node_status if occasion.node else f"upgrade-console status {option}"
    do = kind.do.format(status=status, node_status=node_status)
    sentence = plain(occasion.sentence, _MAX_SENTENCE)
    lines = [sentence, f"What to do: {plain(do, _MAX_SENTENCE)}", f"Network: {plain(f'{network} ({chain_id})', 120)}"]
    if occasion.node:
        lines.append(f"Node: {plain(occasion.node, 80)}")
    if height is not None:
        lines.append(f"Height: {height:,}")
    lines.append(f"Time: {utc(at)}")
    lines.append(f"Severity: {occasion.severity.value}")
    return Message(occasion.severity, subject_of(network, kind.name, sentence), "\n".join(lines))


def subject_of(network: str, event: str, sentence: str) -> str:
    """A short line: which network, what kind of thing, what happened."""
    head = f"{plain(network, 32)}, {event}: "
    return cut(head + sentence, MAX_SUBJECT)


def cut(text: str, width: int) -> str:
    """Its beginning, where it is longer: what happened stands there."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def joined(messages: list[Message]) -> Message:
    """Several messages as one, bounded; what has no room is counted."""
    if len(messages) == 1:
        (only,) = messages
        return Message(only.severity, only.subject[:MAX_SUBJECT], only.body[:MAX_BODY])
    severity = heaviest([message.severity for message in messages])
    first = next(message for message in messages if message.severity is severity)
    subject = cut(f"{len(messages)} events; {first.subject}", MAX_SUBJECT)
    # What weighs most must not be what has no room.
    ordered = [first, *(message for message in messages if message is not first)]
    kept: list[str] = []
    room = MAX_BODY - 100
    for message in ordered:
        if room < len(message.body) + 2:
            break
        kept.append(message.body)
        room -= len(message.body) + 2
    left_out = len(messages) - len(kept)
    if left_out:
        kept.append(f"{left_out} more have no room here: upgrade-console notify list shows them.")
    return Message(severity, subject, "\n\n".join(kept))
