"""The report of a crash: what it holds, what it never holds, and who may read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from console import __version__
from console.crash import KEPT, MAX_LINES, Circumstances, crash_folder, report, summary, write_report

WHERE = Circumstances("calibration", "proposals", ("ProposalsScreen", "ReviewScreen"), (80, 24), ((12.5, "vote"),))
SECRET = "5ec7e7" * 10


def _crash(message: str = "a mistake") -> Exception:
    private_key = f"0x{SECRET}"
    try:
        if private_key:
            raise ZeroDivisionError(message)
    except ZeroDivisionError as error:
        return error
    raise AssertionError


def test_it_says_where_and_what_was_pressed_and_no_value() -> None:
    text = report(_crash(), WHERE)
    assert f"upgrade-console {__version__} crashed at" in text
    assert "network calibration, view proposals, 80×24, screens ProposalsScreen > ReviewScreen" in text
    assert "     12.5  vote" in text
    assert "ZeroDivisionError: a mistake" in text
    assert "test_crash.py" in text
    assert SECRET not in text
    assert not any(f"{name}=" in text or value in text for name, value in os.environ.items() if len(value) > 20)


def test_a_secret_in_a_message_is_hidden_and_its_bytes_are_harmless() -> None:
    error = _crash(f"passphrase = {SECRET}\x1b[2J\u202e https://op:{SECRET}@rpc.example/{SECRET}")
    for text in (report(error, WHERE), summary(error)):
        assert SECRET not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_recursion_without_end_makes_no_endless_report() -> None:
    def deeper(depth: int) -> int:
        return deeper(depth + 1) if depth % 2 else deeper(depth + 3)

    with pytest.raises(RecursionError) as crash:
        deeper(0)
    error: BaseException = crash.value
    for _ in range(3000):
        error.add_note("a note")
    assert len(report(error, WHERE).splitlines()) < MAX_LINES + 20


def test_only_its_owner_reads_it_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("console.crash.time", lambda: 1_760_000_000.0)
    crash_folder().mkdir(parents=True)
    for day in range(KEPT + 3):
        (crash_folder() / f"crash-202001{day + 1:02d}T000000Z-1.txt").write_text("old")
    path = write_report(_crash(), WHERE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "a mistake" in path.read_text("utf-8")
    assert len(list(crash_folder().iterdir())) == KEPT
    with pytest.raises(FileExistsError):
        write_report(_crash(), WHERE)
