"""An emergency hotfix: whole on a node of this machine, and stopped by everything that should stop it."""

from __future__ import annotations

import asyncio
import dataclasses
import tarfile
from pathlib import Path

import pytest

from console.errors import ConsoleError
from console.files import sha256_of
from console.model import Outcome
from console.procedures import spared_power
from console.procedures.hotfix import HOTFIX
from console.procedures.rollback import ROLLBACK
from tests.console.node import nodes
from tests.console.node.bench import Bench
from tests.console.node.conftest import bench as bench
from tests.console.node.cosmos_nodes import served
from tests.console.operations.examples import a_chain, a_network, a_snapshot
from tests.console.procedures.scripted import ScriptedContext, accepted, powers_of, run_step, run_steps, with_socket

pytestmark = pytest.mark.anyio

ANY = "sha256:" + "ab" * 32
GIVEN = {
    "severity": "Critical",
    "version": "v1.0.3",
    "url": "http://127.0.0.1:9/fix",
    "checksum": ANY,
    "source": "https://example.org/announcement",
    "checksum-2": ANY,
    "source-2": "the call at 14:00, read out by Bob",
    "bypass": "governance=the chain is attacked now; notice=it would tell attackers",
    "identified": "90m ago",
    "affected": "v1.0.0 - v1.0.2",
    "issue": "a node can be stopped from outside",
    "impact": "the chain may stand",
    "support": "Discord: #validator-emergency; Email: security@example.org",
}


def context_of(folder: Path, bench: Bench | None, /, **changes: str) -> ScriptedContext:
    network = a_network(folder)
    node = None
    if bench is not None:
        node = bench.node
        network = dataclasses.replace(network, nodes=(node,))
    arguments = accepted(HOTFIX, GIVEN | changes)
    return ScriptedContext(network, folder / "run", arguments, node=node, snapshot=a_snapshot(a_chain()))


async def test_a_hotfix_from_an_archive_to_the_running_node(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spared_power, "taking_part", powers_of({"A": 10, "B": 10, "C": 10, "D": 10}))
    program = tmp_path / nodes.DAEMON
    sha256 = nodes.write_binary(program, bench.home, version="v1.0.3")
    archive = tmp_path / "fix.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(program, arcname=f"bin/{nodes.DAEMON}")
    checksum = f"sha256:{sha256_of(archive)}"
    with served(archive.read_bytes()) as (url, _):
        async with with_socket(bench):
            context = context_of(
                tmp_path, bench, url=f"{url}/fix.tar.gz", checksum=checksum, **{"checksum-2": checksum.upper()}
            )
            async with asyncio.timeout(30):
                while (await context.client().status()).app_height is None:
                    await asyncio.sleep(0.02)
            done = await run_steps(HOTFIX, context, until="hotfix.verify")
            assert [name for name, finding in done.items() if finding.outcome is Outcome.FAIL] == []
            assert done["hotfix.bypasses"].outcome is Outcome.WARN
            assert any("governance" in line and "attacked now" in line for line in done["hotfix.bypasses"].evidence)
            assert done["hotfix.download"].sentence.endswith("run here: v1.0.3")
            assert context.remembered("generation-before") == "genesis"
            bench.chain.app_height = None
            verifying = asyncio.create_task(run_step(HOTFIX, context, "hotfix.verify"))
            while not verifying.done():
                bench.chain.height += 1
                await asyncio.sleep(0.1)
            verified = await verifying
            assert verified.outcome is Outcome.PASS
            assert any(sha256 in line for line in verified.evidence)
            status = await context.client().status()
            assert (status.generation, status.exe_sha256) == ("v1.0.3", sha256)
            # The point was taken while the node was down.
            assert await context.client().points()
            # The way back is the one that there is.
            back = ScriptedContext(
                context.network, tmp_path / "back", accepted(ROLLBACK, {"why": "bad"}), node=bench.node
            )
            refused = await run_step(ROLLBACK, back, "rollback.zone")
            assert refused.sentence.endswith("another swap takes it back, and no rollback does")
            assert refused.go_on == "`upgrade-console node swap genesis --reason TEXT`"
    text = (context.folder / "announcement.txt").read_text()
    assert "{{" not in text
    assert f"2. Verify checksum: {checksum}" in text
    assert "Severity: CRITICAL" in text
    assert "- Email: security@example.org" in text
    assert "must upgrade to v1.0.3 immediately." in text


