"""Rollback points killed, refused by the disk and cut from power at every place: complete or absent, old or new."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.errors import NodeError
from console.node.faults import FaultPoints
from console.node.rollback_point import RollbackPoint, RollbackPoints
from tests.console.node import data_tree
from tests.console.node.faulty_os import KILL, KILLED, NOT_REACHED, PASSED, REFUSED, run_child

REPOSITORY = Path(__file__).parents[3]
MEMORY = Path("/dev/shm")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder where fsync costs nothing: these tests count calls, and make hundreds of trees."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def take(points: RollbackPoints, name: str = "one") -> RollbackPoint:
    return points.take(name, app_height=99, generation="genesis", exe_sha256="ab" * 32)


def signed(home: Path) -> int:
    return int(json.loads((home / data_tree.SIGNER).read_bytes())["height"])


def each_place(stride: int, case: Callable[[int], int]) -> int:
    """Call `case` with 1, 1 + stride, … until it says NOT_REACHED; returns how many places there were."""
    at = 1
    while case(at) != NOT_REACHED:
        at += stride
        assert at < 2000
    return at


def check_taken(home: Path, before: object) -> None:
    """No point or a whole one, the data as it was, and the next try takes it."""
    points = data_tree.points_of(home)
    assert data_tree.state(home) == before
    assert points.damaged() == ()
    for point in points.all():
        points.verify(point, full=True)
    points.verify(take(points), full=True)
    assert [point.name for point in points.all()] == ["one"]
    assert points.partials() == ()
    assert data_tree.state(home) == before


def test_a_kill_at_any_call_leaves_no_point_or_a_whole_one(quick: Path) -> None:
    def case(at: int) -> int:
        home = data_tree.make_home(quick / "home")
        before = data_tree.state(home)
        code = run_child(lambda: take(data_tree.points_of(home)), at, KILL)
        assert code in (KILLED, NOT_REACHED)
        check_taken(home, before)
        _clear(quick)
        return code

    assert each_place(2, case) > 60


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_refusing_disk_is_said_and_leaves_no_half_of_a_point(quick: Path, error: int) -> None:
    def case(at: int) -> int:
        home = data_tree.make_home(quick / "home")
        before = data_tree.state(home)
        code = run_child(lambda: take(data_tree.points_of(home)), at, error)
        assert code in (PASSED, REFUSED, NOT_REACHED)
        # What was made until then does not go on filling the disk.
        assert data_tree.points_of(home).partials() == ()
        check_taken(home, before)
        _clear(quick)
        return code

    assert each_place(5, case) > 60


def prepared(folder: Path) -> tuple[Path, tuple[object, object]]:
    """A home with a point, its data run on since; and its states then and now."""
    home = data_tree.make_home(folder / "home")
    take(data_tree.points_of(home))
    old = data_tree.state(home)
    data_tree.upgrade(home, height=120)
    return home, (old, data_tree.state(home))


def check_restored(home: Path, states: tuple[object, object], *, must_be_old: bool = False) -> None:
    """Both folders of then or both of now, what was replaced kept, the signer's height, and the point as it was."""
    points = data_tree.points_of(home)
    points.finish_restore()
    found = data_tree.state(home)
    assert found == states[0] if must_be_old else found in states
    assert signed(home) == 120
    assert list(home.rglob("*.restore-new")) == []
    if found == states[0]:
        kept = (
            data_tree.content(home / f"{data_tree.APP}.bad-1"),
            data_tree.content(home / f"{data_tree.COMET}.bad-1"),
        )
        assert kept == states[1]
    point = points.find("one")
    assert point is not None
    points.verify(point, full=True)
    points.restore(point)
    assert data_tree.state(home) == states[0]
    assert signed(home) == 120


def restoring(home: Path) -> Callable[[], object]:
    def work() -> object:
        points = data_tree.points_of(home)
        point = points.find("one")
        assert point is not None
        return points.restore(point)

    return work


def test_a_restore_killed_at_any_call_ends_with_the_old_data_or_the_new(quick: Path) -> None:
    def case(at: int) -> int:
        home, states = prepared(quick)
        code = run_child(restoring(home), at, KILL)
        assert code in (KILLED, NOT_REACHED)
        check_restored(home, states, must_be_old=code == NOT_REACHED)
        _clear(quick)
        return code

    assert each_place(2, case) > 60


