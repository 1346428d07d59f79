"""Cases that mount file systems; each runs as root in a mount namespace of its own, and exits 77 where it cannot."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from console.errors import JournalError, NodeError
from console.model import Crossing, Verdict
from console.node.rollback_point import CopyMethod, RollbackPoint, RollbackPoints
from tests.console import test_daemon
from tests.console.node import data_tree, nodes
from tests.console.node.bench import Bench, armed_and_ready, crossing, until
from tests.console.node.fakes import OTHERS

GOINGDOWN = 0x8004587D
"""XFS_IOC_GOINGDOWN, which ext4 knows too: the file system is gone at once, as in a power cut (facts/safety.md §3)."""
NO_LOG_FLUSH = 2


def take(points: RollbackPoints) -> RollbackPoint:
    return points.take("one", app_height=99, generation="genesis", exe_sha256="")


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        cannot(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


def cannot(why: str) -> None:
    sys.stdout.write(f"not possible here: {why}\n")
    sys.exit(77)


def image(folder: Path, kind: str, mebibytes: int) -> Path:
    """A file system in a file, mounted."""
    file, place = folder / "image", folder / "disk"
    place.mkdir()
    with file.open("wb") as stream:
        stream.truncate(mebibytes << 20)
    subprocess.run([f"mkfs.{kind}", "-q", str(file)], check=True, capture_output=True)
    mount("-o", "loop", str(file), str(place))
    return place


def cut_power(folder: Path) -> None:
    """Lose what is not durable on `folder/disk`, then mount it again."""
    place = folder / "disk"
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, GOINGDOWN, struct.pack("I", NO_LOG_FLUSH))
    except OSError as error:
        cannot(str(error))
    finally:
        os.close(descriptor)
    subprocess.run(["umount", str(place)], check=True)
    mount("-o", "loop", str(folder / "image"), str(place))


def power_cut(folder: Path) -> None:
    place = image(folder, "ext4", 64)
    home = data_tree.make_home(place / "home")
    os.sync()
    old = data_tree.state(home)
    take(data_tree.points_of(home))
    cut_power(folder)
    points = data_tree.points_of(home)
    points.verify(points.all()[0], full=True)
    assert data_tree.state(home) == old

    data_tree.upgrade(home, height=120)
    os.sync()
    points.restore(points.all()[0])
    cut_power(folder)
    points = data_tree.points_of(home)
    points.finish_restore()
    assert data_tree.state(home) == old
    assert '"120"' in (home / data_tree.SIGNER).read_text()
    assert (home / f"{data_tree.APP}.bad-1" / "rocksdb" / "000013.sst").is_file()
    points.verify(points.all()[0], full=True)

    points.set_aside()
    cut_power(folder)
    data_tree.points_of(home).finish_restore()
    assert '"120"' in (home / data_tree.SIGNER).read_text()
    assert [set(content) for content in data_tree.state(home)] == [{"."}, {"."}]


def power_cut_elsewhere(folder: Path) -> None:
    """The points survive on another disk, whose syncs do not make the data durable."""
    place = image(folder, "ext4", 64)
    home = data_tree.make_home(place / "home")
    old = data_tree.state(home)
    points = RollbackPoints(data_tree.data_folders(home), folder / "points", margin_bytes=0)
    point = take(points)
    data_tree.upgrade(home, height=120)
    os.sync()
    points.restore(point)
    cut_power(folder)
    points.finish_restore()
    assert data_tree.state(home) == old
    assert '"120"' in (home / data_tree.SIGNER).read_text()


def reflink(folder: Path) -> None:
    place = image(folder, "xfs", 320)
    home = data_tree.make_home(place / "home")
    big = home / data_tree.APP / "rocksdb" / "000009.log"
    big.write_bytes(os.urandom(8 << 20))
    points = data_tree.points_of(home)
    before, free = data_tree.state(home), os.statvfs(place).f_bavail
    point = take(points)
    assert point.method is CopyMethod.REFLINK, point
    os.sync()
    assert (free - os.statvfs(place).f_bavail) * os.statvfs(place).f_frsize < 2 << 20
    assert points.cost(point).own_bytes < 1 << 20
    assert not points.cost(point).exact
    assert "at most" in points.sentence(point, 0.0)
    points.verify(point, full=True)
    # Not links: what the node writes in place does not reach the point.
    big.write_bytes(b"in place")
    (home / data_tree.APP / "rocksdb" / "000011.sst").write_bytes(b"in place")
    points.verify(point, full=True)
    assert points.cost(point).own_bytes >= 8 << 20
    points.restore(point)
    assert data_tree.state(home) == before
    points.verify(point, full=True)


def tmpfs(folder: Path, options: str) -> Path:
    folder.mkdir()
    mount("-t", "tmpfs", "-o", options, "none", str(folder))
    return folder


def full_disk(folder: Path) -> None:
    home = data_tree.make_home(folder / "home")
    before = data_tree.state(home)
    # Bytes enough, but not enough files: found only on the way.
    place = tmpfs(folder / "points", "size=64m,nr_inodes=12")
    points = data_tree.points_of(home)
    with pytest.raises(NodeError, match="no space left"):
        take(points)
    assert (list(place.iterdir()), points.all(), data_tree.state(home)) == ([], (), before)
    # Too few bytes: said before anything is copied.
    (home / data_tree.APP / "big").write_bytes(bytes(65 << 20))
    assert not points.space_needed().enough
    with pytest.raises(NodeError, match="free space there") as caught:
        take(points)
    assert "needs 65.0 MiB" in str(caught.value)
    assert list(place.iterdir()) == []


def elsewhere(folder: Path) -> None:
    home = data_tree.make_home(folder / "home")
    before = data_tree.state(home)
    tmpfs(folder / "points", "size=64m")
    points = data_tree.points_of(home)
    need = points.space_needed()
    assert need.enough
    assert "another file system" in need.sentence, need.sentence
    point = take(points)
    assert point.method is CopyMethod.COPY
    assert points.cost(point).own_bytes >= point.apparent_bytes
    data_tree.upgrade(home)
    points.restore(point)
    assert data_tree.state(home) == before


def mount_point(folder: Path) -> None:
    home = data_tree.make_home(folder / "home")
    comet = home / data_tree.COMET
    # A bind mount of itself has the device of its parent.
    mount("--bind", str(comet), str(comet))
    points = data_tree.points_of(home)
    with pytest.raises(NodeError, match="mount point"):
        points.space_needed()
    with pytest.raises(NodeError, match="mount point"):
        take(points)
    assert (points.all(), points.partials()) == ((), ())


# --- a disk that the kernel made read-only after an error, with everything still open on it ---


def failing_disk(folder: Path) -> Path:
    """A file system in a file that goes read-only at an error."""
    file, place = folder / "image", folder / "disk"
    place.mkdir()
    with file.open("wb") as stream:
        stream.truncate(192 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(file)], check=True, capture_output=True)
    mount("-o", "loop,errors=remount-ro", str(file), str(place))
    return place


def fail(place: Path) -> None:
    """Let the kernel find an error: what is open stays open, and every write is refused from now on."""
    found = subprocess.run(["findmnt", "-no", "SOURCE", str(place)], check=True, capture_output=True, text=True)
    trigger = Path("/sys/fs/ext4") / Path(found.stdout.strip()).name / "trigger_fs_error"
    if not os.access(trigger, os.W_OK):
        cannot(f"no {trigger}")
    trigger.write_text("1")
    with pytest.raises(OSError, match="Read-only"):
        (place / "probe").touch()


def of_bench(case: Callable[[Bench], Awaitable[None]], bench: Bench) -> None:
    async def play() -> None:
        try:
            await case(bench)
        finally:
            await bench.end()

    anyio.run(play)


def read_only_state(folder: Path) -> None:
    """The journal cannot be written: the node goes on, its halt is not crossed, and the operator is called."""
    place = failing_disk(folder)

    async def case(bench: Bench) -> None:
        async with bench.controller() as controller:
            await armed_and_ready(bench, controller)
            pid = controller.status().pid
            fail(place)
            with pytest.raises(JournalError, match="cannot be written"):
                await controller.commands.restart()
            bench.amend(verdict=Verdict.CROSS, frozen_at=96)
            status = await until(controller, lambda status: "cannot be written" in status.note)
            assert status.pid == pid
            assert status.alarm == status.note
            assert bench.node_runs()
            bench.halt()
            await until(controller, lambda _: not bench.node_runs())
            # Looked at again and again, and nothing is decided that could not be written down.
            enough = bench.chain.reads + 5
            status = await until(controller, lambda _: bench.chain.reads >= enough)
            assert "cannot be written" in status.alarm
        assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100"]
        assert bench.generation() == "genesis"

    of_bench(case, Bench(place, nodes.make_home(folder / "home")))


def read_only_start(folder: Path) -> None:
    """A controller that can write nothing says so in one sentence and starts nothing."""
    test_daemon.lay_out(folder)
    for name in ("state", "home"):
        place = folder / name
        if name == "state":
            tmpfs(place, "size=1m")
        else:
            mount("--bind", str(place), str(place))
        mount("-o", "remount,bind,ro", str(place))
        _, said = test_daemon.started(folder).communicate(timeout=60)
        mount("-o", "remount,bind,rw", str(place))
        assert said.startswith("upgrade-console: "), said
        assert "ead-only file system" in said
        assert "nothing was started" in said
        assert said.count("\n") == 1, said
        assert nodes.starts(folder / "home") == []


def read_only_data(folder: Path) -> None:
    """The node's home cannot be written: whoever stopped it would not get it back, so it is not stopped."""
    place = failing_disk(folder)

    async def case(bench: Bench) -> None:
        async with bench.controller() as controller:
            pid = (await until(controller, lambda status: status.pid is not None)).pid
            await until(controller, lambda status: status.height is not None)
            fail(place)
            for verb in (controller.commands.restart(), controller.commands.backup("mine")):
                with pytest.raises(NodeError, match="cannot be written: read-only file system"):
                    await verb
            bench.chain.armed_at = dict.fromkeys(OTHERS, 51)
            bench.plan()
            await until(controller, lambda status: status.attempt is not None)
            with pytest.raises(NodeError, match=r"(?i)read-only file system"):
                await controller.commands.add_upgrade("v0.2.0", bench.given)
            with pytest.raises(NodeError, match="cannot be written: read-only file system"):
                await controller.commands.arm("now")
            status = await until(controller, lambda status: "read-only file system" in status.note)
            assert status.pid == pid
        assert nodes.starts(bench.home) == ["v0.1.5 0"]

    of_bench(case, Bench(folder, nodes.make_home(place / "home")))


