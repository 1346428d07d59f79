"""The real `cosmovisor` on homes of ours, and we on homes of its; runs where it is on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from console.node.cosmovisor.homes import Direction, look_at_home, passage
from console.node.cosmovisor.layout import add_upgrade, init_home
from console.node.cosmovisor.settings import VARIABLES, CosmovisorSettings, read_settings
from console.node.cosmovisor.settings_text import config_tables, encode_config
from console.node.cosmovisor.upgrade_info import PlanFile, read_plan, write_applied, write_plan
from console.node.cosmovisor.versions import PINNED, parse_version
from console.node.generation import Generations

COSMOVISOR = shutil.which("cosmovisor")

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(COSMOVISOR is None, reason="no `cosmovisor` on PATH; doctor prints the pinned install"),
]

NODE = """#!/bin/sh
# A node with one version: says it, and as `start` stays until it is ended.
case "$1" in
  version) echo {version};;
  status) echo '{{"sync_info":{{"latest_block_height":"100"}}}}';;
  pre-upgrade) exit 1;;
  start) echo {version} >> {home}/starts.log;;
esac
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DAEMON_HOME": str(tmp_path / "home"),
        "DAEMON_NAME": "simd",
        "UNSAFE_SKIP_BACKUP": "true",
        "DAEMON_SHUTDOWN_GRACE": "1m30s",
        "COSMOVISOR_COLOR_LOGS": "false",
    }


def node(path: Path, home: Path, version: str) -> Path:
    path.write_text(NODE.format(version=version, home=home))
    path.chmod(0o755)
    return path


def cosmovisor(environment: dict[str, str], *arguments: str) -> str:
    assert COSMOVISOR is not None
    command = [COSMOVISOR, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ours(environment: dict[str, str]) -> CosmovisorSettings:
    return read_settings(environment, check_folders=False)


def layout(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_both_inits_make_the_same_home(tmp_path: Path, environment: dict[str, str]) -> None:
    home = tmp_path / "home"
    binary = node(tmp_path / "built", home, "v1")
    cosmovisor(environment, "init", str(binary))
    theirs, config = layout(home), (home / "cosmovisor" / "config.toml").read_text()
    settings = ours(environment)
    assert encode_config(settings) == config
    assert os.readlink(home / "cosmovisor" / "current") == "genesis"
    shutil.rmtree(home)
    init_home(settings, binary)
    assert layout(home) == theirs


def test_both_configs_show_the_same_values(tmp_path: Path, environment: dict[str, str]) -> None:
    binary = node(tmp_path / "built", tmp_path / "home", "v1")
    init_home(ours(environment), binary)
    theirs = cosmovisor(environment, "config").splitlines()
    mine = config_tables(read_settings(environment)).text(sources=False).splitlines()
    assert [line for line in mine if "DAEMON_GRPC_ADDRESS" not in line] == theirs
    assert len(theirs) == len(VARIABLES) - 1 + 5 + 2


def test_its_version_is_read(tmp_path: Path, environment: dict[str, str]) -> None:
    init_home(ours(environment), node(tmp_path / "built", tmp_path / "home", "v1"))
    found = parse_version(cosmovisor(environment, "version")).version
    assert found is None or found >= PINNED


def test_it_runs_the_generation_that_we_switched_to(tmp_path: Path, environment: dict[str, str]) -> None:
    home = tmp_path / "home"
    settings = ours(environment)
    init_home(settings, node(tmp_path / "v1", home, "v1"))
    (home / "data").mkdir()
    generation = add_upgrade(settings, "V2", node(tmp_path / "v2", home, "v2"))
    Generations(home, "simd").switch(generation)
    write_plan(settings.upgrade_info_path, PlanFile("v2", 100))
    write_applied(generation.binary.parent.parent, PlanFile("v2", 100))
    assert passage(look_at_home(home, "simd"), Direction.TO_COSMOVISOR, node_state="IDLE").is_open
    cosmovisor(environment, "run", "start")
    assert (home / "starts.log").read_text().split() == ["v2"]
    assert os.readlink(home / "cosmovisor" / "current") == "upgrades/v2"


def test_what_it_staged_is_a_generation_to_us(tmp_path: Path, environment: dict[str, str]) -> None:
    home = tmp_path / "home"
    settings = ours(environment)
    init_home(settings, node(tmp_path / "v1", home, "v1"))
    (home / "data").mkdir()
    cosmovisor(environment, "add-upgrade", "V2 Big", str(node(tmp_path / "v2", home, "v2")), "--upgrade-height", "500")
    assert Generations(home, "simd").generation("v2%20big").binary.is_file()
    plan = read_plan(settings.upgrade_info_path)
    assert plan == PlanFile("v2 big", 500)
    judged = passage(look_at_home(home, "simd"), Direction.TO_US, node_state="IDLE")
    assert "pending" in judged.hindrances[0]
