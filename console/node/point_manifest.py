"""The manifest of a rollback point: what was kept and how; read as strictly as bytes from outside."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from console.errors import NodeError
from console.files import write_durably
from console.json_depth import MAX_DEPTH, deeper_than
from console.node.signer_guard import Hrs
from console.node.tree_copy import CopyMethod

FILE = "manifest.json"
FORMAT = 1
MAX_BYTES = 256 << 20
MOST = 2**63 - 1
"""No number in a manifest is higher, but for times and inodes."""
MOST_NS = 2**80
"""Nanoseconds: some file systems count for centuries after 2262."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"(?!\.)[^/\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a rollback point."""

    size: int
    mtime_ns: int
    inode: int
    how: CopyMethod
    sha256: str
    """Empty for a file that its database never writes again, or with gigabytes of holes."""


@dataclass(frozen=True, slots=True)
class KeptTree:
    """One data folder of a rollback point; paths are relative to it."""

    place: str
    """The data folder's path under the home."""
    folders: tuple[str, ...]
    links: Mapping[str, str]
    """Target by path of each symbolic link."""
    files: Mapping[str, KeptFile]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a complete rollback point says of itself."""

    name: str
    sequence: int
    """Higher than that of every point taken before: the clock may jump, this does not."""
    taken_at: int
    """Unix seconds."""
    app_height: int | None
    generation: str
    exe_sha256: str
    signer: Hrs | None
    """Of the signer state that was live then; a live one below it is refused."""
    trees: tuple[KeptTree, ...]

    @property
    def method(self) -> CopyMethod:
        """The cheapest way in which any file was kept."""
        ways = {kept.how for tree in self.trees for kept in tree.files.values()}
        return next((method for method in CopyMethod if method in ways), CopyMethod.COPY)

    @property
    def file_count(self) -> int:
        """Files in all trees."""
        return sum(len(tree.files) for tree in self.trees)

    @property
    def apparent_bytes(self) -> int:
        """Sum of the files' sizes."""
        return sum(kept.size for tree in self.trees for kept in tree.files.values())


def is_point_name(name: str) -> bool:
    """Whether a rollback point may be called so: it is a folder's name, and leads nowhere else."""
    return _NAME.fullmatch(name) is not None and len(os.fsencode(name)) <= 200 and not name.endswith(".partial")


def is_sha256(value: str) -> bool:
    """Whether it is 64 lower-case hex digits."""
    return _SHA256.fullmatch(value) is not None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it durably.

    Raises:
        ValueError: A value is out of its bounds.
        OSError: The disk refused.
    """
    point = {
        "name": manifest.name,
        "sequence": manifest.sequence,
        "taken_at": manifest.taken_at,
        "app_height": manifest.app_height,
        "generation": manifest.generation,
        "exe_sha256": manifest.exe_sha256,
        "signer": None if manifest.signer is None else list(manifest.signer),
        "trees": [
            {
                "place": tree.place,
                "folders": list(tree.folders),
                "links": dict(tree.links),
                "files": {
                    path: [kept.size, kept.mtime_ns, kept.inode, kept.how.value, kept.sha256]
                    for path, kept in tree.files.items()
                },
            }
            for tree in manifest.trees
        ],
    }
    # What a caller gave is checked; the rest comes from the file system, and is in bounds.
    _header(point)
    text = _canonical(point)
    write_durably(folder / FILE, b'{"format": %d, "sha256": "%s", "point": %s}' % (FORMAT, _sha256(text), text))


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a rollback point's folder.

    Raises:
        NodeError: It is missing, damaged, of a newer format, or not what we write.
    """
    path = folder / FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        _refuse(folder.name, f"its manifest cannot be read: {error.strerror}")
    return parse_manifest(content, folder.name)


def parse_manifest(content: bytes, name: str) -> Manifest:
    """The manifest of the point `name` from its bytes.

    Raises:
        NodeError: It is damaged, of a newer format, or not what we write.
    """
    if len(content) > MAX_BYTES:
        _refuse(name, "its manifest is too long")
    try:
        if deeper_than(content, MAX_DEPTH):
            raise ValueError("nested too deeply")
        document = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
        if _whole(document["format"]) != FORMAT:
            _refuse(name, f"its manifest has format {_whole(document['format'])}, and this program reads {FORMAT}")
        if set(document) != {"format", "sha256", "point"} or document["sha256"] != _digest(document["point"]):
            raise ValueError("checksum")
        manifest = _manifest(document["point"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise _damaged(name, "its manifest is damaged") from error
    if manifest.name != name:
        _refuse(name, "its manifest belongs to another one")
    return manifest


def _manifest(point: dict[str, Any]) -> Manifest:
    trees = tuple(_tree(tree) for tree in _list(point["trees"]))
    if not trees or len({tree.place for tree in trees}) != len(trees):
        raise ValueError("trees")
    return replace(_header(point), trees=trees)


def _header(point: dict[str, Any]) -> Manifest:
    """The manifest without its trees."""
    name, height, signer = _text(point["name"]), point["app_height"], point["signer"]
    exe = _text(point["exe_sha256"])
    if not is_point_name(name) or (exe and not is_sha256(exe)):
        raise ValueError("name or hash")
    if signer is not None:
        height_signed, round_signed, step = (_whole(part) for part in _list(signer))
        signer = (height_signed, round_signed, step)
    return Manifest(
        name=name,
        sequence=_whole(point["sequence"]),
        taken_at=_whole(point["taken_at"]),
        app_height=None if height is None else _whole(height),
        generation=_text(point["generation"]),
        exe_sha256=exe,
        signer=signer,
        trees=(),
    )


def _tree(tree: dict[str, Any]) -> KeptTree:
    folders = tuple(_path(path) for path in _list(tree["folders"]))
    links = {_path(path): _text(target) for path, target in tree["links"].items()}
    files = {_path(path): _file(*_list(kept)) for path, kept in tree["files"].items()}
    known = {"", *folders}
    for path in (*folders, *links, *files):
        if path.rpartition("/")[0] not in known:
            raise ValueError("a path without its folder")
    if len(folders) + len(links) + len(files) != len({*folders, *links, *files}):
        raise ValueError("a path named twice")
    return KeptTree(_path(tree["place"]), folders, links, files)


def _file(size: object, mtime_ns: object, inode: object, how: object, sha256: object) -> KeptFile:
    digest = _text(sha256)
    if digest and not is_sha256(digest):
        raise ValueError("sha256")
    if isinstance(mtime_ns, bool) or not isinstance(mtime_ns, int) or abs(mtime_ns) > MOST_NS:
        raise ValueError("mtime")
    # Inodes are unsigned, and some file systems use the highest bit.
    return KeptFile(_whole(size), mtime_ns, _whole(inode, 2**64 - 1), CopyMethod(_text(how)), digest)


def _path(value: object) -> str:
    path = _text(value)
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("path")
    os.fsencode(path)
    return path


def _whole(value: object, most: int = MOST) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError("number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("list")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("no number")


def _canonical(point: object) -> bytes:
    return json.dumps(point, sort_keys=True, separators=(",", ":")).encode("ascii")


def _sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _digest(point: object) -> str:
    return _sha256(_canonical(point)).decode()


def _damaged(name: str, why: str) -> NodeError:
    return NodeError(
        f"the rollback point {name!a} cannot be used: {why}",
        safe="nothing was changed",
        next_step="use another one; remove its folder when nobody needs it any more",
    )


def _refuse(name: str, why: str) -> NoReturn:
    raise _damaged(name, why)
