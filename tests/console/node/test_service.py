"""The controller's socket: answers that fit, and subscribers that go."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.errors import NodeError
from console.model import NodeStatus
from console.model.roll_lease import RollLease
from console.node import protocol
from console.node.bell import Bell
from console.node.client import NodeClient
from console.node.generation import Generations
from console.node.inventory import Inventory
from console.node.journal import Journal
from console.node.known_release import ReleaseTeller
from console.node.live_settings import LiveSettings
from console.node.manifests import Manifests, NetworkDemands
from console.node.plan_file import written_ahead
from console.node.releases import BinaryReleases
from console.node.service import ControllerService, user_name
from console.node.shape import shape_of
from console.release_settings import ReleaseSettings
from tests.console.node.bench import Bench, until
from tests.console.operations.examples import a_node_status
from tests.console.operations.homes import a_cosmos_node

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(bench: Bench, releases: ReleaseTeller | None = None) -> AsyncIterator[ControllerService]:
    async with bench.controller() as controller:
        await until(controller, lambda status: status.pid is not None)
        journal = Journal(bench.state_dir / "journal.db")
        service = ControllerService(
            bench.state_dir / "run",
            controller,
            journal,
            Bell(),
            live=LiveSettings(bench.node, lambda kind, **detail: journal.record(kind, **detail)),
            inventory=Inventory.of(bench.node),
            releases=releases,
        )
        await service.open()
        try:
            yield service
        finally:
            await service.close()
            journal.close()


async def test_a_subscriber_that_went_is_forgotten_although_nothing_changes(bench: Bench) -> None:
    async with serving(bench) as service:
        stream = NodeClient(bench.state_dir).statuses()
        await anext(stream)
        assert len(service._connections) == 1
        await stream.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            while service._connections:
                await asyncio.sleep(0.01)


async def test_a_log_of_bytes_that_no_terminal_takes_still_fits_into_a_message(bench: Bench) -> None:
    async with serving(bench):
        log = bench.state_dir / "run" / "controller.log"
        log.write_bytes(b"\n".join([b"\x00\xff\x9b" * 300] * 200) + b"\nthe last line\n")
        client = NodeClient(bench.state_dir)
        lines = await client.log_tail("controller", 500)
        assert lines[-1] == "the last line"
        assert len(lines) > 1
        log.write_bytes(b"x" * 1_000_000)
        assert (await client.log_tail("controller", 500))[-1].startswith("xxx")


async def test_pages_of_events_fit_and_leave_nothing_out(bench: Bench) -> None:
    async with serving(bench):
        journal = Journal(bench.state_dir / "journal.db")
        for number in range(150):
            journal.record("noise", number=number, words="é" * 400)
        journal.close()
        client = NodeClient(bench.state_dir)
        found: list[int] = []
        since = 0
        while page := await client.events(since):
            found += [event["detail"]["number"] for event in page if event["kind"] == "noise"]
            since = page[-1]["seq"]
        assert found == list(range(150))


async def test_a_refusal_of_the_system_is_answered(bench: Bench) -> None:
    async with serving(bench):
        (bench.state_dir / "run" / "controller.log").mkdir()
        reader, writer = await asyncio.open_unix_connection(bench.state_dir / "run" / protocol.SOCKET_NAME)
        request = {"jsonrpc": "2.0", "id": 7, "method": "logs", "params": {"source": "controller"}}
        writer.write(protocol.encode(request))
        answer = json.loads(await reader.readline())
        assert answer["error"]["code"] == protocol.REFUSED
        writer.close()


class Spoken:
    """A raw line to the socket and its answer."""

    def __init__(self, bench: Bench) -> None:
        self._path = bench.state_dir / "run" / protocol.SOCKET_NAME

    async def __call__(self, line: bytes) -> Any:
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            writer.write(line + b"\n")
            return json.loads(await asyncio.wait_for(reader.readline(), 5))
        finally:
            writer.close()

    async def code(self, method: str, params: object) -> int:
        line = json.dumps({"jsonrpc": "2.0", "id": 3, "method": method, "params": params}).encode()
        answer = await self(line)
        assert answer["id"] == 3
        return int(answer["error"]["code"])


async def test_hostile_lines_are_answered_and_change_nothing(bench: Bench) -> None:
    async with serving(bench):
        say = Spoken(bench)
        before = await NodeClient(bench.state_dir).status()
        for line in (b"", b"\xff", b"[" * 60_000, b"[]", b"1", b'"status"', b"{", b"1" * 5000):
            assert (await say(line))["error"]["code"] == protocol.NOT_JSON
        assert (await say(b'{"id":NaN,"method":"status"}'))["id"] is None
        assert (await say(b'{"id":[[]],"method":["status"]}'))["error"]["code"] == protocol.UNKNOWN_METHOD
        for method in ("", "adopted", "go_on_by_hand", "acting", "__init__", "_command", "commands.stop"):
            assert await say.code(method, {}) == protocol.UNKNOWN_METHOD
        assert await say.code("stop", {"now": True}) == protocol.BAD_PARAMETERS
        assert await say.code("stop", ["now"]) == protocol.BAD_PARAMETERS
        assert await say.code("arm", {"reason": "no plan"}) == protocol.REFUSED
        after = await NodeClient(bench.state_dir).status()
        assert (after.pid, after.state, after.paused) == (before.pid, before.state, "")


async def test_who_asked_is_in_the_journal_before_it_is_done(bench: Bench) -> None:
    async with serving(bench):
        client = NodeClient(bench.state_dir)
        assert (await client.pause("looking at \x1b[31mit")).paused == "looking at <U+001B>[31mit"
        assert (await client.resume()).paused == ""
        with pytest.raises(NodeError, match="there is no complete rollback point 'none'"):
            await client.restore("none", "practice")
        found = await _events(client)
        asked = [event["detail"] for event in found if event["kind"] == "asked"]
        me = user_name(os.getuid())
        assert asked == [
            {"method": "pause", "who": me, "parameters": {"reason": "looking at <U+001B>[31mit"}},
            {"method": "resume", "who": me, "parameters": {}},
            {"method": "restore", "who": me, "parameters": {"name": "none", "reason": "practice"}},
        ]
        kinds = [event["kind"] for event in found]
        assert kinds.index("asked") + 1 == kinds.index("operator-pause")


async def _events(client: NodeClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := await client.events(found[-1]["seq"] if found else 0):
        found += page
    return found


async def test_a_rollback_point_is_taken_listed_verified_and_put_back(bench: Bench) -> None:
    (bench.home / "fendermint" / "data" / "000001.sst").write_bytes(b"sealed" * 1000)
    async with serving(bench):
        client = NodeClient(bench.state_dir)
        status, point = await client.backup("before-dinner")
        assert status.pid is not None
        assert (point["name"], point["complete"], point["generation"]) == ("before-dinner", True, "genesis")
        assert "rollback point, not a backup" in point["sentence"]
        (listed,) = await client.points()
        assert {**listed, "age_s": 0, "sentence": ""} == {**point, "age_s": 0, "sentence": ""}
        findings = await client.verify()
        assert {finding["topic"] for finding in findings} == {"generation genesis", "rollback point before-dinner"}
        assert {finding["level"] for finding in findings} <= {"ok", "warn"}
        assert [each["topic"] for each in await client.verify("points")] == ["rollback point before-dinner"]
        assert [each["topic"] for each in await client.verify("generations")] == ["generation genesis"]
        tree = bench.state_dir / "backups" / "before-dinner" / "tree"
        kept = next(path for path in tree.rglob("*") if path.is_file())
        restored = await client.restore("before-dinner", "practice")
        assert restored.pid not in {None, status.pid}
        kept.chmod(0o600)
        kept.write_bytes(kept.read_bytes() + b" ")
        (bad,) = [finding for finding in await client.verify() if finding["level"] == "fail"]
        assert bad["topic"] == "rollback point before-dinner"


async def test_generations_say_what_is_current_and_who_vouched(bench: Bench) -> None:
    async with serving(bench):
        client = NodeClient(bench.state_dir)
        bench.plan()
        (genesis,) = await client.generations()
        assert (genesis["name"], genesis["current"], genesis["complete"]) == ("genesis", True, True)


async def test_settings_are_shown_and_changed_by_name_with_who_and_why(bench: Bench) -> None:
    async with serving(bench):
        client = NodeClient(bench.state_dir)
        (shown,) = (await client.config("auto_apply"))["settings"]
        assert (shown["key"], shown["value"], shown["origin"]) == ("automatic", "true", "default")
        (change,) = await client.config_set({"auto_apply": "false"}, "by hand tonight")
        assert (change.key, change.old, change.new) == ("automatic", "true", "false")
        (shown,) = (await client.config("automatic"))["settings"]
        assert (shown["value"], shown["who"], shown["reason"]) == ("false", user_name(os.getuid()), "by hand tonight")
        with pytest.raises(NodeError, match="needs a reason"):
            await client.config_set({"backup_enabled": "false", "keep_points": "3"})
        assert (await client.config("keep_points"))["settings"][0]["value"] == "2"
        assert (await client.config_unset("automatic"))[0].new == "true"
        everything = await client.config()
        assert len(everything["settings"]) > 20
        assert everything["problem"] == ""
        with pytest.raises(NodeError, match="there is no setting 'automtic'"):
            await client.config_set({"automtic": "true"})


async def test_a_plan_is_not_written_ahead_where_plans_are_in_a_registry(bench: Bench) -> None:
    async with serving(bench):
        with pytest.raises(NodeError, match="come from the registry"):
            await NodeClient(bench.state_dir).plan_ahead("v0.2.0", 10_000)


async def test_without_live_settings_and_inventory_that_is_said(bench: Bench) -> None:
    async with serving(bench) as service:
        service._live = service._inventory = None
        client = NodeClient(bench.state_dir)
        for ask in (client.generations, client.points, client.verify, client.config):
            with pytest.raises(NodeError, match="this controller"):
                await ask()
        _, point = await client.backup("plain")
        assert point == {"name": "plain"}


class Broken:
    """A controller with a defect."""

    commands: Any

    def __init__(self) -> None:
        self.commands = self

    async def stop(self) -> None:
        raise RuntimeError("a secret path")

    def status(self) -> NodeStatus:
        raise AssertionError


async def test_a_defect_of_ours_is_answered_without_its_words(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    journal = Journal(tmp_path / "journal.db")
    service = ControllerService(run, Broken(), journal, Bell())  # type: ignore[arg-type]
    await service.open()
    try:
        with pytest.raises(NodeError, match=r"the controller failed at stop \(RuntimeError\)") as told:
            await NodeClient(tmp_path).stop()
        assert "secret" not in str(told.value)
    finally:
        await service.close()
        journal.close()


async def test_a_swap_by_hand_crosses_to_a_staged_generation(bench: Bench) -> None:
    Generations(bench.home, bench.node.daemon).stage_file("v0.2.0", bench.given, bench.sha256, "given by a test")
    async with serving(bench):
        client = NodeClient(bench.state_dir)
        bench.chain.height = 50
        async with asyncio.timeout(10):
            while (await client.status()).app_height is None:
                await asyncio.sleep(0.01)
        before = await client.status()
        with pytest.raises(NodeError, match="generation v9 is not complete"):
            await client.swap("v9", "practice")
        after = await client.swap("v0.2.0", "practice")
        async with asyncio.timeout(10):
            while after.generation != "v0.2.0" or after.pid in {None, before.pid}:
                await asyncio.sleep(0.01)
                after = await client.status()


async def test_a_controller_grants_one_lease_and_obeys_who_has_it(bench: Bench) -> None:
    mine = RollLease("rolling-1@desk", "jane", "node1", True, 60.0)
    theirs = RollLease("patch-2@lap", "bob", "other", False, 60.0)
    async with serving(bench):
        client = NodeClient(bench.state_dir)
        async with asyncio.timeout(10):
            while (await client.lease(replace(mine, left_s=0.0))).out:
                await asyncio.sleep(0.01)
        before = await client.status()
        granted = await client.lease(theirs)
        assert granted.holder is not None
        assert (granted.holder.id, granted.holder.own) == (theirs.id, False)
        assert granted.holder.by == f"bob (as {user_name(os.getuid())})"
        other = (await client.lease(mine)).refused(mine.id)
        assert other is not None
        assert replace(other, left_s=0) == replace(granted.holder, left_s=0)
        for refused in (client.restart(), client.restart(lease=mine.id), client.backup("a-point")):
            with pytest.raises(NodeError, match="takes other down in run patch-2@lap"):
                await refused
        assert (await client.status()).pid == before.pid
        await client.end_lease(theirs.id)
        assert (await client.lease(mine)).out == ""
        assert (await client.restart(lease=mine.id)).pid not in {None, before.pid}
        # Whoever wants to stop it may: it costs power, and may save the key.
        await client.stop()
        stopped = await client.lease(mine)
        assert stopped.out == "it does not run (STOPPED_BY_OPERATOR)"
        await client.end_lease(mine.id)
        kinds = [event["kind"] for event in await _events(client) if event["kind"].startswith("lease-")]
        assert kinds == ["lease-granted", "lease-given-back"] * 2


class Still:
    """A controller of a node that stands at a height."""

    def __init__(self, app_height: int) -> None:
        self._status = a_node_status(app_height=app_height)

    def status(self) -> NodeStatus:
        return self._status


async def test_a_plan_ahead_is_journalled_and_written_only_for_what_is_to_come(tmp_path: Path) -> None:
    node = a_cosmos_node(tmp_path)
    run = node.state_dir / "run"
    run.mkdir(parents=True)
    journal = Journal(node.state_dir / "journal.db")
    live = LiveSettings(node, lambda kind, **detail: journal.record(kind, **detail))
    service = ControllerService(run, Still(400), journal, Bell(), live=live)  # type: ignore[arg-type]
    await service.open()
    path = node.home / "data" / "upgrade-info.json"
    client = NodeClient(node.state_dir)
    try:
        with pytest.raises(NodeError, match="has executed height 400 already"):
            await client.plan_ahead("V2", 400)
        assert not path.exists()
        await client.plan_ahead("V2", 401)
        assert json.loads(path.read_bytes()) == {"name": "v2", "time": "0001-01-01T00:00:00Z", "height": 401}
        assert written_ahead(journal, "v2", 401)
        await client.plan_ahead("v2", 401)
        with pytest.raises(NodeError, match="plans v2 for height 401"):
            await client.plan_ahead("v3", 402)
        await client.plan_ahead("v3", 402, force=True)
        path.write_bytes(b"{")
        with pytest.raises(NodeError, match="is no whole plan"):
            await client.plan_ahead("v3", 402)
    finally:
        await service.close()
        journal.close()


async def test_the_release_is_told_where_manifests_are_verified(bench: Bench, tmp_path: Path) -> None:
    shape = shape_of(bench.node)
    demands = NetworkDemands("test-1", ReleaseSettings("off", tmp_path / "trust"))
    manifests = Manifests(demands, lambda: bench.node, shape, BinaryReleases(lambda: bench.node, shape))
    teller = ReleaseTeller(manifests, Inventory.of(bench.node).generations)
    async with serving(bench, teller):
        client = NodeClient(bench.state_dir)
        assert "no plan was taken up here yet" in (await client.release()).reason
        assert "no manifest is kept with this generation" in (await client.release("genesis")).reason
        with pytest.raises(NodeError, match="there is no generation v9"):
            await client.release("v9")


async def test_a_controller_that_verifies_nothing_says_so(bench: Bench) -> None:
    async with serving(bench):
        with pytest.raises(NodeError, match="verifies no manifests"):
            await NodeClient(bench.state_dir).release()
