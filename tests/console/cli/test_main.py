"""Exit codes, sentences on stderr, and what happens when nobody foresaw it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import console
from console.cli import status
from tests.console.cli.conftest import Run
from tests.console.cli.peers import write_settings

ROOT = Path(console.__file__).resolve().parent.parent
URL = "http://127.0.0.1:20001"


def test_an_unknown_network_is_refused(cli: Run) -> None:
    cli("--network", "nowhere", "status").refused_with(
        "unknown network 'nowhere' (known: devnet, mainnet, calibration, localnet)"
    )


def test_an_unknown_node_is_refused(cli: Run) -> None:
    write_settings(URL, URL)
    cli("--network", "testnet", "--node", "node9", "status").refused_with("has no node 'node9'")


def test_settings_that_cannot_be_read_are_refused(cli: Run) -> None:
    write_settings(URL, URL).write_text("[networks")
    cli("status").refused_with("cannot read settings")
    cli("--network", "testnet", "status").refused_with("cannot read settings")


def test_a_headless_verb_starts_no_devnet_and_says_how(cli: Run, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    for verb in ("status", "node status", "node stop", "ready --proposal 1"):
        cli(*verb.split(), "--dir", str(folder)).refused_with(
            f"run `upgrade-console devnet up --background --dir {folder}`"
        )
    assert not folder.exists()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_arguments: object) -> int:
        raise RuntimeError("two\nlines \x1b[2J")

    monkeypatch.setattr(status, "run", fail)


@pytest.mark.usefixtures("broken")
def test_an_unexpected_error_is_one_sentence(cli: Run) -> None:
    outcome = cli("--network", "devnet", "status")
    outcome.refused_with("unexpected RuntimeError: two lines <U+001B>[2J", "UPGRADE_CONSOLE_DEBUG=1")
    assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("broken")
def test_a_traceback_comes_only_when_asked_for(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPGRADE_CONSOLE_DEBUG", "1")
    assert "Traceback" in cli("--network", "devnet", "status").err


def test_an_error_out_of_a_task_group_is_told_as_itself(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_arguments: object) -> int:
        raise ExceptionGroup("tasks", [ExceptionGroup("more", [console_error()])])

    def console_error() -> Exception:
        from console.errors import ChainError

        return ChainError("the chain is odd")

    monkeypatch.setattr(status, "run", fail)
    cli("--network", "devnet", "status").refused_with("upgrade-console: the chain is odd.")


def test_ctrl_c_is_one_sentence(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "run", interrupt)
    cli("--network", "devnet", "status").refused_with("interrupted")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "console.cli", *arguments]


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--network", "nowhere", "status"), capture_output=True, text=True, env=environment(tmp_path)
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("upgrade-console: unknown network 'nowhere'")


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    run = tmp_path / "net" / "run"
    run.mkdir(parents=True)
    (run / "node.log").write_text("a line\n" * 50_000)
    toml = (
        '[networks.t]\nchain_id = "c"\nevm_chain_id = 1\nregistry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"\n'
        f'cometbft_rpc = ["{URL}"]\nethereum_rpc = ["{URL}"]\n[networks.t.nodes.n]\nhome = "{tmp_path}"\n'
        f'state_dir = "{tmp_path / "net"}"\ndaemon = "d"\naddress = "0x5FbDB2315678afecb367f032d93F642f64180aa3"\n'
        f'cometbft_rpc = "{URL}"\nethereum_rpc = "{URL}"\n'
    )
    config = tmp_path / "config" / "upgrade-console" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(toml)
    process = subprocess.Popen(
        command("node", "logs", "--lines", "50000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"node       a line\n"
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_debug_switch_and_the_json_flag_keep_errors_on_stderr(cli: Run) -> None:
    cli("--json", "--network", "nowhere", "status").refused_with("unknown network")
