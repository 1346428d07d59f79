"""Containers under the real Docker engine: exit codes, one signer, killed holders, taken over settings."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.errors import HeldByOther, NodeError
from console.files import write_durably
from console.node import shim as shim_program
from console.node.runtime.containers import BEFORE, NEXT, Containers, Service, successor
from console.node.runtime.docker import DockerRuntime
from console.node.runtime.engine import Engine, EngineDown, engine_socket
from console.node.runtime.holder import FAULT_POINTS
from console.node.runtime.runtime import RunSpec, ServiceSpec
from tests.console.node.runtime.real_engine import RealEngine


@pytest.fixture(scope="module")
def images(shared_engine: RealEngine, static_node: Path) -> tuple[str, str]:
    """Ids of the old and the new release's image."""
    old = shared_engine.image(static_node, ['ENTRYPOINT ["/node"]', "ENV RELEASE=old", 'CMD ["serve"]'])
    changes = ['ENTRYPOINT ["/node"]', "ENV RELEASE=new FM_HALT_HEIGHT=7", 'CMD ["serve"]']
    return old, shared_engine.image(static_node, changes)


class Bench:
    """A node of containers, as an operator made it: `docker create`, and a home with a data folder."""

    def __init__(self, engine: RealEngine, images: tuple[str, str], folder: Path) -> None:
        self.engine, self.old, self.new, self.folder = engine, *images, folder
        (folder / "run").mkdir()
        (folder / "data").mkdir()
        self.app_ends_s = 0.2
        self.services: tuple[str, ...] = ()
        self.runtime = self.controller()

    def controller(self) -> DockerRuntime:
        """A controller that was started just now: it remembers nothing."""
        services = tuple(Service(name, f"val-{name}") for name in self.services)
        return DockerRuntime(self.folder / "run", self.folder, services, self.engine.socket, app_ends_s=self.app_ends_s)

    def operator_makes(self, *services: str, options: tuple[str, ...] = ()) -> None:
        self.services = services
        mount = f"{self.folder / 'data'}:/data"
        for name in services:
            network = () if "--network" in options else ("--network", "none")
            self.engine.run("create", "--name", f"val-{name}", *network, "-v", mount, *options, self.old)
        self.runtime = self.controller()

    def spec(self, *words: str, run_id: int = 1, halt: int = 0, image: str = "", grace_s: float = 5.0) -> RunSpec:
        services = tuple(
            ServiceSpec(
                name=name,
                binary=Path("unused"),
                sha256=image or self.old,
                arguments=words if name == self.services[0] else (),
                environment={"PATH": "/of/the/controller"} | ({"FM_HALT_HEIGHT": str(halt)} if halt else {}),
            )
            for name in self.services
        )
        return RunSpec(run_id=run_id, services=services, home=self.folder, grace_s=grace_s)

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.run("inspect", name).stdout)[0]
        return found

    def exits_with(self, code: int) -> None:
        """Every container that serves ends with that code."""
        write_durably(self.folder / "data" / "exit", str(code).encode())


@pytest.fixture
async def bench(shared_engine: RealEngine, images: tuple[str, str], tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(shared_engine, images, tmp_path)
    yield bench
    shared_engine.remove_containers()
    await until(lambda: not bench.runtime._holders())


async def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.anyio
@pytest.mark.parametrize("code", [0, 2, 101])
async def test_the_exit_code_and_the_words_of_a_container_are_kept(bench: Bench, code: int) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("exit", str(code), halt=42))
    record = await bench.runtime.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean, record.problem) == (code, False, False, "")
    said = bench.runtime.log_since(live.log_offset)
    assert b"release old halt 42 own -\n" in said
    assert b"said on stdout\n" in said
    assert not bench.runtime.lock_held()


