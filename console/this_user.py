"""Who runs this program, and where."""

from __future__ import annotations

import getpass
import os
import socket

from console.text import untrusted


def this_user() -> str:
    """The user's name, for journals, records and files; safe to be shown."""
    try:
        return str(untrusted(getpass.getuser(), 64))
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def this_machine() -> str:
    """The machine's name, to tell people apart who run the same thing on two; safe to be shown."""
    return str(untrusted(socket.gethostname().partition(".")[0] or "this machine", 64))
