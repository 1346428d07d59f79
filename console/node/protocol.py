"""Messages of the controller's socket: newline-delimited JSON-RPC 2.0 (DESIGN §1)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from console.errors import NodeError
from console.json_depth import MAX_DEPTH, deeper_than
from console.model import (
    Arming,
    Attempt,
    Crossing,
    Fetching,
    KnownRelease,
    NodeStatus,
    OwnConsensus,
    PlanOrigin,
    Preparation,
    Proof,
    ProofState,
    ReleaseCheck,
    RoleCount,
    Verdict,
)
from console.model.roll_lease import LeaseAnswer, RollLease
from console.node.generation_folders import folder_name
from console.settings_table import SettingChange
from console.text import untrusted

if TYPE_CHECKING:
    from console.node.live_settings import LiveSetting

MAX_LINE = 64 * 1024
"""Bytes of one message; a longer one ends the connection."""

REFUSED = -32000
"""Error code of a request that was understood and refused; its message is a sentence for the operator."""

NOT_JSON = -32700
UNKNOWN_METHOD = -32601
BAD_PARAMETERS = -32602
DEFECT = -32603
"""JSON-RPC's own codes."""

SOCKET_NAME = "control.sock"


def encode(message: dict[str, Any]) -> bytes:
    """One message as one line."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def newest_that_fit(entries: Sequence[Any], limit: int = MAX_LINE // 2) -> list[Any]:
    """The last entries that fit into `limit` bytes of a message, in their order: escaped, one byte may become six."""
    kept = len(entries)
    while kept and (limit := limit - len(encode({"": entries[kept - 1]}))) >= 0:
        kept -= 1
    return list(entries[kept:])


def decode(line: bytes) -> dict[str, Any]:
    """One line as one message.

    Raises:
        NodeError: The line is not a JSON object.
    """
    try:
        if deeper_than(line, MAX_DEPTH):
            raise ValueError("nested too deeply")
        message = json.loads(line)
    except ValueError as error:
        raise NodeError("the other end of the control socket did not send JSON") from error
    if not isinstance(message, dict):
        raise NodeError("the other end of the control socket did not send a JSON object")
    return message


def safe(value: Any) -> Any:
    """A decoded value with every text in it made safe to show: the other end may be another machine."""
    if isinstance(value, str):
        return str(untrusted(value, MAX_LINE))
    if isinstance(value, list):
        return [safe(each) for each in value]
    if isinstance(value, dict):
        return {str(untrusted(key, MAX_LINE)): safe(each) for key, each in value.items()}
    return value


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def attempt_to_json(attempt: Attempt) -> dict[str, Any]:
    """An attempt as plain JSON values; enums by value."""
    return {field.name: _plain(getattr(attempt, field.name)) for field in dataclasses.fields(attempt)}


def attempt_from_json(document: dict[str, Any]) -> Attempt:
    """The reverse of `attempt_to_json`; what an older version did not write has its default.

    Raises:
        NodeError: A value is missing or unknown, for example from a newer version.
    """
    try:
        return Attempt(
            **{
                **document,
                "name": untrusted(document["name"]),
                "preparation": Preparation(document["preparation"]),
                "arming": Arming(document["arming"]),
                "crossing": Crossing(document["crossing"]),
                "verdict": Verdict(document["verdict"]),
                "origin": PlanOrigin(document.get("origin", PlanOrigin.REGISTRY)),
                # The first version had the plan's own release only.
                "generation": document.get("generation") or folder_name(str(document["name"])),
                "generation_hash": document.get("generation_hash", document["release_hash"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NodeError(f"an upgrade attempt is not understood ({error}), is it from a newer version?") from error


def settings_to_json(settings: Sequence[LiveSetting], problem: str) -> dict[str, Any]:
    """Settings in force as plain JSON values, and why what was set here is not obeyed."""
    return {"settings": [setting_to_json(setting) for setting in settings], "problem": problem}


def setting_to_json(setting: LiveSetting) -> dict[str, Any]:
    """One setting as plain JSON values; enums by value."""
    return {field.name: _plain(getattr(setting, field.name)) for field in dataclasses.fields(setting)}


def changes_to_json(changes: Sequence[SettingChange]) -> dict[str, Any]:
    """Changes of settings as plain JSON values."""
    return {"changes": [dataclasses.asdict(change) for change in changes]}


def changes_from_json(document: dict[str, Any]) -> tuple[SettingChange, ...]:
    """The reverse of `changes_to_json`. Raises NodeError."""
    try:
        return tuple(
            SettingChange(*(str(untrusted(change[name], MAX_LINE)) for name in ("key", "old", "new")))
            for change in document["changes"]
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise NodeError(f"the controller's answer is not understood ({error})") from error


def release_to_json(release: KnownRelease) -> dict[str, Any]:
    """A release as plain JSON values; what does not fit into a message of its migration is counted instead."""
    document = dataclasses.asdict(release)
    # The beginning is what says what kind it is.
    kept = newest_that_fit(release.migration[::-1], MAX_LINE // 4)[::-1]
    if len(kept) < len(release.migration):
        kept.append(f"and {len(release.migration) - len(kept)} more lines: `upgrade-console release show MANIFEST`")
    return document | {"migration": kept}


def release_from_json(document: dict[str, Any]) -> KnownRelease:
    """The reverse of `release_to_json`; keys of later versions are dropped.

    Raises:
        NodeError: A value is missing or of another kind.
    """
    try:
        return KnownRelease(
            generation=str(untrusted(document["generation"])),
            reason=str(untrusted(document["reason"], MAX_LINE)),
            path=str(untrusted(document["path"], MAX_LINE)),
            accepted=document["accepted"] is True,
            sha256=str(untrusted(document["sha256"])),
            checks=tuple(
                ReleaseCheck(*(str(untrusted(each[key], MAX_LINE)) for key in ("check", "outcome", "sentence")))
                for each in document["checks"]
            ),
            counts=tuple(
                RoleCount(
                    str(untrusted(each["role"])), tuple(str(untrusted(name)) for name in each["names"]), each["needed"]
                )
                for each in document["counts"]
            ),
            facts=tuple((str(untrusted(name)), str(untrusted(value, MAX_LINE))) for name, value in document["facts"]),
            migration=tuple(str(untrusted(line, MAX_LINE)) for line in document["migration"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NodeError(f"the controller's answer is not understood ({error})") from error


def status_to_json(status: NodeStatus) -> dict[str, Any]:
    """A node's status as plain JSON values."""
    document = {field.name: _plain(getattr(status, field.name)) for field in dataclasses.fields(status)}
    document["attempt"] = None if status.attempt is None else attempt_to_json(status.attempt)
    document["fetching"] = None if status.fetching is None else dataclasses.asdict(status.fetching)
    document["proof"] = None if status.proof is None else dataclasses.asdict(status.proof)
    return document


