"""Arming through local.toml: the file says H while a run is armed, and afterwards just what it said before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from console.errors import NodeError
from console.model import Crossing, Verdict
from console.node.halt_in_file import HaltInFile
from console.node.journal import Journal
from tests.console.node import nodes
from tests.console.node.bench import Bench, armed_and_ready, crossing, until

pytestmark = pytest.mark.anyio

BEFORE = b"# ours\n[abci]\nlisten = 1 # keep\n"

CLEARED = """#!/bin/sh
# A wrapper clears the environment: only the file tells the height.
halt=$(sed -n 's/^halt_height = //p' {home}/fendermint/config/local.toml 2>/dev/null)
case "$1" in
  --version) echo {version}; exit 0;;
  config) echo "halt_height = ${{halt:-0}}"; exit 0;;
esac
FM_HALT_HEIGHT=${{halt:-0}}
trap 'exit 0' TERM
echo "$$ {version} $FM_HALT_HEIGHT" >> {home}/starts.log
while :; do
  if [ -f {home}/say ]; then . {home}/say; fi
  sleep 0.02
done
"""


def test_it_is_put_back_to_the_byte_whatever_was_armed_meanwhile(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    file = tmp_path / "local.toml"
    file.write_bytes(BEFORE)
    halt = HaltInFile(tmp_path, journal)
    for height in (0, 100, 100, 200):
        halt.set(height)
        assert (f"halt_height = {height}" in file.read_text()) == bool(height)
    HaltInFile(tmp_path, journal).set(0)
    assert file.read_bytes() == BEFORE


def test_it_is_put_back_after_a_kill_between_the_journal_and_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    HaltInFile(tmp_path, journal).set(100)
    (tmp_path / "local.toml").unlink()
    HaltInFile(tmp_path, journal).set(0)
    assert not (tmp_path / "local.toml").exists()


def test_somebody_elses_edit_is_not_overwritten(tmp_path: Path) -> None:
    halt = HaltInFile(tmp_path, Journal(tmp_path / "journal.db"))
    halt.set(100)
    (tmp_path / "local.toml").write_text("halt_height = 77\n")
    with pytest.raises(NodeError, match="left as it is"):
        halt.set(0)
    assert (tmp_path / "local.toml").read_text() == "halt_height = 77\n"


async def test_a_node_whose_environment_is_cleared_is_armed_and_crosses(bench: Bench) -> None:
    config = bench.home / "fendermint" / "config"
    config.mkdir(parents=True)
    (config / "local.toml").write_bytes(BEFORE)
    nodes.write_binary(bench.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, bench.home, CLEARED, "v0.1.5")
    bench.sha256 = nodes.write_binary(bench.given, bench.home, CLEARED)
    bench.node = dataclasses.replace(bench.node, arm_by="local.toml")
    async with bench.controller() as controller:
        await armed_and_ready(bench, controller)
        assert "halt_height = 100" in (config / "local.toml").read_text()
        bench.amend(verdict=Verdict.CROSS, frozen_at=96)
        bench.halt()
        await until(controller, crossing(Crossing.STARTING))
        bench.chain.height = 103
        await until(controller, crossing(Crossing.COMMITTED))
    assert (config / "local.toml").read_bytes() == BEFORE
    assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]
