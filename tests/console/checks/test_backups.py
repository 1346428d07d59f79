"""A way back that is only believed is none: copies and rollback points as they are found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from console.checks.backups import configuration_backed_up, room_for_point, state_backed_up
from console.checks.machine import clock, disk_room, limits
from console.model import Outcome
from console.operations.config_copy import copy_config
from tests import fakes
from tests.console.checks.doubles import Teller, seen
from tests.console.operations.homes import a_cosmos_node

pytestmark = pytest.mark.anyio

POINT = {"name": "before", "complete": True, "age_s": 300.0, "app_height": 1220, "sentence": "rollback point"}


async def test_the_configuration_is_copied_whole_and_as_in_force(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    none = await configuration_backed_up(node, fakes.NOW)
    assert (none.outcome, "checklist-24h" in none.go_on) == (Outcome.FAIL, True)
    copy = copy_config(node, fakes.NOW)
    well = await configuration_backed_up(node, fakes.NOW + 3600)
    assert well.outcome is Outcome.PASS
    assert any(line.startswith("config/app.toml: sha256 ") for line in well.evidence)
    assert (await configuration_backed_up(node, fakes.NOW + 8 * 86400)).outcome is Outcome.WARN
    (node.home / "config" / "app.toml").write_text("halt-height = 7\n")
    changed = await configuration_backed_up(node, fakes.NOW + 60)
    assert (changed.outcome, "config/app.toml was changed since" in changed.evidence) == (Outcome.WARN, True)
    (copy.folder / "files" / "config" / "app.toml").write_text("other = 1\n")
    assert (await configuration_backed_up(node, fakes.NOW + 60)).outcome is Outcome.FAIL


async def test_a_rollback_point_is_read_before_it_is_counted_on(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    node.state_dir.mkdir()
    unarmed = Teller(fakes.node(1210))
    assert (await state_backed_up(unarmed, node)).outcome is Outcome.WARN
    assert (await state_backed_up(Teller(), node)).outcome is Outcome.FAIL
    never = dataclasses.replace(node, backup_enabled=False)
    assert (await state_backed_up(unarmed, never)).outcome is Outcome.FAIL
    well = await state_backed_up(Teller(kept=[POINT], found=[seen("rollback point before")]), node)
    assert (well.outcome, "height 1220" in well.sentence) == (Outcome.PASS, True)
    bad = Teller(kept=[POINT], found=[seen("rollback point before", "fail", "a file is missing")])
    damaged = await state_backed_up(bad, node)
    assert (damaged.outcome, "a file is missing" in damaged.sentence) == (Outcome.FAIL, True)
    full = dataclasses.replace(node, rollback_space_margin_bytes=1 << 60)
    tight = await state_backed_up(Teller(kept=[POINT], found=[seen("rollback point before")]), full)
    assert (tight.outcome, "a rollback point needs" in tight.sentence) == (Outcome.WARN, True)


async def test_the_machine(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    node.state_dir.mkdir()
    room = await disk_room(node)
    assert room.outcome in {Outcome.PASS, Outcome.WARN}
    assert any("a rollback point needs" in line for line in room.evidence)
    full = await disk_room(dataclasses.replace(node, rollback_space_margin_bytes=1 << 60))
    assert full.outcome is Outcome.FAIL
    missing = await disk_room(dataclasses.replace(node, state_dir=tmp_path / "nowhere"))
    assert (missing.outcome, "cannot be looked at" in missing.sentence) == (Outcome.FAIL, True)
    assert (await clock()).outcome in {Outcome.PASS, Outcome.WARN}
    assert (await limits(None)).outcome in {Outcome.PASS, Outcome.WARN}
    assert room_for_point(dataclasses.replace(node, home=tmp_path / "nowhere")).outcome is Outcome.WARN
