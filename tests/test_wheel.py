"""The wheel: it holds what the program needs and nothing else, and what it installs opens the console."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import survivors
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("wheel")]

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("console", "screens", "widgets", "themes")
DATA = ("screens/*.tcss", "themes/*.toml", "console/chain/contracts/*.json", "console/devnet/program/*.py")
UNREACHABLE = ("Max retries exceeded", "connection broken by", "Could not fetch URL")
"""pip's words for an index that does not answer; that it has no such version is another matter, and a failure."""
TAB, ENTER = "\t", "\r"


def ran(*command: str | Path, cwd: Path, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def tracked_files() -> list[str]:
    """Names of all files under version control that are there."""
    listed = ran("git", "ls-files", "-z", cwd=REPOSITORY)
    if listed.returncode != 0:
        pytest.skip(f"a clean copy needs a checkout with git: {listed.stderr.strip()}")
    return [name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tracked files alone."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in tracked_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, source / name)
    built = ran(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", source, cwd=folder
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = (folder / "dist").iterdir()
    return made


def test_it_holds_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {name for name in tracked_files() if name.split("/")[0] in PACKAGES}
    assert held == wanted
    for pattern in DATA:
        there = {str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob(pattern)} & wanted
        assert there, pattern
        assert there <= held


def test_it_opens_the_console_from_an_empty_environment(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("the devnet needs Linux")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    programs = installed(wheel, tmp_path / "venv")

    where = ran(programs / "python", "-c", "import console, screens; print(console.__file__)", cwd=elsewhere)
    assert where.stdout.startswith(str(tmp_path / "venv")), where.stderr
    version = ran(programs / "upgrade-console", "--version", cwd=elsewhere)
    assert (version.returncode, version.stdout) == (0, f"upgrade-console {wheel.name.split('-')[1]}\n"), version.stderr

    folder = (tmp_path / "net").resolve()
    terminal = Terminal("--network", "devnet", "--dir", str(folder), command=[str(programs / "upgrade-console")])
    try:
        terminal.until("No upgrade is pending", "node4")
        assert survivors(folder)
        terminal.press("q")
        terminal.until("Keep it running", "Stop it")
        # The safe choice has the focus; the one beside it stops the network.
        terminal.press(TAB)
        terminal.read(0.3)
        terminal.press(ENTER)
        assert terminal.ended(deadline_s=30) == 0
    finally:
        terminal.kill()
        left = survivors(folder)
        for process in left:
            process.kill()
    assert not left, f"these survived the console: {left}"


def installed(wheel: Path, environment: Path) -> Path:
    """Install the wheel into an empty environment as an operator does; returns the folder of its programs."""
    made = ran(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment.parent)
    assert made.returncode == 0, made.stderr
    programs = environment / "bin"
    command = (sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check")
    done = ran(*command, "install", "-c", REPOSITORY / "constraints.txt", wheel, cwd=environment.parent, timeout=240)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).splitlines()
        if silent := [line for line in said if any(words in line for words in UNREACHABLE)]:
            pytest.skip(f"pip cannot reach a package index: {silent[0]}")
        pytest.fail("\n".join(said))
    return programs
