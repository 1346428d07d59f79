"""The EVM process: its protocol over HTTP, and what it survives."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.devnet.evm.test_ledger import FIRST, TARGET, pay
from tests.console.devnet.evm.world import ADMIN, POOR, START, block_hash, creation, genesis, sign

ROOT = Path(__file__).resolve().parents[4]
START_SECONDS = 20.0


def free_port() -> int:
    """A port that nobody had a moment ago, below the range of outgoing connections (facts/build.md)."""
    for port in range(21000 + os.getpid() % 5000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


class Server:
    """A server process on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.file = folder / "genesis.json"
        self.file.write_text(json.dumps(genesis().document))
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "console.devnet.evm"),
                *("--genesis", str(self.file), "--data", str(self.folder / "data"), "--port", str(self.port)),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def start(self) -> None:
        """Start it, and wait until it says on stderr that it listens."""
        self.process = self.spawn()
        assert self.process.stderr is not None
        killer = threading.Timer(START_SECONDS, self.process.kill)
        killer.start()
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if b"listening" in line:
                break
        else:
            raise AssertionError(b"".join(lines).decode())
        killer.cancel()

    def stop(self, number: int) -> tuple[int, bytes]:
        """Send a signal, wait for the end; returns the exit code and what was on stdout."""
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        out, _ = process.communicate(timeout=10)
        return process.returncode, out

    def post(self, body: Any) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", data=data, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def ok(self, **body: Any) -> dict[str, Any]:
        status, answer = self.post(body)
        assert status == 200, answer
        return answer

    def execute(self, height: int, *txs: str, salt: str = "") -> tuple[int, dict[str, Any]]:
        block = block_hash(height, salt)
        return self.post({"op": "execute", "height": height, "block": block, "time": START + height, "txs": list(txs)})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    if made.process is not None:
        made.stop(signal.SIGKILL)


def test_the_protocol(server: Server) -> None:
    begun = server.ok(op="genesis")
    assert begun["height"] == 0
    status, first = server.execute(1, pay(FIRST), pay(FIRST + 7))
    assert status == 200
    assert [(item["ok"], item["gas"]) for item in first["txs"]] == [(True, 21_000), (False, 0)]
    assert len(first["root"]) == 66
    assert first["root"] != begun["root"]
    assert server.execute(1, pay(FIRST), pay(FIRST + 7)) == (200, first)
    status, answer = server.execute(1, salt="another")
    assert (status, answer["error"], answer["height"]) == (409, "fork", 1)
    assert server.execute(5) == (409, {"error": "need", "need": 2})
    requests = [
        {"method": "eth_getBalance", "params": [TARGET, "latest"]},
        {"method": "eth_nothing", "params": []},
        {"method": "eth_blockNumber"},
    ]
    answers = server.ok(op="rpc", height=1, requests=requests)["responses"]
    assert answers[0] == {"result": "0x7"}
    assert answers[1]["error"]["code"] == -32601
    assert answers[2] == {"result": "0x0"}
    assert server.post({"op": "rpc", "height": 2, "requests": []}) == (200, {"responses": []})
    assert server.post({"op": "rpc", "height": 2, "requests": requests}) == (409, {"error": "need", "need": 2})
    assert server.stop(signal.SIGTERM) == (0, b"")


def test_a_migration_that_fails_is_said_and_stores_nothing(server: Server) -> None:
    request = {"op": "execute", "height": 1, "block": "a" * 64, "time": START + 1, "txs": []}
    for _ in range(2):
        status, answer = server.post({**request, "migration": "{}"})
        assert (status, answer["error"]) == (422, "migration")
        assert "is not a migration" in answer["message"]
    assert server.execute(2) == (409, {"error": "need", "need": 1})
    assert server.ok(**request)


