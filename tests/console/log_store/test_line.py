"""What a line says of itself, in each format that a node or its controller writes."""

from __future__ import annotations

from datetime import datetime

import pytest

from console.log_store import MAX_LINE, Level, safe_text
from console.log_store.line import entry_of, head_of


def _us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("line", "moment", "level", "rest"),
    [
        (
            "I[2026-11-20|22:38:10.896] committed state module=state",
            _us("2026-11-20T22:38:10") + 896_000,
            Level.INFO,
            "committed state module=state",
        ),
        (
            "E[2026-11-20T22:38:10.896122104Z] stopping",
            _us("2026-11-20T22:38:10+00:00") + 896_122,
            Level.ERROR,
            "stopping",
        ),
        (
            "2026-11-20T22:38:07.500000Z  WARN fendermint_app::app: slow",
            _us("2026-11-20T22:38:07+00:00") + 500_000,
            Level.WARNING,
            "fendermint_app::app: slow",
        ),
        ("2026-11-20T22:38:07 ERROR   no room", _us("2026-11-20T22:38:07"), Level.ERROR, "no room"),
        ("2026-11-20T22:38:07+02:00 said", _us("2026-11-20T22:38:07+02:00"), None, "said"),
        ("2026-11-20 22:38:07,123 INFO x", _us("2026-11-20T22:38:07") + 123_000, Level.INFO, "x"),
        ("10:38PM WRN peer is slow", None, Level.WARNING, "peer is slow"),
        ("INFORM nobody", None, None, "INFORM nobody"),
        ("panic: runtime error", None, Level.ERROR, "panic: runtime error"),
        ("    at frame 3", None, None, "    at frame 3"),
        ("2026-99-20T22:38:07Z INFO x", None, Level.INFO, "x"),
        ("", None, None, ""),
    ],
)
def test_moment_and_level(line: str, moment: int | None, level: Level | None, rest: str) -> None:
    head = head_of(line)
    assert (head.at, head.level, line[head.length :]) == (moment, level, rest)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('{"timestamp":"2026-11-20T22:38:07Z","level":"WARN","fields":{"message":"x"}}', Level.WARNING),
        ('{"level":"error","module":"p2p","time":"2026-11-20T22:38:07Z","message":"x"}', Level.ERROR),
        ('{"_msg":"x","level":"debug","ts":"2026-11-20T22:38:07Z"}', Level.DEBUG),
        ("time=2026-11-20T22:38:07Z level=INFO msg=x", Level.INFO),
    ],
)
def test_json_and_logfmt(line: str, level: Level) -> None:
    head = head_of(line)
    assert (head.at, head.level, head.length) == (_us("2026-11-20T22:38:07+00:00"), level, 0)


def test_colours_are_no_part_of_a_line() -> None:
    raw = b"\x1b[2m2026-11-20T22:38:07Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[1mfendermint\x1b[0m: no"
    entry = entry_of("node", 0, Level.ERROR, raw, len(raw))
    assert entry.text == "2026-11-20T22:38:07Z ERROR fendermint: no"
    assert entry.text[entry.head :] == "fendermint: no"


def test_a_long_line_is_cut_and_says_by_how_much() -> None:
    raw = b"x" * 5000
    entry = entry_of("node", 0, Level.INFO, raw, 5_000_000)
    assert (len(entry.text), entry.cut) == (MAX_LINE, 5_000_000 - MAX_LINE)


def test_hostile_bytes_are_made_visible_and_never_take_long() -> None:
    hostile = "\x1b]0;t\x07 \u202e".encode() + b"\xff\0\r"
    assert safe_text(hostile).isprintable()
    for bad in ("[" * 5000, "2026-11-20" * 500, '"' * 5000, "level" * 1000, " " * 5000, "9" * 5000):
        assert head_of(bad).level is None


def test_a_hole_in_the_file_says_so() -> None:
    assert "given back" in entry_of("node", 0, Level.INFO, b"\0" * 40, 40).text
