"""Staged, to go back to, running: what the controller's hashes come to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from console.checks.release import release_staged, rollback_binary, running_alone, running_version
from console.files import sha256_of
from console.model import Crossing, KnownRelease, Outcome, Preparation, ReleaseCheck
from console.operations.node_look import Versions
from console.operations.own_process import OwnProcess, Supervisor
from tests import fakes
from tests.console.checks.doubles import Teller, seen
from tests.console.operations.homes import a_cosmos_node, a_node

pytestmark = pytest.mark.anyio

GENERATIONS = [
    {"name": "genesis", "current": True, "complete": True, "sha256": "ab" * 32},
    {"name": "v0.2.0", "current": False, "complete": True, "sha256": fakes.HASH},
]
BOTH_WELL = [seen("generation genesis"), seen("generation v0.2.0")]


async def test_a_staged_release_passes_with_hash_and_who_vouched() -> None:
    known = KnownRelease("v0.2.0", checks=(ReleaseCheck("signatures", "passed", "2 of 2: alice, bob"),))
    found = await release_staged(Teller(found=BOTH_WELL, known=known))
    assert found.outcome is Outcome.PASS
    assert f"sha256 by the plan: {fakes.HASH}" in found.evidence
    assert "passed: signatures: 2 of 2: alice, bob" in found.evidence


async def test_without_a_plan_not_ready_or_with_other_bytes_it_fails_and_says_how_to_go_on() -> None:
    none = await release_staged(Teller(fakes.node(1210)))
    unready = fakes.attempt(Preparation.FAILED, note="the download failed")
    failed = await release_staged(Teller(fakes.node(1210, unready)))
    wrong = await release_staged(Teller(found=[seen("generation v0.2.0", "fail", "has sha256 00, recorded is 9f")]))
    gone = await release_staged(Teller(found=[]))
    assert {each.outcome for each in (none, failed, wrong, gone)} == {Outcome.FAIL}
    assert "the download failed" in failed.sentence
    assert "recorded is 9f" in wrong.sentence
    assert "no generation v0.2.0" in gone.sentence
    assert all(each.go_on for each in (none, failed, wrong, gone))


async def test_the_binary_to_go_back_to_is_whole_and_runs(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    teller = Teller(found=BOTH_WELL, generation_list=GENERATIONS)
    found = await rollback_binary(teller, node, lambda _: Versions("1", "genesis", "v0.1.5"))
    assert (found.outcome, "genesis (v0.1.5)" in found.sentence) == (Outcome.PASS, True)
    mute = await rollback_binary(teller, node, lambda _: Versions("1", "genesis", "", "it ended with code 1"))
    assert mute.outcome is Outcome.FAIL
    unknown = replace(teller, found=[seen("generation genesis", "warn", "nobody recorded what it should be")])
    assert (await rollback_binary(unknown, node, lambda _: Versions("1", "genesis", "v"))).outcome is Outcome.WARN


async def test_after_the_crossing_it_is_another_generation(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    crossed = fakes.node(1303, fakes.attempt(crossing=Crossing.COMMITTED), generation="v0.2.0")
    found = await rollback_binary(Teller(crossed, found=BOTH_WELL, generation_list=GENERATIONS), node)
    assert (found.outcome, found.sentence) == (Outcome.PASS, "1 other generation to go back to")
    alone = await rollback_binary(Teller(crossed, generation_list=GENERATIONS[1:]), node)
    assert alone.outcome is Outcome.FAIL


async def test_what_runs_is_told_by_the_hash_of_the_executed_descriptor() -> None:
    status = fakes.node(1303, generation="v0.2.0", exe_sha256=fakes.HASH, pid=os.getpid())
    found = await running_version(Teller(status, generation_list=GENERATIONS))
    assert found.outcome is Outcome.PASS
    assert any(line.startswith(f"/proc/{os.getpid()}/exe sha256 ") for line in found.evidence)
    other = await running_version(Teller(replace(status, exe_sha256="00" * 32), generation_list=GENERATIONS))
    assert other.outcome is Outcome.FAIL
    unknown = await running_version(Teller(replace(status, exe_sha256=""), generation_list=GENERATIONS))
    assert unknown.outcome is Outcome.WARN
    down = await running_version(Teller(replace(status, pid=None), generation_list=GENERATIONS))
    assert down.outcome is Outcome.FAIL


async def test_without_a_controller_the_kernel_tells_what_runs_and_cosmovisors_link_what_should(tmp_path: Path) -> None:
    """The process is this one: its bytes can be read."""
    node = a_cosmos_node(tmp_path)
    own = sha256_of(Path("/proc/self/exe"))
    alone = OwnProcess(os.getpid(), Path("/usr/local/bin/noded"), False, None)
    nobody_says = await running_alone(node, alone, "v2")
    assert (nobody_says.outcome, own[:16] in nobody_says.sentence) == (Outcome.WARN, True)
    assert (await running_alone(node, alone, "v2", own)).outcome is Outcome.PASS
    other = await running_alone(node, alone, "v2", "ab" * 32)
    assert (other.outcome, "not abababababababab" in other.sentence) == (Outcome.FAIL, True)
    replaced = await running_alone(node, replace(alone, replaced=True), "v2", own)
    assert (replaced.outcome, "was replaced since it was started" in replaced.sentence) == (Outcome.WARN, True)

    # Cosmovisor switched its link, and the old program runs on.
    program = node.home / "cosmovisor" / "upgrades" / "v2" / "bin" / node.daemon
    program.parent.mkdir(parents=True)
    program.write_bytes(b"the new one")
    current = node.home / "cosmovisor" / "current"
    current.unlink(missing_ok=True)
    current.symlink_to("upgrades/v2")
    under = replace(alone, supervisor=Supervisor(1, {}, None))
    behind = await running_alone(node, under, "v1")
    assert (behind.outcome, "Cosmovisor's current -> upgrades/v2" in behind.evidence) == (Outcome.FAIL, True)
    gone = await running_alone(node, replace(alone, pid=1 << 30), "v1")
    assert (gone.outcome, gone.go_on) == (Outcome.WARN, "look as the user that runs it, or as root")
