"""Cosmovisor's layout is made from what runs, and nothing that exists is overwritten."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.node.generation import Generations
from console.node.home_layout import make_layout, running_binary


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def binary(folder: Path, name: str = "ipc-cli", content: str = "#!/bin/sh\n") -> Path:
    path = folder / f"installed-{name}"
    path.write_text(content)
    path.chmod(0o640)
    return path


def test_a_home_gets_the_layout_with_every_binary_executable(home: Path, tmp_path: Path) -> None:
    sources = {name: binary(tmp_path, name, f"#!/bin/sh\n# {name}\n") for name in ("fendermint", "cometbft")}
    layout = make_layout(home, sources)
    assert os.readlink(home / "cosmovisor" / "current") == "genesis"
    assert (layout.current, layout.current_made) == ("genesis", True)
    for laid in layout.binaries:
        assert laid.made
        assert laid.sha256 == sha256_of(sources[laid.daemon]) == sha256_of(laid.path)
        assert stat.S_IMODE(laid.path.stat().st_mode) & 0o111 == 0o111
    assert Generations(home, "fendermint").current().sha256 == layout.binaries[0].sha256


def test_a_second_time_changes_nothing(home: Path, tmp_path: Path) -> None:
    source = {"ipc-cli": binary(tmp_path)}
    first = make_layout(home, source)
    inode = first.binaries[0].path.stat().st_ino
    second = make_layout(home, source)
    assert [laid.made for laid in second.binaries] == [False]
    assert (second.binaries[0].sha256, second.current_made) == (first.binaries[0].sha256, False)
    assert second.binaries[0].path.stat().st_ino == inode


def test_another_binary_is_never_overwritten(home: Path, tmp_path: Path) -> None:
    make_layout(home, {"ipc-cli": binary(tmp_path)})
    before = sha256_of(home / "cosmovisor" / "genesis" / "bin" / "ipc-cli")
    with pytest.raises(NodeError, match="it was not overwritten"):
        make_layout(home, {"ipc-cli": binary(tmp_path, content="#!/bin/sh\n# new\n")})
    assert sha256_of(home / "cosmovisor" / "genesis" / "bin" / "ipc-cli") == before


def test_what_a_kill_left_half_done_is_done_to_its_end(home: Path, tmp_path: Path) -> None:
    folder = home / "cosmovisor" / "genesis" / "bin"
    folder.mkdir(parents=True)
    (folder / ".ipc-cli.new").write_text("#!/bi")
    layout = make_layout(home, {"ipc-cli": binary(tmp_path)})
    assert [path.name for path in folder.iterdir()] == ["ipc-cli"]
    assert layout.current_made


def test_a_current_that_points_at_an_upgrade_stays(home: Path, tmp_path: Path) -> None:
    (home / "cosmovisor" / "upgrades" / "v2" / "bin").mkdir(parents=True)
    (home / "cosmovisor" / "current").symlink_to("upgrades/v2")
    layout = make_layout(home, {"ipc-cli": binary(tmp_path)})
    assert (layout.current, layout.current_made) == ("upgrades/v2", False)


@pytest.mark.parametrize("broken", ["missing", "dangling", "file"])
def test_genesis_is_never_taken_for_a_current_that_is_lost(home: Path, tmp_path: Path, broken: str) -> None:
    (home / "cosmovisor" / "upgrades" / "v2" / "bin").mkdir(parents=True)
    current = home / "cosmovisor" / "current"
    if broken == "dangling":
        current.symlink_to("upgrades/v9")
    elif broken == "file":
        current.write_text("")
    with pytest.raises(NodeError, match="point"):
        make_layout(home, {"ipc-cli": binary(tmp_path)})
    assert not (home / "cosmovisor" / "genesis").exists()


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b"])
def test_a_name_that_leaves_the_folder_is_refused(home: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(NodeError, match="cannot be the name"):
        make_layout(home, {name: binary(tmp_path)})


@pytest.mark.skipif(sys.platform != "linux", reason="what a process executes is read from /proc")
def test_the_binary_of_a_running_process_is_copied_even_after_it_was_removed(home: Path, tmp_path: Path) -> None:
    program = tmp_path / "cat"
    shutil.copy(shutil.which("cat") or "/bin/cat", program)
    wanted = sha256_of(program)
    child = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        # It answers, so it was executed.
        child.stdin.write(b"x\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"x\n"
        program.unlink()
        [laid] = make_layout(home, {"ipc-cli": running_binary(child.pid)}).binaries
        assert laid.sha256 == wanted
    finally:
        child.communicate()
    with pytest.raises(NodeError, match="cannot see what process"):
        running_binary(child.pid)
