"""What is inside a node on this machine's disk, with and without a controller."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from console.node.generation import Generations
from console.node.inventory import Inventory
from console.node.journal import Journal
from console.operations import node_inside
from console.operations.node_inside import NodeInside
from tests.console.node import nodes
from tests.console.operations.homes import a_node


def test_a_node_that_never_ran_has_no_processes_and_says_so(tmp_path: Path) -> None:
    tree = NodeInside(a_node(tmp_path)).processes(None)
    assert tree.processes == ()
    assert tree.remarks == ("No controller answers: it is not in the picture.", "The node does not run.")


def test_the_run_that_is_recorded_is_shown_below_its_controller(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    run_dir = node.state_dir / "run"
    run_dir.mkdir(parents=True)
    started = int(Path(f"/proc/{os.getpid()}/stat").read_text().rsplit(")", 1)[1].split()[19])
    live = {
        "run_id": 1,
        "shim_pid": os.getpid(),
        "shim_started": started,
        "child_pid": os.getppid(),
        "child_started": 1,
        "exe_sha256": "ab" * 32,
        "log_offset": 0,
        "started_at": 1.0,
        "services": [],
    }
    (run_dir / "node.json").write_text(json.dumps(live))
    controller = subprocess.Popen(["sleep", "60"])
    try:
        tree = NodeInside(node).processes(controller.pid)
    finally:
        controller.kill()
        controller.wait()
    known = {controller.pid, os.getpid(), os.getppid()}
    assert [(each.name, each.depth) for each in tree.processes if each.pid in known] == [
        ("controller", 0),
        ("shim", 1),
        ("app", 2),
    ]


def test_generations_and_points_with_what_is_verified_and_what_they_cost(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    binary = tmp_path / "noded-v0.2.0"
    sha256 = nodes.write_binary(binary, node.home)
    Generations(node.home, nodes.DAEMON).stage_file("v0.2.0", binary, "", "given by op")
    inventory = Inventory.of(node)
    point = inventory.points.take("by-hand", app_height=7, generation="genesis", exe_sha256="")
    clock = [point.taken_at + 60.0]
    inside = NodeInside(node, lambda: clock[0])
    storage = inside.storage()
    genesis, staged = storage.generations
    assert (genesis.name, genesis.current, genesis.verified, genesis.staged_at) == ("genesis", True, False, None)
    assert (staged.sha256, staged.origin, staged.bytes) == (sha256, "given by op", binary.stat().st_size)
    assert staged.staged_at is not None
    assert [(each.name, each.complete, each.app_height) for each in storage.points] == [("by-hand", True, 7)]
    assert storage.points[0].own_bytes is not None
    assert storage.problem == ""
    # Points are read again when there is another one, or after minutes.
    inventory.points.take("again", app_height=8, generation="genesis", exe_sha256="")
    assert [each.name for each in inside.storage().points] == ["again", "by-hand"]


def test_folders_are_counted_rarely_and_only_as_far_as_the_time_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = a_node(tmp_path)
    (node.home / "fendermint" / "data" / "big").write_bytes(b"x" * 100_000)
    os.link(node.home / "fendermint" / "data" / "big", node.home / "again")
    clock = [1_000_000.0]
    inside = NodeInside(node, lambda: clock[0])
    disk = inside.storage().disk
    sizes = {each.name: each for each in disk.folders}
    assert set(sizes) == {"state", "points", "home", "fendermint/data", "cometbft/data"}
    home = sizes["home"].bytes
    assert home is not None
    # A file with two names is there once.
    assert 100_000 <= home < 200_000
    assert sizes["state"].bytes == 0
    assert disk.free_bytes is not None
    assert disk.total_bytes is not None
    assert disk.free_bytes <= disk.total_bytes
    (node.home / "more").write_bytes(b"x" * 100_000)
    clock[0] += 10.0
    assert inside.storage().disk.folders == disk.folders
    clock[0] += node_inside.COUNTED_S
    assert {each.name: each.bytes for each in inside.storage().disk.folders}["home"] >= home + 100_000  # type: ignore[operator]
    monkeypatch.setattr(node_inside, "COUNTING_S", -1.0)
    cut = NodeInside(node).storage().disk
    assert not {each.name: each.whole for each in cut.folders}["home"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    node = replace(a_node(tmp_path), home=tmp_path / "gone")
    storage = NodeInside(node).storage()
    assert "cannot be looked at" in storage.disk.problem
    assert storage.generations == ()


def test_the_journal_is_a_timeline_newest_first(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    assert NodeInside(node).timeline() == ()
    node.state_dir.mkdir(parents=True)
    journal = Journal(node.state_dir / "journal.db")
    journal.record("asked", method="stop", who="op\x1b[2J")
    journal.record("left-behind", why="it is far behind", newest=12, empty="")
    journal.close()
    newest, oldest = NodeInside(node).timeline()
    assert (newest.kind, newest.detail, newest.attempt) == ("left-behind", "it is far behind; newest 12", None)
    assert newest.number > oldest.number
    assert "\x1b" not in oldest.detail
    assert len(NodeInside(node).timeline(newest=1)) == 1
