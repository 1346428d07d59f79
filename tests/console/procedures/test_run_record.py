"""The record of a run: the same for the same journal, and nothing in it is taken for markup."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import InputError
from console.procedures.run_record import run_document, run_markdown, write_record
from tests import procedure_fakes

HOSTILE = (
    "](javascript:x) **bold** <script>x</script> | cell | `code` https://evil.example @channel\x1b[2J # not a title"
)


def test_what_strangers_said_is_text_in_markdown() -> None:
    (reading,) = procedure_fakes.hostile_readings(HOSTILE)
    text = run_markdown(reading)
    assert text == run_markdown(reading)
    for line in text.splitlines():
        ours = line.removeprefix("- **FAIL** ")
        for sign in ("**", "](", "<", "`", "@", "://"):
            assert not re.search(rf"(?<!\\){re.escape(sign)}", ours), (sign, line)
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
        assert line.isprintable(), line
    assert sum(line.startswith("# ") for line in text.splitlines()) == 1


def test_a_record_holds_who_when_what_and_the_journals_head(tmp_path: Path) -> None:
    waits, failed, dry, given_up = procedure_fakes.readings()
    text = run_markdown(failed)
    assert "**FAIL** the newest copy is 9 days old (" in text
    assert "next: copy it anew" in text
    assert f"sha256 of the last one: {failed.head}" in text
    assert run_markdown(dry).startswith("# Dry run rolling-")
    assert "abandoned: the plan was cancelled" in run_markdown(given_up)
    assert run_document(waits)["journal"]["head_sha256"] == waits.head
    damaged = replace(failed, problem="line 4 of it is not what was written there.")
    assert "**The journal is damaged:** line 4" in run_markdown(damaged)
    path = tmp_path / "record.md"
    write_record(path, failed)
    assert (path.read_text(), path.stat().st_mode & 0o777) == (text, 0o600)
    with pytest.raises(InputError, match="File exists"):
        write_record(path, failed)
