"""A small data folder of each kind, as the databases leave them, and what is in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from console.node.rollback_point import DataFolders, RollbackPoints

APP = "fendermint/data"
COMET = "cometbft/data"
SIGNER = f"{COMET}/priv_validator_state.json"

LINKED = {f"{APP}/rocksdb/000011.sst", f"{COMET}/state.db/000004.ldb", f"{COMET}/cs.wal/wal.000"}
"""What a link may stand for."""

_S = 1_000_000_000


def data_folders(home: Path) -> DataFolders:
    return DataFolders(home, (home / APP, home / COMET), home / SIGNER)


def points_of(home: Path, **options: object) -> RollbackPoints:
    """Points beside the home, with no margin."""
    return RollbackPoints(data_folders(home), home.parent / "points", margin_bytes=0, **options)  # type: ignore[arg-type]


def make_home(home: Path, height: int = 99) -> Path:
    """Make a home whose databases were closed at `height`."""
    database, blocks, wal = home / APP / "rocksdb", home / COMET / "state.db", home / COMET / "cs.wal"
    for folder in (database, blocks, wal):
        folder.mkdir(parents=True)
    (home / COMET).chmod(0o750)
    for number, (path, content) in enumerate(
        {
            database / "000011.sst": b"table" * 5000,
            database / "000012.log": b"log of %d" % height,
            database / "CURRENT": b"MANIFEST-000010\n",
            blocks / "000004.ldb": b"blocks" * 3000,
            wal / "wal.000": b"old messages",
            wal / "wal": b"new messages",
            blocks / "MANIFEST-000003": b"tables",
            database / "MANIFEST-000010": b"tables",
        }.items()
    ):
        path.write_bytes(content)
        os.utime(path, ns=(number * _S, number * _S))
    (database / "LOCK").touch(mode=0o600)
    (home / "fendermint" / "config.toml").write_text("not data")
    sign(home, height)
    return home


def sign(home: Path, height: int) -> None:
    """Let the signer have signed `height`."""
    state = home / SIGNER
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({"height": str(height), "round": 0, "step": 3, "signature": "c2ln"}))
    state.chmod(0o600)


def upgrade(home: Path, height: int = 120) -> None:
    """Do what a node does to its data while it runs on: new tables, old ones dropped, logs written in place."""
    database = home / APP / "rocksdb"
    (database / "000013.sst").write_bytes(b"new table" * 100)
    (database / "000011.sst").unlink()
    (database / "000012.log").write_bytes(b"log of %d" % height)
    (home / COMET / "cs.wal" / "wal").write_bytes(b"messages of %d" % height)
    (home / COMET / "empty.db").mkdir()
    sign(home, height)


def content(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Mode and bytes of everything but the signer state, by path; an absent folder has nothing."""
    found: dict[str, tuple[int, bytes | None]] = {}
    for path in sorted([folder, *folder.rglob("*")] if folder.exists() else []):
        if path.name != Path(SIGNER).name:
            mode = path.lstat().st_mode
            found[str(path.relative_to(folder))] = (mode, path.read_bytes() if path.is_file() else None)
    return found


def state(home: Path) -> tuple[dict[str, tuple[int, bytes | None]], ...]:
    """Content of both data folders."""
    return content(home / APP), content(home / COMET)
