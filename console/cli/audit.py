"""`audit`: what was decided and done, by the controller's journal and the record of what was signed here."""

from __future__ import annotations

import argparse
import time

from console.cli.printing import complain, print_json
from console.cli.sources import load_target
from console.errors import InputError
from console.model import AuditEntry, AuditKind
from console.operations.audit import AuditTrail, narrowed, verify
from console.typed_moment import read_moment


def run(arguments: argparse.Namespace) -> int:
    """Print the timeline, newest last; exit code 1 when a source cannot be read or is not whole.

    Raises:
        ConsoleError: The settings, or what was asked, are not acceptable.
    """
    target = load_target(arguments)
    since = None if arguments.since is None else _since(arguments.since)
    reading = AuditTrail(target.network, target.node).read()
    entries = narrowed(reading, since=since, kinds=[_kind(kind) for kind in arguments.kind or ()])
    shown = entries[-arguments.lines :] if arguments.lines else entries
    check = verify(target.network, target.node) if arguments.verify else None
    problems = [*reading.problems, *(() if check is None else check.problems)]
    if arguments.json:
        document: dict[str, object] = {
            "entries": [entry.to_json() for entry in shown],
            "left_out": len(entries) - len(shown),
            "older_left_out": reading.forgotten,
            "problems": list(reading.problems),
        }
        if check is not None:
            document["verified"] = {"findings": list(check.findings), "problems": list(check.problems)}
        print_json(document)
    else:
        for entry in shown:
            print(line_of(entry))
        for finding in () if check is None else check.findings:
            print(f"ok    {finding}")
    for problem in dict.fromkeys(problems):
        complain(problem)
    return 1 if problems else 0


def line_of(entry: AuditEntry) -> str:
    """An entry as one line of text."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    attempt = "" if entry.attempt is None else f"#{entry.attempt} "
    sign = " " if entry.good else "!"
    return f"{at}  {entry.origin:<10} {sign}{entry.kind.value:<8} {attempt}{entry.words}"


def _since(typed: str) -> float:
    try:
        return read_moment(typed, time.time())
    except ValueError as error:
        raise InputError(f"--since {typed!r} is {error}") from None


def _kind(typed: str) -> AuditKind:
    try:
        return AuditKind(typed)
    except ValueError:
        raise InputError(f"there is no kind {typed!r} (known: {', '.join(AuditKind)})") from None
