"""Every command in the documents for operators is run as it stands there, on one devnet, or it says why it is not.

A command in a block of its own is run with its block, by bash. One within a sentence has to be understood by the
command line, and its verb to be run by a block or by the test that is named here.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.cli.verbs import build_parser
from console.procedures.built_in import BUILT_IN
from tests.e2e.conftest import survivors
from tests.e2e.devnet import Devnet

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("documents"), pytest.mark.timeout(420)]

ROOT = Path(__file__).parents[2]
GUIDE, RUNBOOK, ALERTING, PROPOSAL = "operator-guide", "runbook", "alerting", "proposal-template"
NAMES = (GUIDE, RUNBOOK, ALERTING, PROPOSAL)

NOT_RUN_HERE = {
    "python3 -m venv /opt/upgrade-console": "tests/test_wheel.py",
    "/opt/upgrade-console/bin/pip install": "tests/test_wheel.py",
    "upgrade-console --network virt propose": "tests/e2e/test_chain_daemon.py",
    "upgrade-console --network virt vote": "tests/e2e/test_chain_daemon.py",
}
"""How a line of a block begins that is not run here → the test that does it, on a fresh environment or a real chain."""

RUN_ELSEWHERE = {
    "devnet down": "tests/e2e/devnet.py",
    "migration show": "tests/console/cli/test_migration.py",
    "node abort": "tests/e2e/test_way_back.py",
    "node add-upgrade": "tests/e2e/test_failures.py",
    "node arm": "tests/console/cli/test_node.py",
    "node init": "tests/console/cli/test_node_files.py",
    "node restart": "tests/e2e/real_network.py",
    "node resume": "tests/e2e/test_way_back.py",
    "node resync": "tests/e2e/test_resync.py",
    "node rollback": "tests/console/cli/test_node.py",
    "node run": "tests/e2e/test_resync.py",
    "node start": "tests/e2e/test_way_back.py",
    "node swap": "tests/e2e/test_way_back.py",
    "notify watch": "tests/console/cli/test_notify.py",
    "open": "tests/e2e/test_console_story.py",
    "release verify": "tests/e2e/test_signed_release.py",
    "rollback": "tests/e2e/test_changed_plans.py",
    "run": "tests/console/cli/test_run.py",
    "sent": "tests/console/cli/test_governance.py",
}
"""Verb of a command within a sentence → the test that runs it."""

_STAND_INS = {"ID": "1", "H": "1000", "N": "10", "…": "", "VERB": "status", "TIME": "1h", "KIND": "sent"}
_UP, _LEAD = "--block-time 500ms", "+ 120)"
"""What the guide counts in blocks; a machine that does much else beside gets more of them before the verdict."""
_DEADLINE_S = 300.0


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


def blocks(name: str) -> list[str]:
    """The blocks of commands in a document, those left out that are not run here."""
    found = re.findall(r"^( *)```bash\n(.*?)^ *```", page(name), re.DOTALL | re.MULTILINE)
    texts = ["\n".join(line[len(indent) :] for line in text.splitlines()) for indent, text in found]
    assert texts, f"{name} shows no commands"
    return [text for text in texts if not all(_elsewhere(line) for line in text.splitlines())]


def _elsewhere(line: str) -> bool:
    return line.startswith(tuple(NOT_RUN_HERE))


def test_every_command_in_a_block_does_what_it_says(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the devnet needs Linux")
    environment = _own_environment(tmp_path)
    devnet = Devnet(tmp_path / "state" / "upgrade-console" / "devnet")
    up, *guide = blocks(GUIDE)
    try:
        assert _UP in up
        assert any(_LEAD in block for block in guide)
        _run(up.replace(_UP, f"{_UP} --freeze-blocks 20"), tmp_path, environment)
        lead = f"+ {devnet.lead(75)})"
        # The guide's upgrade goes its way while the other documents only look.
        orders = [[block.replace(_LEAD, lead) for block in guide], *(blocks(name) for name in NAMES if name != GUIDE)]
        with ThreadPoolExecutor(len(orders)) as pool:
            for done in [pool.submit(_in_order, order, tmp_path, environment) for order in orders]:
                done.result()
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"never ended: {late.cmd[-1]}\n{devnet.story()}")
    finally:
        down = subprocess.run(
            ["upgrade-console", "devnet", "down", "--wipe"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        left = survivors(devnet.folder)
        for process in left:
            process.kill()
    assert down.returncode == 0, down.stderr
    assert not left


def _own_environment(folder: Path) -> dict[str, str]:
    """Nothing of who runs the tests: the devnet and the settings of the documents are in a folder of their own."""
    own = {"HOME": folder, "XDG_STATE_HOME": folder / "state", "XDG_CONFIG_HOME": folder / "config"}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **{name: str(path) for name, path in own.items()}, "PATH": programs}


def _in_order(texts: list[str], folder: Path, environment: dict[str, str]) -> None:
    for text in texts:
        _run(text, folder, environment)


def _run(text: str, folder: Path, environment: dict[str, str]) -> None:
    """Run one block; the first command of it that fails ends it."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n→ exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_within_a_sentence_is_understood_and_run_somewhere(name: str) -> None:
    parser = build_parser()
    run_here = {_verb(_parsed(parser, words)) for each in NAMES for words in _commands_of_blocks(each)}
    for command in re.findall(r"`(upgrade-console [^`]+)`", re.sub(r"```.*?```", "", page(name), flags=re.DOTALL)):
        try:
            verb = _verb(_parsed(parser, _filled_in(command)))
        except SystemExit:
            pytest.fail(f"the command line does not understand: {command}")
        if verb not in run_here:
            test = RUN_ELSEWHERE.get(verb, "")
            assert test, f"nobody runs {verb!r} ({command})"
            text = (ROOT / test).read_text("utf-8")
            assert verb == "open" or f'"{verb.split()[-1]}"' in text, f"{test} does not run {verb!r}"


def _commands_of_blocks(name: str) -> Iterator[list[str]]:
    for text in blocks(name):
        for line in text.splitlines():
            words = re.search(r"upgrade-console ([^|>]*)", line.replace("| grep", "|"))
            if words is not None:
                yield _filled_in(re.sub(r'"\$\w+"|"sha256:\$\w+"', "H", f"upgrade-console {words[1]}"))


def _filled_in(command: str) -> list[str]:
    """A command with something in place of what an operator puts in, and without what may be left out."""
    plain = re.sub(r"\[[^]]*\]|;.*$| -- .*$", "", command.replace("yes|no", "yes").replace('"…"', "why"))
    words = [_STAND_INS.get(word, word) for word in shlex.split(plain)[1:]]
    return [word for word in words if word]


def _parsed(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Parse a command; the parameters of a procedure are those that it has. Raises SystemExit."""
    arguments, rest = parser.parse_known_args(words)
    named = {word.partition("=")[0] for word in rest if word.startswith("--")}
    procedure = next((each for each in BUILT_IN if each.name == getattr(arguments, "procedure", "")), None)
    own = set() if procedure is None else {f"--{each.name}" for each in procedure.parameters}
    if rest and (procedure is None or not named or named - own):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def _verb(arguments: object) -> str:
    verb, action = getattr(arguments, "verb", ""), getattr(arguments, "action", None)
    return f"{verb} {action}" if isinstance(action, str) else str(verb)
