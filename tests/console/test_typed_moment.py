"""Moments as operators type them."""

from __future__ import annotations

from datetime import datetime

import pytest

from console.typed_moment import read_moment

NOW = datetime(2026, 11, 20, 12, 0, 0).timestamp()  # noqa: DTZ001 - this machine's time, as it is typed


def _at(*parts: int) -> float:
    return datetime(*parts).timestamp()  # type: ignore[arg-type]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("11:30", _at(2026, 11, 20, 11, 30)),
        (" 11:30:05 ", _at(2026, 11, 20, 11, 30, 5)),
        ("14:32", _at(2026, 11, 19, 14, 32)),
        ("2026-11-01", _at(2026, 11, 1)),
        ("2026-11-01 10:00", _at(2026, 11, 1, 10)),
        ("2026-11-01T10:00:00+00:00", datetime.fromisoformat("2026-11-01T10:00:00+00:00").timestamp()),
        ("90m", NOW - 5400),
        ("-2h", NOW - 7200),
        ("3d ago", NOW - 3 * 86400),
    ],
)
def test_a_moment(typed: str, moment: float) -> None:
    assert read_moment(typed, NOW) == moment


@pytest.mark.parametrize("typed", ["", "soon", "25:00", "2026-13-01", "99999999999999999999d", "m", "\x1b[2J"])
def test_what_is_none(typed: str) -> None:
    with pytest.raises(ValueError, match="no moment: say 14:32"):
        read_moment(typed, NOW)
