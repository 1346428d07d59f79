"""A real sshd of one test: on loopback, as this user, with host key, port and authorized key in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

HOST = "far"
"""The alias in the client's configuration."""
_CONFIG = """Host {host}
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
"""
_SERVER = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


class NoSshd(Exception):
    """Why no sshd can be started here."""


@dataclass
class Sshd:
    """sshd in a folder, and `ssh` beside it that reads this folder's configuration instead of the user's own."""

    folder: Path
    port: int = field(default=0, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def bin(self) -> Path:
        """To be put in front of PATH."""
        return self.folder / "bin"

    def start(self) -> None:
        """Start it and log in once. Raises NoSshd with its last words."""
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        client = shutil.which("ssh")
        if program is None or client is None or shutil.which("ssh-keygen") is None:
            raise NoSshd("OpenSSH's server and client are not installed (apt-get install openssh-server)")
        if os.getuid() == 0:
            # Where sshd gives up its rights, before anybody is let in.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.folder.mkdir(mode=0o700)
        for name in ("host", "user", "stranger"):
            command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.folder / name))
            subprocess.run(command, check=True, timeout=30)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "config").write_text(_CONFIG.format(host=HOST, port=self.port, folder=self.folder))
        (self.folder / "sshd_config").write_text(_SERVER.format(port=self.port, folder=self.folder))
        shutil.copy(self.folder / "user.pub", self.folder / "authorized_keys")
        self.know("host")
        self.bin.mkdir()
        (self.bin / "ssh").write_text(f'#!/bin/sh\nexec {client} -F {self.folder}/config "$@"\n')
        (self.bin / "ssh").chmod(0o755)
        with (self.folder / "log").open("wb") as log:
            server = (program, "-D", "-e", "-f", str(self.folder / "sshd_config"))
            # Of a group of its own, so that it ends with everybody whom it serves.
            self._process = subprocess.Popen(server, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 20
        while True:
            done = subprocess.run((self.bin / "ssh", HOST, "true"), capture_output=True, timeout=30, check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > end:
                log = (self.folder / "log").read_text(errors="replace")
                raise NoSshd(f"sshd does not let its own user in: {done.stderr.decode()} {log[-300:]}")
            time.sleep(0.1)

    def know(self, key: str) -> None:
        """Have the client know this key as the host's; an empty name: none."""
        words = (self.folder / f"{key}.pub").read_text().split()[:2] if key else []
        line = f"[127.0.0.1]:{self.port} {' '.join(words)}\n" if words else ""
        (self.folder / "known_hosts").write_text(line)

    def let_in(self, *lines: str) -> None:
        """Let in only these lines of `authorized_keys`."""
        (self.folder / "authorized_keys").write_text("".join(f"{line}\n" for line in lines))

    @property
    def user_key(self) -> str:
        """The line of the user's own key."""
        return (self.folder / "user.pub").read_text().strip()

    def sessions(self) -> list[int]:
        """Processes of sshd that serve somebody now."""
        import psutil

        assert self._process is not None
        return [
            each.pid for each in psutil.Process(self._process.pid).children(recursive=True) if "sshd" in each.name()
        ]

    def stop_answering(self) -> None:
        """Freeze whoever serves somebody: the way is open and nothing comes back."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGSTOP)

    def cut(self) -> None:
        """Kill whoever serves somebody."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """End it, and everybody whom it serves."""
        import psutil

        if self._process is None or self._process.poll() is not None:
            return
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for each in family:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue
