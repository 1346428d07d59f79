"""Checks of a staged binary, all before anything is stopped (DESIGN §4.3, facts/ipc.md §1.4).

What can be read is read first; nothing is executed but the verified bytes, and those only when the rest has passed.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from console.errors import NodeError, ReleaseError
from console.model import FailureCode
from console.node.discovery.homes import Home
from console.node.discovery.keys import key_files, signer_setup
from console.node.elf import NotExecutable, read_elf, read_script, this_machine
from console.node.redaction import redacted
from console.node.runtime.command import RunCommand, run_command
from console.text import UntrustedText, size, untrusted

_PLAIN_PATH = "/usr/local/bin:/usr/bin:/bin"
_SHOWN = 300
"""Characters of a program's output that are shown."""
_READ = 1 << 20
"""Characters of a program's output that are looked at."""
_LOADER_DEADLINE_S = 10.0
_LOADER_FOLDERS = ("/lib", "/lib64", "/lib32", "/libx32", "/usr/lib", "/usr/lib64", "/nix/store", "/gnu/store")


def plain_environment() -> dict[str, str]:
    """What a short command of a binary gets: a Cosmos daemon tells its version only where it has a home."""
    return {"PATH": _PLAIN_PATH, "HOME": os.path.expanduser("~")}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a staged binary."""

    name: str
    passed: bool
    what: str
    """One sentence; foreign text in it is safe to show and holds no secret."""

    def to_json(self) -> dict[str, object]:
        """The check as JSON values."""
        return {"name": self.name, "passed": self.passed, "what": self.what}


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """What to check."""

    binary: Path
    sha256: str
    """64 hex digits that the bytes were verified to have; executed is nothing else."""
    home: Home | None = None
    """To look for the files that a start needs; None to leave that out."""
    environment: Mapping[str, str] = field(default_factory=plain_environment)
    """Whole environment of the program and of the loader."""
    version: tuple[str, ...] = ("--version",)
    """Arguments that print the version; empty to leave that out."""
    config_display: tuple[str, ...] = ()
    """Arguments that print Fendermint's merged settings as a start would read them; empty for others."""
    allow_script: bool = False
    """Whether a script with an existing interpreter will do, as on the devnet."""
    deadline_s: float = 20.0
    """Seconds for each command."""
    run: RunCommand = run_command
    """How a command of what was staged is run."""


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What the checks found, in order; after the first failure nothing more was looked at."""

    checks: tuple[Check, ...]
    version: UntrustedText
    """What the binary says of itself; empty when it was not asked."""

    @property
    def failure(self) -> Check | None:
        """The check that failed."""
        return next((check for check in self.checks if not check.passed), None)

    def raise_on_failure(self) -> None:
        """Raise ReleaseError for the check that failed."""
        if self.failure is not None:
            raise ReleaseError(
                self.failure.what,
                code=FailureCode.PREFLIGHT_FAILED,
                safe="nothing was stopped and the staged binary was not started",
            )


def run_preflight(request: PreflightRequest, steps: Sequence[Step] | None = None) -> PreflightReport:
    """Check a staged binary; blocks for at most some deadlines, so call it in a thread.

    Args:
        request: What to check.
        steps: Only these; all when not given.
    """
    checks: list[Check] = []
    version = untrusted("")
    for step in (_check_file, _check_format, _check_home, *COMMANDS) if steps is None else steps:
        for check, said in step(request):
            checks.append(check)
            version = said or version
            if not check.passed:
                return PreflightReport(tuple(checks), version)
    return PreflightReport(tuple(checks), version)


_Found = Iterator[tuple[Check, UntrustedText]]
Step = Callable[[PreflightRequest], _Found]
_NOTHING = untrusted("")


def _ok(name: str, what: str, said: UntrustedText = _NOTHING) -> tuple[Check, UntrustedText]:
    return Check(name, True, what), said


def _bad(name: str, what: str) -> tuple[Check, UntrustedText]:
    return Check(name, False, what), _NOTHING


def _check_file(request: PreflightRequest) -> _Found:
    binary = request.binary
    try:
        status = os.lstat(binary)
        no_exec = bool(os.statvfs(binary).f_flag & os.ST_NOEXEC)
    except (OSError, ValueError) as error:
        yield _bad("file", f"{binary} cannot be looked at: {error}")
        return
    if not stat.S_ISREG(status.st_mode):
        yield _bad("file", f"{binary} is not a regular file")
    elif status.st_size == 0:
        yield _bad("file", f"{binary} is empty")
    elif not os.access(binary, os.R_OK | os.X_OK):
        yield _bad("file", f"{binary} has mode {stat.S_IMODE(status.st_mode):04o}: this user cannot execute it")
    elif no_exec:
        yield _bad("file", f"{binary} is on a file system that is mounted noexec")
    else:
        yield _ok("file", f"{binary} has {size(status.st_size)} and is executable")


def _check_format(request: PreflightRequest) -> _Found:
    binary = request.binary
    try:
        with binary.open("rb") as stream:
            script = read_script(stream.read(512))
            if script is None:
                elf = read_elf(stream, os.fstat(stream.fileno()).st_size)
    except NotExecutable as problem:
        yield _bad("format", f"{binary} {problem}")
        return
    except OSError as error:
        yield _bad("format", f"{binary} cannot be read: {error}")
        return
    if script is not None:
        yield _script(request, *script)
        return
    machine = this_machine()
    if machine is None:
        yield _bad("format", f"{binary} is an ELF executable, and this machine runs none")
    elif elf.machine != machine:
        yield _bad("format", f"{binary} is for {elf.machine.words}; this machine is {machine.words}")
    elif elf.static:
        yield _ok("format", f"{binary} is a static executable for this machine")
    elif not os.access(elf.interpreter, os.X_OK):
        yield _bad("format", f"{binary} needs the loader {untrusted(elf.interpreter)}, which is not on this machine")
    else:
        yield _ok("format", f"{binary} is an executable for this machine")
        yield _libraries(request, elf.interpreter)


def _script(request: PreflightRequest, interpreter: str, argument: str) -> tuple[Check, UntrustedText]:
    binary = request.binary
    if not request.allow_script:
        return _bad("format", f"{binary} is a script; this network allows executables only")
    if not os.access(interpreter, os.X_OK):
        return _bad("format", f"{binary} needs the interpreter {untrusted(interpreter)}, which is not on this machine")
    program = argument.split()[0] if argument and os.path.basename(interpreter) == "env" else ""
    if program and not program.startswith("-") and shutil.which(program, path=request.environment.get("PATH")) is None:
        return _bad("format", f"{binary} needs the interpreter {untrusted(program)}, which is not in its PATH")
    return _ok("format", f"{binary} is a script for {untrusted(interpreter)}, which this network allows")


def _libraries(request: PreflightRequest, loader: str) -> tuple[Check, UntrustedText]:
    """Ask the system's own loader which libraries are missing; it maps the binary and runs none of its code."""
    binary = request.binary
    real = os.path.realpath(loader)
    if not _trusted_loader(real):
        return _ok(
            "libraries", f"the loader {untrusted(loader)} is not the system's own and was not asked for libraries"
        )
    names = ("PATH", "LD_LIBRARY_PATH")
    environment = {name: request.environment[name] for name in names if name in request.environment}
    try:
        done = subprocess.run(
            [real, "--list", str(binary)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOADER_DEADLINE_S,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return _bad("libraries", f"the loader cannot look at {binary}: {untrusted(error)}")
    lines = (done.stdout[:_READ] + b"\n" + done.stderr[:_READ]).decode("utf-8", "replace").splitlines()
    missing = [line.strip() for line in lines if "not found" in line or "error while loading" in line]
    if missing or done.returncode != 0:
        return _bad(
            "libraries", f"{binary} lacks libraries: {untrusted('; '.join(missing[:4]) or 'the loader refused')}"
        )
    return _ok("libraries", f"{binary} finds all its libraries")


def _trusted_loader(path: str) -> bool:
    """Whether a loader belongs to the system, so that a release cannot bring its own."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    inside = any(path.startswith(f"{folder}/") for folder in _LOADER_FOLDERS)
    return inside and status.st_uid == 0 and not status.st_mode & 0o022


def _check_home(request: PreflightRequest) -> _Found:
    if request.home is None:
        return
    keys = key_files(request.home, signer_setup(request.home))
    needed = [*request.home.required, *(key.path for key in keys if key.required)]
    missing = [path for path in needed if not os.path.exists(path)]
    if missing:
        yield _bad("home", f"{missing[0]} is missing, without which the node does not start")
    else:
        yield _ok("home", f"what a start needs is in {request.home.root}")


def _check_version(request: PreflightRequest) -> _Found:
    if request.version:
        yield _run(request, "version", request.version, lambda output: untrusted(_last_word(output), 64))


def _check_settings(request: PreflightRequest) -> _Found:
    if request.config_display:
        yield _run(request, "settings", request.config_display, lambda output: _NOTHING)


COMMANDS: tuple[Step, ...] = (_check_version, _check_settings)
"""The steps that execute something."""


def _run(
    request: PreflightRequest, name: str, arguments: tuple[str, ...], said: Callable[[str], UntrustedText]
) -> tuple[Check, UntrustedText]:
    command = f"`{request.binary.name} {' '.join(arguments)}`"
    try:
        done = request.run(request.binary, request.sha256, arguments, request.environment, request.deadline_s)
    except NodeError as error:
        return _bad(name, f"{command} failed: {untrusted(redacted(error.what), _SHOWN)}")
    if done.returncode == 0:
        return _ok(name, f"{command} works", said(done.stdout[:_READ]))
    return _bad(name, f"{command} ended with code {done.returncode}: {_complaint(done)}")


def _complaint(done: subprocess.CompletedProcess[str]) -> UntrustedText:
    """The last lines of what it said; redacted whole before it is cut, so that no cut uncovers a secret."""
    output = (done.stderr[:_READ].strip() or done.stdout[:_READ].strip()).replace("\x1b", "")
    lines = [line.strip() for line in redacted(output).splitlines() if line.strip()]
    return untrusted(" / ".join(lines[-3:])[-_SHOWN:] or "it said nothing", _SHOWN)


def _last_word(output: str) -> str:
    words = output.split()
    return words[-1] if words else ""
