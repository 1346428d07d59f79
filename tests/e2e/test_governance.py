"""Governance on a real network: votes and deadlines, a height from readiness, and a cut that comes before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.devnet.evm.genesis import selectors
from console.devnet.keys import validator_key
from console.model import ProposalStatus, Verdict
from tests.e2e import judge
from tests.e2e.devnet import Devnet, running
from tests.e2e.registry import Registry, release_options
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("governance")]

TAB, ENTER, ESCAPE = "\t", "\r", "\x1b"

FAST = ("--block-time", "300ms", "--freeze-blocks", "14", "--voting")
POWERS = ("--powers", "10,10,10,20")
"""Without the last one no vote is won: all four are needed when it votes last."""
AT_REST = {"IDLE", "RESUMED_OLD"}
LONG = ("--voting-period", "900")
"""A vote that is decided ends at once, so that a busy machine may take its time."""
QUICK, QUICK_BLOCKS = ("--voting-period", "60", "--expedited"), 60


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("governance") / "net", *FAST, *POWERS) as devnet:
        yield devnet


@pytest.fixture
def registry(network: Devnet) -> Registry:
    return Registry(network)


def nobody_began(network: Devnet) -> None:
    """No controller took the proposal for a plan that leads to a halt."""
    assert set(network.states().values()) <= AT_REST
    for node in network.status()["nodes"]:
        armed = [run for run in judge.runs(network, node["name"]) if run["halt_height"]]
        assert not armed, f"{node['name']} was armed for a proposal that was not scheduled"


def test_a_lost_vote_changes_nothing(network: Devnet, registry: Registry) -> None:
    network.tells("propose", *release_options(network), "--after-vote", "40", *LONG)
    number = registry.newest()
    network.vote(number, "node1")
    network.vote(number, "node4", choice="no")
    # 20 of 50 against it: it cannot be won any more, and nobody has to wait for the end.
    shown = registry.proposal(number)
    assert (shown["status"], shown["yesPower"], shown["noPower"]) == (ProposalStatus.REJECTED, 10, 20)
    assert shown["targetHeight"] == 0
    refused = network.call("vote", str(number), "yes", "--node", "node2")
    assert refused.code == 1
    assert "rejected" in refused.err.lower()
    nobody_began(network)


def test_a_deadline_passes_in_a_vote_and_in_readiness(network: Devnet, registry: Registry) -> None:
    network.tells("propose", *release_options(network), "--after-vote", "40", "--voting-period", "20", "--expedited")
    unheard = registry.newest()
    network.eventually("the vote is over", network.past(registry.proposal(unheard)["votingEndsAt"] + 1))
    network.eventually("it is lost", lambda: registry.proposal(unheard)["status"] == ProposalStatus.REJECTED)
    network.tells("finalize", str(unheard))
    assert registry.proposal(unheard)["endedAt"] > 0

    # Approved, but its bytes are nowhere: nobody becomes ready, and the height never comes.
    name, version, url, address, *rest = release_options(network)
    ready = ("--when-ready", "100%", "--deadline", str(QUICK_BLOCKS + 40), "--window", "40")
    network.tells("propose", name, version, url, f"{address}.gone", *rest, *ready, *QUICK)
    number = registry.newest()
    for validator in (1, 2, 3, 4):
        # Not by the verb, which on a busy machine is slower than this vote is long.
        registry.send(validator_key(validator), "vote", number, True)
    assert registry.proposal(number)["status"] == ProposalStatus.APPROVED
    early = network.call("schedule", str(number))
    assert early.code == 1
    network.eventually("the deadline is over", network.past(registry.proposal(number)["readinessDeadline"] + 1))
    network.eventually("it is expired", lambda: registry.proposal(number)["status"] == ProposalStatus.EXPIRED)
    shown = registry.proposal(number)
    assert (shown["readyPower"], shown["targetHeight"]) == (0, 0)
    network.eventually("every node is at rest", lambda: set(network.states().values()) <= AT_REST)
    nobody_began(network)


def test_readiness_schedules_and_the_cut_comes_first(network: Devnet, registry: Registry, tmp_path: Path) -> None:
    getter = selectors("GatewayGetterFacet")[0]
    before = registry.facet_of(getter)
    assert registry.network_version() == 0
    calls = tmp_path / "cut.json"
    facet = f"GatewayGetterFacetV2={network.folder / 'releases' / 'contracts' / 'GatewayGetterFacetV2.json'}"
    made = network.tells("contracts", "deploy-facets", "gateway", "--facets", facet, "--confirm", "devnet")
    address = made["facets"]["GatewayGetterFacetV2"]
    network.tells("contracts", "export", "gateway", "--facets", f"{facet}@{address}", "--out", str(calls))
    when = ("--when-ready", "100%", "--deadline", "2000", "--window", str(network.lead(65)))
    linked = ("--calls", str(calls), "--contracts-first", *LONG)
    network.tells("propose", *release_options(network), *when, *linked)
    number = registry.newest()
    network.vote(number, "node1", "node2", "node3")
    assert registry.proposal(number)["status"] == ProposalStatus.VOTING
    terminal = Terminal("--network", "devnet", "--dir", str(network.folder), "--node", "node4")
    try:
        votes_yes(terminal)
        # From here on nobody does anything: the controllers prepare, schedule, cut, arm and cross.
        height = crosses_by_itself(network, registry, number)
        terminal.press("1")
        terminal.until("COMMITTED", deadline_s=60)
        terminal.press("q")
        terminal.until("Keep it running", deadline_s=10)
        terminal.press(ENTER)
        assert terminal.ended() == 0
    finally:
        terminal.kill()

    shown = registry.proposal(number)
    assert shown["verdict"] == Verdict.CROSS
    assert shown["scheduledAt"] < shown["contractsAt"] < height - shown["freezeBlocks"]
    assert registry.network_version() == 2
    assert before != registry.facet_of(getter) == address.lower()
    names = [node["name"] for node in network.status()["nodes"]]
    for name in names:
        judge.halted_with_code_2(network, name, height)
        judge.crossed(network, name, height)
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, height + 1)


def votes_yes(terminal: Terminal) -> None:
    """Vote in the console as a person does: the list, the proposal in full, yes, what is signed, and sign."""
    terminal.until("v0.2.0", deadline_s=60)
    terminal.press("2")
    terminal.until("v0.2.0", "voting")
    terminal.press(ENTER)
    terminal.until("vote", "Vote")
    terminal.press("t")
    terminal.until("Vote on proposal")
    terminal.press(TAB)
    terminal.read(0.3)
    terminal.press(ENTER)
    terminal.until("y signs and sends", deadline_s=60)
    terminal.press("y")
    terminal.until("In block", deadline_s=60)
    terminal.press(ESCAPE)
    terminal.press(ESCAPE)


def crosses_by_itself(network: Devnet, registry: Registry, number: int) -> int:
    """Wait until an approved upgrade is over; H."""
    network.eventually("it is scheduled", lambda: registry.proposal(number)["status"] == ProposalStatus.SCHEDULED)
    scheduled = registry.proposal(number)
    assert (scheduled["yesPower"], scheduled["readyPower"]) == (50, 50)
    network.eventually("the cut is made", lambda: registry.proposal(number)["contractsAt"] > 0, deadline_s=300)
    network.eventually("all four are committed", network.all_are("COMMITTED"), deadline_s=300)
    network.eventually("it is executed", lambda: registry.proposal(number)["status"] == ProposalStatus.EXECUTED)
    return int(scheduled["targetHeight"])


def test_the_report_says_what_it_came_to(network: Devnet) -> None:
    lost, late, unready, crossed = network.tells("report")["upgrades"]
    assert [each["outcome"] for each in (lost, late, unready)] == ["not scheduled"] * 3
    assert (crossed["outcome"], crossed["self_coordinated"]) == ("crossed", True)
    assert (crossed["validators"], crossed["ready_before_halt"], crossed["automatic"]) == (4, 4, 4)
    assert (crossed["config_edits"], crossed["operator_commands"], crossed["late_joiners"]) == (0, 0, [])
    assert crossed["downtime_s"] > 0
    grades = {each["text"]: each["grade"] for each in network.tells("report")["criteria"]}
    assert grades["the network coordinates 90% of upgrades itself"] == "pass"
    assert grades["no manual config edits"] == "pass"
