"""Several services in one run: they start, end and are stopped together."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.node.runtime.shim import ShimRuntime, alive
from tests.console.node.runtime.scripts import WAITS, run_of, until

pytestmark = pytest.mark.anyio


def counts(name: str) -> str:
    """A script that counts its SIGTERMs, and ends when it is told to."""
    told = 'while [ ! -f "$HOME/enough" ]; do sleep 0.02; done'
    return f'trap \'echo {name} >> "$HOME/terms"\' TERM; touch "$HOME/{name}.ready"; {told}'


def obeys(name: str) -> str:
    """A script that says when it is there, and ends at SIGTERM."""
    return f'trap \'echo {name} >> "$HOME/ended"; exit 0\' TERM; touch "$HOME/{name}.ready"; {WAITS}'


def ready(folder: Path, *names: str) -> bool:
    return all((folder / f"{name}.ready").exists() for name in names)


async def test_the_end_of_the_app_ends_its_companions(shims: ShimRuntime, tmp_path: Path) -> None:
    halts = 'while [ ! -f "$HOME/go" ]; do sleep 0.02; done; exit 2'
    live = await shims.start(run_of(tmp_path, halts, obeys("cometbft"), obeys("eth")))
    await until(lambda: ready(tmp_path, "cometbft", "eth"))
    assert [service.name for service in live.services] == ["app", "cometbft", "eth"]
    assert all(alive(service.pid, service.started) for service in live.services)
    assert len({os.getpgid(service.pid) for service in live.services}) == 3
    (tmp_path / "go").touch()
    record = await shims.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean, record.first) == (2, False, False, "")
    assert record.codes == {"app": 2, "cometbft": 0, "eth": 0}
    assert not shims.lock_held()


async def test_a_companion_that_ends_first_leaves_the_app_time_to_halt(shims: ShimRuntime, tmp_path: Path) -> None:
    halts = 'while [ ! -f "$HOME/gone" ]; do sleep 0.02; done; exit 2'
    live = await shims.start(run_of(tmp_path, halts, 'touch "$HOME/gone"; exit 0'))
    record = await shims.ended(live)
    assert record is not None
    assert (record.code, record.asked, record.unclean) == (2, False, False)
    assert record.codes == {"app": 2, "cometbft": 0}
    # The two race: which was seen first is not ours to say, but what is said must be one of them.
    assert record.first in {"", "cometbft"}


async def test_an_app_that_stays_without_its_companion_is_ended(shims: ShimRuntime, tmp_path: Path) -> None:
    live = await shims.start(
        run_of(tmp_path, obeys("app"), "while [ ! -f $HOME/app.ready ]; do sleep 0.02; done; exit 7")
    )
    record = await shims.ended(live)
    assert record is not None
    assert (record.first, record.asked, record.unclean) == ("cometbft", False, False)
    assert record.codes == {"app": 0, "cometbft": 7}
    assert (tmp_path / "ended").read_text() == "app\n"


async def test_a_stop_reaches_every_service_and_who_left_it(shims: ShimRuntime, tmp_path: Path) -> None:
    leaver = f"setsid sh -c '{obeys('leaver').replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}' &\n"
    live = await shims.start(run_of(tmp_path, obeys("app"), leaver + obeys("cometbft")))
    await until(lambda: ready(tmp_path, "app", "cometbft", "leaver"))
    record = await shims.stop(live)
    assert record is not None
    assert (record.asked, record.unclean, record.first) == (True, False, "")
    assert sorted((tmp_path / "ended").read_text().split()) == ["app", "cometbft", "leaver"]


async def test_each_process_is_asked_once(shims: ShimRuntime, tmp_path: Path) -> None:
    """To some programs a second SIGTERM means at once."""
    live = await shims.start(run_of(tmp_path, counts("app"), counts("cometbft"), obeys("eth")))
    await until(lambda: ready(tmp_path, "app", "cometbft", "eth"))
    os.kill(live.shim_pid, signal.SIGTERM)
    await until(lambda: (tmp_path / "ended").exists() and len((tmp_path / "terms").read_text().split()) == 2)
    os.kill(live.shim_pid, signal.SIGTERM)
    (tmp_path / "enough").touch()
    record = await shims.ended(live)
    assert record is not None
    assert not record.unclean
    assert sorted((tmp_path / "terms").read_text().split()) == ["app", "cometbft"]


async def test_nothing_runs_when_one_of_the_binaries_is_another(shims: ShimRuntime, tmp_path: Path) -> None:
    spec = run_of(tmp_path, 'touch "$HOME/touched"', 'touch "$HOME/touched"')
    other = dataclasses.replace(spec.services[1], sha256="0" * 64)
    with pytest.raises(NodeError, match="sha256"):
        await shims.start(dataclasses.replace(spec, services=(spec.app, other)))
    assert not (tmp_path / "touched").exists()
    assert not shims.lock_held()


async def test_without_its_shim_a_run_is_stopped_whole(shims: ShimRuntime, tmp_path: Path) -> None:
    deaf = f'setsid sh -c \'trap "" TERM; touch "$HOME/deaf.ready"; {WAITS}\' &\n'
    live = await shims.start(run_of(tmp_path, obeys("app"), deaf + obeys("cometbft"), grace_s=0.3))
    await until(lambda: ready(tmp_path, "app", "cometbft", "deaf"))
    os.kill(live.shim_pid, signal.SIGKILL)
    await until(lambda: not shims.shim_alive(live))
    with pytest.raises(HeldByOther):
        await shims.start(run_of(tmp_path, "exit 0", run_id=2))
    assert await shims.stop(live) is None
    assert not shims.lock_held()
    assert sorted((tmp_path / "ended").read_text().split()) == ["app", "cometbft"]


async def test_one_that_forks_for_ever_is_ended(shims: ShimRuntime, tmp_path: Path) -> None:
    forks = "trap '' TERM; touch \"$HOME/forks.ready\"; while :; do (setsid sh -c \"trap '' TERM; sleep 0.3\" &) ; done"
    live = await shims.start(run_of(tmp_path, forks, grace_s=0.2))
    await until(lambda: ready(tmp_path, "forks"))
    record = await shims.stop(live)
    assert record is not None
    assert (record.code, record.unclean) == (-signal.SIGKILL, True)
    assert not shims.lock_held()


async def test_the_node_does_not_inherit_what_python_ignores(shims: ShimRuntime, tmp_path: Path) -> None:
    live = await shims.start(run_of(tmp_path, "exec grep SigIgn /proc/self/status"))
    await shims.ended(live)
    ignored = int(shims.log_since(live.log_offset).split()[1], 16)
    assert ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1) | 1 << (signal.SIGHUP - 1)) == 0
