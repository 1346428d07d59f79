"""What was decided and done: the controller's journal and what was signed here, in one timeline.

Read from the files, with and without a controller; view and verb both ask here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from console.chain.sent import record_by_hand, record_by_node
from console.chain.signed_record import RecordReading, Signed, read_record
from console.errors import JournalError
from console.model import (
    Arming,
    AuditCheck,
    AuditEntry,
    AuditKind,
    AuditReading,
    Crossing,
    JournalEntry,
    Preparation,
    Verdict,
)
from console.operations.node_alone import reading
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted

MOST_EVENTS = 20_000
"""Journal rows that are kept at a time: the newest."""

_PAGE = 1000
_ROW_HASH = "hash of the row and all before"
_DETAIL = 300


class AuditTrail:
    """The timeline of one node and of what was signed for its network; read again, it reads only what is new.

    Args:
        network: The network.
        node: The node; None where there is none on this machine.
    """

    def __init__(self, network: NetworkSettings, node: NodeSettings | None) -> None:
        self._network = network
        self._node = node
        self._events: list[AuditEntry] = []
        self._seq = 0
        self._forgotten = False

    def read(self) -> AuditReading:
        """Read what is new, in a thread. What cannot be read is told, and the rest is there all the same."""
        problems = []
        try:
            self._read_events()
        except JournalError as error:
            problems.append(str(error))
        signed: list[AuditEntry] = []
        for record in self._records():
            problems += [f"{problem}." for problem in record.problems]
            # One user's record holds what was signed for every network.
            own = {self._network.evm_chain_id, self._network.chain_id}
            signed += [_signed_entry(act) for act in record.acts if act.chain_id in own]
        entries = sorted([*self._events, *signed], key=lambda entry: entry.at)
        return AuditReading(tuple(entries), tuple(problems), self._forgotten)

    def check(self) -> AuditCheck:
        """Look whether journal and records are whole, in a thread."""
        # It reads what this module names.
        from console.operations.audit_check import verify

        return verify(self._network, self._node)

    def _records(self) -> list[RecordReading]:
        return [read_record(path) for path in records_of(self._network, self._node)]

    def _read_events(self) -> None:
        if self._node is None:
            return
        with reading(self._node) as journal:
            if journal is None:
                return
            if not self._seq:
                self._seq = max(0, journal.newest_seq() - MOST_EVENTS)
                self._forgotten = self._seq > 0
            while page := journal.events(self._seq, _PAGE, hashes=True):
                self._events += [event_entry(row) for row in page]
                self._seq = page[-1]["seq"]
        if len(self._events) > MOST_EVENTS:
            self._forgotten = True
            del self._events[:-MOST_EVENTS]


def records_of(network: NetworkSettings, node: NodeSettings | None) -> tuple[Path, ...]:
    """The records of what was signed here for a network: by hand, and by its node's controller."""
    return (record_by_hand(network), *(() if node is None else (record_by_node(node),)))


def event_entry(row: Mapping[str, Any]) -> AuditEntry:
    """A row of the journal as an entry."""
    kind, given = str(row["kind"]), row["detail"]
    named = given if isinstance(given, dict) else {"detail": given}
    detail = tuple((str(untrusted(name, 64)), _value_words(name, value)) for name, value in named.items())
    # `armed: arming ARMED` says it twice, and `failure_code 0` says nothing.
    names = {name.replace("-", "_") for name in kind.split("+")}
    told = ", ".join(
        f"{name.replace('_', ' ')} {words}"
        for name, words in detail
        if words and words.lower() not in names and (name, words) != ("failure_code", "0")
    )
    meaning = kind_of(kind)
    words = f"{_said(kind)}: {told}" if told else _said(kind)
    return AuditEntry(
        key=f"j{row['seq']}",
        at=float(row["at"]),
        origin="controller",
        kind=meaning,
        attempt=row["attempt"],
        words=str(untrusted(words, 400)),
        detail=(
            ("journal row", str(row["seq"])),
            ("event", str(untrusted(kind, 200))),
            *detail,
            *([(_ROW_HASH, str(untrusted(row["hash"], 64)))] if "hash" in row else []),
        ),
        good=meaning is not AuditKind.ERROR,
    )


