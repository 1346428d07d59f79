"""Who runs this program."""

from __future__ import annotations

import getpass
import os

from console.text import untrusted


def this_user() -> str:
    """The user's name, for journals, records and files; safe to be shown."""
    try:
        return str(untrusted(getpass.getuser(), 64))
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
