"""The chain's own daemon as a child process: its command built exactly, run without a shell, and bounded.

It gets an environment of its own: a variable as `VIRTENGINED_KEYRING_BACKEND` would make it do something else than
what was shown. Where its keyring has to ask, it asks on the terminal that is left to it; nothing that is typed passes
through this process.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import shlex
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from console.bare_process import end_group, start_bare
from console.chain.daemon_words import explained
from console.chain.kept_terminal import has_terminal, kept_terminal
from console.daemon_settings import DaemonSettings
from console.errors import DaemonError, SettingsError
from console.ports.keys import Terminal
from console.text import untrusted, visible

TYPING_DEADLINE_S = 300.0
"""Seconds that a person has for what a keyring asks."""

_MOST_OUTPUT = 4 << 20
_MOST_SAID = 64 * 1024
_PIECE = 4096
_USAGE = "\nUsage:"

_KEPT_VARIABLES = (
    "HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "GNUPGHOME", "GPG_TTY", "PASSWORD_STORE_DIR",
)  # fmt: skip
"""What keyrings need to be found and to ask."""

_NOTHING = "nothing was sent"


class ChainDaemon:
    """Runs the daemon of one network.

    Args:
        settings: Which, and how.
        terminal: On which its keyring may ask a person; None where nobody is.
    """

    def __init__(self, settings: DaemonSettings, terminal: Terminal | None = None) -> None:
        self._settings = settings
        self._terminal = terminal

    def program(self) -> str:
        """Its absolute path. Raises SettingsError: it is not there."""
        command = self._settings.command
        found = shutil.which(command)
        if found is None:
            where = "" if "/" in command else " in PATH"
            raise SettingsError(
                f"the chain's daemon {untrusted(command)} is not there{where}",
                safe=_NOTHING,
                next_step="install it, or set `command` of the network's daemon to its path",
            )
        return str(Path(found).absolute())

    def keyring_flags(self) -> tuple[str, ...]:
        """The flags by which it finds its home and its keys."""
        settings = self._settings
        return (
            *(() if settings.home is None else ("--home", str(settings.home))),
            "--keyring-backend",
            settings.keyring_backend,
            *(() if settings.keyring_dir is None else ("--keyring-dir", str(settings.keyring_dir))),
        )

    def shown(self, arguments: Sequence[str]) -> str:
        """A run of it as one would type it."""
        return shown_command((self.program(), *arguments))

    async def run(self, arguments: Sequence[str], *, key_for: str = "") -> str:
        """Run it once.

        Args:
            arguments: All of them.
            key_for: What it needs a key for, where it does: its keyring may have to ask somebody, who reads this first.

        Returns:
            What it wrote to its standard output; where that is empty, to its standard error, as older ones do.

        Raises:
            SettingsError: It is not there.
            DaemonError: It could not be started, failed, or took too long.
            SignerError: The terminal cannot be left to it.
        """
        program = self.program()
        asks = bool(key_for) and self._settings.asks
        deadline_s = self._settings.deadline_s + (TYPING_DEADLINE_S if asks else 0.0)
        lent = self._terminal.lent() if asks and self._terminal is not None and has_terminal() else None
        if lent is None:
            # Without a terminal what a script feeds us is the daemon's to read.
            stdin = None if asks and self._terminal is not None else asyncio.subprocess.DEVNULL
            return await self._run(program, arguments, deadline_s, stdin, None, unasked=asks)
        async with lent:
            with kept_terminal() as descriptor:
                _pass_on(
                    descriptor,
                    f"{Path(program).name} opens its {self._settings.keyring_backend} keyring to {key_for}\n",
                )
                return await self._run(program, arguments, deadline_s, descriptor, descriptor)

    async def _run(
        self,
        program: str,
        arguments: Sequence[str],
        deadline_s: float,
        stdin: int | None,
        terminal: int | None,
        *,
        unasked: bool = False,
    ) -> str:
        name = Path(program).name
        try:
            with _never_stopped() if terminal is not None else nullcontext():
                process = await start_bare(
                    (program, *arguments),
                    _environment(),
                    most_bytes=_PIECE,
                    stdin=stdin,
                    on_terminal=terminal is not None,
                )
        except OSError as error:
            raise DaemonError(f"{program} cannot be started: {error.strerror}", safe=_NOTHING) from error
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            if terminal is not None:
                _give_front(terminal, process.pid)
            async with asyncio.timeout(deadline_s):
                output, said = await asyncio.gather(
                    _read(process.stdout, _MOST_OUTPUT), _read(process.stderr, _MOST_SAID, terminal)
                )
                code = await process.wait()
        except TimeoutError:
            raise DaemonError(
                f"{name} {' '.join(arguments[:3])} took longer than {deadline_s:g} s and was ended",
                safe=_NOTHING,
                next_step="look whether its node answers, or set a higher `deadline_s`",
            ) from None
        finally:
            await end_group(process)
        if code:
            told = explained(said if said.strip() else output, nobody_there=unasked)
            how = f"ended by signal {-code}" if code < 0 else "refused"
            raise DaemonError(f"{name} {how}: {told.what}", safe=_NOTHING, next_step=told.next_step)
        return output if output.strip() else said


def shown_command(command: Sequence[str]) -> str:
    """A command as one would type it, with nothing in it that a terminal would obey."""
    return "".join(visible(character) for character in shlex.join(command))


def _environment() -> dict[str, str]:
    found = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {"PATH": os.defpath, **found}


@contextmanager
def _never_stopped() -> Iterator[None]:
    """Have a child inherit that Ctrl-Z does nothing: it would leave the console waiting behind a stopped question."""
    if threading.current_thread() is not threading.main_thread():
        # Only there a process says what it ignores.
        yield
        return
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


def _give_front(terminal: int, group: int) -> None:
    """Let a child read the terminal."""
    try:
        os.tcsetpgrp(terminal, group)
        # It may have tried before, and was stopped for it.
        os.killpg(group, signal.SIGCONT)
    except OSError:
        # It has ended, or the terminal is gone: its end tells.
        pass


async def _read(stream: asyncio.StreamReader, most: int, terminal: int | None = None) -> str:
    """All that a stream says, its end where it is more; passed on to the terminal, where there is one."""
    kept = bytearray()
    passing = codecs.getincrementaldecoder("utf-8")("replace")
    shown = ""
    while piece := await stream.read(_PIECE):
        kept += piece
        del kept[:-most]
        if terminal is not None and _USAGE not in shown:
            before, shown = shown, shown + passing.decode(piece)
            # What follows an error is how the command is used, which nobody asked for.
            _pass_on(terminal, shown.partition(_USAGE)[0][len(before) :])
    return kept.decode("utf-8", "replace")


def _pass_on(terminal: int, text: str) -> None:
    # It quotes the chain, and a terminal obeys what it is told.
    safe = "".join(character if character == "\n" else visible(character) for character in text.replace("\r", ""))
    try:
        os.write(terminal, safe.encode("utf-8", "replace"))
    except OSError:
        # The terminal is gone: what is said is kept all the same.
        pass
