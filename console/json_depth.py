"""How deep JSON from outside is nested, known before it is parsed: the parser recurses, and may end the process."""

from __future__ import annotations

import re

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
MAX_DEPTH = 32
"""Levels that any file or message of ours has room in."""
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def deeper_than(body: bytes, limit: int) -> bool:
    """Whether arrays and objects are nested deeper than `limit` levels; costs at most `limit` passes in C.

    Args:
        body: Any bytes; what is unbalanced may count as deep.
        limit: Levels.
    """
    # The parser would build every level before anything could be counted. Taking one level of innermost pairs away
    # at a time costs at most `limit` passes in C, whatever the bytes are; what is unbalanced the parser refuses.
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    brackets = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    if re.search(rb"[\[{]{%d}" % (limit + 1), brackets):
        return True
    for _ in range(limit):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)