def test_a_restore_that_the_disk_refuses_loses_nothing(quick: Path) -> None:
    def case(at: int) -> int:
        home, states = prepared(quick)
        code = run_child(restoring(home), at, errno.EIO)
        assert code in (PASSED, REFUSED, NOT_REACHED)
        check_restored(home, states, must_be_old=code != REFUSED)
        _clear(quick)
        return code

    assert each_place(3, case) > 60


POINTS_OF_SWAP = [
    *(("before-restore-swap", 1), ("restore-between-renames", 1), ("restore-between-renames", 2)),
    ("after-restore", 1),
]


def fault(home: Path, point: str, count: int, work: Callable[[RollbackPoints], object]) -> int:
    def in_child() -> object:
        return work(data_tree.points_of(home, faults=FaultPoints(f"{point}:{count}")))

    return run_child(in_child, 1 << 30, KILL)


@pytest.mark.parametrize(("point", "count"), POINTS_OF_SWAP)
def test_a_restore_killed_again_and_again_while_it_is_finished_ends_restored(
    quick: Path, point: str, count: int
) -> None:
    def case(at: int) -> int:
        home, states = prepared(quick)
        assert fault(home, point, count, lambda points: points.restore(points.all()[0])) == KILLED
        code = run_child(lambda: data_tree.points_of(home).finish_restore(), at, KILL)
        assert code in (KILLED, NOT_REACHED)
        assert run_child(lambda: data_tree.points_of(home).finish_restore(), 1, KILL) in (KILLED, NOT_REACHED)
        check_restored(home, states, must_be_old=True)
        _clear(quick)
        return code

    each_place(1, case)


@pytest.mark.parametrize("point", ["before-point-complete", "after-point-complete"])
def test_killed_around_its_completion_a_point_is_absent_or_whole(quick: Path, point: str) -> None:
    home = data_tree.make_home(quick / "home")
    before = data_tree.state(home)
    assert fault(home, point, 1, take) == KILLED
    assert [found.name for found in data_tree.points_of(home).all()] == (["one"] if point.startswith("after") else [])
    check_taken(home, before)


@pytest.mark.parametrize(("point", "count"), POINTS_OF_SWAP)
def test_setting_aside_killed_at_its_points_ends_empty_with_the_live_signer_state(
    quick: Path, point: str, count: int
) -> None:
    home, states = prepared(quick)
    assert fault(home, point, count, lambda points: points.set_aside()) == KILLED
    data_tree.points_of(home).finish_restore()
    assert [set(folder) for folder in data_tree.state(home)] == [{"."}, {"."}]
    assert signed(home) == 120
    assert data_tree.content(home / f"{data_tree.APP}.aside-1") == states[1][0]  # type: ignore[index]


def test_a_signature_made_between_a_cut_and_its_end_is_carried_over(quick: Path) -> None:
    home, states = prepared(quick)
    assert fault(home, "before-restore-swap", 1, lambda points: points.restore(points.all()[0])) == KILLED
    # An old unit has started the node on its old data meanwhile.
    data_tree.sign(home, 130)
    data_tree.points_of(home).finish_restore()
    assert data_tree.state(home) == states[0]
    assert signed(home) == 130


def test_a_folder_made_anew_by_somebody_between_the_renames_is_not_overwritten(quick: Path) -> None:
    home, states = prepared(quick)
    assert fault(home, "restore-between-renames", 2, lambda points: points.restore(points.all()[0])) == KILLED
    (home / data_tree.COMET).mkdir()
    with pytest.raises(NodeError, match="made anew by somebody"):
        data_tree.points_of(home).finish_restore()
    with pytest.raises(NodeError, match="made anew by somebody"):
        take(data_tree.points_of(home), "another")
    (home / data_tree.COMET).rmdir()
    check_restored(home, states, must_be_old=True)


def test_a_damaged_intent_is_not_guessed_from(quick: Path) -> None:
    home, _ = prepared(quick)
    assert fault(home, "restore-between-renames", 1, lambda points: points.restore(points.all()[0])) == KILLED
    (home.parent / "points" / "swap.json").write_text('{"signer": null, "steps": [["../x", 1, 2]]}')
    before = sorted(home.rglob("*"))
    with pytest.raises(NodeError, match="how far a swap"):
        data_tree.points_of(home).finish_restore()
    assert sorted(home.rglob("*")) == before


