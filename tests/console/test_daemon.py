"""`node run` as a service: what it tells its manager, and when another start would change nothing."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from console.daemon import proof_demand
from console.node.runtime.shim import ShimRuntime
from console.node.unit import NEEDS_OPERATOR_EXIT
from console.settings import parse_network
from tests.console.node import nodes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def metrics_port(folder: Path) -> int:
    config = folder / "config" / "upgrade-console" / "config.toml"
    return int(tomlkit.parse(config.read_text()).unwrap()["networks"]["hub"]["nodes"]["val-1"]["metrics_port"])


def lay_out(tmp_path: Path) -> None:
    """Settings of a Cosmos node whose chain does not answer, and its home."""
    home = tmp_path / "home"
    nodes.write_binary(home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, home)
    (home / "cosmovisor" / "current").symlink_to("genesis")
    (home / "data").mkdir()
    (home / "data" / "priv_validator_state.json").write_text(json.dumps(nodes.SIGNER_STATE))
    node = {
        "home": str(home),
        "state_dir": str(tmp_path / "state"),
        "daemon": nodes.DAEMON,
        "cometbft_rpc": "http://127.0.0.1:9",
        "metrics_port": free_port(),
    }
    network = {
        "kind": "cosmos",
        "chain_id": "hub-1",
        "cometbft_rpc": ["http://127.0.0.1:9"],
        "nodes": {"val-1": node},
    }
    config = tmp_path / "config" / "upgrade-console" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(tomlkit.dumps({"networks": {"hub": network}}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """What `lay_out` makes; the node of it is ended."""
    lay_out(tmp_path)
    home = tmp_path / "home"
    yield tmp_path
    state = tmp_path / "state"
    runtime = ShimRuntime(state / "run", home)
    live = runtime.recorded()
    if live is not None and runtime.shim_alive(live):
        descriptor = os.pidfd_open(live.shim_pid)
        os.kill(live.shim_pid, signal.SIGTERM)
        assert select.select([descriptor], [], [], 20)[0]
        os.close(descriptor)
    assert not nodes.living(home)


def started(folder: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "console.cli", "node", "run", "--network", "hub"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAEMON_", "COSMOVISOR_"))}
    return subprocess.Popen(
        command,
        env=kept | {"XDG_CONFIG_HOME": str(folder / "config")} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_says_when_it_is_ready_that_it_lives_and_that_it_ends(folder: Path) -> None:
    address = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(60)
        process = started(folder, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="300000")
        try:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=")
            assert (folder / "state" / "run" / "control.sock").exists()
            assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            runtime = ShimRuntime(folder / "state" / "run", folder / "home")
            while (live := runtime.recorded()) is None:
                manager.recv(4096)
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port(folder)}/metrics", timeout=20) as answer:
                assert b'ipc_controller_starts_total{network="hub",node="val-1"} 1.0' in answer.read()
            # The node must not speak in our name.
            assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(runtime.environment_of(live))
            process.send_signal(signal.SIGTERM)
            while not (said := manager.recv(4096)).startswith(b"STOPPING=1"):
                assert said == b"WATCHDOG=1"
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.communicate()
        assert runtime.node_alive(live)


def test_a_journal_that_cannot_be_opened_is_left_to_the_operator(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "journal.db").write_bytes(b"not a journal at all" * 500)
    process = started(folder)
    _, said = process.communicate(timeout=60)
    assert process.returncode == NEEDS_OPERATOR_EXIT
    assert "journal" in said
    assert said.count("\n") == 1


def test_an_engine_of_another_machine_is_left_to_the_operator(folder: Path) -> None:
    config = folder / "config" / "upgrade-console" / "config.toml"
    document = tomlkit.parse(config.read_text())
    network = document["networks"]["hub"]
    address = "0x" + "11" * 20
    network.update({"kind": "ipc", "evm_chain_id": 1, "registry": address, "ethereum_rpc": ["http://127.0.0.1:9"]})
    network["nodes"]["val-1"].update(
        {
            "address": address,
            "ethereum_rpc": "http://127.0.0.1:9",
            "runtime": "docker",
            "containers": {"app": "val-fendermint"},
        }
    )
    config.write_text(tomlkit.dumps(document))
    process = started(folder, DOCKER_HOST="tcp://127.0.0.1:9")
    _, said = process.communicate(timeout=60)
    assert process.returncode == NEEDS_OPERATOR_EXIT
    assert "only an engine on this machine" in said


IPC = {
    "chain_id": "c",
    "evm_chain_id": 1,
    "registry": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "cometbft_rpc": ["http://127.0.0.1:1"],
    "ethereum_rpc": ["http://127.0.0.1:1"],
}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("releases", "network", "asks", "problem"),
    [
        ({}, "", False, ""),
        ({"proven_hours": 0, "proven_on": "first"}, "", False, ""),
        ({"proven_on": "first"}, "first", True, ""),
        ({"proven_on": "nowhere"}, "nowhere", False, "unknown network 'nowhere'"),
    ],
)
async def test_a_network_that_cannot_be_asked_keeps_no_controller_from_its_work(
    releases: dict[str, object],
    network: str,
    asks: bool,
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "upgrade-console").mkdir()
    (tmp_path / "upgrade-console" / "config.toml").write_text(tomlkit.dumps({"networks": {"first": IPC}}))
    demand, closing = proof_demand(parse_network("n", IPC | {"releases": releases}, None))
    for close in closing:
        await close()
    assert (demand.network, demand.source is not None, len(closing)) == (network, asks, int(asks))
    assert problem in demand.problem
    assert demand.needed_s == (0 if releases.get("proven_hours") == 0 else 48 * 3600)
