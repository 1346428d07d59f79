"""What was signed here, for good: a line before each act and one after it, in a file that only grows.

`console.chain.sent` forgets a transaction when its fate is known; this does not. It is what an audit reads, and each
line has the SHA-256 of the line before it, so that none goes or changes unseen.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import strict_json
from console.errors import ChainError
from console.hash_chain import line_hash
from console.text import untrusted
from console.this_user import this_user

RECORD_NAME = "record.jsonl"
_FORMAT = 1

MOST_READ = 16 << 20
"""Bytes of a record that are read, from its end: some 20,000 acts."""

_MOST_LINE = 16 * 1024


class RecordError(ChainError):
    """The record of what is signed cannot be written; nothing is signed without it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """An act and what came of it."""

    id: str
    """Hash of the transaction, or of the message that was signed."""
    what: str
    """`transaction` or `message`."""
    at: float
    """Unix seconds, before anything was sent."""
    by: str
    """`controller`, or `hand` for console and command line."""
    who: str
    """Name of the user."""
    chain_id: int | str
    """Of the EVM; of a Cosmos chain CometBFT's."""
    sender: str
    target: str
    words: str
    """The call or message as an operator reads it."""
    effect: str
    """What the operator was told that it does; empty where nobody was."""
    data_sha256: str
    nonce: int
    ended_at: float | None = None
    outcome: str = ""
    """`in a block`, or why it is not; empty while nothing is known."""
    block: int = 0
    good: bool = False
    """Whether it did what it was for."""


@dataclass(frozen=True, slots=True)
class RecordReading:
    """What a record holds."""

    acts: tuple[Signed, ...]
    """In the order in which they began."""
    problems: tuple[str, ...]
    """What of it cannot be read, one clause each."""


class SignedRecord:
    """The record in one file of mode 0600.

    Args:
        path: The file; made with its first line.
        by: `controller` or `hand`.
        clock: Unix seconds.
    """

    def __init__(self, path: Path, by: str = "hand", clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._by = by
        self._clock = clock

    def begun(
        self,
        act: str,
        *,
        what: str,
        chain_id: int | str,
        sender: str,
        target: str,
        words: str,
        data: str,
        nonce: int,
        effect: str = "",
    ) -> None:
        """Write down, durably, what is about to be sent or handed out. Raises RecordError: it must not be.

        Args:
            act: Hash that tells it from others.
            what: `transaction` or `message`.
            chain_id: The chain.
            sender: Who signed.
            target: What it calls.
            words: What it is, as an operator reads it.
            data: Call data or message, 0x hex; only its hash is kept.
            nonce: The sender's.
            effect: What the operator was told.
        """
        document = {
            "format": _FORMAT,
            "step": "signed",
            "id": act,
            "what": what,
            "at": self._clock(),
            "by": self._by,
            "who": this_user(),
            "chain_id": chain_id,
            "sender": sender,
            "target": target,
            "words": words[:4096],
            "effect": effect[:1024],
            "data_sha256": hashlib.sha256(data.encode()).hexdigest(),
            "nonce": nonce,
        }
        try:
            self._append(document)
        except OSError as error:
            raise RecordError(
                f"what is signed cannot be recorded in {self._path}: {os.strerror(error.errno or 0)}",
                safe="nothing was sent",
                next_step="make room there, or mend the folder",
            ) from error

    def ended(self, act: str, outcome: str, *, good: bool, block: int = 0) -> None:
        """Write down what came of it. It is done by now, so a line that cannot be written is left out."""
        document = {
            "format": _FORMAT,
            "step": "ended",
            "id": act,
            "at": self._clock(),
            "outcome": outcome[:1024],
            "good": good,
            "block": block,
        }
        try:
            self._append(document)
        except OSError:
            return

    def _append(self, document: dict[str, object]) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, flags, 0o600)
        try:
            # Each line holds on to the one before, so two processes write one after the other.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            last, torn = _last_line(descriptor)
            before = line_hash(last) if last else ""
            line = (b"\n" if torn else b"") + json.dumps({**document, "before": before}).encode() + b"\n"
            if os.write(descriptor, line) != len(line):
                raise OSError(28, os.strerror(28))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _last_line(descriptor: int) -> tuple[bytes, bool]:
    """The last line of a file without its end, and whether it has none; empty for an empty file."""
    size = os.fstat(descriptor).st_size
    back = _MOST_LINE
    while True:
        start = max(0, size - back)
        content = os.pread(descriptor, size - start, start)
        torn = not content.endswith(b"\n")
        lines = (content if torn else content[:-1]).split(b"\n")
        if len(lines) > 1 or not start:
            return lines[-1], torn and size > 0
        back *= 4


