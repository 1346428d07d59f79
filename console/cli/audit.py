"""`audit`: what was decided and done, by the controller's journal and the record of what was signed here."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from console.cli.printing import complain, print_json
from console.cli.sources import Target, load_target
from console.errors import InputError
from console.model import AuditCheck, AuditEntry, AuditKind
from console.operations.audit import AuditTrail, narrowed
from console.text import untrusted
from console.typed_moment import read_moment


def run(arguments: argparse.Namespace) -> int:
    """Print the timeline, newest last; exit code 1 when a source cannot be read or is not whole.

    Raises:
        ConsoleError: The settings, or what was asked, are not acceptable.
    """
    if arguments.verify_export is not None:
        from console.operations.audit_export import verify_export

        return _print_check(verify_export(arguments.verify_export), arguments.json)
    target = load_target(arguments)
    if arguments.export is not None:
        return _export(target, arguments)
    reading = AuditTrail(target.network, target.node).read()
    entries = narrowed(
        reading,
        since=_moment("--since", arguments.since),
        until=_moment("--until", arguments.until),
        kinds=[_kind(kind) for kind in arguments.kind or ()],
        attempt=arguments.attempt,
        text=arguments.text or "",
    )
    shown = entries[-arguments.lines :] if arguments.lines else entries
    check = _verified(target, arguments)
    problems = [*reading.problems, *(() if check is None else check.problems)]
    if arguments.json:
        document: dict[str, object] = {
            "entries": [entry.to_json() for entry in shown],
            "left_out": len(entries) - len(shown),
            "older_left_out": reading.forgotten,
            "problems": list(reading.problems),
        }
        if check is not None:
            document["verified"] = _check_json(check)
        print_json(document)
    else:
        for entry in shown:
            print(line_of(entry))
        for finding in () if check is None else check.findings:
            print(f"ok    {finding}")
    for problem in dict.fromkeys(problems):
        complain(problem)
    return 1 if problems else 0


def _verified(target: Target, arguments: argparse.Namespace) -> AuditCheck | None:
    if not (arguments.verify or arguments.head or arguments.against):
        return None
    from console.operations.audit_check import Marks, heads_of, verify
    from console.operations.audit_export import marks_of_export

    given = None
    if arguments.head:
        try:
            given = heads_of(arguments.head)
        except ValueError as error:
            raise InputError(f"--head: {error}", safe="nothing was changed") from None
    if arguments.against is not None:
        marks = marks_of_export(arguments.against)
        given = Marks((*(given.heads if given else ()), *marks.heads), marks.where)
    return verify(target.network, target.node, given)


def _print_check(check: AuditCheck, as_json: bool) -> int:
    if as_json:
        print_json(_check_json(check))
    else:
        for finding in check.findings:
            print(f"ok    {finding}")
    for problem in check.problems:
        complain(problem)
    return 1 if check.problems else 0


def _check_json(check: AuditCheck) -> dict[str, object]:
    return {"findings": list(check.findings), "problems": list(check.problems)}


def _export(target: Target, arguments: argparse.Namespace) -> int:
    from console.operations.audit_export import export

    narrowing = ("since", "until", "kind", "attempt", "text", "lines")
    if any(getattr(arguments, name) for name in narrowing):
        raise InputError(
            "an export is the whole audit: of a part nobody could tell whether rows are missing",
            safe="nothing was exported",
            next_step="leave the narrowing away, or take --json for a part",
        )
    lines = export(target.network, target.node)
    if arguments.export == Path("-"):
        for line in lines:
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return 0
    count = _write_new(arguments.export, lines)
    if arguments.json:
        print_json({"path": str(arguments.export), "lines": count})
    else:
        print(f"{count:,} lines are in {untrusted(arguments.export)}")
    return 0


def _write_new(path: Path, lines: Iterable[bytes]) -> int:
    """Write a new file of mode 0600; half a file is taken away again. Raises InputError."""
    count = 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"cannot write {untrusted(path)}: {error.strerror}", safe="nothing was exported") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for line in lines:
                stream.write(line)
                count += 1
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {untrusted(path)}: {error.strerror}", safe="no file is left") from error
        raise
    return count


def line_of(entry: AuditEntry) -> str:
    """An entry as one line of text."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    attempt = "" if entry.attempt is None else f"#{entry.attempt} "
    sign = " " if entry.good else "!"
    return f"{at}  {entry.origin:<10} {sign}{entry.kind.value:<8} {attempt}{entry.words}"


def _moment(flag: str, typed: str | None) -> float | None:
    try:
        return None if typed is None else read_moment(typed, time.time())
    except ValueError as error:
        raise InputError(f"{flag} {typed!r} is {error}") from None


def _kind(typed: str) -> AuditKind:
    try:
        return AuditKind(typed)
    except ValueError:
        raise InputError(f"there is no kind {typed!r} (known: {', '.join(AuditKind)})") from None
