"""Whether what the audit reads is whole: the journal's chain, what was noted of it elsewhere, and the records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from console.chain.sent import on_its_way
from console.chain.signed_record import RecordReading, Signed, read_record
from console.errors import JournalError
from console.hash_chain import Head
from console.model import AuditCheck
from console.node.heads_noted import heads_in_log
from console.operations.audit import records_of
from console.operations.logs import log_files
from console.operations.node_alone import reading
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted

_ROTATED = 10
"""Older files of a log that are looked for, at most."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What was noted of a journal elsewhere."""

    heads: tuple[Head, ...] = ()
    where: str = ""


def verify(network: NetworkSettings, node: NodeSettings | None, given: Marks | None = None) -> AuditCheck:
    """Look whether journal and record are whole: readable, every row as it was written, and every act with its end.

    Args:
        network: The network.
        node: The node; None where there is none on this machine.
        given: What the operator has of the journal: an earlier export, or a head that was written down.
    """
    findings: list[str] = []
    problems: list[str] = []
    if node is None and given is not None:
        problems.append(f"there is no node here whose journal could be held against {given.where}")
    if node is not None:
        try:
            _check_journal(node, given or Marks(), findings, problems)
        except JournalError as error:
            problems.append(error.what)
    for path in dict.fromkeys(records_of(network, node)):
        before = _without_end(read_record(path))
        settled = {act.id for act in before if not on_its_way(path.parent, act)}
        # Read again: what is on its way comes to its end meanwhile, and what was signed since is on its way.
        record = read_record(path)
        waited_for = [act.id for act in _without_end(record) if act.id not in settled]
        check_record(untrusted(path), record, findings, problems, waited_for)
    return AuditCheck(tuple(findings), tuple(problems))


def _check_journal(node: NodeSettings, given: Marks, findings: list[str], problems: list[str]) -> None:
    with reading(node) as journal:
        if journal is None:
            findings.append(f"{node.name} has no journal yet")
            # A journal that is gone is not one that never was.
            problems += [
                f"row {mark.seq} of {node.name} was noted in {given.where}, and its journal is gone"
                for mark in given.heads
            ]
            return
        if not journal.chained:
            findings.append(f"the journal of {node.name} is from before rows had hashes; its controller adds them")
            return
        noted = tuple(_noted_in_log(node))
        rows, wrong = journal.check_events((*given.heads, *noted))
        head = journal.head()
    problems += [f"the journal of {node.name}: {words}" for words in wrong]
    if wrong:
        return
    findings.append(f"the journal of {node.name} is whole: {rows:,} rows without a gap, each with its hash")
    if noted:
        count = len(set(noted))
        heads = "the head" if count == 1 else f"all {count:,} heads"
        findings.append(f"{heads} that the controller's log noted {'is' if count == 1 else 'are'} in it")
    if given.heads:
        findings.append(f"what {given.where} noted is in it, as it was")
    if head is not None:
        findings.append(f"its head is {head}")


def _noted_in_log(node: NodeSettings) -> Iterator[Head]:
    newest = log_files(node)["controller"]
    for path in (newest, *(newest.with_name(f"{newest.name}.{number}") for number in range(1, _ROTATED))):
        yield from heads_in_log(path)


def check_record(
    where: str, record: RecordReading, findings: list[str], problems: list[str], waited_for: Collection[str] = ()
) -> None:
    """Whether a record is whole and every transaction in it has its end.

    Args:
        where: The record, for sentences.
        record: What it holds.
        findings: What is well, added to.
        problems: What is not, added to.
        waited_for: Hashes of transactions that are on their way.
    """
    problems += record.problems
    without_end = _without_end(record)
    findings += [
        f"{where}: {act.id} ({untrusted(act.words, 120)}) is on its way" for act in without_end if act.id in waited_for
    ]
    open_ = [act for act in without_end if act.id not in waited_for]
    problems += [f"what came of {act.id} ({untrusted(act.words, 120)}) was never recorded" for act in open_]
    if not record.problems and not open_:
        ended = len(record.acts) - len(without_end)
        findings.append(f"{where}: {ended:,} signed, each with its end" if record.acts else f"{where}: none")


def _without_end(record: RecordReading) -> tuple[Signed, ...]:
    return tuple(act for act in record.acts if not act.outcome and act.what == "transaction")


def heads_of(marks: Iterable[str]) -> Marks:
    """Heads as they were written down, `SEQ:HASH` each. Raises ValueError."""
    return Marks(tuple(Head.read(mark) for mark in marks), "what you gave")
