"""Four validators as real processes for the tests: homes in a folder, ports of their own, what they wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

import console.devnet.program as program
from console.devnet.program.keys import PUBLIC_KEY_TYPE, address_of

CHAIN_ID = "devnet-test"
GATEWAY = "0x" + "6a" * 20
PROGRAM = Path(next(iter(program.__path__)))
ROOT = PROGRAM.parents[2]


def free_ports(count: int) -> list[int]:
    """Ports that are free now, below the ephemeral range so that no dialling socket takes them."""
    start = 20_000 + (os.getpid() * 97) % 11_000
    found: list[int] = []
    for port in [*range(start, 32_000), *range(20_000, start)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


def eventually(what: str, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Polls `condition` until it is true; fails after `seconds` with `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def key_of(name: str) -> PrivateKey:
    """The key of the node with this name."""
    return PrivateKey(hashlib.sha256(name.encode()).digest())


def write_key(path: Path, name: str) -> tuple[str, str]:
    """Writes priv_validator_key.json; returns address and base64 public key."""
    key = key_of(name)
    public = key.public_key.format(compressed=True)
    address, encoded = address_of(public), base64.b64encode(public).decode()
    document = {
        "address": address,
        "pub_key": {"type": PUBLIC_KEY_TYPE, "value": encoded},
        "priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": base64.b64encode(key.secret).decode()},
    }
    path.write_text(json.dumps(document))
    return address, encoded


@dataclass
class TestNode:
    """One validator of the test network."""

    __test__ = False

    name: str
    home: Path
    rpc_port: int
    p2p_port: int
    eth_port: int
    process: subprocess.Popen[bytes] | None = None
    runs: int = 0

    def start(self, *, halt: int | None = None, command: tuple[str, ...] | None = None, cwd: Path = ROOT) -> None:
        """Starts the process; output goes to files in the home."""
        environ = {key: value for key, value in os.environ.items() if key != "FM_HALT_HEIGHT"}
        if halt is not None:
            environ["FM_HALT_HEIGHT"] = str(halt)
        self.runs += 1
        base = command or (sys.executable, "-m", "console.devnet.program")
        with open(self.home / f"out.{self.runs}", "wb") as out, open(self.home / f"err.{self.runs}", "wb") as err:
            self.process = subprocess.Popen(
                [*base, "node", "start", "--home", str(self.home)], cwd=cwd, env=environ, stdout=out, stderr=err
            )

    def exit_code(self, seconds: float = 10.0) -> int:
        """Waits for the end of the process."""
        assert self.process is not None
        return self.process.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal and waits for the end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(5)

    @property
    def stderr(self) -> str:
        """What the last run wrote to stderr."""
        return (self.home / f"err.{self.runs}").read_text()

    def executed(self) -> list[dict[str, Any]]:
        """The lines of executed.jsonl."""
        return _lines(self.home / "executed.jsonl")

    def signed(self) -> list[dict[str, Any]]:
        """The lines of signed.jsonl."""
        return _lines(self.home / "signed.jsonl")

    def app_height(self) -> int:
        """The application's height."""
        path = self.home / "fendermint" / "data" / "app.json"
        return int(json.loads(path.read_text())["height"]) if path.exists() else 0

    def rpc(self, path: str) -> Any:
        """GET on the CometBFT port; None while it is closed."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rpc_port}/{path}", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError:
            return None

    def post(self, port: int, body: object) -> Any:
        """POST of JSON; None while the port is closed."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


