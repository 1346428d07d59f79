"""The operator's settings changed in place: keys and comments that are not ours stay as they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import SettingsError
from console.files import write_durably

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_NOTHING_CHANGED = "nothing was changed"


@contextmanager
def changed_settings(path: Path, *, new: bool = False) -> Iterator[TOMLDocument]:
    """The document of a settings file, which is written when the block ends well.

    Args:
        path: The file.
        new: Whether it is made where it is not there.

    Raises:
        SettingsError: It cannot be read, is not of the form that the block expects, or cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.document() if new and not path.exists() else tomlkit.parse(path.read_text("utf-8"))
        yield document
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        write_durably(path.resolve(), tomlkit.dumps(document).encode(), mode)
    except (TOMLKitError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"cannot read settings {path}: {error}", safe=_NOTHING_CHANGED, next_step="mend the file"
        ) from None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SettingsError(f"cannot write settings {path}: {why}", safe=_NOTHING_CHANGED) from None
