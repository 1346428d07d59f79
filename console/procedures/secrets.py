"""What looks like a secret never gets into a journal: as a parameter it is refused, in what is found it is hidden."""

from __future__ import annotations

import re

from console.errors import InputError
from console.node.redaction import HIDDEN, redacted
from console.text import untrusted

_NAME = re.compile(r"passw|passphrase|secret|mnemonic|private|credential|api[_-]?key|(?<![a-z])token", re.I)
_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY|\b(?:[a-z]{3,8} ){11,23}[a-z]{3,8}\b")
"""A private key in PEM, or as many short words as a mnemonic has."""
_URL = re.compile(r"\b[a-z][a-z0-9+.\-]{1,15}://[^\s\"'<>]+", re.I)
_USER = re.compile(r"(?<=://)[^/?#@\s]*@")
_QUERY = re.compile(r"([?&][^=&#\s]*(?:token|secret|passw|key|sig|auth|credential)[^=&#\s]*=)[^&#\s]+", re.I)


def hidden(text: str) -> str:
    """The text without what looks like a secret. Where a release is, hash and all, stays: it is evidence."""
    pieces, position = [], 0
    for found in _URL.finditer(text):
        pieces += [redacted(text[position : found.start()]), _plain_url(found.group())]
        position = found.end()
    pieces.append(redacted(text[position:]))
    return _KEY.sub(HIDDEN, "".join(pieces))


def refuse_secret(name: str, value: str) -> None:
    """Refuse what must never be in a journal. Raises InputError, which does not hold the value.

    Args:
        name: Of the parameter, or the key under which it would be kept.
        value: The value.
    """
    if _NAME.search(name) or hidden(value) != value:
        raise InputError(
            f"{untrusted(name, 80)} looks like a secret, and a run writes down what it was given",
            safe="nothing was written",
            next_step="keep it in a file of mode 0600, and give the file's name",
        )


def without_secrets(value: object) -> object:
    """The same value with every text in it `hidden`."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items()}
    return value


def _plain_url(url: str) -> str:
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(f"{HIDDEN}@", url))
