"""The audit as a file that tells by itself whether it is whole: JSON lines, each row with its hash (docs/audit.md)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console import strict_json
from console.chain.signed_record import read_lines
from console.errors import InputError
from console.given_file import read_given
from console.hash_chain import ChainCheck, ChainedRow, Head, genesis
from console.model import AuditCheck
from console.operations.audit import records_of
from console.operations.audit_check import Marks, check_record
from console.operations.node_alone import reading
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted

FORMAT = 1

MOST_BYTES = 1 << 30
"""Bytes of an export that are read again."""


def export(network: NetworkSettings, node: NodeSettings | None) -> Iterator[bytes]:
    """The whole audit as lines with their ends: a header, the journal's rows, the records' lines, and the end.

    Raises:
        JournalError: The journal cannot be read.
        InputError: The journal is from before rows had hashes.
    """
    whole = hashlib.sha256()
    lines = 0
    for document in _documents(network, node):
        line = _line(document)
        whole.update(line)
        lines += 1
        yield line
    yield _line({"end": {"lines": lines, "sha256": whole.hexdigest()}})


def _documents(network: NetworkSettings, node: NodeSettings | None) -> Iterator[dict[str, object]]:
    header: dict[str, object] = {
        "format": FORMAT,
        "what": "upgrade-console audit",
        "network": network.name,
        "node": None if node is None else node.name,
        "at": time.time(),
    }
    if node is None:
        yield {**header, "journal_id": None}
    else:
        with reading(node) as journal:
            if journal is not None and not journal.chained:
                raise InputError(
                    f"the journal of {node.name} is from before its rows had hashes",
                    safe="nothing was exported",
                    next_step="start its controller once with this version",
                )
            yield {**header, "journal_id": None if journal is None else journal.meta("journal_id")}
            last = 0
            while journal is not None and (page := journal.rows_with_hashes(last)):
                for row in page:
                    yield {
                        "journal": {
                            "seq": row.seq,
                            "at": row.at,
                            "attempt": row.attempt,
                            "kind": row.kind,
                            "detail": row.detail,
                            "hash": row.hash,
                        }
                    }
                last = page[-1].seq
    for number, path in enumerate(dict.fromkeys(records_of(network, node))):
        for line in _content(path).split(b"\n"):
            if line:
                # As it is, byte by byte: its hash is in the line after it.
                yield {"record": number, "line": line.decode("utf-8", "surrogateescape")}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise InputError(f"cannot read {untrusted(path)}: {error.strerror}", safe="the export is not whole") from error


def _line(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"


def verify_export(path: Path) -> AuditCheck:
    """Whether an export is whole and as it was written. Raises InputError: it cannot be read, or is none."""
    taken = _taken(path)
    findings: list[str] = []
    problems = list(taken.problems)
    if not problems:
        rows = "no journal" if taken.head is None else f"{taken.head.seq:,} rows, the last {taken.head}"
        findings.append(f"{untrusted(path)} is whole: {rows}")
    for number, lines in sorted(taken.records.items()):
        check_record(f"record {number}", read_lines(lines, f"record {number}"), findings, problems)
    return AuditCheck(tuple(findings), tuple(problems))


def marks_of_export(path: Path) -> Marks:
    """What an export says of the journal. Raises InputError: it is not whole, so it says nothing."""
    taken = _taken(path)
    if taken.problems or taken.head is None:
        why = taken.problems[0] if taken.problems else "it holds no row of a journal"
        raise InputError(f"nothing can be held against {untrusted(path)}: {why}", safe="nothing was changed")
    return Marks((taken.head,), str(untrusted(path)))


class _Taken:
    """What an export holds."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.head: Head | None = None
        self.records: dict[int, list[bytes]] = {}


def _taken(path: Path) -> _Taken:
    content = read_given(path, MOST_BYTES, safe="nothing was changed")
    *lines, last = content.split(b"\n")
    taken = _Taken()
    if last or not lines:
        taken.problems.append("its last line is cut off")
    try:
        header = _loaded(lines[0] if lines else b"")
        if header.get("what") != "upgrade-console audit" or header.get("format") != FORMAT:
            raise ValueError
    except (ValueError, TypeError):
        raise InputError(f"{untrusted(path)} is no export of an audit", safe="nothing was changed") from None
    chain = ChainCheck(genesis(str(header.get("journal_id") or "")))
    whole = hashlib.sha256(lines[0] + b"\n")
    ended = False
    for number, line in enumerate(lines[1:], 2):
        try:
            document = _loaded(line)
            if ended:
                raise ValueError("a line after the end")
            if "journal" in document:
                row = ChainedRow(**document["journal"])
                chain.take(row)
                taken.head = Head(row.seq, row.hash)
            elif "record" in document:
                text = str(document["line"]).encode("utf-8", "surrogateescape")
                taken.records.setdefault(int(document["record"]), []).append(text)
            else:
                end, ended = document["end"], True
                if end != {"lines": number - 1, "sha256": whole.hexdigest()}:
                    taken.problems.append("its end does not fit what is before it: it was changed")
        except (ValueError, TypeError, KeyError):
            taken.problems.append(f"line {number} cannot be read")
        whole.update(line + b"\n")
    if not ended:
        taken.problems.append("its end is missing")
    taken.problems += [f"of its journal, {words}" for words in chain.end()]
    return taken


def _loaded(line: bytes) -> dict[str, Any]:
    document = strict_json.loads(line, max_depth=3)
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    return document
