"""A fresh EVM process for replays."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def fresh_evm(genesis: Path, data: Path) -> Iterator[str]:
    """Run an EVM from a genesis file; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data.mkdir(parents=True)
    command = [sys.executable, "-m", "console.devnet.evm", "--genesis", str(genesis), "--data", str(data)]
    process = subprocess.Popen([*command, "--port", str(port)], stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        end = time.monotonic() + 30
        while True:
            try:
                request = urllib.request.Request(url, json.dumps({"op": "genesis"}).encode())
                with urllib.request.urlopen(request, timeout=2) as response:
                    assert json.load(response)["height"] == 0
                    break
            except urllib.error.URLError:
                assert process.poll() is None, "the EVM ended at once"
                assert time.monotonic() < end, "the EVM does not answer"
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)
