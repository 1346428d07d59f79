"""The node program's builds: the same bytes each time, other bytes per release, and they run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from console.devnet.build import NEW, OLD, RELEASES, Release, build_all

PYTHON = os.path.abspath(sys.executable)

_IN_ANOTHER_PROCESS = """
import sys
{before}
from console.devnet.build import build_all
for build in build_all(sys.argv[1]):
    print(build.version, build.sha256)
"""


def built_elsewhere(hash_seed: str, before: str = "") -> dict[str, str]:
    """Versions and hashes as another process builds them."""
    answer = subprocess.run(
        [sys.executable, "-c", _IN_ANOTHER_PROCESS.format(before=before), PYTHON],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in answer.stdout.splitlines())


def run(binary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a build away from the source tree."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "FM_HALT_HEIGHT"}}
    return subprocess.run(
        [str(binary), *arguments], cwd="/", env=environment, capture_output=True, text=True, check=False
    )


def written(folder: Path, content: bytes) -> Path:
    """An executable file."""
    folder.mkdir(parents=True)
    path = folder / "subnetd"
    path.write_bytes(content)
    path.chmod(0o500)
    return path


def test_rebuilt_builds_are_byte_identical() -> None:
    first = {build.version: build.sha256 for build in build_all(PYTHON)}
    assert first == built_elsewhere("1")
    # What else the building process has loaded decides which constants are shared in memory.
    assert first == built_elsewhere("2", before="import aiohttp, console.devnet.program.cli, json, decimal")
    assert list(first) == ["v0.1.5", "v0.2.0"]


def test_releases_differ_in_the_one_module(tmp_path: Path) -> None:
    old, new = (written(tmp_path / build.version, build.content) for build in build_all(PYTHON))
    with zipfile.ZipFile(old) as before, zipfile.ZipFile(new) as after:
        assert before.namelist() == after.namelist()
        differing = {name for name in before.namelist() if before.read(name) != after.read(name)}
    assert differing == {"program/release.py", "program/release.pyc"}


@pytest.mark.parametrize("release", RELEASES)
def test_a_build_runs_from_a_long_path_with_spaces(tmp_path: Path, release: Release) -> None:
    [build] = build_all(PYTHON, (release,))
    folder = tmp_path / ("long " * 40) / "and 'quoted' $HOME"
    answer = run(written(folder, build.content), "--version")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{release.version}\n", "")


def test_an_interpreter_path_is_quoted(tmp_path: Path) -> None:
    python = tmp_path / 'it\'s a $(false) "python"'
    python.symlink_to(PYTHON)
    [build] = build_all(str(python), (OLD,))
    assert run(written(tmp_path / "bin", build.content), "--version").stdout == "v0.1.5\n"


def test_a_build_carries_all_its_code(tmp_path: Path) -> None:
    [build] = build_all(PYTHON, (NEW,))
    answer = run(written(tmp_path / "bin", build.content), "node", "start", "--home", str(tmp_path / "no home"))
    # It came as far as reading its home: every module was found in the file.
    assert answer.returncode == 1
    assert "no home" in answer.stderr
    assert "Traceback" not in answer.stderr
    names = zipfile.ZipFile(tmp_path / "bin" / "subnetd").namelist()
    sources = Path(__file__).parents[3] / "console" / "devnet" / "program"
    assert {Path(name).name for name in names if name.startswith("program/") and name.endswith(".py")} == {
        path.name for path in sources.glob("*.py")
    }
    assert all(f"{name}c" in names for name in names if name.endswith(".py"))


def test_the_hash_is_that_of_the_bytes() -> None:
    [build] = build_all(PYTHON, (OLD,))
    assert build.sha256 == hashlib.sha256(build.content).hexdigest()
    assert build.content.startswith(b"#!/bin/sh\nexec ")


def test_source_and_bytecode_agree_with_the_source_tree() -> None:
    from console.devnet.program import release

    assert (OLD.version, OLD.rules) == (release.VERSION, release.RULES)
