"""Where the signer process gets a passphrase: a small file, or the person at the terminal (facts/safety.md §6).

Never from the environment and never from arguments. Only `console.signer` imports this.
"""

from __future__ import annotations

import os
import signal
import stat
import termios
from collections.abc import Callable, Generator
from contextlib import contextmanager

from console.key_files import WrongPassphrase
from console.private_file import Refused, read_private_file, read_small_file

MAX_PASSPHRASE = 1024
"""Bytes."""

TRIES = 3
"""How often a wrong passphrase may be typed."""

TERMINAL = "/dev/tty"

_ESCAPE = 0x1B


def from_file(path: str, *, credential: bool) -> bytes:
    """The first line of a file.

    Args:
        path: The file; not a symbolic link.
        credential: Whether systemd put it there (`LoadCredential=`): then it may be root's, readable by its group's
            mask, which is how systemd shows the access list that lets us in.

    Raises:
        Refused: It cannot be read, is open to others, or holds no passphrase.
    """
    what = "credential" if credential else "passphrase file"
    if credential:
        content, found, shown = read_small_file(path, what, MAX_PASSPHRASE + 2)
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid not in {0, os.geteuid()} or mode & 0o137:
            raise Refused(f"the credential {shown} is not one that systemd made (mode {mode:04o})")
    else:
        content, shown = read_private_file(path, what, MAX_PASSPHRASE + 2)
    line, _, rest = content.partition(b"\n")
    line = line.removesuffix(b"\r")
    if not line or rest.strip() or b"\0" in line or len(line) > MAX_PASSPHRASE:
        raise Refused(f"the {what} {shown} does not hold one passphrase of 1 to {MAX_PASSPHRASE} bytes")
    return line


def opened_at_terminal(introduction: str, opener: Callable[[bytes], bytes]) -> bytes:
    """Ask on the controlling terminal until a passphrase opens the keystore, at most `TRIES` times.

    What was typed or pasted before a question is thrown away: nobody answers what is not asked yet.

    Args:
        introduction: Lines that say what will be signed; printable text.
        opener: Returns the key, or raises WrongPassphrase.

    Raises:
        Refused: There is no terminal, nothing was given, or every try was wrong.
    """
    with _terminal() as descriptor:
        _write(descriptor, introduction + "\n")
        for left in range(TRIES - 1, -1, -1):
            passphrase = _ask(descriptor, "Passphrase (not shown; Ctrl-C to refuse): ")
            if not passphrase:
                raise Refused("no passphrase was given")
            try:
                secret = opener(passphrase)
            except WrongPassphrase:
                if not left:
                    raise Refused(f"the passphrase was wrong {TRIES} times") from None
                _write(descriptor, f"That is not it; {left} {'try' if left == 1 else 'tries'} left.\n")
            else:
                _write(descriptor, "Signing.\n")
                return secret
    raise AssertionError("the loop returns or raises")


@contextmanager
def _terminal() -> Generator[int, None, None]:
    """The controlling terminal, with this process in front, echo off; as it was afterwards."""
    try:
        descriptor = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise Refused(
            "a passphrase is needed and there is no terminal to ask on: run it in a terminal, or export the call"
        ) from None
    # To take the terminal from behind is a signal that would stop us; Ctrl-Z would leave the console waiting.
    for number in (signal.SIGTTOU, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        front = os.tcgetpgrp(descriptor)
        before = termios.tcgetattr(descriptor)
        silent = list(before)
        silent[3] = (silent[3] | termios.ICANON | termios.ISIG) & ~(termios.ECHO | termios.ECHONL)
        silent[0] |= termios.ICRNL
        try:
            os.tcsetpgrp(descriptor, os.getpgrp())
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
            yield descriptor
        except KeyboardInterrupt:
            raise Refused("no passphrase was given") from None
        finally:
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
            os.tcsetpgrp(descriptor, front)
    except (OSError, termios.error):
        raise Refused("the terminal went away while a passphrase was asked for") from None
    finally:
        os.close(descriptor)


def _ask(descriptor: int, question: str) -> bytes:
    _write(descriptor, question)
    termios.tcflush(descriptor, termios.TCIFLUSH)
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, MAX_PASSPHRASE)
        if not piece or len(line) > MAX_PASSPHRASE:
            break
        line += piece
    _write(descriptor, "\n")
    found = bytes(line).removesuffix(b"\n")
    if _ESCAPE in found or len(found) > MAX_PASSPHRASE:
        # An arrow key, or a terminal that marks what is pasted: what was meant cannot be known.
        raise Refused("what was typed is no passphrase: it holds control characters, or has no end")
    return found


def _write(descriptor: int, text: str) -> None:
    data = text.encode("utf-8", "replace")
    while data:
        data = data[os.write(descriptor, data) :]
