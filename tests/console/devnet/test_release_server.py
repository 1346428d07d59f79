"""The release server: the builds and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.devnet import processes
from console.devnet.ports import is_free


@pytest.fixture
def server(place: Path) -> Iterator[str]:
    """A server of `place/releases`; its URL."""
    folder = place / "releases" / "v0.2.0"
    folder.mkdir(parents=True)
    (folder / "subnetd").write_bytes(b"the build")
    (place / "secret").write_text("not served")
    (folder / "link").symlink_to(place / "secret")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "console.devnet.release_server", "--dir", str(place / "releases"), "--port", str(port)],
        env=processes.daemon_environment(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 15
    while is_free(port):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    assert process.wait(10) == 0


def get(url: str) -> tuple[int, bytes]:
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


def test_it_serves_builds_and_nothing_else(server: str, place: Path) -> None:
    assert get(f"{server}/v0.2.0/subnetd") == (200, b"the build")
    for path in ("/", "/v0.2.0", "/v0.2.0/", "/v0.3.0/subnetd", "/v0.2.0/link", "/../secret", "/%2e%2e/secret"):
        code, body = get(server + path)
        assert code in {403, 404}, path
        assert body == b""
