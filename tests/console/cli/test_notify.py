"""`notify list` and `notify test`: what is shown, what is sent, and what is said of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.monitoring.rules import Severity
from console.notify.message import Message
from console.notify.outbox import News, Outbox
from tests.console.cli.conftest import Run
from tests.console.notify.receivers import urls_file, webhook

SECRET = "s3cretT0ken"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Two services, and a network with a node."""
    path = tmp_path / "config" / "upgrade-console" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f"""
[notify]
urls = "{tmp_path}/notify.urls"
[notify.services.hook]
[notify.services.pager]
severity = "critical"
events = ["halted"]
[networks.here]
kind = "cosmos"
chain_id = "here-1"
cometbft_rpc = ["http://127.0.0.1:9"]
[networks.there]
chain_id = "/r1"
evm_chain_id = 1
registry = "0x{"11" * 20}"
cometbft_rpc = ["http://127.0.0.1:9"]
ethereum_rpc = ["http://127.0.0.1:9"]
[networks.here.nodes.node1]
home = "{tmp_path}/home"
state_dir = "{tmp_path}"
daemon = "d"
cometbft_rpc = "http://127.0.0.1:9"
""",
        "utf-8",
    )
    return path


def test_nobody_is_told_without_settings(cli: Run) -> None:
    assert cli("notify", "list").out.startswith("Nobody is told")
    cli("notify", "test").refused_with("there is no service to tell", "docs/notifications.md")
    cli("notify", "watch", "--network", "calibration").refused_with("registry")


@pytest.mark.usefixtures("settings")
def test_list_and_test(cli: Run, tmp_path: Path) -> None:
    with webhook() as hook:
        urls_file(tmp_path, f"hook=json://{SECRET}@127.0.0.1:{hook.port}/{SECRET}", f"pager=tgram://1:{SECRET}/2")
        Outbox(tmp_path / "notify.db").take(
            [News("k", "halted", Message(Severity.INFO, "here, halted: x", "b"), ("hook",))], begun=True
        )
        told = cli("notify", "list", "--network", "here", "--json")
        assert (told.code, told.err) == (0, "")
        document = json.loads(told.out)
        assert [(each["name"], each["url"]) for each in document["services"]] == [
            ("hook", f"json://127.0.0.1:{hook.port}/…"),
            ("pager", "tgram://…"),
        ]
        assert [(each["subject"], each["state"]) for each in document["messages"]] == [("here, halted: x", "waiting")]
        shown = cli("notify", "list", "--network", "here").out
        assert "from critical: halted; all networks but a devnet" in shown
        assert "here, halted: x" in shown
        assert SECRET not in told.out + shown

        done = cli("notify", "test", "--service", "hook", "--network", "here")
        assert (done.code, done.out) == (0, "hook: taken\n")
        assert hook.titles == [
            "here, test: This is a test, and nothing happened: somebody asked whether messages arrive."
        ]
        hook.status = 503
        failed = cli("notify", "test", "--service", "hook", "--json")
        assert failed.code == 1
        problem = "the service answered with status 503"
        assert json.loads(failed.out) == {"services": [{"name": "hook", "problem": problem}]}
    cli("notify", "test", "--service", "hok").refused_with("no service 'hok' (did you mean hook?)")


@pytest.mark.usefixtures("settings")
def test_a_url_that_is_missing_is_said(cli: Run, tmp_path: Path) -> None:
    urls_file(tmp_path, "hook=json://127.0.0.1:9/")
    told = cli("notify", "list")
    assert told.code == 1
    assert "has no line pager=…" in told.err
    (tmp_path / "notify.urls").chmod(0o644)
    assert "run `chmod 600` on it" in cli("notify", "list").err


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("network", ["there", "here"])
def test_one_watch_of_a_network_at_a_time_and_it_ends_when_told(cli: Run, tmp_path: Path, network: str) -> None:
    """Of either kind: an IPC network by its registry, a Cosmos chain by itself."""
    urls_file(tmp_path, "hook=json://127.0.0.1:9/", "pager=json://127.0.0.1:9/")
    command = [sys.executable, "-m", "console.cli", "notify", "watch", "--network", network]
    outbox = tmp_path / "state" / "upgrade-console" / "notify" / f"{network}.db"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        try:
            # It looks for what is due once it runs.
            while not outbox.is_file():
                assert watching.poll() is None
                time.sleep(0.05)
            cli("notify", "watch", "--network", network).refused_with(
                f"another `notify watch` of {network} runs already"
            )
            assert outbox.parent.stat().st_mode & 0o077 == 0
        finally:
            watching.send_signal(signal.SIGTERM)
        _, complaints = watching.communicate(timeout=60)
    assert (watching.returncode, complaints) == (0, "")