def test_new_folders_without_an_intent_are_kept_when_the_data_is_gone(quick: Path) -> None:
    home, states = prepared(quick)
    assert fault(home, "restore-between-renames", 1, lambda points: points.restore(points.all()[0])) == KILLED
    (home.parent / "points" / "swap.json").unlink()
    data_tree.points_of(home).finish_restore()
    assert data_tree.content(home / f"{data_tree.APP}.bad-2") == states[0][0]  # type: ignore[index]


# --- the kernel's own calls ---

SCRIPT = """
import sys
from pathlib import Path
from console.errors import NodeError
from tests.console.node import data_tree
points = data_tree.points_of(Path(sys.argv[1]))
try:
    if sys.argv[2] == "take":
        points.take("one", app_height=99, generation="genesis", exe_sha256="")
    else:
        points.restore(points.find("one"))
except NodeError as error:
    sys.exit(3)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(
    ("verb", "call", "fate"),
    [
        ("take", "rename", "error=EIO:when=2"),
        ("take", "fsync", "error=EIO:when=3"),
        ("take", "ftruncate", "error=ENOSPC:when=1"),
        ("take", "rename", "signal=KILL:when=2"),
        ("restore", "rename", "error=EIO:when=2"),
        ("restore", "rename", "error=EIO:when=4"),
        ("restore", "rename", "signal=KILL:when=4"),
        ("restore", "fsync", "signal=KILL:when=9"),
    ],
)
def test_calls_that_the_kernel_refuses_or_that_are_the_last_ones(
    tmp_path: Path, verb: str, call: str, fate: str
) -> None:
    home, states = (data_tree.make_home(tmp_path / "home"), None) if verb == "take" else prepared(tmp_path)
    before = data_tree.state(home)
    strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(tmp_path / "trace"),
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:{fate}",
    ]
    done = subprocess.run(
        [*strace, sys.executable, "-c", SCRIPT, str(home), verb],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "INJECTED" not in (tmp_path / "trace").read_text() and "KILL" not in fate:
        pytest.skip(f"strace may not trace here: {done.stderr[-200:]}")
    assert done.returncode == (-signal.SIGKILL if "KILL" in fate else 3), done.stderr
    if states is None:
        check_taken(home, before)
    else:
        check_restored(home, states)


# --- what needs root ---

UNSHARED = ["unshare", "--mount", "--propagation", "private"]


def run_as_root(case: str, folder: Path, *tools: str) -> None:
    """Run a case of `mounted.py` in a mount namespace of its own, which ends with it."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("needs root on Linux, to mount")
    missing = [tool for tool in ("unshare", "mount", *tools) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    done = subprocess.run(
        [*UNSHARED, sys.executable, "-m", "tests.console.node.mounted", case, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", ["power-cut", "power-cut-elsewhere"])
def test_after_a_power_cut_a_point_and_a_restore_that_returned_are_whole(tmp_path: Path, case: str) -> None:
    run_as_root(case, tmp_path, "mkfs.ext4")


def test_a_point_on_xfs_shares_blocks(tmp_path: Path) -> None:
    run_as_root("reflink", tmp_path, "mkfs.xfs")


def test_a_full_disk_is_said_and_emptied_again(tmp_path: Path) -> None:
    run_as_root("full-disk", tmp_path)


def test_a_point_on_another_file_system_is_copied_and_says_so(tmp_path: Path) -> None:
    run_as_root("elsewhere", tmp_path)


def test_a_data_folder_that_is_a_mount_point_is_refused_before_anything_is_stopped(tmp_path: Path) -> None:
    run_as_root("mount-point", tmp_path)


@pytest.mark.parametrize("case", ["state", "start", "data", "points"])
def test_a_read_only_disk_is_said_and_the_node_is_left_alone(tmp_path: Path, case: str) -> None:
    run_as_root(f"read-only-{case}", tmp_path, "mkfs.ext4", "findmnt")


def _clear(folder: Path) -> None:
    for child in folder.iterdir():
        shutil.rmtree(child)
