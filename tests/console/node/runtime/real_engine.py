"""A real Docker engine of one test session: own data, own socket, images made from scratch, no network."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PROGRAM = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ended(int number) { (void)number; _exit(0); }

static int number_in(const char *path) {
  FILE *file = fopen(path, "r");
  int found = -1;
  if (file) {
    if (fscanf(file, "%d", &found) != 1) found = -1;
    fclose(file);
  }
  return found;
}

/* node --version | config display | exit CODE | serve | stubborn
   The last two end when /data/exit holds a code, and when /data/halt holds FM_HALT_HEIGHT. */
int main(int count, char **words) {
  const char *halt = getenv("FM_HALT_HEIGHT"), *release = getenv("RELEASE"), *own = getenv("OWN");
  if (count > 1 && !strcmp(words[1], "--version")) return printf("noded %s\n", release ? release : "-") < 0;
  if (count > 1 && !strcmp(words[1], "config")) return printf("halt_height = %s\n", halt ? halt : "0") < 0;
  signal(SIGTERM, count > 1 && !strcmp(words[1], "stubborn") ? SIG_IGN : ended);
  fprintf(stderr, "release %s halt %s own %s\n", release ? release : "-", halt ? halt : "-", own ? own : "-");
  printf("said on stdout\n");
  fflush(stdout);
  FILE *starts = fopen("/data/starts.log", "a");
  if (starts) {
    fprintf(starts, "1 %s %s\n", release ? release : "-", halt ? halt : "0");
    fclose(starts);
  }
  if (getenv("FAILS")) return 1;
  if (count > 2) return atoi(words[2]);
  for (;;) {
    int code = number_in("/data/exit");
    if (code >= 0) {
      fprintf(stderr, "Stopping node due to reaching halt height\n");
      return code;
    }
    if (halt && number_in("/data/halt") == atoi(halt)) {
      fprintf(stderr, "INFO app.rs:785: Stopping node due to reaching halt height height=%s\n", halt);
      return 2;
    }
    usleep(10000);
  }
}
"""


class NoEngine(Exception):
    """Why no engine can be started here."""


@dataclass
class RealEngine:
    """`dockerd` in a folder of its own.

    Args:
        folder: Short, since a socket's path has at most 107 bytes.
    """

    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def socket(self) -> str:
        return str(self.folder / "d.sock")

    @property
    def pid(self) -> int:
        """Of the engine, in whose network namespace its loopback is."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises NoEngine with its last words."""
        for tool in ("dockerd", "docker", "unshare"):
            if shutil.which(tool) is None:
                raise NoEngine(f"{tool} is not installed (apt-get install docker.io)")
        if os.getuid() != 0:
            raise NoEngine("dockerd needs root")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # Its bridges and mounts end with it.
                    *("unshare", "--net", "--mount", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
                    *("dockerd", "--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"),
                    f"--data-root={self.folder / 'data'}",
                    f"--exec-root={self.folder / 'exec'}",
                    f"--pidfile={self.folder / 'pid'}",
                    f"--host=unix://{self.socket}",
                    "--live-restore",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self.run("version", check=False).returncode == 0:
                return
            time.sleep(0.05)
        words = (self.folder / "log").read_text(errors="replace").splitlines()[-3:]
        self.stop()
        raise NoEngine(f"dockerd does not start here: {' | '.join(words)}")

    def stop(self) -> None:
        """End it; with `--live-restore` its containers live on."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it hang: it accepts connections and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # It answers until the last of its threads stands still.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Remove every container and end everything that was started."""
        if self._process is not None:
            self.remove_containers()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove_containers(self) -> None:
        found = self.run("ps", "-aq").stdout.split()
        if found:
            self.run("rm", "-f", "-v", *found)

    def run(self, *arguments: str, given: bytes | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`docker` with those arguments."""
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"docker {arguments}: {done.stderr.decode(errors='replace')}")
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def image(self, program: Path, changes: Sequence[str]) -> str:
        """Make an image of one static program; returns the 64 hex digits of its id."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(program, "node")
        options = [word for change in changes for word in ("--change", change)]
        return self.run("import", *options, "-", given=packed.getvalue()).stdout.strip().removeprefix("sha256:")


def static_program(folder: Path) -> Path:
    """A static executable that plays a node. Raises NoEngine when no compiler can make one."""
    source, program = folder / "node.c", folder / "node"
    source.write_text(_PROGRAM)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoEngine("no C compiler is here to make a static program for an image")
    done = subprocess.run(
        [compiler, "-static", "-O1", "-o", str(program), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NoEngine(f"no static program can be made here: {done.stderr.strip()[-200:]}")
    return program
