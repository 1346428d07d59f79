"""A real systemd manager of one test session: the user's, in its own control group and runtime folder.

The machine of the tests seldom has systemd as its first process, but the user's manager is the same program, started
like any other. In a mount namespace it finds the folder by which it knows a booted system; no unit of the machine is
loaded by it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

_SCRIPT = """
set -e
for group in $GROUPS_TO_JOIN; do echo $$ > "$group/cgroup.procs"; done
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system
exec "$SYSTEMD" --user --log-target=console --log-level=notice
"""
_PROGRAMS = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")


class NoManager(Exception):
    """Why no manager can be started here."""


@dataclass
class RealManager:
    """`systemd --user` in a folder of its own."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _groups: list[Path] = field(default_factory=list, init=False)

    @property
    def environment(self) -> dict[str, str]:
        """For `systemctl` and `systemd-run`, so that they speak to this manager."""
        kept = {name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
        return kept | {"XDG_RUNTIME_DIR": str(self.folder / "runtime")}

    def start(self) -> None:
        """Start it and wait until it answers. Raises NoManager with its last words."""
        program = next((path for path in _PROGRAMS if os.access(path, os.X_OK)), None)
        for tool in ("systemctl", "systemd-run", "unshare"):
            if program is None or shutil.which(tool) is None:
                raise NoManager("systemd is not installed (apt-get install systemd)")
        if os.getuid() != 0:
            raise NoManager("a manager of our own needs a mount namespace, and that needs root")
        self._join_groups()
        (self.folder / "runtime").mkdir(mode=0o700)
        (self.folder / "units").mkdir()
        for target in ("default", "basic", "shutdown"):
            (self.folder / "units" / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _SCRIPT],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self.environment
                | {
                    "SYSTEMD": str(program),
                    "GROUPS_TO_JOIN": " ".join(str(group) for group in self._groups),
                    "SYSTEMD_UNIT_PATH": str(self.folder / "units"),
                },
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            # Not `is-system-running`, which only knows the machine's own.
            if self.run("is-active", "default.target").returncode == 0:
                return
            time.sleep(0.05)
        words = (self.folder / "log").read_text(errors="replace").splitlines()[-3:]
        self.end()
        raise NoManager(f"systemd --user does not start here: {' | '.join(words)}")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`systemctl --user` with those arguments."""
        return subprocess.run(
            ["systemctl", "--user", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def end(self) -> None:
        """End it with all its units."""
        if self._process is not None:
            # Exit at once: it has no exit.target, and each test stops its own unit.
            self._process.send_signal(signal.SIGRTMIN + 24)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for group in self._groups:
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    Path(folder).rmdir()
                except OSError:
                    pass
        self._groups.clear()

    def _join_groups(self) -> None:
        """A control group for it, or it would take over the root and everything in it."""
        root = Path("/sys/fs/cgroup")
        unified = (root / "cgroup.procs").exists()
        for parent in [root] if unified else [root / "systemd", root / "unified"]:
            if parent.is_dir():
                group = parent / f"upgrade-console-test-{os.getpid()}"
                try:
                    group.mkdir()
                except OSError as error:
                    raise NoManager(f"no control group can be made here: {error}") from error
                self._groups.append(group)
        if not self._groups:
            raise NoManager("no control groups are mounted here")
