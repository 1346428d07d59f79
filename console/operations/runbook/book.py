"""The whole runbook: looked up by a word, and printed as docs/runbook.md has it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from console.errors import InputError
from console.monitoring.rules import alerts
from console.operations.runbook.codes import CODES
from console.operations.runbook.entry import Entry, Kind
from console.operations.runbook.errors_told import ERRORS
from console.operations.runbook.machine import FINDINGS, PROBES
from console.operations.runbook.states import PROPOSALS, STATES
from console.text import untrusted

_LABEL = re.compile(r"{{ \$labels\.(\w+) }}")
_PERCENTAGE = re.compile(r"{{ \$value \| humanizePercentage }}")
_HEADS = {
    Kind.STATE: "state",
    Kind.PROPOSAL: "proposal",
    Kind.CODE: "failure code",
    Kind.ALERT: "alert",
    Kind.PROBE: "probe",
    Kind.DOCTOR: "finding",
    Kind.ERROR: "error",
}


def entries() -> tuple[Entry, ...]:
    """Every word, chapter by chapter."""
    told = tuple(
        Entry(Kind.ALERT, alert.name, _plain(f"{alert.summary}. {alert.means}"), alert.safe, _plain(alert.do))
        for alert in alerts()
    )
    return (*STATES, *PROPOSALS, *CODES, *told, *PROBES, *FINDINGS, *ERRORS)


def explained(words: str) -> tuple[Entry, ...]:
    """What a word stands for; several where it is met in several places.

    Args:
        words: As on the screen, in small or capital letters: a state, an alert, a code's number, a finding's topic.

    Raises:
        InputError: The runbook does not know it.
    """
    wanted = words.strip().casefold()
    book = entries()
    found = tuple(entry for entry in book if wanted in {*_names(entry)})
    found = found or tuple(entry for entry in book if wanted and wanted in entry.heading.casefold())
    if not found:
        raise InputError(
            f"the runbook has no word {str(untrusted(words, 60))!r}",
            safe="nothing was asked of anybody",
            next_step="`upgrade-console explain` alone lists them all",
        )
    return found


def _plain(template: str) -> str:
    """A text of an alert without Prometheus' templates: what it puts in there stands in capitals."""
    labelled = _LABEL.sub(lambda found: found[1].upper(), template)
    return _PERCENTAGE.sub("N %", labelled).replace("{{ $value }}", "N").replace(":.", ".").rstrip(":")


def _names(entry: Entry) -> Iterable[str]:
    yield entry.word.casefold()
    if entry.kind is Kind.CODE:
        yield from entry.word.casefold().split(" ", 1)


def runbook_markdown(kind: Kind) -> str:
    """The table of one chapter."""
    lines = [f"| {_HEADS[kind]} | it means | safe | do |", "|---|---|---|---|"]
    for entry in entries():
        if entry.kind is kind:
            cells = (entry.heading, entry.means, entry.safe, entry.do)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
