"""Settings files of the node, read again only when they changed: parsing CometBFT's takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console.node.discovery.files import read_toml

_Mark = tuple[int, int, int, int]


class ConfigFiles:
    """Tables of TOML files, each kept while its file stays the same."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[_Mark, dict[str, Any]]] = {}

    def table(self, path: Path) -> dict[str, Any]:
        """The file's table; empty when it is absent or not readable."""
        try:
            found = path.stat()
        except OSError:
            return {}
        mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        kept = self._kept.get(path)
        if kept is None or kept[0] != mark:
            kept = self._kept[path] = (mark, read_toml(path).table)
        return kept[1]