def journal_entry(entry: AuditEntry) -> JournalEntry | None:
    """What is an entry of the journal in its form for the node's timeline; None for what was signed here."""
    if not entry.key.startswith("j"):
        return None
    (_, number), (_, event), *detail = entry.detail
    told = {name: words for name, words in detail if words and name != _ROW_HASH}
    first = [told.pop(name) for name in ("note", "why", "reason") if name in told]
    rest = ", ".join(f"{name} {words}" for name, words in told.items())
    words = "; ".join([*first, *([rest] if rest else [])])
    return JournalEntry(int(number), entry.at, entry.attempt, untrusted(event, 60), untrusted(words, _DETAIL))


def _value_words(name: str, value: object) -> str:
    if name == "verdict" and isinstance(value, int) and value in set(Verdict):
        return Verdict(value).name
    return plain_words(value)


def plain_words(value: object) -> str:
    """A value of a journal row as text, safe to be shown; empty for none."""
    if value is None:
        return ""
    text = json.dumps(value) if isinstance(value, dict | list | bool) else str(value)
    return str(untrusted(text, 2000))


def kind_of(event: str) -> AuditKind:
    """What a journal row is about, by the name of its event."""
    names = event.split("+")
    if event in _OPERATOR or event.startswith("operator-"):
        return AuditKind.OPERATOR
    if "verdict" in names:
        return AuditKind.VERDICT
    if event.startswith(_SAYING):
        return AuditKind.SIGNAL
    if event.startswith(_WRONG) or any(name in _WRONG_STATES for name in names):
        return AuditKind.ERROR
    if any(name in _STATES for name in names):
        return AuditKind.STATE
    return AuditKind.RUN if event in _RUNS else AuditKind.OTHER


_OPERATOR = frozenset(
    {"asked", "led-on", "setting", "setting-not-kept", "lease-granted", "lease-given-back", "lease-ran-out"}
)
_SAYING = ("said-", "called-", "advertised")
_WRONG = ("refused-", "key-elsewhere", "max-downtime", "left-behind", "late-upgrader", "release-given-up", "no-arming")
_WRONG_STATES = frozenset({"failed", "missed_halt", "needs_operator", "rollback", "parked", "try"})
_RUNS = frozenset({"controller-started", "run", "run-ended", "end-judged", "stopped"})
_STATES = frozenset(
    {
        *(state.value.lower() for group in (Preparation, Arming, Crossing) for state in group if state.value),
        *("planned", "scheduled", "replaced", "arming", "disarmed", "plan-written", "enough-ready"),
    }
)


def _said(event: str) -> str:
    return " and ".join(name.replace("_", " ").replace("-", " ") for name in event.split("+"))


def _signed_entry(act: Signed) -> AuditEntry:
    known = act.outcome or "what came of it is not known yet"
    where = f"{act.outcome} {act.block}" if act.block else known
    detail = (
        ("what", act.what),
        ("call", act.words),
        ("effect", act.effect),
        ("signed by", act.sender),
        ("nonce", str(act.nonce)),
        ("to", act.target),
        ("chain", str(act.chain_id)),
        ("hash", act.id),
        ("sha256 of its data", act.data_sha256),
        ("by", f"{act.by}, user {act.who}"),
        ("outcome", where),
    )
    return AuditEntry(
        key=f"s{act.id}",
        at=act.at,
        origin="controller" if act.by == "controller" else "console",
        kind=AuditKind.SENT,
        attempt=None,
        words=str(untrusted(f"{act.words}: {where}", 400)),
        detail=tuple((name, words) for name, words in detail if words),
        good=act.good or not act.outcome,
    )


def narrowed(
    reading: AuditReading,
    *,
    since: float | None = None,
    until: float | None = None,
    kinds: Collection[AuditKind] = (),
    attempt: int | None = None,
    text: str = "",
) -> tuple[AuditEntry, ...]:
    """The entries of a reading that are wanted.

    Args:
        reading: What was read.
        since: Unix seconds of the first moment; None for all.
        until: Unix seconds of the last one.
        kinds: What they are about; all when none is named.
        attempt: Number of the attempt that they belong to.
        text: What is somewhere in an entry, in small or capital letters.
    """
    wanted = text.casefold()
    return tuple(
        entry
        for entry in reading.entries
        if (since is None or entry.at >= since)
        and (until is None or entry.at <= until)
        and (not kinds or entry.kind in kinds)
        and (attempt is None or entry.attempt == attempt)
        and (not wanted or wanted in _all_words(entry))
    )


def _all_words(entry: AuditEntry) -> str:
    return "\n".join((entry.words, *(words for _, words in entry.detail))).casefold()
