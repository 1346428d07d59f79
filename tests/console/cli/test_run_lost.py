"""Runs whose process goes away: by a kill in the middle of an action, and by a terminal that is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect

COMMAND = (sys.executable, "-m", "console.cli")
DEADLINE_S = 60

PROCEDURE = """
title = "Mine"
purpose = "For tests."
[[steps]]
id = "effect"
kind = "action"
title = "Have an effect"
says = "Has one."
command = ["/bin/sh", "-c", '''%s''']
done_command = ["test", "-e", "%s"]
[[steps]]
id = "sure"
kind = "confirmation"
title = "Be sure"
says = "A person has to be."
ask = "Are you sure?"
"""


def prepare(tmp_path: Path, command: str) -> dict[str, str]:
    """Settings with a network and the procedure; the environment of the command line."""
    folder = tmp_path / "config" / "upgrade-console"
    (folder / "procedures").mkdir(parents=True)
    (folder / "config.toml").write_text(
        '[networks.testnet]\nkind = "cosmos"\nchain_id = "test-1"\ncometbft_rpc = ["http://127.0.0.1:1"]\n'
    )
    effect = tmp_path / "effect"
    (folder / "procedures" / "mine.toml").write_text(PROCEDURE % (command.replace("EFFECT", str(effect)), effect))
    return {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LC_ALL": "C.UTF-8",
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "run", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_kill_behind_the_effect_of_an_action_does_not_have_it_twice(tmp_path: Path) -> None:
    environment = prepare(tmp_path, "echo once >> EFFECT; kill -9 $PPID")
    assert run(environment, "mine").returncode == -signal.SIGKILL
    (listed,) = json.loads(run(environment, "--list", "--json").stdout)["runs"]
    assert (listed["state"], listed["begun"]) == ("stopped", "own.effect")
    done = run(environment, "--resume", "--answer", "own.sure=yes:jane")
    assert done.returncode == 0, done
    assert "ok    own.effect: test exited with 0" in done.stdout
    assert (tmp_path / "effect").read_text() == "once\n"


def test_a_command_that_outlives_a_kill_is_waited_for_by_whoever_goes_on(tmp_path: Path) -> None:
    # It waits for the test, and not for ever: a test that is killed lets nothing go.
    waits = "n=0; until [ -e EFFECT.go ]; do n=$((n+1)); [ $n -lt 1200 ] || exit 1; sleep 0.05; done"
    environment = prepare(tmp_path, f"kill -9 $PPID; {waits}; echo once >> EFFECT; rm EFFECT.go")
    go = tmp_path / "effect.go"
    try:
        _outlives_a_kill(tmp_path, environment, go)
    finally:
        go.touch()


def _outlives_a_kill(tmp_path: Path, environment: dict[str, str], go: Path) -> None:
    assert run(environment, "mine").returncode == -signal.SIGKILL
    beside = run(environment, "--resume")
    assert beside.returncode == 1
    assert "the command that was begun before still runs" in beside.stdout
    go.touch()
    end = time.monotonic() + DEADLINE_S
    while go.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    again = run(environment, "--resume", "--answer", "own.sure=yes:jane")
    assert again.returncode == 0, again
    assert (tmp_path / "effect").read_text() == "once\n"


def test_a_lost_terminal_leaves_it_stopped_and_another_one_goes_on(tmp_path: Path) -> None:
    environment = prepare(tmp_path, "echo once >> EFFECT")

    def terminal(*arguments: str) -> pexpect.spawn[str]:
        return pexpect.spawn(
            COMMAND[0], [*COMMAND[1:], "run", *arguments], env=environment, encoding="utf-8", timeout=DEADLINE_S
        )

    lost = terminal("mine", "--by", "jane")
    lost.expect("Are you sure")
    lost.expect("leave it for later")
    lost.close(force=False)
    (listed,) = json.loads(run(environment, "--list", "--json").stdout)["runs"]
    # Its end of the terminal may tell it before the signal does: then nobody answered.
    assert (listed["state"], listed["reason"] or "") in {("waiting", "the terminal was lost"), ("waiting", "")}
    other = terminal("--resume", "--by", "kim")
    other.expect("leave it for later")
    other.sendline("perhaps")
    other.expect("neither yes nor no")
    other.sendline("no")
    other.expect("why")
    other.sendline("nobody is there")
    other.expect("stopped: kim said no: nobody is there")
    other.expect(pexpect.EOF)
    other.wait()
    assert other.exitstatus == 1
    last = terminal("--resume", "--by", "kim")
    last.expect("leave it for later")
    last.sendline("yes")
    last.expect("done mine-")
    last.expect(pexpect.EOF)
    last.wait()
    assert last.exitstatus == 0
    assert (tmp_path / "effect").read_text() == "once\n"
