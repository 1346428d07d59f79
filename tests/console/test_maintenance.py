"""Maintenance windows: how they are written, and what of a span lies inside."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from console.maintenance import parse_maintenance


def at(text: str, zone: str = "UTC") -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("line", "operator", "text"),
    [
        ("Tue,Thu 02:00..04:00 Europe/Berlin", "", "Tue,Thu 02:00..04:00 Europe/Berlin"),
        ("val-2: Fri-Mon 22:00-2:00 UTC", "val-2", "Mon,Fri,Sat,Sun 22:00..02:00 UTC"),
        ("DAILY 00:00..24:00 utc", "", "daily 00:00..00:00 utc"),
        ("acme ops:  sun 9:30..10:00 America/New_York", "acme ops", "Sun 09:30..10:00 America/New_York"),
        ("\x1b[31mred: Mon 1:00..2:00 UTC", "<U+001B>[31mred", "Mon 01:00..02:00 UTC"),
    ],
)
def test_a_line_is_read_and_told_again(line: str, operator: str, text: str) -> None:
    window = parse_maintenance(line)
    assert (window.operator, window.text) == (operator, text)
    assert parse_maintenance(window.text) == parse_maintenance(parse_maintenance(window.text).text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (7, "a time of the week"),
        ("Tue 02:00 UTC", "a time of the week"),
        ("Tue 02:00..04:00", "a time of the week"),
        ("Someday 02:00..04:00 UTC", "on days as Mon"),
        ("Mon-Xyz 02:00..04:00 UTC", "on days as Mon"),
        ("Tue 25:00..26:00 UTC", "hours from 00:00 to 24:00"),
        ("Tue 02:60..04:00 UTC", "hours from 00:00 to 24:00"),
        ("Tue 02:00..04:00 Middle/Earth", "'Middle/Earth' is none"),
        ("Tue 02:00..04:00 ../../etc/passwd", "is none"),
    ],
)
def test_what_is_wrong_is_said(line: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_maintenance(line)


def test_how_much_of_a_span_lies_inside() -> None:
    # 2026-12-01 is a Tuesday.
    window = parse_maintenance("Tue 22:00..02:00 UTC")
    assert window.share(at("2026-12-01 22:30"), at("2026-12-01 23:30")) == 1
    assert window.share(at("2026-12-02 01:00"), at("2026-12-02 03:00")) == 0.5
    assert window.share(at("2026-12-02 22:30"), at("2026-12-02 23:30")) == 0
    assert window.share(at("2026-12-01 22:30"), at("2026-12-01 22:30")) == 1
    assert window.share(at("2026-12-01 21:30"), at("2026-12-01 21:30")) == 0
    assert window.share(at("2026-12-01 00:00"), at("2026-12-15 00:00")) == pytest.approx(8 / 336)
    always = parse_maintenance("daily 00:00..24:00 UTC")
    assert always.share(at("2026-12-01 03:00"), at("2026-12-04 03:00")) == pytest.approx(1)


def test_a_window_is_of_its_own_zone_and_as_long_when_clocks_change() -> None:
    berlin = parse_maintenance("Sun 01:00..05:00 Europe/Berlin")
    summer, winter = at("2026-07-05 01:00", "Europe/Berlin"), at("2026-10-25 01:00", "Europe/Berlin")
    assert berlin.share(summer, summer + 4 * 3600) == 1
    # In the night in which clocks are put back.
    assert berlin.share(winter, winter + 4 * 3600) == 1
    assert berlin.share(winter + 4 * 3600, winter + 5 * 3600) == 0
