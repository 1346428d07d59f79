"""A file that a person names: read bounded, never waited for, and a sentence where it cannot be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from console.errors import InputError
from console.text import untrusted


def read_given(path: Path, most: int, *, safe: str = "") -> bytes:
    """A regular file's bytes.

    Args:
        path: The file.
        most: Bytes that it may have.
        safe: What was not done, for the sentence.

    Raises:
        InputError: It is none, is larger, or cannot be read.
    """
    try:
        # A pipe or a device of that name could hold us for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(f"{untrusted(path)} is no file", safe=safe)
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                content = stream.read(most + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise InputError(f"there is no file {untrusted(path)}", safe=safe) from None
    except OSError as error:
        raise InputError(f"cannot read {untrusted(path)}: {error.strerror or error}", safe=safe) from error
    if len(content) > most:
        raise InputError(f"{untrusted(path)} is larger than {most} bytes", safe=safe)
    return content
