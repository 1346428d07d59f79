"""Plans that change under way: a validator joins after scheduling, and a release is replaced before the freeze."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.model import ProposalStatus, Verdict
from tests.e2e import judge
from tests.e2e.devnet import Devnet, running
from tests.e2e.registry import Registry, release_options

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.xdist_group("changed-plans")]

FAST = ("--block-time", "300ms", "--freeze-blocks", "14")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("changed-plans") / "net", *FAST) as devnet:
        yield devnet


def test_a_validator_joins_after_scheduling_and_the_verdict_counts_it(network: Devnet) -> None:
    registry = Registry(network)
    target = registry.height() + network.lead(110)
    number = 1
    network.tells("propose", *release_options(network), "--height", str(target))
    assert registry.proposal(number)["totalPower"] == 40
    joined = network.verb("join", "--power", "30")
    assert joined.code == 0, joined.err
    assert network.node("node5")["power"] == 30
    # 40 of 70 is not more than two thirds: without the fifth there is neither a verdict to cross nor a block.
    network.eventually("all five are ready and armed", lambda: registry.proposal(number)["goPower"] == 70)
    network.eventually("it is frozen", lambda: registry.proposal(number)["frozenAt"] > 0)
    frozen = registry.proposal(number)
    assert (frozen["verdict"], frozen["totalPower"], frozen["goPower"]) == (Verdict.CROSS, 70, 70)
    network.eventually("all five are committed", network.all_are("COMMITTED"), deadline_s=300)
    network.eventually("the chain is past H+3", network.past(target + 3))
    # The story after this one proposes: the registry schedules one at a time.
    network.eventually("it is executed", lambda: registry.proposal(number)["status"] == ProposalStatus.EXECUTED)
    names = [node["name"] for node in network.status()["nodes"]]
    assert names[-1] == "node5"
    for name in names[:4]:
        judge.crossed(network, name, target)
    judge.halted_with_code_2(network, "node5", target)
    assert {version for version, _ in judge.executed(network, "node5")[target]} == {"v0.2.0"}
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, target + 1)


def test_a_release_is_replaced_before_the_freeze_and_all_cross_with_the_new_one(network: Devnet) -> None:
    registry = Registry(network)
    first, second = network.add_release("v0.3.0", 3), network.add_release("v0.3.1", 3)
    target, number = registry.height() + network.lead(130), 2
    network.tells("propose", *release_options(network, "v0.3.0"), "--height", str(target))
    network.eventually("some are ready with the first one", lambda: registry.proposal(number)["readyPower"] > 0)
    _, _, _, url, _, sha256 = release_options(network, "v0.3.1")
    for node in ("node1", "node2", "node5"):
        # 50 of 70 power agree.
        network.tells("replace", str(number), "--hash", sha256, "--url", url, "--node", node)
    replaced = registry.proposal(number)
    assert (replaced["releaseRound"], replaced["releaseHash"].hex()) == (1, second.sha256)
    assert replaced["status"] == ProposalStatus.SCHEDULED
    network.eventually("all are ready again", lambda: registry.proposal(number)["readyPower"] == 70)
    network.eventually("all are armed", network.all_are("ARMED"))
    network.eventually("all five are committed", network.all_are("COMMITTED"), deadline_s=300)
    network.eventually("it is executed", lambda: registry.proposal(number)["status"] == ProposalStatus.EXECUTED)
    names = [node["name"] for node in network.status()["nodes"]]
    for name in names:
        assert {version for version, _ in judge.executed(network, name)[target]} == {"v0.3.1"}
        assert judge.last_run(network, name)["exe_sha256"] == second.sha256
        tried = {run["exe_sha256"] for run in judge.runs(network, name)}
        assert first.sha256 not in tried, "the replaced release was run"
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, target + 1)


def test_a_release_that_fails_behind_h_is_aborted_by_the_network_and_the_registry_is_free_again(
    network: Devnet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Zone Z1: every node has executed H with a release that cannot go on from there."""
    registry = Registry(network)
    before = {node["version"] for node in network.status()["nodes"]}
    build = network.add_release("v0.6.0", 4)
    target = network.propose_build(build, 100)
    number = registry.newest()
    names = [node["name"] for node in network.status()["nodes"]]
    network.eventually("every operator is called", network.all_are("NEEDS_OPERATOR"), deadline_s=300)
    for name in names:
        executed = {version for version, _ in judge.executed(network, name)[target]}
        assert executed == {"v0.6.0"}, f"{name} is not in zone Z1"

    said = "\n".join(network.does(name, "abort", "--statement")["statement"] for name in names) + "\n"
    lines = tmp_path_factory.mktemp("statements") / "lines"
    lines.write_text(said)
    for name in names:
        given = ("--with", str(lines), "--reason", "it cannot read its state", "--yes-network", "devnet")
        ran = network.asks(name, "abort", *given)
        assert ran.code == 0, ran.err
    network.eventually("all go on with the old release", network.all_are("RESUMED_OLD"))
    network.eventually("the chain goes on", network.past(target + 3))
    assert {node["version"] for node in network.status()["nodes"]} == before
    judge.nobody_signed_twice(network)
    judge.same_app_hash(network, names, target + 2)

    # On chain it is still being crossed, until more than 2/3 of the frozen power say otherwise.
    assert registry.view("scheduledId") == number
    why = ("--reason", "it cannot read its state", "--confirm", "devnet")
    for node in reversed(names):
        if registry.proposal(number)["status"] != ProposalStatus.ROLLED_BACK:
            network.tells("rollback", str(number), *why, "--node", node)
    shown = registry.proposal(number)
    assert (shown["status"], registry.view("scheduledId")) == (ProposalStatus.ROLLED_BACK, 0)
    again = ("v0.2.0", str(registry.height() + network.lead(60)))
    network.tells("propose", *release_options(network, again[0]), "--height", again[1])
    assert registry.proposal(number + 1)["status"] == ProposalStatus.SCHEDULED
