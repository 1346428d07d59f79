"""Foreign holders are found by what they really hold: real locks, sockets, files and command lines."""

from __future__ import annotations

import fcntl
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.node.foreign import Holder, HolderKind, _unit, foreign_holders, refuse_foreign

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")

READY = "import sys\nprint('ready', flush=True)\nsys.stdin.read()\n"


@contextmanager
def child(code: str, *words: str, cwd: Path | None = None) -> Iterator[int]:
    """A process that did what `code` says and waits until it is let go."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code + "\n" + READY, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "fendermint" / "data" / "rocksdb").mkdir(parents=True)
    (tmp_path / "home" / "fendermint" / "data" / "rocksdb" / "LOCK").touch()
    return tmp_path / "home"


def lock_of(home: Path) -> Path:
    return home / "fendermint" / "data" / "rocksdb" / "LOCK"


def found(home: Path, *, ports: tuple[int, ...] = (), own: tuple[int, ...] = ()) -> tuple[Holder, ...]:
    return foreign_holders(home, ports, [lock_of(home)], own, unit_roots=())


def test_nothing_holds_a_home_that_nobody_uses(home: Path) -> None:
    assert found(home) == ()
    refuse_foreign(home, [], [lock_of(home)], [], unit_roots=())


@pytest.mark.parametrize("call", ["flock(f, fcntl.LOCK_EX)", "lockf(f, fcntl.LOCK_EX)"])
def test_a_process_that_locks_a_database_is_found_and_named(home: Path, call: str) -> None:
    code = f"import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.{call}"
    with child(code, str(lock_of(home))) as pid:
        [holder] = found(home)
        assert (holder.kind, holder.pid) == (HolderKind.PROCESS, pid)
        assert f"holds the lock {lock_of(home)}" in holder.why
        with pytest.raises(HeldByOther, match=rf"process {pid} .*kill {pid}"):
            refuse_foreign(home, [], [lock_of(home)], [], unit_roots=())
    assert found(home) == ()


def test_a_lock_of_ours_is_not_foreign(home: Path) -> None:
    with lock_of(home).open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert found(home) == ()


def test_a_lock_of_ours_that_outlives_who_took_it_is_not_foreign(home: Path) -> None:
    # flock belongs to the open file, and the kernel goes on naming the process that took it.
    with lock_of(home).open("r+") as stream:
        code = f"import fcntl; fcntl.flock({stream.fileno()}, fcntl.LOCK_EX)"
        subprocess.run([sys.executable, "-c", code], pass_fds=(stream.fileno(),), check=True)
        assert found(home) == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_process_that_listens_on_a_port_of_the_node_is_found(home: Path, host: str) -> None:
    family = "AF_INET6" if ":" in host else "AF_INET"
    if ":" in host and not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    with socket.create_server((host, 0), family=getattr(socket, family)) as probe:
        port = probe.getsockname()[1]
        assert found(home, ports=(port,)) == (), "a port of ours is not foreign"
    code = f"import socket; s = socket.create_server(({host!r}, {port}), family=socket.{family})"
    with child(code) as pid:
        [holder] = found(home, ports=(port,))
        assert (holder.pid, holder.why) == (pid, f"listens on port {port}")
        assert found(home, ports=(port,), own=(pid,)) == ()


def test_a_process_that_writes_the_node_s_data_is_found_and_one_that_reads_is_not(home: Path) -> None:
    data = home / "fendermint" / "data" / "app.json"
    data.touch()
    with child("import sys; f = open(sys.argv[1], 'ab')", str(data)) as pid:
        [holder] = found(home)
        assert (holder.pid, holder.why) == (pid, f"has {data} open")
    with child("import sys; f = open(sys.argv[1], 'rb')", str(data)):
        assert found(home) == ()


@pytest.mark.parametrize(
    "words", [("node", "start", "--home", "{home}"), ("run", "--home={home}/"), ("start", "--home", "home")]
)
def test_a_process_told_to_run_this_home_is_found(home: Path, words: tuple[str, ...]) -> None:
    arguments = [word.format(home=home) for word in words]
    with child("", *arguments, cwd=home.parent) as pid:
        [holder] = found(home)
        assert (holder.pid, holder.why) == (pid, f"was started with the home {home}")


@pytest.mark.parametrize(
    "words", [("query", "--home", "{home}"), ("start", "--home", "{home}2"), ("start", "{home}"), ("--home", "{home}")]
)
def test_a_query_and_another_home_are_not_foreign(home: Path, words: tuple[str, ...]) -> None:
    with child("", *(word.format(home=home) for word in words)):
        assert found(home) == ()


def test_our_own_program_is_not_foreign_and_another_of_the_same_words_is(home: Path, tmp_path: Path) -> None:
    for name, count in (("upgrade-console", 0), ("noded", 1)):
        program = tmp_path / name
        program.write_text(READY)
        command = [sys.executable, str(program), "node", "run", "--home", str(home)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            assert len(found(home)) == count
        finally:
            process.communicate()


def test_descendants_of_our_own_run_are_not_foreign(home: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import sys; print(1, flush=True); sys.stdin.read()',"
        " 'start', '--home', sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "p.stdout.readline()"
    )
    with child(code, str(home)) as parent:
        [holder] = found(home)
        assert holder.pid != parent
        assert found(home, own=(parent,)) == ()


def test_one_process_with_many_signs_is_one_holder(home: Path) -> None:
    code = "import fcntl, sys; f = open(sys.argv[3], 'r+'); fcntl.flock(f, fcntl.LOCK_EX)"
    with child(code, "start", f"--home={home}", str(lock_of(home))) as pid:
        [holder] = found(home)
    assert holder.pid == pid
    assert holder.why.count(" and ") == 2
    assert holder.started is not None


def test_of_a_node_with_all_its_files_open_what_tells_most_is_said_first(home: Path) -> None:
    """A node of goleveldb has thirty files open for writing; nobody reads thirty paths."""
    code = "import sys; f = [open(f'{sys.argv[3]}.{n}', 'wb') for n in range(30)]"
    with child(code, "start", f"--home={home}", str(lock_of(home))):
        [holder] = found(home)
    assert holder.why.startswith(f"was started with the home {home} and has ")
    assert holder.why.endswith(", and 27 more signs of it")


def test_a_unit_that_is_started_at_boot_is_a_holder_without_a_process(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "units"
    (root / "multi-user.target.wants").mkdir(parents=True)
    (root / "ipc-node.service").write_text(f"[Service]\nExecStart=/usr/bin/ipc-cli node start --home {home}\n")
    assert foreign_holders(home, [], [], [], unit_roots=[root]) == ()
    (root / "multi-user.target.wants" / "ipc-node.service").symlink_to("../ipc-node.service")
    [holder] = foreign_holders(home, [], [], [], unit_roots=[root])
    assert (holder.kind, holder.pid, holder.unit) == (HolderKind.UNIT, None, "ipc-node.service")
    with pytest.raises(HeldByOther, match="init --adopt"):
        refuse_foreign(home, [], [], [], unit_roots=[root])


def test_where_there_is_no_proc_nothing_is_guessed(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="not started"):
        foreign_holders(home, [], [], [], proc=tmp_path / "nothing")


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/ipc-node.service\n", "ipc-node.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/gaia.service\n", "gaia.service"),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", ""),
        ("0::/system.slice/docker-0123456789abcdef0123.scope\n", "docker 0123456789ab"),
        ("12:cpu:/docker/0123456789abcdef0123\n", "docker 0123456789ab"),
        ("", ""),
    ],
)
def test_the_unit_or_container_is_read_from_the_control_group(cgroup: str, unit: str) -> None:
    assert _unit(cgroup.encode()) == unit


def test_a_look_at_this_machine_is_cheap(home: Path, record_property: Callable[[str, object], None]) -> None:
    costs = []
    for _ in range(5):
        begun = time.process_time()
        foreign_holders(home, [26656, 26657], [lock_of(home)], [os.getpid()])
        costs.append((time.process_time() - begun) * 1000)
    record_property("processor_ms", statistics.median(costs))
    processes = sum(name.isdigit() for name in os.listdir("/proc"))
    # A few readlinks and reads per process and unit; a scan of every byte of every file would cost hundreds.
    assert min(costs) < 20 + processes * 0.5
