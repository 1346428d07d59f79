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


FIRST_FRAME = frozenset(
    {
        "console",
        "console.actions",
        "console.app",
        "console.cli",
        "console.cli.arguments",
        "console.cli.console_arguments",
        "console.cli.groups",
        "console.cli.open",
        "console.console_settings",
        "console.devnet",
        "console.devnet.layout",
        "console.devnet.liveness",
        "console.devnet.process_identity",
        "console.errors",
        "console.hand_lock",
        "console.keymap",
        "console.model",
        "console.model.course",
        "console.model.node_command",
        "console.model.standing",
        "console.network_lookup",
        "console.network_table",
        "console.operations",
        "console.operations.session",
        "console.setting_words",
        "console.settings_file",
        "console.terminal",
        "console.text",
        "console.tidying",
        "screens",
        "screens.acting",
        "screens.bindings",
        "screens.cropped",
        "screens.dressed",
        "screens.driver",
        "screens.mode",
        "screens.overview",
        "screens.sized",
        "screens.quiet",
        "screens.switching",
        "screens.terminal",
        "screens.theme",
        "screens.travelling",
        "themes",
        "widgets",
        "widgets.ascii_alone",
        "widgets.big_number",
        "widgets.countdown",
        "widgets.drawn",
        "widgets.event_tail",
        "widgets.face",
        "widgets.glyphs",
        "widgets.go_panel",
        "widgets.key_line",
        "widgets.log_tail",
        "widgets.moments",
        "widgets.node_panel",
        "widgets.notice_line",
        "widgets.panel",
        "widgets.phases",
        "widgets.readiness_table",
        "widgets.row_table",
        "widgets.second_wall",
        "widgets.status_line",
        "widgets.too_small",
        "widgets.trend_lines",
        "widgets.working",
    }
)
"""Every module of ours that may be imported before the first frame: each one costs half a millisecond."""


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
    code = (
        "import sys, console.cli.arguments as a; a.parse(['--dir', '/nowhere']); import console.cli.open;"
        "import console.app, console.devnet.liveness, screens.overview; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    ours = {name for name in modules if name.partition(".")[0] in {"console", "screens", "widgets", "themes"}}
    assert not ours - FIRST_FRAME
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
