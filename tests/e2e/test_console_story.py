"""The whole story in a real terminal: the operator fills the form and watches four validators cross."""

from __future__ import annotations

import signal

import pytest

from tests.e2e import judge
from tests.e2e.devnet import Devnet
from tests.e2e.on_screen import ENTER, propose, until_crossing
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e


def test_an_upgrade_from_the_form_to_the_new_binary(devnet: Devnet) -> None:
    terminal = Terminal("--network", "devnet", "--dir", str(devnet.folder))
    try:
        terminal.until("Bringing up devnet")
        terminal.until("No upgrade is pending", "node4", deadline_s=60)
        status = devnet.status()
        release = status["releases"][1]
        height = status["height"] + 45
        propose(terminal, release, height)
        terminal.until(" GO", "ARMED", deadline_s=60)
        devnet.eventually("all four are armed", devnet.all_are("ARMED"))
        until_crossing(terminal, deadline_s=90)
        terminal.until("COMMITTED", deadline_s=60)
        devnet.eventually("all four are committed", devnet.all_are("COMMITTED"))
        devnet.eventually("the chain is past H+3", devnet.past(height + 3))
        terminal.until("v0.2.0")
        terminal.press("q")
        terminal.until("Keep it running", deadline_s=10)
        terminal.press(ENTER)
        assert terminal.ended() == 0
    finally:
        terminal.kill()

    names = [node["name"] for node in devnet.status()["nodes"]]
    for name in names:
        judge.halted_with_code_2(devnet, name, height)
        judge.crossed(devnet, name, height)
        judge.disk_journal_and_hashes_agree(devnet, name, release["sha256"])
    judge.nobody_signed_twice(devnet)
    judge.same_app_hash(devnet, names, height + 1)


def test_killed_and_hung_up_consoles_change_nothing(devnet: Devnet) -> None:
    """One console is killed and one loses its terminal while the upgrade is on its way; it finishes without them."""
    devnet.up()
    first = Terminal("--network", "devnet", "--dir", str(devnet.folder))
    second = Terminal("--network", "devnet", "--dir", str(devnet.folder), "--node", "node2", columns=120, rows=40)
    try:
        first.until("No upgrade is pending")
        second.until("No upgrade is pending", "node2")
        height = devnet.propose()
        first.until("ARMED", deadline_s=60)
        first.kill()
        # Nobody read what the second one drew: its terminal took nothing more when it was closed.
        assert second.hang_up() == 128 + signal.SIGHUP
    finally:
        first.kill()
        second.kill()
    devnet.eventually("all four are committed", devnet.all_are("COMMITTED"))
    devnet.eventually("the chain is past H+3", devnet.past(height + 3))
    judge.nobody_signed_twice(devnet)


def test_a_terminated_console_restores_the_terminal(devnet: Devnet) -> None:
    devnet.up("--validators", "1")
    terminal = Terminal("--network", "devnet", "--dir", str(devnet.folder))
    try:
        terminal.until("No upgrade is pending")
        terminal.process.kill(signal.SIGTERM)
        assert terminal.ended() == 128 + signal.SIGTERM
    finally:
        terminal.kill()
    assert devnet.node("node1")["pid"] is not None


def test_it_is_no_console_without_a_terminal(devnet: Devnet) -> None:
    ran = devnet.call()
    assert ran.code == 1
    assert "terminal" in ran.err
    assert not devnet.folder.exists()
