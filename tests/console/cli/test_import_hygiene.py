"""What a verb imports: a status in a shell prompt must not pay for Textual or web3 (facts/tui.md C5)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.cli.test_main import environment

PROBE = """
import json, sys
from console.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def imported(tmp_path: Path, *arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, env=environment(tmp_path)
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, set(modules)


def write(tmp_path: Path) -> None:
    path = tmp_path / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        '[networks.t]\nchain_id = "c"\nevm_chain_id = 1\nregistry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"\n'
        'cometbft_rpc = ["http://127.0.0.1:1"]\nethereum_rpc = ["http://127.0.0.1:1"]\n'
    )


@pytest.mark.parametrize("verb", ["status --json", "status", "node status"])
def test_reading_needs_neither_textual_nor_web3(tmp_path: Path, verb: str) -> None:
    write(tmp_path)
    code, modules = imported(tmp_path, *verb.split())
    assert code == 1  # port 1 answers nobody, but the whole path was taken
    if verb.startswith("status"):
        assert "console.chain.ipc" in modules
    assert not modules & {"textual", "web3", "eth_account", "console.app", "screens", "eth"}


def test_the_first_frame_waits_for_nothing_that_it_does_not_show() -> None:
    code = "import sys, console.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not {name for name in modules if name.startswith("console.recording")}
    assert not modules & {
        "web3",
        "eth_abi",
        "eth_account",
        "httpx",
        "aiohttp",
        "regex",
        "tomlkit",
        "psutil",
        "pygments",
    }


def test_the_version_costs_nothing(tmp_path: Path) -> None:
    code, modules = imported(tmp_path, "--version")
    assert code == 0
    assert not modules & {"textual", "web3", "httpx", "eth_abi", "rich", "aiohttp", "tomlkit"}
