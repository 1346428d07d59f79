"""Generations on disk: immutable, complete, and one switch."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.node.generation import GENESIS, Generations, folder_name
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
    assert generation.binary.stat().st_mode & 0o777 == 0o500
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
