"""Where contracts keep what they store, one line per variable, as contracts/storage/ commits it.

    .venv/bin/python -m tests.contracts.storage

writes those files anew: after a change that is meant to move something, which no contract that is in use survives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "console" / "chain" / "contracts"
LAYOUTS = ROOT / "contracts" / "storage"


def described(layout: Mapping[str, Any]) -> str:
    """A storage layout as text: slot, offset in it, bytes, type and name; then each struct in the same way."""
    types: Mapping[str, Any] = layout["types"] or {}
    structs = {kind["label"]: kind["members"] for kind in types.values() if "members" in kind}
    lines = list(_rows(layout["storage"], types))
    for label, members in sorted(structs.items()):
        lines += ["", label, *_rows(members, types)]
    return "\n".join(lines) + "\n"


def layouts() -> dict[str, str]:
    """The layout of every artefact that stores something."""
    found = {path.stem: json.loads(path.read_text())["storageLayout"] for path in sorted(ARTEFACTS.glob("*.json"))}
    return {name: described(layout) for name, layout in found.items() if layout["storage"]}


def _rows(variables: Any, types: Mapping[str, Any]) -> Iterator[str]:
    for variable in variables:
        kind = types[variable["type"]]
        place = f"{variable['slot']:>4} {variable['offset']:>2} {kind['numberOfBytes']:>4}"
        yield f"{place}  {kind['label']} {variable['label']}"


if __name__ == "__main__":
    LAYOUTS.mkdir(exist_ok=True)
    for old in LAYOUTS.glob("*.txt"):
        old.unlink()
    for name, text in layouts().items():
        (LAYOUTS / f"{name}.txt").write_text(text)