@dataclass
class TestNetwork:
    """A laid-out network; nothing runs until a node is started."""

    __test__ = False

    folder: Path
    nodes: list[TestNode] = field(default_factory=list)
    evm_port: int = 0

    def heights(self) -> list[int]:
        """Each application's height."""
        return [node.app_height() for node in self.nodes]

    def all_reach(self, height: int, seconds: float = 10.0) -> None:
        """Waits until every application is at `height` or above."""
        eventually(f"all at height {height}", lambda: min(self.heights()) >= height, seconds)

    def stop(self) -> None:
        """Kills what still runs."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.kill()
                node.process.wait(5)

    def assert_never_signed_twice(self) -> None:
        """No (height, round, step) has two block hashes, and the order never goes back."""
        for node in self.nodes:
            seen: dict[tuple[int, int, int], str] = {}
            for line in node.signed():
                hrs = (line["height"], line["round"], line["step"])
                assert seen.setdefault(hrs, line["block_hash"]) == line["block_hash"], (node.name, hrs)
                assert hrs == max(seen), (node.name, hrs)


def lay_out(folder: Path, powers: tuple[int, ...] = (10, 10, 10, 10), commit: str = "200ms") -> TestNetwork:
    """Writes a home per validator in the shape of facts/ipc.md §1.3; one without power is not in the genesis."""
    network = TestNetwork(folder)
    ports = free_ports(3 * len(powers) + 1)
    network.evm_port = ports.pop()
    listed: list[dict[str, Any]] = []
    for index, power in enumerate(powers):
        rpc, p2p, eth = ports[3 * index : 3 * index + 3]
        node = TestNode(f"node{index + 1}", folder / f"node{index + 1}", rpc, p2p, eth)
        network.nodes.append(node)
        for part in ("cometbft/config", "cometbft/data", "fendermint/config", "fendermint/data"):
            (node.home / part).mkdir(parents=True)
        address, public = write_key(node.home / "cometbft/config/priv_validator_key.json", node.name)
        if not power:
            continue
        listed.append(
            {
                "address": address,
                "pub_key": {"type": PUBLIC_KEY_TYPE, "value": public},
                "power": str(power),
                "name": node.name,
            }
        )
    genesis = {
        "genesis_time": "2026-01-01T00:00:00Z",
        "chain_id": CHAIN_ID,
        "initial_height": "1",
        "validators": listed,
        "app_hash": "",
        "app_state": {"gateway": GATEWAY},
    }
    for node in network.nodes:
        peers = ",".join(f"127.0.0.1:{other.p2p_port}" for other in network.nodes if other is not node)
        config = node.home / "cometbft/config"
        (config / "genesis.json").write_text(json.dumps(genesis))
        node_key = {"priv_key": {"value": base64.b64encode(node.name.encode()).decode()}}
        (config / "node_key.json").write_text(json.dumps(node_key))
        (config / "config.toml").write_text(
            f'moniker = "{node.name}"\n[rpc]\nladdr = "tcp://127.0.0.1:{node.rpc_port}"\n'
            f'[p2p]\nladdr = "tcp://127.0.0.1:{node.p2p_port}"\npersistent_peers = "{peers}"\n'
            f'[consensus]\ntimeout_commit = "{commit}"\ntimeout_propose = "400ms"\n'
        )
        state = node.home / "cometbft/data/priv_validator_state.json"
        state.write_text('{"height":"0","round":0,"step":0}')
        (node.home / "fendermint/config/default.toml").write_text(
            f'halt_height = 0\n[eth.listen]\nhost = "127.0.0.1"\nport = {node.eth_port}\n'
            f'[devnet]\nevm_url = "http://127.0.0.1:{network.evm_port}"\n'
        )
    return network


def release_copy(folder: Path, version: str, rules: int, migration: str = "") -> tuple[str, ...]:
    """A copy of the program as another release; returns its command (run it in `folder`)."""
    package = folder / "program"
    shutil.copytree(PROGRAM, package, ignore=shutil.ignore_patterns("__pycache__"))
    release = package / "release.py"
    release.write_text(
        f'from __future__ import annotations\nVERSION = "{version}"\nRULES = {rules}\nMIGRATION = {migration!r}\n',
        encoding="utf-8",
    )
    return (sys.executable, "-m", "program")
