"""upgrade-info.json: the plan that a node leaves at its halt, and its copy beside the binary (facts/cosmos.md §1.4).

The node writes the file in place, so that a reader may see half of it: what is cut off is told apart from what is
wrong. Numbers and text are read as Go reads them; an unknown key is ignored, so that a newer node is not missed.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import NodeError
from console.files import write_durably
from console.json_depth import MAX_DEPTH, deeper_than
from console.node.cosmovisor.names import plan_folder, plan_name, same_name
from console.text import UntrustedText, untrusted

FILE_NAME = "upgrade-info.json"

MAX_BYTES = 1 << 20
"""A plan's info is a few thousand bytes; what is larger is refused unread."""

MAX_HEIGHT = (1 << 63) - 1

ZERO_TIME = "0001-01-01T00:00:00Z"
"""Go's zero time, which stands for "no time"."""

_KNOWN = ("name", "time", "height", "info", "upgraded_client_state")
_OTHER_SPELLING = {"upgradedClientState": "upgraded_client_state"}
_JSON_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)
_DECIMAL = re.compile(r"-?[0-9]{1,19}")
_GO_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A valid plan as the file says it."""

    name: str
    """As written; foreign text: show `shown_name`, compare with `is_same`, and make folders of it with `folder`."""
    height: int
    """H: the first height that the new binary executes."""
    info: str = ""
    """Foreign text; `plan_info` reads it."""

    @property
    def shown_name(self) -> UntrustedText:
        """The name, safe to show."""
        return untrusted(self.name)

    def folder(self, *, recase: bool = True) -> str:
        """Folder of the plan under `upgrades/`. Raises NodeError."""
        return plan_folder(self.name, recase=recase)

    def is_same(self, other: PlanFile) -> bool:
        """Whether both are the same upgrade, whatever the case of the names."""
        return same_name(self.name, other.name) and self.height == other.height


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The beginning of a plan: the node is still writing it, or was stopped while it wrote."""

    size: int
    """Bytes so far."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """No plan, and more bytes at its end would not make it one."""

    reason: str
    """The rest of a sentence that begins with the file's name; safe to show."""


PlanReading = PlanFile | Incomplete | Invalid


def parse_plan(content: bytes) -> PlanReading:
    """Read the bytes of an upgrade-info.json; never raises."""
    if len(content) > MAX_BYTES:
        return Invalid(f"is larger than {MAX_BYTES} bytes")
    if deeper_than(content, MAX_DEPTH):
        return Invalid("is nested too deeply")
    try:
        document = json.loads(content.decode(), object_pairs_hook=_members, parse_constant=_no_constant)
    except _Refused as error:
        return Invalid(str(error))
    except ValueError as error:
        if _is_beginning(content):
            return Incomplete(len(content))
        return Invalid(f"is not JSON ({untrusted(error)})")
    if not isinstance(document, dict):
        return Invalid("holds no JSON object")
    return parse_plan_document(document)


def parse_plan_document(document: dict[str, Any]) -> PlanFile | Invalid:
    """Read an already decoded plan, as the batch file holds many (x/upgrade's ValidateBasic)."""
    values = {_OTHER_SPELLING.get(key, key): value for key, value in document.items()}
    for key in values:
        # Go's reader would take "Height" for "height"; which one counts would be a guess.
        if key not in _KNOWN and key.lower() in _KNOWN:
            return Invalid(f"says {untrusted(key)!r} where {key.lower()!r} belongs")
    name, info = values.get("name"), values.get("info")
    if not isinstance(name, str) or not name:
        return Invalid("names no plan")
    if not isinstance(info, str | None):
        return Invalid("has an info that is no text")
    height = _height(values.get("height"))
    if height is None or not 0 < height <= MAX_HEIGHT:
        return Invalid(f"has the height {untrusted(values.get('height'), 40)}, not a whole number above 0")
    if values.get("time") not in (None, ZERO_TIME):
        return Invalid(f"is for a time ({untrusted(values['time'], 40)}); upgrades by time do not exist any more")
    if values.get("upgraded_client_state") is not None:
        return Invalid("holds an IBC client state, which does not belong in a plan any more")
    try:
        plan_folder(name, recase=False)
        (info or "").encode()
    except NodeError as error:
        return Invalid(f"is not usable: {error.what}")
    except UnicodeEncodeError:
        return Invalid("has an info that is no text")
    return PlanFile(name, height, info or "")


