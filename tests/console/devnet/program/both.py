"""Two validators of one kind, embedded or under a real CometBFT, from the same homes and on the same fake EVM."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.devnet.creation import choose
from console.devnet.homes import genesis, write_home
from console.devnet.layout import Layout
from console.devnet.options import COMETBFT, EMBEDDED, UpOptions
from console.devnet.ports import PortBook
from console.devnet.record import Record
from tests.console.devnet.program.fake_evm import FakeEvm
from tests.console.devnet.program.network import ROOT, eventually

POWERS = (10, 5)
PROGRAM = (sys.executable, "-m", "console.devnet.program")


@dataclass
class Answer:
    """What one request got: status, and the body as JSON, as text where it is none, None where it is empty."""

    status: int
    body: Any


@dataclass
class Side:
    """A network that runs."""

    record: Record

    @property
    def url(self) -> str:
        """The first node's CometBFT RPC."""
        return self.record.validators[0].cometbft_rpc

    @property
    def height(self) -> int:
        """Of its newest block; 0 while it does not answer."""
        try:
            return int(self.get("status").body["result"]["sync_info"]["latest_block_height"])
        except OSError:
            return 0

    def get(self, path: str) -> Answer:
        return _sent(urllib.request.Request(f"{self.url}/{path}"))

    def post(self, body: object) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _sent(urllib.request.Request(self.url, raw, {"Content-Type": "application/json"}))


def _sent(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(response.status, _read(response.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _read(error.read()))


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw.strip() else None
    except ValueError:
        return raw.decode()


@contextmanager
def running(folder: Path, cometbft: Path | None) -> Iterator[Side]:
    """Two validators, with a real CometBFT where one is given."""
    layout = Layout.of(folder / "net")
    layout.folder.mkdir(parents=True)
    options = UpOptions(
        layout.folder,
        powers=POWERS,
        block_time_ms=200,
        consensus=EMBEDDED if cometbft is None else COMETBFT,
        cometbft=cometbft,
    )
    record = choose(layout, options, PortBook(folder / "xdg"))
    evm = FakeEvm(record.evm_port)
    evm.start()
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *command: str) -> None:
        with open(folder / f"{name}.log", "wb") as log:
            processes.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    try:
        for validator in record.validators:
            node = layout.node(validator.name)
            write_home(node, record, validator, b"", genesis(record), None if cometbft is None else layout.cometbft)
            if cometbft is None:
                start(validator.name, *PROGRAM, "node", "start", "--home", str(node.home))
            else:
                start(f"{validator.name}-app", *PROGRAM, "--home-dir", str(node.home / "fendermint"), "run")
                start(validator.name, str(layout.cometbft), "start", "--home", str(node.home / "cometbft"))
        side = Side(record)
        eventually("a few blocks", lambda: side.height >= 5, 60)
        eventually("a peer", lambda: side.get("net_info").body["result"]["n_peers"] == "1", 30)
        yield side
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        evm.stop()