def read_only_points(folder: Path) -> None:
    """No rollback point can be kept: said before the node is stopped; at a halt it waits, and the operator decides."""
    place = failing_disk(folder)

    async def case(bench: Bench) -> None:
        async with bench.controller() as controller:
            await armed_and_ready(bench, controller)
            pid = controller.status().pid
            fail(place)
            with pytest.raises(NodeError, match="cannot be written: read-only file system"):
                await controller.commands.backup("mine")
            assert controller.status().pid == pid
            bench.amend(verdict=Verdict.CROSS, frozen_at=96)
            bench.halt()
            status = await until(controller, lambda status: "no rollback point" in status.note)
            assert crossing(Crossing.QUIESCED)(status)
            assert "read-only file system" in status.note.lower()
            assert "--without-rollback-point" in status.note
            await controller.commands.resume(without_rollback_point="the disk of the points is broken")
            bench.chain.height = 103
            await until(controller, crossing(Crossing.COMMITTED))
        assert nodes.starts(bench.home) == ["v0.1.5 0", "v0.1.5 100", "v0.2.0 0"]

    bench = Bench(folder)
    bench.set(backup_dir=place / "points")
    of_bench(case, bench)


CASES: dict[str, Callable[[Path], None]] = {
    "power-cut": power_cut,
    "power-cut-elsewhere": power_cut_elsewhere,
    "reflink": reflink,
    "full-disk": full_disk,
    "elsewhere": elsewhere,
    "mount-point": mount_point,
    "read-only-state": read_only_state,
    "read-only-start": read_only_start,
    "read-only-data": read_only_data,
    "read-only-points": read_only_points,
}

if __name__ == "__main__":
    CASES[sys.argv[1]](Path(sys.argv[2]))
