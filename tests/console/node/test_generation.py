"""Generations on disk: immutable, complete, and one switch."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.files import sha256_of
from console.model import GENESIS
from console.node.generation import Generations
from console.node.generation_folders import folder_name
from tests.console.node import nodes


def staged(tmp_path: Path, home: Path, name: str = "v0.2.0") -> tuple[Generations, str]:
    generations = Generations(home, nodes.DAEMON)
    file = tmp_path / "download"
    sha256 = nodes.write_binary(file, home)
    generations.stage(name, file, sha256, "test")
    return generations, sha256


def test_staging_publishes_exactly_the_verified_bytes(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, sha256 = staged(tmp_path, home)
    generation = generations.generation("v0.2.0")
    assert (generation.sha256, sha256_of(generation.binary)) == (sha256, sha256)
    assert generation.binary.stat().st_mode & 0o777 == 0o555
    assert generations.current().name == GENESIS


def test_bytes_that_are_not_the_verified_ones_are_not_published(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    file = tmp_path / "download"
    nodes.write_binary(file, home)
    generations = Generations(home, nodes.DAEMON)
    with pytest.raises(NodeError, match="not the verified"):
        generations.stage("v0.2.0", file, "0" * 64, "test")
    with pytest.raises(NodeError, match="not complete"):
        generations.generation("v0.2.0")


def test_the_switch_is_never_missing_for_a_reader(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, _ = staged(tmp_path, home)
    new, old = generations.generation("v0.2.0"), generations.generation(GENESIS)
    stop = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                generations.current()
            except NodeError as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        generations.switch(new)
        generations.switch(old)
    stop.set()
    reader.join()
    assert failures == []
    assert (home / "cosmovisor" / "current").readlink() == Path(GENESIS)


def test_changed_bytes_on_disk_are_not_staged_any_more(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, sha256 = staged(tmp_path, home)
    binary = generations.generation("v0.2.0").binary
    binary.chmod(0o700)
    binary.write_text("something else")
    assert generations.staged("v0.2.0", sha256) is None


def test_the_running_generation_is_not_replaced(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, sha256 = staged(tmp_path, home)
    generations.switch(generations.generation("v0.2.0"))
    file = tmp_path / "again"
    nodes.write_binary(file, home)
    with pytest.raises(NodeError, match="current one"):
        generations.stage("v0.2.0", file, sha256, "test")


@pytest.mark.parametrize(
    ("plan", "folder"), [("v0.2.0", "v0.2.0"), ("V2 Big", "v2%20big"), ("../x", "..%2Fx"), ("a/b", "a%2Fb")]
)
def test_plan_names_become_folders_as_in_cosmovisor(plan: str, folder: str) -> None:
    assert folder_name(plan) == folder


@pytest.mark.parametrize("name", ["..", ".", "", "genesis", ".hidden", "../../etc"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    home = nodes.make_home(tmp_path / "home")
    with pytest.raises(NodeError, match="cannot be the folder"):
        staged(tmp_path, home, name)
    assert Generations(home, nodes.DAEMON).current().binary.is_file()


def test_names_are_cased_as_the_setting_says() -> None:
    assert folder_name("V2 Big", recase=False) == "V2%20Big"
    assert folder_name("ΟΔΟΣ İ") == folder_name("οδοσ i")
    assert folder_name("a;b,c?d$&+=:@~") == "a%3Bb%2Cc%3Fd$&+=:@~"
    home = Path("/nowhere")
    assert Generations(home, "d", recase=False).folder_of_plan("V2") == "V2"
    assert Generations(home, "d").folder_of_plan("V2") == "v2"


@given(st.text(min_size=1))
def test_a_plans_folder_never_leads_elsewhere(name: str) -> None:
    folder = folder_name(name)
    assert "/" not in folder
    assert "\0" not in folder
    assert folder.isascii()


@pytest.mark.parametrize("absolute", [False, True])
def test_current_may_be_an_absolute_link_as_old_cosmovisors_wrote(tmp_path: Path, absolute: bool) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, _ = staged(tmp_path, home)
    link = home / "cosmovisor" / "current"
    link.unlink()
    link.symlink_to(home / "cosmovisor" / "upgrades" / "v0.2.0" if absolute else "upgrades/v0.2.0")
    assert generations.current().name == "v0.2.0"
    link.unlink()
    link.symlink_to(home / "cosmovisor" / "genesis" if absolute else "./genesis/")
    assert generations.current().name == GENESIS


@pytest.mark.parametrize("target", ["../elsewhere", "upgrades", "upgrades/genesis", "upgrades/v0.2.0/bin", "nowhere"])
def test_current_that_leads_elsewhere_is_never_guessed(tmp_path: Path, target: str) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, _ = staged(tmp_path, home)
    nodes.write_binary(home / "elsewhere" / "bin" / nodes.DAEMON, home)
    nodes.write_binary(home / "cosmovisor" / "upgrades" / "genesis" / "bin" / nodes.DAEMON, home)
    link = home / "cosmovisor" / "current"
    link.unlink()
    link.symlink_to(target)
    with pytest.raises(NodeError):
        generations.current()
    assert not any(state.current for state in generations.all())


def test_a_generation_that_is_a_link_to_elsewhere_is_not_current(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, _ = staged(tmp_path, home)
    nodes.write_binary(tmp_path / "elsewhere" / "bin" / nodes.DAEMON, home)
    (home / "cosmovisor" / "upgrades" / "v3").symlink_to(tmp_path / "elsewhere")
    (home / "cosmovisor" / "current").unlink()
    (home / "cosmovisor" / "current").symlink_to("upgrades/v3")
    with pytest.raises(NodeError, match="no generation of this node"):
        generations.current()


def test_all_that_is_there_is_listed_with_its_state(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, sha256 = staged(tmp_path, home)
    (home / "cosmovisor" / "upgrades" / "half" / "bin").mkdir(parents=True)
    (home / "cosmovisor" / "upgrades" / ".v9.new").mkdir()
    nodes.write_binary(home / "cosmovisor" / "upgrades" / "unknown" / "bin" / nodes.DAEMON, home)
    (home / "cosmovisor" / "upgrades" / "unknown" / "release.json").write_text("{")
    assert generations.names() == (GENESIS, "half", "unknown", "v0.2.0")
    genesis, half, unknown, release = generations.all()
    assert (genesis.current, genesis.complete, genesis.sha256) == (True, True, "")
    assert (half.complete, half.missing) == (False, (nodes.DAEMON,))
    assert "cannot be read" in unknown.problem
    assert (release.current, release.sha256, release.origin) == (False, sha256, "test")
    with pytest.raises(NodeError, match="cannot be read"):
        generations.generation("unknown")


def test_bytes_that_somebody_put_there_are_known_after_an_attestation(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations = Generations(home, nodes.DAEMON)
    sha256 = nodes.write_binary(home / "cosmovisor" / "upgrades" / "v2" / "bin" / nodes.DAEMON, home)
    assert not generations.generation("v2").verified
    with pytest.raises(NodeError, match="has sha256"):
        generations.adopt_recorded("v2", "built by me", sha256="0" * 64)
    found = generations.adopt_recorded("v2", "built by me", sha256=sha256)
    assert (found.verified, found.sha256) == (True, sha256)
    state = next(state for state in generations.all() if state.name == "v2")
    assert (state.sha256, state.origin) == (sha256, "built by me")
    generations.adopt_recorded("v2", "somebody else")
    assert next(state for state in generations.all() if state.name == "v2").origin == "built by me"
    nodes.write_binary(home / "cosmovisor" / "upgrades" / "v2" / "bin" / nodes.DAEMON, home, version="other")
    with pytest.raises(NodeError, match="not the one"):
        generations.adopt_recorded("v2", "somebody else")


def test_a_binary_of_the_operator_is_staged_and_stays_where_it_is(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations = Generations(home, nodes.DAEMON)
    file = tmp_path / "mine"
    sha256 = nodes.write_binary(file, home)
    companion = tmp_path / "comet"
    nodes.write_binary(companion, home, version="comet")
    with pytest.raises(NodeError, match="sha256"):
        generations.stage_file("v2", file, "0" * 64, "mine")
    staged_now = generations.stage_file("v2", file, "", "mine", companions={"cometbft": companion})
    assert file.exists()
    assert (staged_now.sha256, staged_now.verified) == (sha256, True)
    assert [(entry.daemon, entry.sha256) for entry in staged_now.companions] == [("cometbft", sha256_of(companion))]
    inode = staged_now.binary.stat().st_ino
    assert generations.stage_file("v2", file, sha256, "mine").binary.stat().st_ino == inode
    other = nodes.write_binary(file, home, version="v3")
    with pytest.raises(NodeError, match="other bytes"):
        generations.stage_file("v2", file, "", "mine")
    assert generations.stage_file("v2", file, "", "mine", force=True).sha256 == other
    generations.switch(generations.generation("v2"))
    nodes.write_binary(file, home, version="v4")
    with pytest.raises(NodeError, match="current one"):
        generations.stage_file("v2", file, "", "mine", force=True)
    with pytest.raises(NodeError, match="no file"):
        generations.stage_file("v5", tmp_path, "", "mine")


def test_anybody_may_execute_what_was_staged_and_nobody_write_it(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations, _ = staged(tmp_path, home)
    binary = generations.generation("v0.2.0").binary
    modes = [path.stat().st_mode & 0o777 for path in (binary, binary.parent, binary.parents[1])]
    assert modes == [0o555, 0o755, 0o755]


def test_a_generation_of_several_binaries_is_complete_with_all_of_them(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations = Generations(home, nodes.DAEMON, companions=("cometbft",))
    assert generations.all()[0].missing == ("cometbft",)
    with pytest.raises(NodeError, match="not complete"):
        generations.current()
    nodes.write_binary(home / "cosmovisor" / "genesis" / "bin" / "cometbft", home)
    assert [entry.daemon for entry in generations.current().companions] == ["cometbft"]
    (state,) = generations.all()
    assert state.missing == ()


def test_a_release_of_the_app_alone_goes_on_with_the_companion_that_runs(tmp_path: Path) -> None:
    home = nodes.make_home(tmp_path / "home")
    generations = Generations(home, nodes.DAEMON, companions=("cometbft",))
    file = tmp_path / "raw"
    sha256 = nodes.write_binary(file, home, version="v2")
    generations.stage_file("v1", file, "", "mine")
    assert generations.all()[1].missing == ("cometbft",), "the current one has none that could be taken"
    runs = nodes.write_binary(home / "cosmovisor" / "genesis" / "bin" / "cometbft", home, version="comet")
    nodes.write_binary(home / "cosmovisor" / "genesis" / "bin" / "unrelated", home)
    for staged_now in (
        generations.stage_file("v2", file, sha256, "mine"),
        generations.stage("v3", file, sha256, "a plan"),
    ):
        assert [(entry.daemon, entry.sha256) for entry in staged_now.companions] == [("cometbft", runs)]