def read_record(path: Path) -> RecordReading:
    """Read a record, leniently: an audit tells what it cannot read and shows the rest."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            start = max(0, size - MOST_READ)
            stream.seek(start)
            content = stream.read(MOST_READ)
    except FileNotFoundError:
        return RecordReading((), ())
    except OSError as error:
        return RecordReading((), (f"{path} cannot be read: {os.strerror(error.errno or 0)}",))
    lines = content.split(b"\n")
    # The first line of what was read may be half a line.
    return read_lines(lines[1:], untrusted(path), None) if start else read_lines(lines, untrusted(path))


def read_lines(lines: Iterable[bytes], where: str, last: bytes | None = b"") -> RecordReading:
    """Read lines of a record, leniently.

    Args:
        lines: Without their ends.
        where: The record's name in what is said of it.
        last: The line before the first; empty for none, None where it is not known.
    """
    acts: dict[str, Signed] = {}
    unreadable = broken = 0
    held = False
    for line in lines:
        if not line:
            continue
        try:
            document = strict_json.loads(line, max_depth=2) if len(line) <= _MOST_LINE else None
            before = _take(acts, document)
            # Lines of an older version have no hash; none may come after one that has.
            broken += held if before is None else last is not None and before != (line_hash(last) if last else "")
            held = held or before is not None
        except (ValueError, TypeError, KeyError):
            unreadable += 1
        last = line
    problems = [f"{unreadable} lines of {where} cannot be read"] if unreadable else []
    if broken:
        problems.append(f"{broken} lines of {where} do not fit the line before: lines were changed or are missing")
    return RecordReading(tuple(acts.values()), tuple(problems))


def _take(acts: dict[str, Signed], document: Any) -> str | None:
    """Take a line, and what it says is the hash of the line before it; None where it says nothing."""
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError("it is no line of a record")
    before = None if "before" not in document else _text(document, "before", 64)
    act = _text(document, "id", 80)
    if document["step"] == "ended":
        begun = acts[act]
        acts[act] = Signed(
            **{name: getattr(begun, name) for name in _BEGUN},
            ended_at=float(document["at"]),
            outcome=_text(document, "outcome"),
            block=int(document["block"]),
            good=document["good"] is True,
        )
        return before
    # One that is sent again after a crash is the same act.
    acts.setdefault(
        act,
        Signed(
            id=act,
            what=_text(document, "what", 16),
            at=float(document["at"]),
            by=_text(document, "by", 16),
            who=_text(document, "who", 64),
            chain_id=_chain_id(document["chain_id"]),
            sender=_text(document, "sender", 128),
            target=_text(document, "target", 128),
            words=_text(document, "words", 4096),
            effect=_text(document, "effect"),
            data_sha256=_text(document, "data_sha256", 64),
            nonce=int(document["nonce"]),
        ),
    )
    return before


_BEGUN = (
    "id", "what", "at", "by", "who", "chain_id", "sender", "target", "words", "effect", "data_sha256", "nonce",
)  # fmt: skip


def _chain_id(value: object) -> int | str:
    return str(untrusted(value, 64)) if isinstance(value, str) else int(value)  # type: ignore[call-overload]


def _text(document: dict[str, Any], name: str, limit: int = 1024) -> str:
    value = document[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return str(untrusted(value, limit))
