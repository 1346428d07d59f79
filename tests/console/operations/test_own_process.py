"""The node's process without a controller: who listens at its port, from which file, and under which Cosmovisor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from console.files import sha256_of
from console.operations.own_process import executed_sha256, own_process
from console.settings import NodeSettings
from tests.console.operations.homes import a_node

pytestmark = pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="there is no /proc here")

LISTEN = (
    "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
    " print(s.getsockname()[1], flush=True); sys.stdin.read()"
)
ABOVE = "import subprocess, sys; subprocess.run([sys.argv[1], '-c', sys.argv[2]])"


@contextmanager
def listening(node: NodeSettings, command: list[str], environment: dict[str, str]) -> Iterator[NodeSettings]:
    """A process that listens, started by the command; the node whose RPC it is."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **environment})
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield replace(node, cometbft_rpc=f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.stdin.close()
        process.wait(20)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A daemon of its own file."""
    path = tmp_path / "noded"
    shutil.copy2(Path(sys.executable).resolve(), path)
    return path


def test_the_process_is_told_by_its_port_and_its_bytes_by_the_kernel(tmp_path: Path, program: Path) -> None:
    home = {"PYTHONHOME": sys.base_prefix}
    with listening(a_node(tmp_path), [str(program), "-c", LISTEN], home) as node:
        found = own_process(node)
        assert found is not None
        assert (found.program, found.replaced, found.supervisor) == (program, False, None)
        before = sha256_of(program)
        assert executed_sha256(found.pid) == before
        # Replaced under it, in one step: what runs is what was.
        newer = tmp_path / "newer"
        newer.write_bytes(b"other bytes")
        newer.replace(program)
        after = own_process(node)
        assert after is not None
        assert (after.program, after.replaced) == (program, True)
        assert executed_sha256(after.pid) == before


def test_a_cosmovisor_above_it_is_told_with_what_it_was_started_with(tmp_path: Path, program: Path) -> None:
    node = a_node(tmp_path)
    above = tmp_path / "cosmovisor"
    shutil.copy2(program, above)
    environment = {
        "PYTHONHOME": sys.base_prefix, "DAEMON_HOME": str(node.home), "DAEMON_SHUTDOWN_GRACE": "20s",
    }  # fmt: skip
    command = [str(above), "-c", ABOVE, str(program), LISTEN, "--cosmovisor-config", "/etc/cosmovisor.toml"]
    with listening(node, command, environment) as running:
        found = own_process(running)
        assert found is not None
        assert found.supervisor is not None
        assert found.supervisor.environment["DAEMON_SHUTDOWN_GRACE"] == "20s"
        assert found.supervisor.config == Path("/etc/cosmovisor.toml")
        # That of another home is none of ours.
        other = own_process(replace(running, home=tmp_path / "another"))
        assert other is not None
        assert other.supervisor is None


def test_where_nobody_listens_or_another_machine_answers_nothing_is_said(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    assert own_process(replace(node, cometbft_rpc="http://127.0.0.1:1")) is None
    assert own_process(replace(node, cometbft_rpc="http://192.0.2.7:26657")) is None
    assert own_process(replace(node, cometbft_rpc="http://127.0.0.1")) is None
