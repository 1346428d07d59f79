"""The command line: settings, refusals, exit codes, and the program as one zipped file."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import zipapp
from pathlib import Path

import pytest

from console.devnet.program.config import load_config, parse_duration
from console.devnet.program.errors import NodeError

from .fake_evm import FakeEvm
from .network import PROGRAM, ROOT, TestNetwork, eventually, lay_out, release_copy

SUBNETD = (sys.executable, "-m", "console.devnet.program")


def _run(*arguments: str, command: tuple[str, ...] = SUBNETD, **environ: str) -> subprocess.CompletedProcess[str]:
    base = {key: value for key, value in os.environ.items() if key != "FM_HALT_HEIGHT"}
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env={**base, **environ},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.fixture
def network(tmp_path: Path) -> TestNetwork:
    return lay_out(tmp_path, powers=(10,), commit="100ms")


def test_version_is_one_line() -> None:
    result = _run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, "v0.1.5\n", "")


@pytest.mark.parametrize("arguments", [(), ("node",), ("node", "start"), ("nonsense",), ("--nonsense",)])
def test_usage_errors_exit_2(arguments: tuple[str, ...]) -> None:
    assert _run(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("local", "over", "expected"), [(None, None, 0), (7, None, 7), (7, "", 7), (7, "15000", 15000), (None, "0", 0)]
)
def test_halt_height_precedence(network: TestNetwork, local: int | None, over: str | None, expected: int) -> None:
    home = network.nodes[0].home
    if local is not None:
        (home / "fendermint/config/local.toml").write_text(f"halt_height = {local}\n")
    display = ("config", "display", "--home", str(home))
    result = _run(*display) if over is None else _run(*display, FM_HALT_HEIGHT=over)
    assert result.returncode == 0, result.stderr
    assert f"halt_height = {expected}\n" in result.stdout
    shown = tomllib.loads(result.stdout)
    assert shown["halt_height"] == expected
    assert shown["eth"]["listen"]["port"] == network.nodes[0].eth_port


@pytest.mark.parametrize("verb", [("config", "display"), ("node", "start")])
@pytest.mark.parametrize(
    ("default", "over", "message"),
    [
        ("[eth.listen]\nport = 1\n", "", "missing field `halt_height`"),
        ("halt_height = 0\n", "soon", "FM_HALT_HEIGHT is not an integer: 'soon'"),
        ("halt_height = 0\n", "1.5", "FM_HALT_HEIGHT is not an integer: '1.5'"),
        ('halt_height = "7"\n', "", "is not an integer: '7'"),
        ("halt_height = \n", "", "cannot be read"),
    ],
)
def test_bad_settings_exit_1(
    network: TestNetwork, verb: tuple[str, str], default: str, over: str, message: str
) -> None:
    (network.nodes[0].home / "fendermint/config/default.toml").write_text(default)
    result = _run(*verb, "--home", str(network.nodes[0].home), FM_HALT_HEIGHT=over)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_taken_port_is_named(network: TestNetwork) -> None:
    node = network.nodes[0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = node.home / "fendermint/config/default.toml"
        config.write_text(config.read_text().replace(f"port = {node.eth_port}", f"port = {port}"))
        result = _run("node", "start", "--home", str(node.home))
    assert result.returncode == 1
    assert result.stderr == f"the Ethereum port 127.0.0.1:{port} cannot be opened: Address already in use\n"


def test_durations_and_config(network: TestNetwork) -> None:
    assert parse_duration("1m30s") == 90
    assert parse_duration("250ms") == 0.25
    with pytest.raises(NodeError, match="not a duration"):
        parse_duration("soon")
    config = load_config(network.nodes[0].home, {"FM_HALT_HEIGHT": "9"})
    assert (config.halt_height, config.timeouts.commit, config.peers) == (9, 0.1, ())


def test_zipped_replayed_and_locked(network: TestNetwork, tmp_path: Path) -> None:
    """One validator from a zip; a second process on its home is refused; its blocks replay to the same app hashes."""
    node = network.nodes[0]
    build = tmp_path / "build"
    build.mkdir()
    release_copy(build, "v0.2.0", 2)
    (build / "__main__.py").write_text("from program.cli import main\n\nraise SystemExit(main())\n")
    archive = tmp_path / "subnetd"
    zipapp.create_archive(build, archive, interpreter=sys.executable)
    shutil.rmtree(build)
    assert _run("--version", command=(str(archive),)).stdout == "v0.2.0\n"
    evm = FakeEvm(network.evm_port)
    evm.start()
    try:
        node.start(command=(str(archive),), cwd=tmp_path)
        eventually("a lone validator makes blocks", lambda: node.app_height() >= 5)
        second = _run("node", "start", "--home", str(node.home))
        assert second.returncode == 1
        assert second.stderr == f"another process runs the node in {node.home}\n"
        node.signal(signal.SIGTERM)
        assert node.exit_code() == 0
        height = node.app_height()
        arguments = ("replay", "--home", str(node.home), "--evm", evm.url, "--until", str(height), "--state")
        lines = "".join(f"{line['height']} {line['app_hash']}\n" for line in node.executed())
        assert _run(*arguments, str(tmp_path / "a"), command=(str(archive),)).stdout == lines
        evm.wipe()
        assert _run(*arguments, str(tmp_path / "b"), command=(str(archive),)).stdout == lines
        other = _run(*arguments, str(tmp_path / "c"))
        assert other.returncode == 1
        assert other.stdout.count("\n") == 1
        assert "wrong Block.Header.AppHash" in other.stderr
    finally:
        network.stop()
        evm.stop()


def test_the_program_imports_nothing_of_ours() -> None:
    for path in PROGRAM.glob("*.py"):
        for line in path.read_text().splitlines():
            assert not line.lstrip().startswith(("import console", "from console", "from .. ", "from ...")), path