async def test_bytes_that_are_not_those_of_both_places_are_thrown_away(bench: Bench, tmp_path: Path) -> None:
    program = tmp_path / "program"
    nodes.write_binary(program, bench.home, version="v1.0.3")
    with served(program.read_bytes()) as (url, _):
        context = context_of(tmp_path, bench, url=f"{url}/fix")
        with pytest.raises(ConsoleError) as refused:
            await run_step(HOTFIX, context, "hotfix.download")
    assert ANY[7:] in str(refused.value)
    assert "nothing was started" in str(refused.value)
    assert not list(context.folder.glob("*.program"))


async def test_an_archive_where_a_program_should_be_says_how_to_go_on(bench: Bench, tmp_path: Path) -> None:
    archive = tmp_path / "fix"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(__file__, arcname="readme")
    checksum = f"sha256:{sha256_of(archive)}"
    with served(archive.read_bytes()) as (url, _):
        context = context_of(tmp_path, bench, url=f"{url}/fix", checksum=checksum, **{"checksum-2": checksum})
        with pytest.raises(ConsoleError) as refused:
            await run_step(HOTFIX, context, "hotfix.download")
        assert "is packed (gz) and no program" in str(refused.value)
        assert "?archive=tar.gz" in str(refused.value)
        # Its daemon is not in it.
        again = context_of(
            tmp_path, bench, url=f"{url}/fix?archive=tar.gz", checksum=checksum, **{"checksum-2": checksum}
        )
        with pytest.raises(ConsoleError, match="nothing of it was kept or started"):
            await run_step(HOTFIX, again, "hotfix.download")


async def test_the_announcement_is_not_written_with_a_place_left_open(bench: Bench, tmp_path: Path) -> None:
    context = context_of(tmp_path, bench, issue="[Brief description without exposing vulnerability details]")
    with pytest.raises(ConsoleError) as refused:
        await run_step(HOTFIX, context, "hotfix.announcement")
    assert "issue still holds '[Brief description" in str(refused.value)
    assert not (context.folder / "announcement.txt").exists()
    with pytest.raises(ConsoleError, match="cannot be read"):
        await run_step(HOTFIX, context, "hotfix.send")
    assert not context.remembered("announcing")


async def test_a_response_that_is_late_is_in_the_record(bench: Bench, tmp_path: Path) -> None:
    context = context_of(tmp_path, bench, severity="high", identified="6h ago")
    found = await run_step(HOTFIX, context, "hotfix.severity")
    assert found.outcome is Outcome.WARN
    assert "late" in found.sentence


async def test_a_third_of_the_power_is_never_taken_down(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_socket(bench):
        context = context_of(tmp_path, bench)
        async with asyncio.timeout(30):
            while (own := await context.client().consensus()) is None:
                await asyncio.sleep(0.02)
        key = own.consensus_address
        for powers, silent, expected in (
            ({key: 10, "B": 10, "C": 10, "D": 10}, (), Outcome.PASS),
            ({key: 10, "B": 10, "C": 10, "D": 10}, ("B",), Outcome.FAIL),
            ({key: 10, "B": 10, "C": 10}, (), Outcome.FAIL),
            ({"B": 10, "C": 10, "D": 10, "E": 10}, ("B",), Outcome.PASS),
        ):
            monkeypatch.setattr(spared_power, "taking_part", powers_of(powers, silent))
            found = await run_step(HOTFIX, context, "hotfix.power")
            assert found.outcome is expected, (powers, silent, found)
        # Somebody else fell while a person was asked.
        monkeypatch.setattr(spared_power, "taking_part", powers_of({key: 10, "B": 10, "C": 10, "D": 10}, ("B",)))
        before = await context.client().status()
        swapped = await run_step(HOTFIX, context, "hotfix.swap")
        assert swapped.outcome is Outcome.FAIL
        assert (await context.client().status()).pid == before.pid


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"severity": "low"}, "critical or high or medium"),
        ({"checksum": "md5:" + "a" * 32}, "can be forged"),
        ({"bypass": "verification=no time"}, "STEP=REASON"),
        ({"bypass": "governance="}, "a reason that others understand"),
        ({"identified": "soon"}, "a moment"),
        ({"breaking": "maybe"}, "yes or no"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_start(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        context_of(tmp_path, None, **changes)
