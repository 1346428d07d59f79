"""The node program as deterministic single files: one executable zip archive per release (facts/build.md, Processes).

Two builds by the same interpreter path and version are byte-identical: fixed dates and order, no compression, bytecode
that is valid by declaration (UNCHECKED_HASH) and marshalled without references, whose presence depends on what else
the building process holds. The hashes depend on the interpreter, so builds are made at `devnet up`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import shlex
import zipfile
from dataclasses import dataclass
from importlib import resources

PACKAGE = "console.devnet.program"

_ENTRY = "from program.cli import main\n\nraise SystemExit(main())\n"
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
_MARSHAL_WITHOUT_REFERENCES = 2
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the node program."""

    version: str
    rules: int
    """Number of the application's rule set."""
    migration: str = ""
    """What it does to the state at H: `migrations.carried`'s text; empty for nothing."""

    @property
    def module(self) -> str:
        """Source of `program/release.py`, the one module in which releases differ."""
        return (
            '"""Which release this is: the only module that differs between two builds of the program."""\n\n'
            f'from __future__ import annotations\n\nVERSION = "{self.version}"\nRULES = {self.rules}\n'
            f"MIGRATION = {self.migration!r}\n"
        )


OLD = Release("v0.1.5", 1)
"""The release that every validator starts with."""
NEW = Release("v0.2.0", 2)
"""The release to upgrade to."""
RELEASES = (OLD, NEW)
"""Oldest first."""


@dataclass(frozen=True, slots=True)
class Build:
    """The bytes of one build."""

    version: str
    content: bytes

    @property
    def sha256(self) -> str:
        """64 lower-case hex digits."""
        return hashlib.sha256(self.content).hexdigest()


def build_all(python: str, releases: tuple[Release, ...] = RELEASES) -> tuple[Build, ...]:
    """Build the releases from this installation's node program.

    Args:
        python: Absolute path of the interpreter that finds aiohttp and coincurve: in a venv the venv's own path.
        releases: What to build, in order.
    """
    shared = _sources()
    compiled = {name: _bytecode(name, source) for name, source in shared.items()}
    return tuple(Build(release.version, _archive(python, release, shared, compiled)) for release in releases)


def _sources() -> dict[str, bytes]:
    found = {"__main__.py": _ENTRY.encode()}
    for file in sorted(resources.files(PACKAGE).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".py") and file.name != "release.py":
            found[f"program/{file.name}"] = file.read_bytes()
    return found


def _archive(python: str, release: Release, shared: dict[str, bytes], compiled: dict[str, bytes]) -> bytes:
    name = "program/release.py"
    module = release.module.encode()
    sources = {**shared, name: module}
    bytecode = {**compiled, name: _bytecode(name, module)}
    stream = io.BytesIO()
    # `#!PYTHON` itself breaks on long paths and on spaces; the shell's line does not.
    stream.write(f'#!/bin/sh\nexec {shlex.quote(python)} "$0" "$@"\n'.encode())
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(sources):
            _add(archive, path, sources[path])
            _add(archive, f"{path}c", bytecode[path])
    return stream.getvalue()


def _add(archive: zipfile.ZipFile, path: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(path, _DATE)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _bytecode(name: str, source: bytes) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code, _MARSHAL_WITHOUT_REFERENCES)
