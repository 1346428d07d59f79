"""A small file that holds a secret, as the few processes read it that may: never a link, never waited for.

Only `console.signer` and `console.notify.sender` read one; no other process ever sees what is in it.
"""

from __future__ import annotations

import os
import stat


class Refused(Exception):
    """The request is refused; the message is one sentence without any part of a secret."""


def read_small_file(path: str, what: str, most: int) -> tuple[bytes, os.stat_result, str]:
    """Read a regular file that is not a link.

    Args:
        path: The file.
        what: For the sentence, as `key file`.
        most: Bytes that are read; one more is returned when it is longer.

    Returns:
        Content, what the file system says of it, and its path as a message shows it.

    Raises:
        Refused: It cannot be opened, or is no regular file.
    """
    shown = ascii(path)
    try:
        # Not blocking: a fifo in the key's place must not hold the signer up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refused(f"there is no {what} {shown}") from None
    except (OSError, ValueError) as error:
        link = " (it is a symbolic link)" if "\0" not in path and os.path.islink(path) else ""
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else "no such name is possible"
        raise Refused(f"cannot open the {what} {shown}: {why}{link}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"the {what} {shown} is not a regular file")
        content = b""
        while len(content) <= most and (piece := os.read(descriptor, most + 1 - len(content))):
            content += piece
    finally:
        os.close(descriptor)
    return content, found, shown


def read_private_file(path: str, what: str, most: int) -> tuple[bytes, str]:
    """Read a small file that is its owner's alone, and whose owner we are.

    Args:
        path: The file.
        what: For the sentence, as `passphrase file`.
        most: Bytes that are read; one more is returned when it is longer.

    Returns:
        Content, and its path as a message shows it.

    Raises:
        Refused: It cannot be read, or is open to others.
    """
    content, found, shown = read_small_file(path, what, most)
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        raise Refused(f"the {what} {shown} belongs to another user")
    if mode & 0o177:
        raise Refused(f"the {what} {shown} has mode {mode:04o}: run `chmod 600` on it")
    return content, shown
