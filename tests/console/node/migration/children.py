"""Children that are not the sandbox's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def lying(folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Have the sandbox start a process that says these lines to every line it is told, and never looks at it."""
    said = folder / "answers"
    said.write_text("".join(f"{answer}\n" for answer in answers))
    program = folder / "python"
    program.write_text(f"#!/bin/sh\nwhile read -r line; do cat '{said}'; done\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def ending(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Have the sandbox start a shell that runs a command and ends."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