@pytest.mark.anyio
async def test_the_app_is_known_by_the_pid_and_the_environment_that_the_machine_sees(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve", halt=42))
    assert bench.runtime.node_alive(live)
    assert Path(f"/proc/{live.child_pid}/cmdline").read_bytes() == b"/node\0serve\0"
    environment = bench.runtime.environment_of(live)
    assert environment["FM_HALT_HEIGHT"] == "42"
    assert "/of/the/controller" not in environment.values()
    assert 0 <= bench.runtime.age_s(live) < 60
    record = await bench.runtime.stop(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (0, True, False)


@pytest.mark.anyio
async def test_the_environment_comes_from_the_engine_where_proc_is_closed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve", halt=42))

    def closed(live: object) -> dict[str, str]:
        raise NodeError("permission denied")

    monkeypatch.setattr(bench.runtime._files, "environment_of", closed)
    assert bench.runtime.environment_of(live)["FM_HALT_HEIGHT"] == "42"
    await bench.runtime.stop(live)
    with pytest.raises(NodeError):
        bench.runtime.environment_of(live)


@pytest.mark.anyio
async def test_a_container_that_ignores_its_stop_signal_is_killed_after_its_grace(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("stubborn", grace_s=1.0))
    record = await bench.runtime.stop(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (137, True, True)


@pytest.mark.anyio
async def test_all_services_end_with_the_first_that_ends(bench: Bench) -> None:
    bench.operator_makes("app", "cometbft")
    live = await bench.runtime.start(bench.spec("serve"))
    assert [service.name for service in live.services] == ["app", "cometbft"]
    bench.engine.run("kill", "--signal", "TERM", "val-cometbft")
    record = await bench.runtime.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.first) == (0, False, "cometbft")
    assert record.codes == {"app": 0, "cometbft": 0}
    assert not bench.runtime.lock_held()

    live = await bench.runtime.start(bench.spec("exit", "2", run_id=2))
    record = await bench.runtime.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.first) == (2, False, "")
    assert not bench.runtime.lock_held()


@pytest.mark.anyio
async def test_an_app_that_halts_just_after_its_consensus_keeps_its_exit_code(bench: Bench) -> None:
    bench.app_ends_s = 60.0
    bench.operator_makes("app", "cometbft")
    live = await bench.runtime.start(bench.spec("serve"))
    bench.engine.run("kill", "--signal", "TERM", "val-cometbft")
    await until(lambda: not bench.inspect("val-cometbft")["State"]["Running"])
    assert bench.runtime.node_alive(live)
    bench.exits_with(2)
    record = await bench.runtime.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.codes) == (2, False, {"app": 2, "cometbft": 0})


