"""`devnet` on the command line: usage, sentences, and a network in the foreground."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.cli import main
from console.devnet.network import is_running
from tests.console.devnet.conftest import marked_below

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with its own XDG folders; fails the test when a process of a devnet in it survives."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    yield tmp_path
    survivors = marked_below(tmp_path)
    for pid in survivors:
        os.kill(pid, 9)
    assert not survivors, f"processes of a devnet survived the test: {survivors}"


def command(*arguments: str) -> list[str]:
    """The command line in another process."""
    return [sys.executable, "-m", "console.cli", *arguments]


@contextmanager
def foreground(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`devnet up` in the foreground, up and staying."""
    process = subprocess.Popen(
        command("devnet", "up", "--dir", str(folder), "--validators", "1", "--block-time", "250ms"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C stops it." in line:
                break
        else:
            pytest.fail("".join(lines))
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "arguments",
    [
        ["devnet"],
        ["devnet", "up", "--powers", "10,0"],
        ["devnet", "up", "--powers", "10,10", "--validators", "4"],
        ["devnet", "up", "--validators", "17"],
        ["devnet", "up", "--block-time", "99ms"],
        ["devnet", "up", "--block-time", "soon"],
        ["devnet", "up", "--freeze-blocks", "4"],
        ["devnet", "up", "--valid", "4"],
        ["devnet", "stop-node"],
        ["devnet", "sideways"],
    ],
)
def test_usage_errors_exit_2_and_change_nothing(
    arguments: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("action", [["status", "--json"], ["down"], ["down", "--wipe"], ["stop-node", "node1"]])
def test_without_a_devnet_the_command_that_makes_one_is_said(
    action: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devnet", *action, "--dir", str(place / "net")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"there is no devnet in {place / 'net'}" in said.err
    assert "devnet up" in said.err
    assert list(place.iterdir()) == []


@pytest.mark.e2e
def test_background_status_and_down(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "net"
    arguments = ["--dir", str(folder)]
    up = subprocess.run(
        command("devnet", "up", *arguments, "--powers", "7", "--block-time", "250ms", "--background", "--json"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        assert up.returncode == 0, up.stderr
        described = json.loads(up.stdout)
        assert described["dir"] == str(folder)
        assert [node["power"] for node in described["nodes"]] == [7]
        assert main(["devnet", "status", "--json", *arguments]) == 0
        now = json.loads(capsys.readouterr().out)
        assert now["chain_id"] == described["chain_id"]
        assert main(["devnet", "up", *arguments]) == 1
        assert f"a devnet is already running in {folder}" in capsys.readouterr().err
        assert main(["devnet", "stop-node", "node1", *arguments]) == 0
        assert main(["devnet", "stop-controller", "node1", *arguments]) == 0
        assert main(["devnet", "start-controller", "node1", *arguments]) == 0
        assert main(["devnet", "start-node", "node1", *arguments]) == 0
    finally:
        for log in folder.rglob("*controller.log"):
            sys.stderr.write(log.read_text())  # shown when the test fails
        assert main(["devnet", "down", "--wipe", *arguments]) == 0
    assert not folder.exists()


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_an_interrupt_stops_it(place: Path, number: signal.Signals) -> None:
    folder = place / "net"
    with foreground(folder) as process:
        assert is_running(folder)
        process.send_signal(number)
        assert process.wait(30) == 0
    assert marked_below(place) == []


@pytest.mark.e2e
def test_a_hang_up_keeps_it(place: Path) -> None:
    folder = place / "net"
    with foreground(folder) as process:
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
    assert is_running(folder)
    assert main(["devnet", "down", "--dir", str(folder)]) == 0


@pytest.mark.e2e
def test_one_that_is_stopped_from_elsewhere_ends_the_foreground(place: Path) -> None:
    folder = place / "net"
    with foreground(folder) as process:
        assert main(["devnet", "down", "--dir", str(folder)]) == 0
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert "stopped from elsewhere" in said
