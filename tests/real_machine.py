"""A machine of its own for one test session: a real systemd as its first process, with a real journald.

The machine of the tests seldom has systemd as its first process. In namespaces of its own it is one, with its own
`/run` (units, journal) and `/var/log`, and with the network and the files of the machine; none of its units is loaded.
What is to speak to it runs inside: `machine.run("systemctl", "start", "noded")`, `machine.command("journalctl", …)`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from console.node.commands import CommandResult

_SCRIPT = """
set -e
for group in $GROUPS_TO_JOIN; do echo $$ > "$group/cgroup.procs"; done
unset GROUPS_TO_JOIN
exec unshare --mount --pid --ipc --uts --cgroup --fork --mount-proc --kill-child sh -c '
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/system /run/lock
mount --bind "$UNITS" /run/systemd/system
# Its own view of its own groups: it would make the folder of the hierarchies read-only for everybody.
mkdir /run/groups
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
  mount -t cgroup2 cgroup2 /run/groups
else
  mount -t tmpfs tmpfs /run/groups
  mkdir /run/groups/systemd /run/groups/unified
  mount -t cgroup -o none,name=systemd cgroup /run/groups/systemd
  mount -t cgroup2 cgroup2 /run/groups/unified
fi
mount --move /run/groups /sys/fs/cgroup
export container=upgrade-console SYSTEMD_UNIT_PATH=/run/systemd/system
exec "$SYSTEMD" --system --unit=default.target --log-target=console --log-level=notice
'
"""
_PROGRAMS = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_OF_JOURNALD = (
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "-.slice",
    "system.slice",
)
_STARTS = " ".join(name for name in _OF_JOURNALD if "journald" in name)


class NoMachine(Exception):
    """Why there can be none here."""


@dataclass
class RealMachine:
    """systemd and journald in namespaces; `folder` takes its units."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _groups: list[Path] = field(default_factory=list, init=False)
    _pid: int = field(default=0, init=False)

    def start(self) -> None:
        """Start it and wait until its journal is there. Raises NoMachine with its last words."""
        program = next((path for path in _PROGRAMS if os.access(path, os.X_OK)), None)
        for tool in ("systemctl", "journalctl", "unshare", "nsenter", "setpriv"):
            if program is None or shutil.which(tool) is None:
                raise NoMachine("systemd is not installed (apt-get install systemd)")
        if os.getuid() != 0:
            raise NoMachine("namespaces of its own need root")
        units = self.folder / "units"
        units.mkdir(parents=True)
        for target in ("basic", "sysinit", "shutdown"):
            (units / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        (units / "default.target").write_text(f"[Unit]\nDefaultDependencies=no\nWants={_STARTS}\n")
        for name in _OF_JOURNALD:
            for folder in ("/usr/lib/systemd/system", "/lib/systemd/system"):
                if (Path(folder) / name).is_file():
                    shutil.copy(Path(folder) / name, units)
                    break
        try:
            self._join_groups()
        except NoMachine:
            self.end()
            raise
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                # It dies with the tests, however they end.
                ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _SCRIPT],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ
                | {
                    "SYSTEMD": str(program),
                    "UNITS": str(units),
                    "GROUPS_TO_JOIN": " ".join(str(group) for group in self._groups),
                },
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._found() and self.run("systemctl", "is-active", "systemd-journald.service").code == 0:
                return
            time.sleep(0.05)
        words = (self.folder / "log").read_text(errors="replace").splitlines()[-3:]
        self.end()
        raise NoMachine(f"systemd does not start here: {' | '.join(words)}")

    def command(self, *arguments: str | Path) -> list[str]:
        """A command line that runs inside."""
        return ["nsenter", "--mount", "--pid", "--target", str(self._pid), "--", *map(str, arguments)]

    def run(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> CommandResult:
        """Run a command inside, to its end."""
        done = subprocess.run(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
            env=None if environment is None else os.environ | dict(environment),
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def unit(self, name: str, text: str) -> None:
        """Write a unit, and have it known."""
        (self.folder / "units" / name).write_text(text)
        done = self.run("systemctl", "daemon-reload")
        assert done.code == 0, done.stderr

    def end(self) -> None:
        """End it with all that runs in it."""
        if self._process is not None:
            if self._pid:
                # Its first process takes everything with it; systemd ignores what is less.
                with suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            self._process = None
        for group in self._groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        self._groups.clear()

    def _found(self) -> bool:
        """Whether its first process is there: the child of `unshare`, which is the process itself by now."""
        assert self._process is not None
        if not self._pid:
            with suppress(OSError, ValueError):
                children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
                for child in children:
                    if Path(f"/proc/{child}/exe").resolve().name == "systemd":
                        self._pid = int(child)
        return self._pid > 0

    def _join_groups(self) -> None:
        """A control group in each hierarchy, or it would take over the root and everything in it."""
        root = Path("/sys/fs/cgroup")
        unified = (root / "cgroup.procs").exists()
        for parent in [root] if unified else sorted(path for path in root.iterdir() if path.is_mount()):
            group = parent / f"upgrade-console-machine-{os.getpid()}"
            try:
                group.mkdir()
                self._groups.append(group)
                for name in ("cpuset.cpus", "cpuset.mems"):
                    if not unified and (parent / name).exists():
                        (group / name).write_text((parent / name).read_text())
            except OSError as error:
                raise NoMachine(f"no control group can be made here: {error}") from error
        if not self._groups:
            raise NoMachine("no control groups are mounted here")


class Inside:
    """`console.node.commands.Runner` of that machine."""

    def __init__(self, machine: RealMachine) -> None:
        self._machine = machine

    def run(self, arguments: Sequence[str], deadline_s: float) -> CommandResult:
        """Run a command inside."""
        return self._machine.run(*arguments)
