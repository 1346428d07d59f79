"""network_faults.toml as values, and as the table of docs/faults.md."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("network_faults.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """One row; the file says what each part means."""

    name: str
    what: str
    do: tuple[str, ...]
    chain: str
    end: tuple[str, ...]
    says: tuple[str, ...] = ()
    viewer: str = "node1"
    heal: tuple[str, ...] = ()
    own: bool = False
    quick: bool = False


def faults() -> tuple[Fault, ...]:
    """All rows, in the order of the file."""
    return tuple(_fault(row) for row in tomllib.loads(TABLE.read_text("utf-8"))["fault"])


def _fault(row: dict[str, Any]) -> Fault:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Fault(**values)


def faults_markdown() -> str:
    """The table of the documentation."""
    lines = [
        "| fault | chain meanwhile | what the console says | it ends | node1 to node4 in the end |",
        "|---|---|---|---|---|",
    ]
    for row in faults():
        says = " … ".join(row.says) or "nothing"
        steps = "; ".join(f"`{step}`" for step in row.heal) or "by itself"
        lines.append(f"| {row.what} | {row.chain} | {says} ({row.viewer}) | {steps} | {_states(row.end)} |")
    return "\n".join(lines) + "\n"


def _states(end: tuple[str, ...]) -> str:
    return f"all {end[0]}" if len(set(end)) == 1 else ", ".join(end)
