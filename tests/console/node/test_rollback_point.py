"""Rollback points: cheap, whole, and never the signer state."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.errors import NodeError
from console.node import point_copy
from console.node.rollback_point import CopyMethod, DataFolders, RollbackPoint, RollbackPoints
from console.node.signer_guard import SignerStateError
from console.node.tree_copy import copy_tree
from tests.console.node import data_tree
from tests.console.node.data_tree import APP, COMET, SIGNER


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return data_tree.make_home(tmp_path / "home")


@pytest.fixture
def points(home: Path) -> RollbackPoints:
    return data_tree.points_of(home)


def take(points: RollbackPoints, name: str = "one") -> RollbackPoint:
    return points.take(name, app_height=99, generation="v0.1.5", exe_sha256="ab" * 32)


def kept(home: Path, path: str, name: str = "one") -> Path:
    return home.parent / "points" / name / "tree" / path


def test_a_point_says_what_it_is_and_is_found_again(home: Path, points: RollbackPoints) -> None:
    point = take(points)
    assert (point.name, point.app_height, point.generation, point.exe_sha256) == ("one", 99, "v0.1.5", "ab" * 32)
    assert point.files == 9
    assert point.apparent_bytes == sum(
        path.stat().st_size
        for folder in (home / APP, home / COMET)
        for path in folder.rglob("*")
        if path.is_file() and path != home / SIGNER
    )
    again = data_tree.points_of(home)
    assert again.find("one") == point
    assert again.all() == (point,)
    assert again.find("two") is None
    assert again.partials() == again.damaged() == ()
    assert point.folder.stat().st_mode & 0o777 == 0o700
    assert (point.age(point.taken_at + 60), point.age(point.taken_at - 60)) == (60, 0)


def test_on_one_file_system_tables_are_shared_and_what_is_written_in_place_is_not(
    home: Path, points: RollbackPoints
) -> None:
    point = take(points)
    if point.method is not CopyMethod.HARDLINK:
        pytest.skip(f"this file system gives {point.method}")
    shared = {
        str(path.relative_to(home))
        for folder in (APP, COMET)
        for path in (home / folder).rglob("*")
        if path.is_file() and path.stat().st_nlink > 1
    }
    assert shared == data_tree.LINKED
    assert points.cost(point).exact
    assert points.cost(point).own_bytes < 64 * 1024
    before = points.cost(point).own_bytes
    data_tree.upgrade(home)
    assert points.cost(point).own_bytes >= before + 25000
    points.verify(point, full=True)


def test_the_sentence_calls_it_no_backup_and_names_its_true_cost(points: RollbackPoints) -> None:
    point = take(points)
    sentence = points.sentence(point, point.taken_at + 125.0)
    assert sentence.startswith("rollback point, not a backup: taken at height 99, 2m 05s ago; ")
    assert f"costs {points.cost(point)} of its own now" in sentence


def test_a_restore_brings_all_back_but_the_signer_state_and_can_be_repeated(home: Path, points: RollbackPoints) -> None:
    before = data_tree.state(home)
    point = take(points)
    data_tree.upgrade(home, height=120)
    after = data_tree.state(home)
    signer = (home / SIGNER).read_bytes()
    for count in (1, 2, 3):
        assert points.restore(point) == home / f"{APP}.bad-{count}"
        assert data_tree.state(home) == before
        assert (home / SIGNER).read_bytes() == signer
        assert (home / SIGNER).stat().st_mode & 0o777 == 0o600
        points.verify(point, full=True)
        # The node writes its logs in place, and the point does not notice.
        (home / APP / "rocksdb" / "000012.log").write_bytes(b"in place")
        points.verify(point, full=True)
    assert (data_tree.content(home / f"{APP}.bad-1"), data_tree.content(home / f"{COMET}.bad-1")) == after
    assert (home / f"{SIGNER.replace('/data/', '/data.bad-1/')}").read_bytes() == signer


def test_the_signer_state_is_in_the_point_for_people_only(home: Path, points: RollbackPoints) -> None:
    point = take(points)
    copy = point.folder / "DO-NOT-RESTORE.priv_validator_state.json"
    assert copy.read_bytes() == (home / SIGNER).read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o400
    assert not kept(home, SIGNER).exists()


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "lower"])
def test_without_a_good_live_signer_state_nothing_is_restored(home: Path, points: RollbackPoints, damage: str) -> None:
    point = take(points)
    data_tree.upgrade(home)
    if damage == "missing":
        (home / SIGNER).unlink()
    elif damage == "lower":
        data_tree.sign(home, 98)
    else:
        (home / SIGNER).write_text("" if damage == "empty" else '{"height": ')
    before = sorted(home.rglob("*")), data_tree.state(home)
    with pytest.raises(SignerStateError):
        points.restore(point)
    assert (sorted(home.rglob("*")), data_tree.state(home)) == before
    if damage != "lower":
        with pytest.raises(SignerStateError):
            points.set_aside()
        assert (sorted(home.rglob("*")), data_tree.state(home)) == before


def test_a_signer_state_that_is_a_link_stays_one(home: Path, points: RollbackPoints) -> None:
    point = take(points)
    elsewhere = home.parent / "signer.json"
    (home / SIGNER).rename(elsewhere)
    (home / SIGNER).symlink_to(elsewhere)
    points.restore(point)
    assert (home / SIGNER).readlink() == elsewhere
    points.set_aside()
    assert (home / SIGNER).readlink() == elsewhere
    assert json.loads(elsewhere.read_bytes())["height"] == "99"


def test_a_signer_state_kept_elsewhere_is_not_touched(tmp_path: Path, home: Path) -> None:
    elsewhere = tmp_path / "signer.json"
    (home / SIGNER).rename(elsewhere)
    data = DataFolders(home, (home / APP, home / COMET), elsewhere)
    points = RollbackPoints(data, tmp_path / "points", margin_bytes=0)
    before = elsewhere.read_bytes(), elsewhere.stat().st_ino, elsewhere.stat().st_mtime_ns
    points.restore(take(points))
    points.set_aside()
    # Not the time of the last access: who reads it touches nothing.
    assert (elsewhere.read_bytes(), elsewhere.stat().st_ino, elsewhere.stat().st_mtime_ns) == before
    assert not (home / SIGNER).exists()


def test_with_a_remote_signer_there_is_no_state_to_carry(tmp_path: Path, home: Path) -> None:
    data = DataFolders(home, (home / APP, home / COMET), None)
    points = RollbackPoints(data, tmp_path / "points", margin_bytes=0)
    for call in (points.space_needed, partial(take, points)):
        with pytest.raises(NodeError, match="a signer state that the settings do not name"):
            call()
    (home / SIGNER).unlink()
    before = data_tree.state(home)
    point = take(points)
    data_tree.upgrade(home)
    points.restore(point)
    assert data_tree.state(home) == before


def test_setting_aside_leaves_empty_folders_with_the_live_signer_state(home: Path, points: RollbackPoints) -> None:
    before = data_tree.state(home)
    signer = (home / SIGNER).read_bytes()
    assert points.set_aside() == home / f"{APP}.aside-1"
    assert (data_tree.content(home / f"{APP}.aside-1"), data_tree.content(home / f"{COMET}.aside-1")) == before
    assert data_tree.state(home) == tuple({".": folder["."]} for folder in before)
    assert (home / SIGNER).read_bytes() == signer


def test_a_complete_point_is_not_taken_again_and_a_partial_one_is(home: Path, points: RollbackPoints) -> None:
    partial = home.parent / "points" / "one.partial"
    (partial / "tree" / "junk").mkdir(parents=True)
    (partial / "tree" / "junk").chmod(0o000)
    assert points.partials() == (partial,)
    assert points.all() == ()
    point = take(points)
    assert points.partials() == ()
    data_tree.upgrade(home)
    assert take(points) == point
    points.verify(point, full=True)


def test_everything_in_a_point_is_synced_before_its_name_and_the_name_after(
    home: Path, points: RollbackPoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to name what was synced")
    synced: set[int] = set()
    unsynced: list[str] = []
    late: list[Path] = []
    real_sync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        late.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real_sync(descriptor)

    def rename(source: Path, target: Path) -> None:
        if target == home.parent / "points" / "one":
            made = [source, *Path(source).rglob("*")]
            linked = {str(kept(home, path, "one.partial")) for path in data_tree.LINKED}
            unsynced.extend(str(path) for path in made if path.stat().st_ino not in synced and str(path) not in linked)
            late.clear()
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    if take(points).method is not CopyMethod.HARDLINK:
        pytest.skip("the check knows linked files only")
    assert unsynced == []
    assert late == [home.parent / "points"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: (tree / APP / "rocksdb" / "CURRENT").unlink(), "CURRENT is missing"),
        (lambda tree: (tree / APP / "rocksdb" / "000099.sst").touch(), "000099.sst does not belong to it"),
        (lambda tree: (tree / COMET / "state.db" / "000004.ldb").write_bytes(b""), "has 0 bytes instead of 18000"),
        (lambda tree: os.utime(tree / COMET / "state.db" / "000004.ldb"), "was written after it was kept"),
        (lambda tree: shutil.rmtree(tree / COMET / "cs.wal"), "cs.wal is missing"),
    ],
)
def test_the_quick_check_finds_what_is_missing_added_or_written_in_place(
    home: Path, points: RollbackPoints, change: Callable[[Path], object], said: str
) -> None:
    point = take(points)
    points.verify(point, full=False)
    change(point.folder / "tree")
    before = data_tree.state(home)
    with pytest.raises(NodeError, match="is damaged") as caught:
        points.verify(point, full=False)
    assert said in str(caught.value)
    with pytest.raises(NodeError, match="is damaged"):
        points.restore(point)
    assert data_tree.state(home) == before
    assert list(home.rglob("*.restore-new")) == []


def test_a_flipped_bit_is_found_by_the_full_check_and_never_restored(home: Path, points: RollbackPoints) -> None:
    point = take(points)
    file = kept(home, f"{APP}/rocksdb/MANIFEST-000010")
    status = file.stat()
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    points.verify(point, full=False)
    before = data_tree.state(home)
    with pytest.raises(NodeError, match="does not hold the bytes that were kept"):
        points.verify(point, full=True)
    with pytest.raises(NodeError, match="does not hold the bytes that were kept"):
        points.restore(point)
    assert data_tree.state(home) == before
    assert list(home.rglob("*.restore-new")) == []


def test_a_damaged_manifest_hides_a_point_but_nothing_is_removed(home: Path, points: RollbackPoints) -> None:
    point = take(points)
    take(points, "two")
    (point.folder / "manifest.json").write_text("{}")
    assert [found.name for found in points.all()] == ["two"]
    assert points.damaged() == (point.folder,)
    for call in (lambda: points.find("one"), lambda: take(points), lambda: points.restore(point)):
        with pytest.raises(NodeError, match="its manifest is damaged"):
            call()
    points.prune(1, protect=frozenset())
    assert point.folder.exists()


def test_a_writer_that_was_not_stopped_is_found(
    home: Path, points: RollbackPoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(*arguments: Any, **named: Any) -> object:
        copied = copy_tree(*arguments, **named)
        (home / COMET / "cs.wal" / "wal").write_bytes(b"one more message")
        return copied

    monkeypatch.setattr(point_copy, "copy_tree", copy)
    with pytest.raises(NodeError, match=r"cs\.wal/wal changed while the rollback point was taken"):
        take(points)
    assert (points.all(), points.partials()) == ((), ())


def test_the_newest_good_points_stay(home: Path, points: RollbackPoints, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c", "d", "e"):
        take(points, name)
        # A clock that jumps back does not make a new point old.
        monkeypatch.setattr("time.time", lambda: 1.0)
    (points.all()[0].folder / "tree" / "x").mkdir()
    (kept(home, APP, "e") / "stray").touch()
    (home.parent / "points" / "f.partial").mkdir()
    assert [point.name for point in points.all()] == ["e", "d", "c", "b", "a"]
    # e is not as it was kept, so that d and c are the two good ones.
    assert points.prune(2, protect=frozenset({"a"})) == ("b",)
    assert [point.name for point in points.all()] == ["e", "d", "c", "a"]
    assert points.prune(0, protect=frozenset()) == ("c", "a")
    assert [point.name for point in points.all()] == ["e", "d"]
    assert points.partials() == ()
    points.verify(points.all()[1], full=True)


def test_the_only_good_point_is_never_pruned(home: Path, points: RollbackPoints) -> None:
    take(points, "old")
    for name in ("x", "y"):
        (kept(home, APP, take(points, name).name) / "stray").touch()
    assert points.prune(1, protect=frozenset()) == ()
    assert [point.name for point in points.all()] == ["y", "x", "old"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "x.partial", "a\nb", "x" * 201])
def test_a_name_that_is_no_folder_is_refused(home: Path, points: RollbackPoints, name: str) -> None:
    with pytest.raises(NodeError, match="cannot be the name"):
        take(points, name)
    assert points.find(name) is None
    assert not (home.parent / "points").exists()


def test_space_is_what_is_copied_a_tenth_more_and_the_margin(home: Path) -> None:
    points = data_tree.points_of(home)
    need = points.space_needed()
    more = points.space_needed(1 << 30)
    assert need.enough
    assert more.needed_bytes - need.needed_bytes == 1 << 30
    assert "shared with the data" in need.sentence
    (home / COMET / "unknown.bin").write_bytes(bytes(1 << 20))
    assert points.space_needed().needed_bytes - need.needed_bytes == pytest.approx(1.1 * (1 << 20), rel=0.01)
    huge = RollbackPoints(data_tree.data_folders(home), home.parent / "points", margin_bytes=1 << 60)
    assert not huge.space_needed().enough
    assert huge.space_needed().sentence.startswith("a rollback point needs ")


@pytest.mark.parametrize("change", ["missing", "pipe", "link out"])
def test_what_no_point_could_hold_is_found_before_the_node_is_stopped(
    home: Path, points: RollbackPoints, change: str
) -> None:
    if change == "missing":
        shutil.rmtree(home / APP)
    elif change == "pipe":
        os.mkfifo(home / APP / "pipe")
    else:
        (home / APP / "big").symlink_to("/elsewhere")
    for call in (points.space_needed, lambda: take(points)):
        with pytest.raises(NodeError):
            call()
    assert (points.all(), points.partials()) == ((), ())


def test_a_data_folder_on_another_disk_is_swapped_there(tmp_path: Path, home: Path, points: RollbackPoints) -> None:
    (home / COMET).rename(tmp_path / "disk")
    (home / COMET).symlink_to(tmp_path / "disk")
    before = data_tree.state(home)
    point = take(points)
    data_tree.upgrade(home, 120)
    points.restore(point)
    assert (home / COMET).readlink() == tmp_path / "disk"
    assert data_tree.state(home) == before
    assert (tmp_path / "disk.bad-1" / "empty.db").is_dir()
    assert json.loads((home / SIGNER).read_bytes())["height"] == "120"


def test_data_that_is_gone_is_restored_too(home: Path, points: RollbackPoints) -> None:
    before = data_tree.state(home)
    point = take(points)
    shutil.rmtree(home / APP)
    assert points.restore(point) == home / f"{COMET}.bad-1"
    assert data_tree.state(home) == before


def test_the_data_is_one_of_the_points_folders_or_nothing(tmp_path: Path, home: Path, points: RollbackPoints) -> None:
    point = take(points)
    other = RollbackPoints(DataFolders(home, (home / COMET,), home / SIGNER), tmp_path / "points", margin_bytes=0)
    with pytest.raises(NodeError, match="but the node's data is in cometbft/data"):
        other.restore(point)


@pytest.mark.parametrize(
    "folders",
    [[], ["."], ["../x"], ["/elsewhere"], ["data", "data"], ["data", "data/sub"], ["a/../../b"]],
)
def test_data_folders_are_inside_the_home_and_apart(tmp_path: Path, folders: list[str]) -> None:
    with pytest.raises(NodeError):
        DataFolders(tmp_path, tuple(tmp_path / folder for folder in folders), None)


@pytest.mark.parametrize("place", [APP, f"{APP}/points", "fendermint", "."])
def test_points_are_not_kept_in_the_data(home: Path, place: str) -> None:
    with pytest.raises(NodeError, match="rollback points cannot be in"):
        RollbackPoints(data_tree.data_folders(home), home / place)


def test_two_threads_take_the_same_point_once(points: RollbackPoints) -> None:
    taken: list[RollbackPoint] = []
    threads = [threading.Thread(target=lambda: taken.append(take(points))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 4
    assert len(set(taken)) == 1
