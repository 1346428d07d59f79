"""The controller's unit: what systemd itself reads out of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import console
from console.errors import InputError
from console.node.unit import NEEDS_OPERATOR_EXIT, command_line, quoted, unit_text
from tests.console.node.runtime.real_systemd import RealManager

ODD = [
    "",
    " ",
    ";",
    "a b",
    "100%",
    "%h%%i",
    "$HOME ${HOME} $$",
    "'single' \"double\"",
    "back\\slash\\",
    "\\n is not a line",
    "a\nb\tc\rd",
    "é 漢字 \u2028 \U0001f600",
    "#no comment",
    "-x",
    "@:+!",
    "\x01\x7f",
    "x" * 5000,
]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def read_back(line: str) -> list[str]:
    """Words of a value as systemd.syntax(7) says: quotes, C escapes, then specifiers."""
    words: list[bytes] = []
    place = 0
    while place < len(line):
        if line[place] == " ":
            place += 1
            continue
        assert line[place] == '"', line[place:]
        place += 1
        word = b""
        while line[place] != '"':
            if line[place] != "\\":
                word += line[place].encode()
                place += 1
            elif line[place + 1] == "x":
                word += bytes([int(line[place + 2 : place + 4], 16)])
                place += 4
            else:
                assert line[place + 1] in '\\"'
                word += line[place + 1].encode()
                place += 2
        place += 1
        words.append(word)
    assert all(word.replace(b"%%", b"").count(b"%") == 0 for word in words)
    return [word.replace(b"%%", b"%").decode() for word in words]


@given(st.lists(WORDS, max_size=5))
def test_any_words_are_read_back_as_they_were(words: list[str]) -> None:
    line = " ".join(quoted(word) for word in words)
    assert "\n" not in line
    assert read_back(line) == words


@pytest.mark.parametrize("word", ["\0", "a\udcff"])
def test_what_no_unit_can_say_is_refused(word: str) -> None:
    with pytest.raises(InputError):
        quoted(word)


@pytest.mark.parametrize("program", ["", "relative", "/a/../b", "/a b\\c", "/it's", '/"', "/a\nb"])
def test_programs_that_systemd_does_not_start_are_refused(program: str) -> None:
    with pytest.raises(InputError):
        command_line([program, "node", "run"])


def test_an_odd_but_possible_program_is_kept() -> None:
    assert command_line(["/opt/100% $x/bin/u", "a"]) == ':"/opt/100%% $x/bin/u" "a"'


def test_names_cannot_bring_in_lines_of_their_own() -> None:
    text = unit_text("val\nExecStart=/bin/evil", ["/bin/true"])
    assert [line for line in text.splitlines() if line.startswith("ExecStart")] == ['ExecStart=:"/bin/true"']
    for wrong in ("a b", "x\ny", "-x", "%h"):
        with pytest.raises(InputError):
            unit_text("v", ["/bin/true"], user=wrong)
        with pytest.raises(InputError):
            unit_text("v", ["/bin/true"], after=[wrong])
    with pytest.raises(InputError):
        unit_text("v", ["/bin/true"], environment={"A B": "x"})
    with pytest.raises(InputError):
        unit_text("v", ["/bin/true"], state_dir=Path("/var/lib/a:b"))


def test_the_state_folder_is_made_below_var_lib_only() -> None:
    text = unit_text("v", ["/bin/true"], state_dir=Path("/var/lib/upgrade-console/v 1"))
    assert 'StateDirectory="upgrade-console/v 1"\nStateDirectoryMode=0700' in text
    assert "StateDirectory" not in unit_text("v", ["/bin/true"], state_dir=Path("/home/ipc/state"))


def verified(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    path = folder / "upgrade-console-v.service"
    path.write_text(text)
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *options, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        # The user's manager wants one, though nothing is made in it.
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    )


@pytest.mark.parametrize("for_user", [False, True])
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path, for_user: bool) -> None:
    text = unit_text(
        "val 1",
        [sys.executable, *ODD],
        user="root",
        environment={"A": '100% "b" $c \\', "B": "line\nline"},
        state_dir=Path("/var/lib/upgrade-console/val 1"),
        after=["docker.service"],
        for_user=for_user,
    )
    done = verified(tmp_path, text, *(["--user"] if for_user else []))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # The tool is one that complains.
    assert verified(tmp_path, text + "[Service]\nKillMode=odd\nWhat=ever\n").stderr != ""


class Unit:
    """A unit of ours, installed under the real manager."""

    def __init__(self, manager: RealManager, folder: Path) -> None:
        self.manager, self.folder, self.name = manager, folder, "upgrade-console-v.service"

    def install(self, command: list[str], **options: object) -> None:
        text = unit_text("v", command, for_user=True, **options)  # type: ignore[arg-type]
        (self.manager.folder / "units" / self.name).write_text(text)
        assert self.manager.run("daemon-reload").returncode == 0

    def shown(self, what: str) -> str:
        return self.manager.run("show", "--value", "--property", what, self.name).stdout.strip()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, self.manager.run("status", self.name).stdout
            time.sleep(0.02)


@pytest.fixture
def unit(real_manager: RealManager, tmp_path: Path) -> Iterator[Unit]:
    unit = Unit(real_manager, tmp_path)
    yield unit
    real_manager.run("stop", unit.name)
    real_manager.run("kill", "--signal=KILL", unit.name)
    real_manager.run("reset-failed", unit.name)


def script(folder: Path, *lines: str) -> list[str]:
    """A stand-in for the controller that speaks with our notifier; it says in a file when and how it was started."""
    program = folder / "controller.py"
    program.write_text(
        "\n".join(
            [
                "import json, os, subprocess, sys, time",
                f"sys.path.insert(0, {str(Path(console.__file__).parent.parent)!r})",
                "from console.node.notify import Notifier",
                f"with open({str(folder / 'starts')!r}, 'a') as stream:",
                "    stream.write(json.dumps([os.getpid(), os.environ.get('A'), sys.argv[1:]]) + '\\n')",
                "notifier = Notifier.take(os.environ)",
                *lines,
            ]
        )
    )
    return [sys.executable, str(program)]


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=100))
def test_systemd_hands_over_exactly_the_words(unit: Unit, words: list[str]) -> None:
    wanted = [*ODD, *words]
    unit.install([*script(unit.folder, "notifier.ready()"), *wanted], environment={"A": "\n".join(ODD)})
    (unit.folder / "starts").unlink(missing_ok=True)
    unit.manager.run("start", unit.name)
    assert json.loads((unit.folder / "starts").read_text())[1:] == ["\n".join(ODD), wanted]


def test_the_unit_is_up_when_the_controller_says_so_and_its_node_outlives_a_restart(unit: Unit) -> None:
    unit.install(
        script(
            unit.folder,
            "child = subprocess.Popen(['sleep', '100'])",
            f"open({str(unit.folder / 'children')!r}, 'a').write(f'{{child.pid}} ')",
            "notifier.ready('adopted the node')",
            "time.sleep(100)",
        )
    )
    assert unit.manager.run("start", unit.name).returncode == 0
    assert (unit.shown("ActiveState"), unit.shown("StatusText")) == ("active", "adopted the node")
    first = int((unit.folder / "children").read_text())
    try:
        assert unit.manager.run("restart", unit.name).returncode == 0
        assert Path(f"/proc/{first}/cmdline").read_bytes().startswith(b"sleep")
    finally:
        for child in (unit.folder / "children").read_text().split():
            os.kill(int(child), signal.SIGKILL)


def test_a_controller_that_hangs_is_started_again(unit: Unit) -> None:
    unit.install(script(unit.folder, "notifier.ready()", "time.sleep(100)"), watchdog_s=1)
    unit.manager.run("start", unit.name)
    unit.until(lambda: unit.shown("NRestarts") == "1")
    assert "watchdog" in unit.manager.run("show", unit.name).stdout.lower()


def test_a_controller_that_needs_its_operator_is_not_started_again(unit: Unit) -> None:
    unit.install(script(unit.folder, "notifier.ready()", f"sys.exit({NEEDS_OPERATOR_EXIT})"))
    unit.manager.run("start", unit.name)
    unit.until(lambda: unit.shown("ActiveState") == "failed")
    assert unit.shown("NRestarts") == "0"


def test_a_controller_that_crashes_is_started_again(unit: Unit) -> None:
    unit.install(script(unit.folder, "notifier.ready()", "sys.exit(1)"))
    unit.manager.run("start", unit.name)
    unit.until(lambda: len((unit.folder / "starts").read_text().splitlines()) == 2)
