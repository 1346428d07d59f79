"""Fields of a decoded answer, each read with its type and range checked; everything wrong is a `BadAnswer`.

CometBFT writes 64-bit integers as strings and 32-bit ones as numbers (facts/cosmos.md §5), and not every version
agrees on which is which, so `integer` takes both. Ethereum writes quantities as 0x hex.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from console.errors import BadAnswer
from console.text import UntrustedText, untrusted

INT64_MAX = (1 << 63) - 1
UINT256_MAX = (1 << 256) - 1

_DECIMAL = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wrong(what: str, value: object) -> BadAnswer:
    """The error for a field that is not what it should be, with a short piece of what came."""
    return BadAnswer(f"{what} is not what it should be: {untrusted(repr(value), 60)}")


def table(value: object, what: str) -> Mapping[str, object]:
    """Read an object. Raises BadAnswer."""
    if not isinstance(value, dict):
        raise wrong(what, value)
    return cast("Mapping[str, object]", value)


def items(value: object, what: str, *, most: int) -> Sequence[object]:
    """Read an array of at most `most` items; null is an empty one, as Go writes it. Raises BadAnswer."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > most:
        raise wrong(what, value if not isinstance(value, list) else f"{len(value)} items")
    return cast("Sequence[object]", value)


def integer(value: object, what: str, *, low: int = 0, high: int = INT64_MAX) -> int:
    """Read a whole number written as a JSON number or as decimal digits in a string.

    Raises:
        BadAnswer: Anything else (also true, 1.0, hex, blanks), or out of `low`..`high`.
    """
    if isinstance(value, bool):
        raise wrong(what, value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or not low <= value <= high:
        raise wrong(what, value)
    return value


def quantity(value: object, what: str, *, high: int = UINT256_MAX) -> int:
    """Read an Ethereum quantity: 0x and 1 to 64 hex digits (leading zeros forgiven). Raises BadAnswer."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise wrong(what, value)
    number = int(value, 16)
    if number > high:
        raise wrong(what, value)
    return number


def text(value: object, what: str, *, most: int = 256) -> UntrustedText:
    """Read a string and make it safe to show; absent is empty. Raises BadAnswer."""
    if value is None:
        return UntrustedText("")
    if not isinstance(value, str):
        raise wrong(what, value)
    return untrusted(value, most)


def exact_text(value: object, what: str, *, most: int = 256) -> str:
    """Read a string that is compared and never shown (a chain id). Raises BadAnswer."""
    if not isinstance(value, str) or len(value) > most:
        raise wrong(what, value)
    return value


def flag(value: object, what: str) -> bool:
    """Read true or false. Raises BadAnswer."""
    if not isinstance(value, bool):
        raise wrong(what, value)
    return value


def data(value: object, what: str, *, most: int) -> bytes:
    """Read Ethereum bytes: hex with or without 0x (facts/evm.md §5.1), at most `most` bytes. Raises BadAnswer."""
    if not isinstance(value, str):
        raise wrong(what, value)
    digits = value[2:] if value[:2] in {"0x", "0X"} else value
    if len(digits) > 2 * most:
        raise wrong(what, f"{len(digits) // 2} bytes")
    if not _HEX.fullmatch(digits):
        raise wrong(what, value)
    return bytes.fromhex(digits)


def hex_bytes(value: object, what: str, *, lengths: Sequence[int]) -> bytes:
    """Read CometBFT HexBytes of one of the `lengths` in bytes; absent counts as empty. Raises BadAnswer."""
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > 512 or not _HEX.fullmatch(value) or len(value) // 2 not in lengths:
        raise wrong(what, value)
    return bytes.fromhex(value)


def base64_bytes(value: object, what: str, *, most: int = 4096) -> bytes:
    """Read base64 with padding; absent is empty. Raises BadAnswer."""
    if value is None:
        return b""
    if not isinstance(value, str) or len(value) > most * 2:
        raise wrong(what, value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise wrong(what, value) from None


def time_ns(value: object, what: str) -> int:
    """Read an RFC 3339 time with up to nine decimals: nanoseconds since 1970, negative before. Raises BadAnswer."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(what, value)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise wrong(what, value) from None
    nanoseconds = int((match[7] or "").ljust(9, "0"))
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - _offset_seconds(match[8])
    return seconds * 1_000_000_000 + nanoseconds


def _offset_seconds(zone: str) -> int:
    if zone == "Z":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone[0] == "-" else seconds
