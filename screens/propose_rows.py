"""The rows of the propose form, and which of them count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.operations.propose_terms import USUAL_VOTE, has_calls, has_release

Fields = dict[str, str]
"""What is typed and chosen, by name; as `Session.check_proposal` takes it."""


def _scheduled(fields: Fields, *ways: str) -> bool:
    return has_release(fields) and fields["schedule"] in ways


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the form; text unless it has choices or is a switch."""

    name: str
    label: str
    guide: str = ""
    """What is expected, in a few words, while nothing is typed."""
    start: str = ""
    """What it holds at first."""
    choices: tuple[tuple[str, str], ...] = ()
    switch: str = ""
    """The words of a switch, which is `yes` or `no`."""
    shown: Callable[[Fields], bool] = lambda _fields: True
    hint_rows: int = 1


ROWS = (
    Row(
        "what",
        "What",
        start="release",
        choices=(("release", "release"), ("contracts", "contracts"), ("both", "both")),
        hint_rows=0,
    ),
    Row("name", "Name", "a to z, 0 to 9, dot, dash, underscore; as in v0.2.0"),
    Row("url", "Release URL", "http or https; every node downloads from here", shown=has_release),
    Row("hash", "sha256", "64 hex digits; every node refuses bytes with another sum", shown=has_release),
    Row(
        "kind", "It is of", start="raw", choices=(("raw", "the binary"), ("manifest", "a manifest")), shown=has_release
    ),
    Row(
        "manifest",
        "Manifest",
        "its file on this machine: name, hash and migration are taken from it",
        shown=lambda fields: has_release(fields) and fields["kind"] == "manifest",
    ),
    Row("breaking", "Breaking", start="yes", switch="breaking", shown=has_release),
    Row(
        "schedule",
        "When",
        start="height",
        choices=(("height", "fixed height"), ("vote", "after the vote"), ("readiness", "when ready")),
        shown=has_release,
        hint_rows=0,
    ),
    Row(
        "height",
        "Height H",
        "a block number: the first block that the new binary executes",
        shown=lambda fields: _scheduled(fields, "height"),
        hint_rows=4,
    ),
    Row("clock", "or a window", shown=lambda fields: _scheduled(fields, "height")),
    Row(
        "threshold",
        "Ready at",
        "percent of the power; more than 2/3 in any case",
        "67",
        shown=lambda fields: _scheduled(fields, "readiness"),
    ),
    Row(
        "deadline",
        "Deadline",
        "how long it may wait for readiness: blocks, or a time as 14d",
        "14d",
        shown=lambda fields: _scheduled(fields, "readiness"),
    ),
    Row(
        "delay",
        "Then H in",
        "from then to H: blocks, or a time as 24h",
        "24h",
        shown=lambda fields: _scheduled(fields, "vote", "readiness"),
    ),
    Row("calls", "Cut file", "the file that `propose-contract --out` wrote", shown=has_calls),
    Row(
        "order",
        "Its calls",
        start="after",
        choices=(("after", "after the crossing"), ("first", "before the freeze")),
        shown=lambda fields: fields["what"] == "both",
        hint_rows=0,
    ),
    Row("init", "Initialiser", start="no", switch="its cuts may run one", shown=has_calls),
    Row("voting", "Vote open", "blocks, or a time as 7d", USUAL_VOTE),
    Row("expedited", "Expedited", start="no", switch="a vote shorter than usual", hint_rows=1),
)
"""The form from top to bottom."""
