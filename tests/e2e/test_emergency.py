"""The council stops an upgrade that everybody is armed for; how long the controllers take to know is printed."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator

import pytest

from console.devnet.keys import council_key
from console.model import HaltCode, ProposalStatus, Verdict
from tests.e2e import judge
from tests.e2e.devnet import Devnet, running
from tests.e2e.registry import Registry, release_options
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("emergency")]

F9, RIGHT, ENTER = "\x1b[20~", "\x1b[C", "\r"
BLOCK_TIME = ("--block-time", "700ms")
"""F is six blocks then, and four blocks between H-10 and H-F are time enough to hit them."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("emergency") / "net", *BLOCK_TIME) as devnet:
        yield devnet


def approves_on_screen(terminal: Terminal) -> None:
    """The key from wherever one is, the first choice, why, and what is signed with the network's name."""
    terminal.until("v0.2.0", deadline_s=60)
    terminal.press(F9)
    terminal.until("EMERGENCY on devnet", "of the 3 approvals")
    terminal.press(RIGHT)
    terminal.read(0.3)
    terminal.press(ENTER)
    terminal.until("Code", "Why")
    terminal.type(str(HaltCode.BAD_RELEASE.value))
    terminal.press(ENTER)
    terminal.read(0.3)
    terminal.type("it loses transactions")
    terminal.press(ENTER)
    terminal.until("approveEmergencyHalt", "Type devnet", deadline_s=60)
    terminal.type("devnet")
    # A name that is followed at once by Enter was pasted, and confirms nothing.
    terminal.read(1.0)
    terminal.press(ENTER)
    terminal.until("In block", deadline_s=60)


def aborted_at(network: Devnet, name: str) -> float | None:
    """When the journal had the verdict ABORT, in Unix seconds."""
    path = network.state_dir(name) / "journal.db"
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT at, detail FROM event WHERE kind LIKE '%verdict%' ORDER BY seq").fetchall()
    finally:
        database.close()
    found = [at for at, detail in rows if json.loads(detail).get("verdict") == Verdict.ABORT]
    return float(found[0]) if found else None


def test_three_of_the_council_lead_all_four_through_abort(network: Devnet, capsys: pytest.CaptureFixture[str]) -> None:
    registry = Registry(network)
    target = registry.height() + network.lead(60)
    network.tells("propose", *release_options(network), "--height", str(target))
    network.eventually("all are armed", network.all_are("ARMED"))
    terminal = Terminal("--network", "devnet", "--dir", str(network.folder))
    try:
        approves_on_screen(terminal)
    finally:
        terminal.kill()
    said = ("--code", "bad-release", "--reason", "the release loses transactions", "--confirm", "devnet")
    network.tells("halt", "1", *said, "--key", network.council_key(5))
    shown = registry.proposal(1)
    assert (shown["status"], shown["haltApprovals"]) == (ProposalStatus.SCHEDULED, 2)

    network.eventually("H-10 is next", lambda: registry.height() >= target - 11)
    # Not by the verb: a busy machine takes longer to start one than these blocks last.
    receipt = registry.send(council_key(3), "approveEmergencyHalt", 1, HaltCode.SECURITY, "do not run it")
    stopped = int(receipt["blockNumber"], 16)
    shown = registry.proposal(1)
    assert target - 10 <= stopped < target - shown["freezeBlocks"], "the story came at another time than it is about"
    assert (shown["status"], shown["verdict"]) == (ProposalStatus.CANCELLED, Verdict.ABORT)
    names = [node["name"] for node in network.status()["nodes"]]
    network.eventually("every journal says ABORT", lambda: all(aborted_at(network, name) for name in names))
    began = registry.decided_at(stopped)
    took = {name: (aborted_at(network, name) or 0) - began for name in names}
    with capsys.disabled():
        sys.stdout.write(
            f"\nthird approval decided → ABORT journalled: {max(took.values()):.2f} s at the slowest of four\n"
        )

    network.eventually("the chain goes on behind H", network.past(target + 3))
    network.eventually(
        "all run the old release", lambda: {n["version"] for n in network.status()["nodes"]} == {"v0.1.5"}
    )
    network.eventually("nobody waits", lambda: set(network.states().values()) <= {"IDLE", "RESUMED_OLD"})
    for name in names:
        assert {version for version, _ in judge.executed(network, name)[target]} == {"v0.1.5"}
        assert judge.last_run(network, name)["halt_height"] == 0
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, target + 1)
    # And the registry is free: the next one is scheduled at once.
    network.tells("propose", *release_options(network), "--height", str(registry.height() + network.lead(60)))
    assert registry.proposal(2)["status"] == ProposalStatus.SCHEDULED
