"""From Cosmovisor to us and back: when the move can be made, and why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.node.cosmovisor.homes import Direction, GenerationFacts, HomeFacts, look_at_home, passage
from console.node.cosmovisor.layout import add_upgrade, init_home
from console.node.cosmovisor.settings import CosmovisorSettings, read_settings
from console.node.cosmovisor.upgrade_info import Incomplete, Invalid, PlanFile, write_applied, write_plan
from console.node.generation import Generations

BOTH = (Direction.TO_US, Direction.TO_COSMOVISOR)


@pytest.fixture
def settings(tmp_path: Path) -> CosmovisorSettings:
    """A home that we made, switched to v2 with its plan on record."""
    environment = {"DAEMON_HOME": str(tmp_path / "home"), "DAEMON_NAME": "simd"}
    settings = read_settings(environment, check_folders=False)
    binary = tmp_path / "built"
    binary.write_text("#!/bin/sh\n")
    init_home(settings, binary)
    generation = add_upgrade(settings, "v2", binary)
    Generations(settings.home, "simd").switch(generation)
    settings.upgrade_info_path.parent.mkdir()
    write_plan(settings.upgrade_info_path, PlanFile("v2", 100))
    write_applied(settings.upgrades_dir / "v2", PlanFile("v2", 100))
    return settings


def facts(settings: CosmovisorSettings) -> HomeFacts:
    return look_at_home(settings.home, settings.name)


def hindrance(found: HomeFacts, direction: Direction, node_state: str = "IDLE") -> str:
    hindrances = passage(found, direction, node_state=node_state).hindrances
    assert len(hindrances) == 1, hindrances
    return hindrances[0]


@pytest.mark.parametrize("direction", BOTH)
def test_a_home_of_ours_is_open_both_ways(settings: CosmovisorSettings, direction: Direction) -> None:
    found = facts(settings)
    assert (found.current, found.current_folder) == ("upgrades/v2", "upgrades/v2")
    assert passage(found, direction, node_state="IDLE").is_open
    assert passage(found, direction, node_state="IDLE").notes == ()


@pytest.mark.parametrize("direction", BOTH)
def test_a_home_of_cosmovisors_is_open_both_ways(tmp_path: Path, direction: Direction) -> None:
    for folder in ("genesis", "upgrades/v2"):
        binary = tmp_path / "cosmovisor" / folder / "bin" / "simd"
        binary.parent.mkdir(parents=True)
        binary.write_text("#!/bin/sh\n")
        binary.chmod(0o755)
    link = tmp_path / "cosmovisor" / "current"
    link.symlink_to(tmp_path / "cosmovisor" / "upgrades" / "v2")
    (tmp_path / "data").mkdir()
    write_plan(tmp_path / "data" / "upgrade-info.json", PlanFile("V2", 100))
    write_applied(tmp_path / "cosmovisor" / "upgrades" / "v2", PlanFile("v2", 100))
    judged = passage(look_at_home(tmp_path, "simd"), direction, node_state="IDLE")
    assert judged.is_open
    assert "absolute" in judged.notes[0]


@pytest.mark.parametrize("direction", BOTH)
def test_only_an_idle_node_moves(settings: CosmovisorSettings, direction: Direction) -> None:
    assert "PROBATION" in hindrance(facts(settings), direction, "PROBATION")


@pytest.mark.parametrize("direction", BOTH)
def test_a_missing_broken_or_foreign_link_hinders(
    settings: CosmovisorSettings, tmp_path: Path, direction: Direction
) -> None:
    link = settings.root / "current"
    for target, words in (
        (None, "missing or is no link"),
        ("upgrades/v9", "no generation of this home"),
        (str(tmp_path), "no generation of this home"),
        ("current", "no generation of this home"),
    ):
        link.unlink(missing_ok=True)
        if target is not None:
            link.symlink_to(target)
        found = replace(facts(settings), plan=None)
        assert words in hindrance(found, direction)
    link.unlink()
    link.mkdir()
    assert "missing or is no link" in hindrance(replace(facts(settings), plan=None), direction)


@pytest.mark.parametrize("direction", BOTH)
def test_a_current_binary_that_cannot_run_hinders(settings: CosmovisorSettings, direction: Direction) -> None:
    binary = settings.upgrades_dir / "v2" / "bin" / "simd"
    binary.chmod(0o600)
    assert "not executable" in hindrance(facts(settings), direction)
    binary.unlink()
    assert "missing" in hindrance(facts(settings), direction)


def test_half_a_download_hinders_cosmovisor_only(settings: CosmovisorSettings) -> None:
    (settings.upgrades_dir / "v3").mkdir()
    (settings.upgrades_dir / ".v4.new").mkdir()
    found = facts(settings)
    assert "would not download" in hindrance(found, Direction.TO_COSMOVISOR)
    to_us = passage(found, Direction.TO_US, node_state="IDLE")
    assert to_us.is_open
    assert "upgrades/v3 is not complete" in to_us.notes[0]


@pytest.mark.parametrize("direction", BOTH)
def test_a_pending_or_unreadable_plan_hinders(settings: CosmovisorSettings, direction: Direction) -> None:
    found = facts(settings)
    assert "pending" in hindrance(replace(found, plan=PlanFile("v3", 200)), direction)
    assert "pending" in hindrance(replace(found, applied=None), direction)
    assert "cut off" in hindrance(replace(found, plan=Incomplete(0)), direction)
    assert "names no plan" in hindrance(replace(found, plan=Invalid("names no plan")), direction)


def test_an_upgrade_without_its_record_is_past_for_us_and_new_for_cosmovisor(settings: CosmovisorSettings) -> None:
    found = replace(facts(settings), applied=None)
    assert passage(found, Direction.TO_US, node_state="IDLE", app_height=100).is_open
    back = passage(found, Direction.TO_COSMOVISOR, node_state="IDLE", app_height=100)
    assert "take it for new" in back.hindrances[0]
    assert not passage(found, Direction.TO_US, node_state="IDLE", app_height=99).is_open


def test_a_folder_with_capitals_is_noted(settings: CosmovisorSettings) -> None:
    found = facts(settings)
    found = replace(found, generations=(*found.generations, GenerationFacts("upgrades/V3", "")))
    judged = passage(found, Direction.TO_US, node_state="IDLE")
    assert judged.is_open
    assert "lower-cased" in judged.notes[0]
    assert passage(found, Direction.TO_US, node_state="IDLE", recase=False).notes == ()
