"""The process table as the node's view has it: who belongs to whom, what is used, what cannot be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from console.node.process_tree import KnownProcess, ProcessSampler


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A shell and the child that it waits for; their pids."""
    parent = subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        yield parent.pid, child
    finally:
        psutil.Process(child).kill()
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_known_processes_have_their_names_and_what_descends_from_them_stands_below(family: tuple[int, int]) -> None:
    parent, child = family
    tree = ProcessSampler().sample([KnownProcess(parent, "app", 2)])
    assert [(each.pid, each.name, each.depth) for each in tree.processes] == [(parent, "app", 2), (child, "sleep", 3)]
    app = tree.processes[0]
    assert app.state == "sleeping"
    assert app.memory_bytes is not None
    assert app.memory_bytes > 0
    assert app.open_files is not None
    assert app.open_files >= 3
    assert app.threads == 1
    assert app.started_at is not None
    assert app.started_at <= tree.taken_at
    assert tree.remarks == ()


def test_a_child_that_is_known_too_is_shown_once_in_its_place(family: tuple[int, int]) -> None:
    parent, child = family
    tree = ProcessSampler().sample([KnownProcess(parent, "shim", 1), KnownProcess(child, "cometbft", 2)])
    assert [(each.name, each.depth) for each in tree.processes] == [("shim", 1), ("cometbft", 2)]


def test_cpu_is_what_was_used_between_two_looks_of_the_same_process() -> None:
    seconds = iter((0.0, 2.0))
    sampler = ProcessSampler(monotonic=lambda: next(seconds))
    me = [KnownProcess(os.getpid(), "controller", 0)]
    assert sampler.sample(me).processes[0].cpu_percent is None
    before = psutil.Process().cpu_times()
    while sum(psutil.Process().cpu_times()[:2]) - sum(before[:2]) < 0.05:
        sum(range(10_000))
    share = sampler.sample(me).processes[0].cpu_percent
    assert share is not None
    assert 0.05 / 2.0 * 100 <= share < 1000


def test_a_process_that_is_gone_and_one_of_a_container_say_why_nothing_is_seen() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    known = [KnownProcess(done.pid, "app", 2), KnownProcess(done.pid, "container cometbft", 2, "subnet\x1b[2J")]
    tree = ProcessSampler().sample(known, ["The node does not run."])
    assert [(each.state, each.memory_bytes, each.open_files) for each in tree.processes] == [("", None, None)] * 2
    assert tree.remarks[0] == "The node does not run."
    assert f"process {done.pid} is gone" in tree.remarks[1]
    assert "only its engine sees it" in tree.remarks[2]
    assert "\x1b" not in tree.remarks[2]


def test_a_module_of_an_interpreter_is_called_by_its_name() -> None:
    shell = subprocess.Popen(
        ["sh", "-c", f"{sys.executable} -m http.server 0 --bind 127.0.0.1 >/dev/null 2>&1 & echo $!; wait"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    child = psutil.Process(int(shell.stdout.readline()))
    try:
        while "-m" not in child.cmdline():
            pass
        tree = ProcessSampler().sample([KnownProcess(shell.pid, "controller", 0)])
        assert [(each.name, each.depth) for each in tree.processes] == [("controller", 0), ("http.server", 1)]
    finally:
        child.kill()
        shell.kill()
        shell.wait()
        shell.stdout.close()


def test_another_users_descriptors_are_not_counted_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: psutil.Process) -> int:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "num_fds", refuse)
    (app,) = (
        each for each in ProcessSampler().sample([KnownProcess(os.getpid(), "app", 2)]).processes if each.depth == 2
    )
    assert app.open_files is None
    assert "and to root only" in app.hidden
    assert app.memory_bytes is not None