def test_check(server: Server) -> None:
    from eth_utils.crypto import keccak

    raw = pay(FIRST)
    assert server.ok(op="check", height=0, tx=raw) == {
        "ok": True,
        "hash": "0x" + keccak(bytes.fromhex(raw[2:])).hex(),
        "sender": ADMIN.address.lower(),
        "nonce": FIRST,
    }
    assert server.ok(op="check", height=0, tx=pay(FIRST + 9))["ok"]
    for bad, reason in [
        (pay(FIRST + 10), "nonce"),
        (pay(FIRST - 1), "nonce"),
        (pay(FIRST, chain_id=1), "chain 1"),
        (pay(FIRST, fee=99), "base fee"),
        (pay(FIRST, gas=20_999), "intrinsic"),
        (pay(FIRST, gas=10**10 + 1), "block holds"),
        (sign(POOR, 0, to=TARGET, gas=21_000), "balance"),
        ("0x1234", "not a valid transaction"),
        ("0x", "not a valid transaction"),
        ("hello", "not hex"),
        ("0x12 34", "not hex"),
    ]:
        answer = server.ok(op="check", height=0, tx=bad)
        assert answer["ok"] is False
        assert reason in answer["reason"]
    assert server.post({"op": "check", "height": 1, "tx": raw}) == (409, {"error": "need", "need": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[]",
        {},
        {"op": "stop"},
        {"op": "execute", "height": 0, "block": "a" * 64, "time": 1, "txs": []},
        {"op": "execute", "height": True, "block": "a" * 64, "time": 1, "txs": []},
        {"op": "execute", "height": 1, "block": "a" * 63, "time": 1, "txs": []},
        {"op": "execute", "height": 1, "block": "g" * 64, "time": 1, "txs": []},
        {"op": "execute", "height": 1, "block": "a" * 64, "time": -1, "txs": []},
        {"op": "execute", "height": 1, "block": "a" * 64, "time": 1.5, "txs": []},
        {"op": "execute", "height": 1, "block": "a" * 64, "time": 1, "txs": [1]},
        {"op": "execute", "height": 1, "block": "a" * 64, "time": 1, "txs": [], "migration": {}},
        {"op": "execute", "height": 1, "block": "a" * 64, "time": 1, "txs": [], "before": "root"},
        {"op": "check", "height": 0},
        {"op": "rpc", "height": 0, "requests": ["eth_chainId"]},
        {"op": "rpc", "height": 0, "requests": [{}] * 101},
        {"op": "rpc", "height": "latest", "requests": []},
    ],
)
def test_other_requests_are_refused(shared: Server, body: Any) -> None:
    status, answer = shared.post(body)
    assert (status, answer["error"]) == (400, "bad request")
    assert shared.ok(op="genesis")["height"] == 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for requests that change nothing."""
    made = Server(tmp_path_factory.mktemp("evm"))
    made.start()
    yield made
    made.stop(signal.SIGKILL)


def test_it_goes_on_after_kill_9(server: Server) -> None:
    roots = [server.execute(height, pay(FIRST + height - 1))[1]["root"] for height in range(1, 4)]
    code, _ = server.stop(signal.SIGKILL)
    assert code == -signal.SIGKILL
    server.start()
    assert server.execute(3, pay(FIRST + 2))[1]["root"] == roots[2]
    assert server.execute(5) == (409, {"error": "need", "need": 4})
    assert server.execute(4, pay(FIRST + 3))[1]["txs"][0]["ok"]


def test_kill_9_in_the_middle_of_blocks_loses_no_whole_block(server: Server) -> None:
    """Killed while it executes: what was answered stands, and feeding on from `need` gives the same roots."""
    answered: list[str] = []
    under_way = threading.Event()
    raws = [pay(FIRST + number) for number in range(200)]

    def feed() -> None:
        for height, raw in enumerate(raws, start=1):
            try:
                answered.append(server.execute(height, raw)[1]["root"])
                if height == 5:
                    under_way.set()
            except (OSError, ValueError):
                return

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert under_way.wait(START_SECONDS)
    server.stop(signal.SIGKILL)
    feeder.join()
    assert 5 <= len(answered) < 200
    server.start()
    need = server.execute(1000)[1]["need"]
    assert need in (len(answered) + 1, len(answered) + 2)
    again = [server.execute(height, raws[height - 1])[1]["root"] for height in range(1, need + 3)]
    assert again[: len(answered)] == answered


def test_deep_recursion_on_the_worker_thread(server: Server) -> None:
    """1024 nested calls fit on the thread's stack."""
    import rlp
    from eth_utils.crypto import keccak

    server.execute(1, sign(ADMIN, FIRST, data=creation("60006000600060006000305af100")))
    contract = "0x" + keccak(rlp.encode([bytes.fromhex(ADMIN.address[2:]), FIRST]))[12:].hex()
    status, answer = server.execute(2, sign(ADMIN, FIRST + 1, to=contract, gas=10**10))
    assert (status, answer["txs"][0]["ok"]) == (200, True)


def test_a_long_call_does_not_keep_it_alive(server: Server) -> None:
    """SIGTERM during an endless loop: the process ends all the same, with 0."""
    loop = {"method": "eth_call", "params": [{"data": "0x5b600056", "gas": hex(10**10)}, "latest"]}
    caller = threading.Thread(target=lambda: _ignore(server, {"op": "rpc", "height": 0, "requests": [loop]}))
    caller.start()
    # The loop has the worker as soon as another request is not answered at once.
    while _answers_within(server.port, 0.3):
        pass
    code, out = server.stop(signal.SIGTERM)
    caller.join()
    assert (code, out) == (0, b"")


def _ignore(server: Server, body: Any) -> None:
    try:
        server.post(body)
    except (OSError, ValueError):
        return


def _answers_within(port: int, seconds: float) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=b'{"op":"genesis"}', method="POST")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except OSError:
        return False


def refusal(server: Server) -> str:
    """Start one that must refuse; returns its one line."""
    out, err = server.spawn().communicate(timeout=START_SECONDS)
    assert out == b""
    (line,) = err.decode().splitlines()
    return line


class TestRefusedStarts:
    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        other = Server(tmp_path)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", other.port))
            taken.listen()
            assert f"port {other.port} on 127.0.0.1" in refusal(other)

    def test_a_folder_in_use(self, server: Server) -> None:
        second = Server(server.folder)
        assert "another EVM process" in refusal(second)

    @pytest.mark.parametrize("text", ["", '{"time": 1, "alloc": {"x": "0x1"}, "txs": []}'])
    def test_a_broken_genesis(self, tmp_path: Path, text: str) -> None:
        other = Server(tmp_path)
        other.file.write_text(text)
        assert "cannot be used" in refusal(other)

    def test_a_genesis_transaction_that_fails(self, tmp_path: Path) -> None:
        other = Server(tmp_path)
        other.file.write_text(json.dumps({**genesis().document, "txs": ["0x00"]}))
        assert "transaction 0 of the genesis does not succeed" in refusal(other)

    def test_usage(self) -> None:
        process = subprocess.run(
            [sys.executable, "-m", "console.devnet.evm"], cwd=ROOT, capture_output=True, timeout=START_SECONDS
        )
        assert process.returncode == 2
