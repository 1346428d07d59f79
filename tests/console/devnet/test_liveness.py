"""Whether a devnet surely runs: by its record and one process of it, and never by another's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from console.devnet.layout import KIND, SCHEMA
from console.devnet.liveness import surely_runs
from console.devnet.process_identity import identify


def record(place: Path, **changed: Any) -> None:
    own = identify(os.getpid())
    assert own is not None
    document = {"kind": KIND, "schema": SCHEMA, "folder": str(place), "up": True, "processes": {"evm": own.to_json()}}
    (place / "devnet.json").write_text(json.dumps(document | changed))


def test_a_living_process_of_its_record_is_enough(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    record(place)
    assert surely_runs(place)


@pytest.mark.parametrize(
    "changed",
    [
        {"up": False},
        {"folder": "/elsewhere"},
        {"kind": "something else"},
        {"schema": SCHEMA + 1},
        {"processes": {}},
        {"processes": {"evm": {"pid": os.getpid(), "started": 1, "boot": "another"}}},
        {"processes": {"evm": "?"}},
        {"processes": []},
    ],
)
def test_anything_else_leaves_it_open(tmp_path: Path, changed: dict[str, Any]) -> None:
    place = tmp_path.resolve()
    record(place, **changed)
    assert not surely_runs(place)


def test_no_record_and_a_damaged_one_leave_it_open(tmp_path: Path) -> None:
    assert not surely_runs(tmp_path)
    (tmp_path / "devnet.json").write_text("{")
    assert not surely_runs(tmp_path)
    (tmp_path / "devnet.json").write_text("[]")
    assert not surely_runs(tmp_path)
