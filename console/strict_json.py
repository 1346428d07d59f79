"""JSON from outside, read strictly: what two readers could understand differently is refused (facts/safety.md §7)."""

from __future__ import annotations

import json
import math

from console.json_depth import deeper_than

MAX_DEPTH = 64
"""Levels of arrays and objects accepted."""


class NotStrictJson(ValueError):
    """The text is not JSON, or JSON that is refused; the message says which, in words for a sentence."""


def loads(body: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """Read one JSON value.

    Args:
        body: UTF-8 text.
        max_depth: Levels of nesting accepted.

    Raises:
        NotStrictJson: Not UTF-8, not JSON, a key twice in one object, NaN or an infinity, a number too long, or
            nested deeper than `max_depth`.
    """
    if deeper_than(body, max_depth):
        raise NotStrictJson(f"JSON nested deeper than {max_depth} levels")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrictJson("bytes that are not UTF-8") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite)
    except NotStrictJson:
        raise
    except RecursionError:
        raise NotStrictJson("JSON nested too deep") from None
    except json.JSONDecodeError:
        raise NotStrictJson("text that is not JSON") from None
    except ValueError:
        raise NotStrictJson("JSON with a number that is too long") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("JSON with a key twice in one object")
    return found


def _refuse_constant(name: str) -> object:
    raise NotStrictJson(f"JSON with {name}")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotStrictJson("JSON with a number beyond all bounds")
    return value