def consensus_to_json(consensus: OwnConsensus | None) -> dict[str, Any]:
    """A node's part in consensus as plain JSON values."""
    return {"consensus": None if consensus is None else dataclasses.asdict(consensus)}


def consensus_from_json(document: dict[str, Any]) -> OwnConsensus | None:
    """The reverse of `consensus_to_json`; keys of later versions are dropped.

    Raises:
        NodeError: A value is missing or of another kind.
    """
    found = document.get("consensus")
    if found is None:
        return None
    try:
        values = {field.name: found[field.name] for field in dataclasses.fields(OwnConsensus)}
        address = str(untrusted(values.pop("consensus_address"), 40))
        flags = {name: values.pop(name) is True for name in ("catching_up", "signed")}
        if not all(isinstance(value, int) and value >= 0 for value in values.values()):
            raise ValueError("a number is none")
        return OwnConsensus(**values, **flags, consensus_address=address)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NodeError(f"the controller's answer is not understood ({error})") from error


def lease_to_json(answer: LeaseAnswer) -> dict[str, Any]:
    """What a controller says of its lease, as plain JSON values."""
    return dataclasses.asdict(answer)


def lease_from_json(document: dict[str, Any]) -> LeaseAnswer:
    """The reverse of `lease_to_json`. Raises NodeError: a value is missing or of another kind."""
    found = document.get("holder", "")
    try:
        holder = None
        if found is not None:
            words = {name: str(untrusted(found[name], 200)) for name in ("id", "by", "node")}
            holder = RollLease(**words, own=found["own"] is True, left_s=float(found["left_s"]))
        out, address = untrusted(document["out"], 300), untrusted(document["consensus_address"], 40)
        return LeaseAnswer(holder, str(out), str(address))
    except (KeyError, TypeError, ValueError) as error:
        raise NodeError(f"the controller's answer is not understood ({error})") from error


def _fetching_from_json(document: dict[str, Any] | None) -> Fetching | None:
    """Raises KeyError, TypeError, AttributeError."""
    if document is None:
        return None
    known = {field.name for field in dataclasses.fields(Fetching)}
    kept = {name: value for name, value in document.items() if name in known}
    return Fetching(**{**kept, "source": untrusted(kept["source"])})


def _proof_from_json(document: dict[str, Any] | None) -> Proof | None:
    """Raises KeyError, TypeError, AttributeError, ValueError."""
    if document is None:
        return None
    known = {field.name for field in dataclasses.fields(Proof)}
    kept = {name: value for name, value in document.items() if name in known}
    return Proof(**{**kept, "state": ProofState(kept["state"])})


def status_from_json(document: dict[str, Any]) -> NodeStatus:
    """The reverse of `status_to_json`; keys of later versions are dropped.

    Raises:
        NodeError: A value is missing or unknown.
    """
    known = {field.name for field in dataclasses.fields(NodeStatus)}
    kept = {name: value for name, value in document.items() if name in known}
    attempt = kept.get("attempt")
    try:
        kept["attempt"] = None if attempt is None else attempt_from_json(attempt)
        kept["version"] = untrusted(kept["version"])
        kept["fetching"] = _fetching_from_json(kept.get("fetching"))
        kept["proof"] = _proof_from_json(kept.get("proof"))
        return NodeStatus(**kept)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NodeError(f"the controller's answer is not understood ({error})") from error
