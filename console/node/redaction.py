"""Secrets taken out of what a program prints, before anybody sees it (facts/ipc.md §1.4: `parent_http_auth_token`)."""

from __future__ import annotations

import re

HIDDEN = "<hidden>"

# Every repetition is bounded: what is searched may be a stranger's megabyte.
_NAME = re.compile(
    r"(?:token|secret|passw|passphrase|private[_\-]?key|mnemonic|auth|credential|api[_\-]?key)[\w.\-]{0,64}"
    r"[\"']?\s{0,64}(?:=>|[:=])\s{0,64}",
    re.IGNORECASE,
)
_URL = re.compile(r"\b([a-z][a-z0-9+.\-]{1,15}://)([^\s\"'<>]+)", re.IGNORECASE)
_LONG_PART = re.compile(r"(?<=/)[A-Za-z0-9_\-]{20,}(?=/|$)")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def redacted(text: str) -> str:
    """The text without values of sensitive names and without credentials in URLs.

    It reads TOML, JSON, YAML's plain values and Rust's debug output alike; a value that does not end hides the rest.
    """
    pieces, position = [], 0
    while found := _NAME.search(text, position):
        end = _end_of_value(text, found.end())
        pieces.append(text[position : found.end()])
        pieces.append(HIDDEN)
        position = end
    pieces.append(text[position:])
    return _URL.sub(_plain_url, "".join(pieces))


def _end_of_value(text: str, start: int) -> int:
    """Index behind the value that begins at `start`."""
    if wrapped := re.match(r"[A-Za-z_:]+\(", text[start : start + 80]):
        return _end_of_group(text, start + wrapped.end() - 1)
    first = text[start : start + 1]
    if first in {'"', "'"}:
        return _end_of_quote(text, start)
    if first in _CLOSING:
        return _end_of_group(text, start)
    plain = re.compile(r"[,}\])\n]").search(text, start)
    return len(text) if plain is None else plain.start()


def _end_of_quote(text: str, start: int) -> int:
    quote = text[start]
    triple = quote * 3
    if text.startswith(triple, start):
        end = text.find(triple, start + 3)
        return len(text) if end < 0 else end + 3
    position = start + 1
    while position < len(text):
        if text[position] == "\\" and quote == '"':
            position += 2
        elif text[position] == quote:
            return position + 1
        else:
            position += 1
    return len(text)


def _end_of_group(text: str, start: int) -> int:
    closing, position = [_CLOSING[text[start]]], start + 1
    while position < len(text):
        character = text[position]
        if character in {'"', "'"}:
            position = _end_of_quote(text, position)
            continue
        position += 1
        if character in _CLOSING:
            closing.append(_CLOSING[character])
        elif character == closing[-1]:
            closing.pop()
            if not closing:
                return position
    return len(text)


def _plain_url(found: re.Match[str]) -> str:
    """A URL without user, password, query and what looks like a key in its path."""
    rest = found[2]
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = f"{HIDDEN}@{authority.rpartition('@')[2]}"
    path, question, _ = path.partition("?")
    shown = _LONG_PART.sub(HIDDEN, f"{slash}{path}")
    return f"{found[1]}{authority}{shown}" + (f"?{HIDDEN}" if question else "")