def read_plan(path: Path) -> PlanReading | None:
    """Read an upgrade-info.json; None when there is none. Never raises: what cannot be read is Invalid.

    Whoever reads while the node writes may see `Incomplete`, and soon after the rest.
    """
    try:
        # Not to wait for ever on a pipe that somebody put there.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Invalid(f"cannot be read: {error.strerror}")
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Invalid("is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return parse_plan(stream.read(MAX_BYTES + 1))
    except OSError as error:
        return Invalid(f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def encode_plan(plan: PlanFile) -> bytes:
    """The plan exactly as the node writes it: Go's JSON, height as a number, zero time, empty info left out."""
    return ("{" + ",".join(f'"{key}":{value}' for key, value in go_members(plan)) + "}").encode()


def go_members(plan: PlanFile) -> list[tuple[str, str]]:
    """Keys and encoded values of a plan in Go's order."""
    members = [("name", _go_string(plan.name)), ("time", f'"{ZERO_TIME}"'), ("height", str(plan.height))]
    return [*members, ("info", _go_string(plan.info))] if plan.info else members


def manual_plan(name: str, height: int, *, recase: bool = True) -> PlanFile:
    """A plan of the operator's own, as `add-upgrade --upgrade-height` makes it.

    Raises:
        NodeError: The name or the height cannot be a plan's.
    """
    plan = PlanFile(plan_name(name, recase=recase), height)
    found = parse_plan(encode_plan(plan)) if 0 < height <= MAX_HEIGHT else Invalid("needs a height above 0")
    if not isinstance(found, PlanFile):
        reason = found.reason if isinstance(found, Invalid) else "is not usable"
        raise NodeError(f"the plan {untrusted(name)!r} {reason}", safe="nothing was written")
    return found


def write_plan(path: Path, plan: PlanFile) -> None:
    """Replace an upgrade-info.json so that a reader sees the old or the new one, whole. Raises OSError."""
    write_durably(path, encode_plan(plan))


def applied_path(generation: Path) -> Path:
    """Where the plan of a switched generation is kept: `upgrades/<name>/upgrade-info.json`."""
    return generation / FILE_NAME


def write_applied(generation: Path, plan: PlanFile) -> None:
    """Keep the plan beside its binary after the switch: Cosmovisor knows by it what is applied. Raises OSError.

    The height is a number, which every version of Cosmovisor reads; the unreleased one writes it as text.
    """
    write_durably(applied_path(generation), encode_plan(plan))


def is_pending(plan: PlanReading | None, applied: PlanReading | None) -> bool:
    """Whether the plan in `data/` is not the one of the running generation: names compared as Cosmovisor does."""
    if not isinstance(plan, PlanFile):
        return False
    return not (isinstance(applied, PlanFile) and same_name(plan.name, applied.name))


class _Refused(ValueError):
    """JSON that Go may read and that is a guess all the same."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"says {untrusted(key, 40)!r} twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise _Refused(f"holds {name}, which is not JSON")


def _height(value: Any) -> int | None:
    """A whole number; text too, since the unreleased Cosmovisor writes it so."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_beginning(content: bytes) -> bool:
    """Whether more bytes could make this a JSON object: it began as one and was never closed."""
    text = content.lstrip(b" \t\r\n")
    if not text:
        return True
    if not text.startswith(b"{"):
        return False
    depth = 0
    for match in _JSON_TOKENS.finditer(text):
        token = match.group()
        if token == b'"':
            return True
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
            if depth == 0:
                return False
    return True


def _go_string(text: str) -> str:
    """A JSON string as Go's encoding/json writes it: `<`, `>`, `&` and line separators escaped, the rest as UTF-8."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(_GO_ESCAPES.get(character, character) for character in quoted)
