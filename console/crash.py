"""The report of a crash: where it happened and what was pressed before; nothing that was typed, nothing secret."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from time import gmtime, strftime, time

from console import __version__
from console.node.redaction import redacted
from console.settings import state_folder
from console.text import untrusted

KEPT = 10
"""Reports that stay; older ones are removed."""
MAX_LINES = 2000
"""Lines of a traceback: a recursion without end makes very many."""
MAX_LINE = 500
"""Characters of a line: a message may hold a whole answer of a stranger."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was going on."""

    network: str
    """Empty where none is open."""
    view: str
    screens: tuple[str, ...]
    """Class names, the one on top last."""
    size: tuple[int, int]
    """Columns and rows."""
    pressed: tuple[tuple[float, str], ...]
    """(seconds before the crash, action's name), oldest first."""


def crash_folder() -> Path:
    """Where reports are."""
    return state_folder() / "crashes"


def write_report(error: BaseException, circumstances: Circumstances) -> Path:
    """Write the report into a new file that only its owner reads. Raises OSError."""
    folder = crash_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"crash-{strftime('%Y%m%dT%H%M%SZ', gmtime(time()))}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(report(error, circumstances))
    for old in sorted(folder.glob("crash-*.txt"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def report(error: BaseException, circumstances: Circumstances) -> str:
    """The report's text. It holds no local variable, no environment and no key that was typed."""
    lines = [
        f"upgrade-console {__version__} crashed at {strftime('%Y-%m-%d %H:%M:%S', gmtime(time()))} UTC",
        f"Python {platform.python_version()}, Textual {_version('textual')}, {platform.system()} {platform.machine()}",
        f"network {circumstances.network or '—'}, view {circumstances.view or '—'},"
        f" {circumstances.size[0]}×{circumstances.size[1]}, screens {' > '.join(circumstances.screens) or '—'}",
        "",
        "Actions, seconds before it:",
        *([f"  {ago:9.1f}  {name}" for ago, name in circumstances.pressed] or ["  none"]),
        "",
        *_traceback(error),
    ]
    return "\n".join(lines) + "\n"


def summary(error: BaseException) -> str:
    """What happened, in one line."""
    return _safe("".join(traceback.format_exception_only(error)).strip().splitlines()[-1])


def _traceback(error: BaseException) -> Iterable[str]:
    # Made without local variables: they may hold what nobody should read (facts/tui.md §0.7).
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        left_out = f"… {len(lines) - MAX_LINES} lines left out …"
        lines = [*lines[: MAX_LINES // 2], left_out, *lines[-MAX_LINES // 2 :]]
    return map(_safe, lines)


def _safe(line: str) -> str:
    # Line by line: a value that does not end in it would hide all that follows.
    return str(untrusted(redacted(line), MAX_LINE))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "?"