@pytest.mark.anyio
async def test_a_second_node_is_refused_while_a_container_lives(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve"))
    with pytest.raises(HeldByOther):
        await bench.runtime.start(bench.spec("serve", run_id=2))
    await bench.runtime.stop(live)


@pytest.mark.anyio
async def test_a_container_that_the_operator_runs_is_a_signer_too(bench: Bench) -> None:
    bench.operator_makes("app")
    bench.engine.run("start", "val-app")
    assert bench.runtime.lock_held()
    with pytest.raises(HeldByOther, match="val-app runs"):
        await bench.runtime.start(bench.spec("serve"))
    bench.engine.run("stop", "val-app")
    live = await bench.runtime.start(bench.spec("serve"))
    await bench.runtime.stop(live)
    bench.engine.run("start", f"val-app{BEFORE}")
    assert bench.runtime.lock_held()


@pytest.mark.anyio
async def test_a_node_without_containers_in_the_same_home_keeps_containers_out(bench: Bench) -> None:
    bench.operator_makes("app")
    with (bench.folder / "upgrade-console.lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(HeldByOther):
            await bench.runtime.start(bench.spec("serve"))


@pytest.mark.anyio
async def test_a_killed_holder_costs_neither_the_lock_nor_the_exit_code(bench: Bench) -> None:
    bench.operator_makes("app", "cometbft")
    live = await bench.runtime.start(bench.spec("serve"))
    await until(lambda: bench.runtime.log_since(live.log_offset).count(b"release") == 2)
    os.kill(live.shim_pid, signal.SIGKILL)
    await until(lambda: not bench.runtime.shim_alive(live))
    assert bench.runtime.lock_held()
    with pytest.raises(HeldByOther):
        await bench.runtime.start(bench.spec("serve", run_id=2))

    waiting = asyncio.create_task(bench.runtime.ended(live))
    await until(lambda: bench.runtime.recorded() != live)
    again = bench.runtime.recorded()
    assert again is not None
    assert (again.run_id, again.child_pid, again.log_offset) == (1, live.child_pid, live.log_offset)
    bench.exits_with(2)
    record = await waiting
    assert record is not None
    assert (record.code, record.asked) == (2, False)
    assert b"reaching halt height" in bench.runtime.log_since(live.log_offset)


@pytest.mark.anyio
async def test_an_end_that_nobody_saw_is_told_by_the_engine(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve"))
    os.kill(live.shim_pid, signal.SIGKILL)
    await until(lambda: not bench.runtime.shim_alive(live))
    bench.exits_with(2)
    await until(lambda: not bench.runtime.node_alive(live))

    controller = bench.controller()
    await controller.settle()
    found = controller.recorded()
    assert found is not None
    record = await controller.ended(found)
    assert record is not None
    assert record.code == 2
    assert b"reaching halt height" in controller.log_since(live.log_offset)


@pytest.mark.anyio
async def test_a_node_whose_holder_was_killed_can_be_stopped(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve"))
    os.kill(live.shim_pid, signal.SIGKILL)
    await until(lambda: not bench.runtime.shim_alive(live))
    record = await bench.controller().stop(live)
    assert record is not None
    assert (record.code, record.asked) == (0, True)


@pytest.mark.anyio
async def test_a_new_controller_adopts_a_running_node(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve"))
    controller = bench.controller()
    await controller.settle()
    assert controller.recorded() == live
    assert controller.shim_alive(live)
    await controller.stop(live)


def half_started(bench: Bench, spec: RunSpec, **more: object) -> list[dict[str, str]]:
    """What a controller leaves that is killed when it is about to start the holder."""
    engine = Engine(bench.engine.socket)
    services = tuple(Service(name, f"val-{name}") for name in bench.services)
    containers = Containers(engine, bench.folder, services, frozenset({"FM_HALT_HEIGHT"}))
    made = containers.create(spec)
    document = {
        "run_id": spec.run_id,
        "lock": str(bench.folder / "upgrade-console.lock"),
        "run_dir": str(bench.folder / "run"),
        "socket": bench.engine.socket,
        "grace_s": spec.grace_s,
        "app_ends_s": 0.2,
        "log_kept": 1 << 20,
        "labels": containers.labels(spec.run_id),
        "services": made,
        **more,
    }
    write_durably(bench.folder / "run" / "holder.json", json.dumps(document).encode())
    return made


@pytest.mark.anyio
async def test_a_start_that_never_began_ends_as_not_started(bench: Bench) -> None:
    bench.operator_makes("app")
    half_started(bench, bench.spec("serve"))
    controller = bench.controller()
    await controller.settle()
    assert controller.recorded() is None
    record = controller.exit_record(1)
    assert record is not None
    assert record.problem == "it was never started"
    await until(lambda: not controller.lock_held())
    live = await controller.start(bench.spec("serve", run_id=2))
    await controller.stop(live)


@pytest.mark.anyio
async def test_a_start_that_was_killed_half_way_is_finished(bench: Bench) -> None:
    bench.operator_makes("app", "cometbft")
    half_started(bench, bench.spec("serve"), log_offset=0)
    bench.engine.run("start", "val-app")
    controller = bench.controller()
    assert controller.lock_held()
    await controller.settle()
    live = controller.recorded()
    assert live is not None
    assert controller.node_alive(live)
    assert bench.inspect("val-cometbft")["State"]["Running"]
    record = await controller.stop(live)
    assert record is not None
    assert (record.code, record.asked) == (0, True)


@pytest.mark.anyio
@pytest.mark.parametrize("point", FAULT_POINTS)
async def test_a_holder_killed_anywhere_leaves_one_node_or_none_and_its_exit_code(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    bench.operator_makes("app", "cometbft")
    monkeypatch.setenv(shim_program.FAULT_VARIABLE, f"{point}:1")
    try:
        live = await bench.runtime.start(bench.spec("serve"))
    except NodeError:
        if point not in {"holder-before-lock", "holder-before-start"}:
            raise
        assert not bench.runtime.lock_held()
        live = await bench.runtime.start(bench.spec("serve", run_id=2))
    assert bench.inspect("val-app")["State"]["Running"]
    assert bench.inspect("val-cometbft")["State"]["Running"]
    assert bench.runtime.lock_held()
    bench.exits_with(2)
    record = await bench.runtime.ended(live)
    assert record is not None
    assert (record.run_id, record.code, record.asked) == (live.run_id, 2, False)
    assert not bench.runtime.lock_held()


@pytest.mark.anyio
async def test_arming_and_switching_keep_what_the_operator_set(bench: Bench) -> None:
    bench.engine.run("network", "create", "subnet")
    bench.operator_makes(
        "app",
        options=(
            *("--network", "subnet", "--network-alias", "fendermint", "-p", "127.0.0.1:26657:26657"),
            *("-v", "/anonymous", "--env", "OWN=kept", "--user", "0:0", "--memory", "64m", "--restart", "always"),
            *("--label", "com.docker.compose.project=ipc", "--label", "owner=operator"),
        ),
    )
    try:
        before = bench.inspect("val-app")
        live = await bench.runtime.start(bench.spec(halt=42))
        armed = bench.inspect("val-app")
        assert bench.inspect(f"val-app{BEFORE}")["Id"] == before["Id"]
        assert bench.inspect(f"val-app{BEFORE}")["HostConfig"]["RestartPolicy"]["Name"] == "no"
        assert armed["HostConfig"]["RestartPolicy"]["Name"] == "no"
        assert armed["HostConfig"]["Init"]
        assert sorted(armed["Config"]["Env"]) == ["FM_HALT_HEIGHT=42", "OWN=kept", "RELEASE=old"]
        await bench.runtime.stop(live)

        live = await bench.runtime.start(bench.spec(run_id=2, image=bench.new))
        switched = bench.inspect("val-app")
        assert switched["Image"] == f"sha256:{bench.new}"
        environment = bench.runtime.environment_of(live)
        assert environment["RELEASE"] == "new"
        assert environment["OWN"] == "kept"
        # Set by the image: not armed means that it is not there at all.
        assert "FM_HALT_HEIGHT" not in environment
        for key in ("Mounts",):
            assert sorted(mount["Source"] for mount in switched[key]) == sorted(
                mount["Source"] for mount in before[key]
            )
        for key in ("NetworkMode", "PortBindings", "Memory"):
            assert switched["HostConfig"][key] == before["HostConfig"][key]
        assert "fendermint" in switched["NetworkSettings"]["Networks"]["subnet"]["Aliases"]
        assert switched["Config"]["User"] == "0:0"
        assert switched["Config"]["Labels"]["owner"] == "operator"
        assert not any(label.startswith("com.docker.compose") for label in switched["Config"]["Labels"])
        await bench.runtime.stop(live)
        names = bench.engine.run("ps", "-a", "--format", "{{.Names}}").stdout.split()
        assert sorted(names) == ["val-app", f"val-app{BEFORE}"]
    finally:
        bench.engine.remove_containers()
        bench.engine.run("network", "rm", "subnet")


@pytest.mark.anyio
async def test_restart_policies_are_taken_from_running_containers_and_said(bench: Bench) -> None:
    bench.operator_makes("app", "cometbft", options=("--restart", "unless-stopped"))
    bench.engine.run("start", "val-app")
    said = await bench.runtime.forbid_restarts()
    assert said == [
        f"took the restart policy unless-stopped from container val-{name}: the controller decides"
        for name in ("app", "cometbft")
    ]
    assert bench.inspect("val-app")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert await bench.runtime.forbid_restarts() == []


@pytest.mark.anyio
@pytest.mark.parametrize("left", [(NEXT,), (BEFORE,), (NEXT, BEFORE)])
async def test_a_kill_between_two_renames_loses_no_container(bench: Bench, left: tuple[str, ...]) -> None:
    bench.operator_makes("app", options=("--env", "OWN=kept"))
    if len(left) == 2:
        bench.engine.run("create", "--name", "val-app" + NEXT, "--network", "none", "--env", "OWN=kept", bench.old)
    bench.engine.run("rename", "val-app", f"val-app{left[-1]}")
    live = await bench.runtime.start(bench.spec("exit", "2"))
    record = await bench.runtime.ended(live)
    assert record is not None
    assert record.code == 2
    assert b"own kept" in bench.runtime.log_since(live.log_offset)


@pytest.mark.anyio
async def test_an_image_that_is_not_the_wanted_one_is_not_run(bench: Bench) -> None:
    bench.operator_makes("app")
    before = bench.inspect("val-app")["Id"]
    with pytest.raises(NodeError, match="is on this machine"):
        await bench.runtime.start(bench.spec("serve", image="ab" * 32))
    assert bench.inspect("val-app")["Id"] == before
    assert not bench.runtime.lock_held()


@pytest.mark.anyio
async def test_a_container_changed_behind_the_controller_is_not_started(bench: Bench) -> None:
    bench.operator_makes("app")
    half_started(bench, bench.spec("serve"))
    spec_path = bench.folder / "run" / "holder.json"
    document = json.loads(spec_path.read_bytes())
    document["services"][0]["image"] = f"sha256:{bench.new}"
    write_durably(spec_path, json.dumps(document).encode())
    process = bench.runtime._spawn()
    assert await asyncio.to_thread(process.wait) == 1
    record = bench.runtime.exit_record(1)
    assert record is not None
    assert "has image" in record.problem
    assert not bench.runtime.lock_held()


@pytest.mark.anyio
async def test_a_service_that_cannot_start_takes_the_others_with_it(bench: Bench) -> None:
    bench.operator_makes("app")
    options = ("--network", "none", "--init=false", "--entrypoint", "/missing")
    bench.engine.run("create", "--name", "val-cometbft", *options, bench.old)
    bench.services = ("app", "cometbft")
    bench.runtime = bench.controller()
    with pytest.raises(NodeError, match="/missing"):
        await bench.runtime.start(bench.spec("serve"))
    assert not bench.runtime.lock_held()
    assert not bench.inspect("val-app")["State"]["Running"]


@pytest.mark.anyio
async def test_a_restarted_engine_loses_neither_node_nor_exit_code(bench: Bench) -> None:
    bench.operator_makes("app")
    live = await bench.runtime.start(bench.spec("serve"))
    await asyncio.to_thread(bench.engine.stop)
    try:
        assert bench.runtime.node_alive(live)
        assert bench.runtime.lock_held()
        with pytest.raises(NodeError, match="does not answer"):
            await bench.runtime.start(bench.spec("serve", run_id=2))
    finally:
        await asyncio.to_thread(bench.engine.start)
    assert bench.runtime.shim_alive(live)
    bench.exits_with(2)
    record = await bench.runtime.ended(live)
    assert record is not None
    assert record.code == 2
    assert b"reaching halt height" in bench.runtime.log_since(live.log_offset)


@pytest.mark.anyio
async def test_an_engine_that_is_away_leaves_everything_open(bench: Bench) -> None:
    bench.operator_makes("app")
    away = DockerRuntime(
        bench.folder / "run", bench.folder, (Service("app", "val-app"),), str(bench.folder / "nobody.sock")
    )
    assert away.lock_held()
    half_started(bench, bench.spec("serve"))
    with pytest.raises(NodeError, match="start the Docker engine"):
        await away.settle()
    with pytest.raises(NodeError):
        await away.start(bench.spec("serve"))
    with pytest.raises(NodeError):
        await away.forbid_restarts()


@pytest.mark.anyio
async def test_a_hanging_engine_is_given_up_on_and_holds_the_lock(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.operator_makes("app")
    bench.runtime.lock_held()
    bench.engine.freeze()
    try:
        with monkeypatch.context() as patched:
            patched.setattr("console.node.runtime.docker._LOOK_S", 0.2)
            assert bench.runtime.lock_held()
    finally:
        bench.engine.thaw()
    await until(lambda: not bench.runtime.lock_held())


def test_only_an_engine_of_this_machine_can_run_a_node() -> None:
    assert engine_socket({}) == "/var/run/docker.sock"
    assert engine_socket({"DOCKER_HOST": "unix:///run/user/7/docker.sock"}) == "/run/user/7/docker.sock"
    with pytest.raises(EngineDown, match="on this machine"):
        engine_socket({"DOCKER_HOST": "tcp://10.0.0.1:2376"})


FOUND: dict[str, Any] = {
    "Id": "0123456789abcdef",
    "Config": {
        "Hostname": "0123456789ab",
        "Env": ["PATH=/bin", "FM_HALT_HEIGHT=9", "OWN=1"],
        "Entrypoint": ["/entry"],
        "Cmd": ["run"],
        "WorkingDir": "/fendermint",
        "ExposedPorts": {"1/tcp": {}, "2/tcp": {}},
        "Labels": {"of": "image", "mine": "1"},
    },
    "HostConfig": {"NetworkMode": "container:aaaa", "Binds": ["/host:/data:rw"], "Init": False},
    "Mounts": [
        {"Type": "bind", "Source": "/host", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "v1", "Destination": "/anonymous", "RW": False},
    ],
    "NetworkSettings": {"Networks": {}},
}
INHERITED: dict[str, Any] = {
    "Env": ["PATH=/bin"],
    "Entrypoint": ["/entry"],
    "Cmd": ["run"],
    "WorkingDir": "/fendermint",
    "ExposedPorts": {"1/tcp": {}},
    "Labels": {"of": "image"},
}
APP = ServiceSpec("app", Path("unused"), "00" * 32, (), {})


def made(
    found: dict[str, Any] = FOUND, inherited: dict[str, Any] = INHERITED, app: ServiceSpec = APP
) -> dict[str, Any]:
    return successor(found, inherited, "sha256:new", app, frozenset({"FM_HALT_HEIGHT"}), {"aaaa": "val-app"})


def test_what_came_from_the_old_image_is_left_to_the_new_one() -> None:
    body = made()
    assert body["Env"] == ["OWN=1", "FM_HALT_HEIGHT"]
    assert not {"Entrypoint", "Cmd", "WorkingDir", "Hostname"} & set(body)
    assert body["ExposedPorts"] == {"2/tcp": {}}
    assert body["Labels"] == {"mine": "1"}


def test_a_network_shared_with_another_container_of_the_node_is_shared_with_its_successor() -> None:
    assert made()["HostConfig"]["NetworkMode"] == "container:val-app"


def test_an_unnamed_volume_is_carried_over_by_name() -> None:
    assert made()["HostConfig"]["Binds"] == ["/host:/data:rw", "v1:/anonymous:ro"]


def test_an_init_that_the_operator_refused_stays_refused() -> None:
    assert made()["HostConfig"]["Init"] is False


def test_an_own_entry_point_keeps_the_command_that_belongs_to_it() -> None:
    body = made(inherited={**INHERITED, "Entrypoint": ["/other"]})
    assert (body["Entrypoint"], body["Cmd"]) == (["/entry"], ["run"])


def test_arguments_and_halt_height_of_the_run_win() -> None:
    body = made(app=replace(APP, arguments=("run", "--mode", "x"), environment={"FM_HALT_HEIGHT": "15", "HOME": "/h"}))
    assert body["Cmd"] == ["run", "--mode", "x"]
    assert body["Env"] == ["OWN=1", "FM_HALT_HEIGHT=15"]
