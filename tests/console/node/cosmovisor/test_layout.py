"""A home that we make is a home in Cosmovisor's layout, and nothing of it is done by halves."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from console.errors import InputError, NodeError
from console.files import sha256_of
from console.model import GENESIS
from console.node.cosmovisor.batch import BatchError, parse_batch_csv
from console.node.cosmovisor.layout import add_batch, add_upgrade, init_home
from console.node.cosmovisor.settings import CosmovisorSettings, read_settings
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan
from console.node.generation import Generations


@pytest.fixture
def settings(tmp_path: Path) -> CosmovisorSettings:
    environment = {"DAEMON_HOME": str(tmp_path / "home"), "DAEMON_NAME": "simd"}
    return read_settings(environment, check_folders=False)


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "built"
    path.write_text("#!/bin/sh\necho v1\n")
    return path


def tree(home: Path) -> dict[str, str]:
    """Every path below the home: a link's target, or kind and mode."""
    found = {}
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = Path(folder) / name
            mode = oct(stat.S_IMODE(path.lstat().st_mode))
            found[str(path.relative_to(home))] = f"-> {path.readlink()}" if path.is_symlink() else mode
    return found


def test_init_makes_exactly_its_layout(settings: CosmovisorSettings, binary: Path) -> None:
    before = os.umask(0o022)
    try:
        init_home(settings, binary)
    finally:
        os.umask(before)
    assert tree(settings.home) == {
        "cosmovisor": "0o750",
        "cosmovisor/genesis": "0o750",
        "cosmovisor/genesis/bin": "0o750",
        "cosmovisor/genesis/bin/simd": "0o755",
        "cosmovisor/current": "-> genesis",
        "cosmovisor/config.toml": "0o644",
    }
    assert sha256_of(settings.genesis_binary) == sha256_of(binary)
    assert read_settings({}, settings.config_path).home == settings.home
    assert Generations(settings.home, "simd").current().name == GENESIS


def test_init_again_changes_nothing(settings: CosmovisorSettings, binary: Path) -> None:
    init_home(settings, binary)
    settings.config_path.write_text("# mine\n")
    before = tree(settings.home)
    binary.write_text("another")
    steps = init_home(settings, binary)
    assert tree(settings.home) == before
    assert settings.config_path.read_text() == "# mine\n"
    assert settings.genesis_binary.read_text() != "another"
    assert len(steps) == 3
    init_home(settings, binary, overwrite_config=True)
    assert "daemon_name = 'simd'" in settings.config_path.read_text()


def test_init_never_points_a_broken_link_at_genesis(settings: CosmovisorSettings, binary: Path) -> None:
    init_home(settings, binary)
    add_upgrade(settings, "v2", binary)
    link = settings.root / "current"
    link.unlink()
    with pytest.raises(NodeError, match="missing in a home that has upgrades"):
        init_home(settings, binary)
    link.symlink_to("upgrades/v3")
    with pytest.raises(NodeError, match="does not point at a generation"):
        init_home(settings, binary)
    assert link.readlink() == Path("upgrades/v3")
    link.unlink()
    link.write_text("")
    with pytest.raises(NodeError, match="does not point at a generation"):
        init_home(settings, binary)


def test_init_needs_a_file(settings: CosmovisorSettings, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        init_home(settings, tmp_path)
    assert not settings.home.exists()


def test_an_upgrade_is_staged_where_cosmovisor_looks(settings: CosmovisorSettings, binary: Path) -> None:
    init_home(settings, binary)
    generation = add_upgrade(settings, "V2 Big", binary)
    assert generation.binary == settings.root / "upgrades" / "v2%20big" / "bin" / "simd"
    assert sha256_of(generation.binary) == sha256_of(binary)
    assert binary.exists()
    assert not [path for path in settings.root.iterdir() if path.name.startswith(".")]


def test_what_is_staged_is_replaced_only_by_force(settings: CosmovisorSettings, binary: Path) -> None:
    init_home(settings, binary)
    first = add_upgrade(settings, "v2", binary)
    binary.write_text("#!/bin/sh\necho better\n")
    with pytest.raises(InputError, match="exists already"):
        add_upgrade(settings, "v2", binary)
    assert sha256_of(first.binary) == first.sha256
    again = add_upgrade(settings, "v2", binary, force=True)
    assert sha256_of(again.binary) == sha256_of(binary)
    Generations(settings.home, "simd").switch(again)
    binary.write_text("third")
    with pytest.raises(NodeError, match="current one"):
        add_upgrade(settings, "v2", binary, force=True)
    assert sha256_of(again.binary) == again.sha256


def test_a_height_writes_the_plan_and_is_checked_before_anything_is_staged(
    settings: CosmovisorSettings, binary: Path
) -> None:
    init_home(settings, binary)
    with pytest.raises(NodeError, match="does not exist"):
        add_upgrade(settings, "v2", binary, height=100)
    with pytest.raises(NodeError, match="height"):
        add_upgrade(settings, "v2", binary, height=0)
    assert not settings.upgrades_dir.exists()
    settings.upgrade_info_path.parent.mkdir()
    add_upgrade(settings, "V2", binary, height=100)
    assert read_plan(settings.upgrade_info_path) == PlanFile("v2", 100)
    with pytest.raises(InputError, match="exists already"):
        add_upgrade(settings, "v3", binary, height=200)
    assert not (settings.upgrades_dir / "v3").exists()
    add_upgrade(settings, "v3", binary, height=200, force=True)
    assert read_plan(settings.upgrade_info_path) == PlanFile("v3", 200)


def test_a_batch_is_added_whole_or_not_at_all(settings: CosmovisorSettings, binary: Path) -> None:
    init_home(settings, binary)
    settings.upgrade_info_path.parent.mkdir()
    with pytest.raises(BatchError, match="no file"):
        add_batch(settings, parse_batch_csv(f"v2,{binary},100\nv3,{binary}.no,200\n"))
    assert not settings.upgrades_dir.exists()
    plans = add_batch(settings, parse_batch_csv(f"v3,{binary},200\nv2,{binary},100\n"))
    assert plans == (PlanFile("v2", 100), PlanFile("v3", 200))
    assert sorted(path.name for path in settings.upgrade_info_path.parent.iterdir()) == [
        "upgrade-info.json.batch",
        "upgrade-info.json.v2",
        "upgrade-info.json.v3",
    ]
    generations = Generations(settings.home, "simd")
    generations.switch(generations.generation("v2"))
    with pytest.raises(NodeError, match="current one"):
        add_batch(settings, parse_batch_csv(f"v4,{binary},400\nv2,{binary},100\n"))
    assert not (settings.upgrades_dir / "v4").exists()
