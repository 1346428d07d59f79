"""A transaction as a Cosmos SDK's daemon writes it in JSON, unsigned and signed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from console import strict_json
from console.errors import DaemonError
from console.text import untrusted

_NOTHING_SENT = "nothing was sent"
_MOST_TRANSACTION = 1 << 20
_MOST_DEPTH = 32
_MOST_ROWS = 200
_MOST_VALUE = 2000


def transaction_of(text: str, what: str) -> dict[str, Any]:
    """A transaction in the daemon's JSON; older ones write a line before it. Raises DaemonError."""
    start = text.find("{")
    try:
        found = strict_json.loads(text[start:].strip().encode(), max_depth=_MOST_DEPTH) if start >= 0 else None
    except strict_json.NotStrictJson:
        found = None
    if (
        len(text) > _MOST_TRANSACTION
        or not isinstance(found, dict)
        or not isinstance(found.get("body"), dict)
        or not isinstance(found["body"].get("messages"), list)
        or not isinstance(found.get("auth_info"), dict)
    ):
        raise DaemonError(
            f"{what} is not one that the daemon of an SDK from 0.40 on writes: {untrusted(text.strip(), 80)}",
            safe=_NOTHING_SENT,
            next_step="look whether `command` is this chain's daemon",
        )
    return found


def body_of(transaction: Mapping[str, Any]) -> dict[str, Any]:
    """Messages, memo and what else is said in it."""
    return dict(transaction["body"])


def gas_and_fee(transaction: Mapping[str, Any]) -> tuple[int, str]:
    """The most gas that it may use, and what it pays, as `2000stake` or `none`. Raises DaemonError."""
    fee = transaction["auth_info"].get("fee")
    try:
        gas = int(fee["gas_limit"])
        coins = ",".join(f"{int(coin['amount'])}{untrusted(coin['denom'], 128)}" for coin in fee["amount"])
    except (TypeError, KeyError, ValueError):
        raise DaemonError("the daemon's transaction names no fee", safe=_NOTHING_SENT) from None
    return gas, coins or "none"


def left_out(document: str, transaction: Mapping[str, Any]) -> tuple[str, ...]:
    """What a proposal's file says beside its messages and the transaction that was made of it does not.

    Args:
        document: The file that was given to the daemon.
        transaction: What it made of it.

    Returns:
        `title`, `summary`, `expedited`: a daemon of an older SDK leaves out what that does not know.
    """
    wanted = strict_json.loads(document.encode(), max_depth=_MOST_DEPTH)
    said = transaction["body"]["messages"]
    return tuple(
        name
        for name in ("title", "summary", "expedited")
        if isinstance(wanted, dict)
        and wanted.get(name)
        and not any(isinstance(each, dict) and each.get(name) == wanted[name] for each in said)
    )


def sequence_of(transaction: Mapping[str, Any]) -> int:
    """The signer's sequence. Raises DaemonError."""
    try:
        return int(transaction["auth_info"]["signer_infos"][0]["sequence"])
    except (TypeError, KeyError, ValueError, IndexError):
        raise DaemonError("the daemon's transaction names no signer", safe=_NOTHING_SENT) from None


def bytes_of(output: str) -> bytes:
    """What `tx encode` wrote. Raises DaemonError."""
    line = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
    try:
        raw = base64.b64decode(line, validate=True)
    except ValueError:
        raw = b""
    if not raw:
        raise DaemonError("the daemon did not encode the signed transaction", safe=_NOTHING_SENT)
    return raw


def rows_of(transaction: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Every field of the messages, safe to be shown; `plan.height` for one inside another. Raises DaemonError."""
    rows: list[tuple[str, str]] = []

    def flatten(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                flatten(f"{prefix}.{untrusted(name, 64)}" if prefix else str(untrusted(name, 64)), inner)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                flatten(f"{prefix}[{place}]", inner)
        elif isinstance(value, bool):
            rows.append((prefix, str(value).lower()))
        elif value not in ("", None):
            rows.append((prefix, str(untrusted(value, _MOST_VALUE))))

    for message in transaction["body"]["messages"]:
        flatten("", message)
    if len(rows) > _MOST_ROWS:
        raise DaemonError(f"the transaction has {len(rows)} fields, more than can be read", safe=_NOTHING_SENT)
    return tuple(rows)
