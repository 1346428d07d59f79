"""What an operator already has: homes of nodes, told apart by what lies in them (facts/ipc.md §1.1, §1.3)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from console.errors import NodeError
from console.node.discovery.files import is_file, is_folder, names_in


class ShapeKind(StrEnum):
    """How the node of a home is run."""

    EMBEDDED = "embedded"
    """`ipc-cli node start`: one binary with the application, which starts CometBFT."""
    BARE = "bare"
    """`fendermint run`, `fendermint eth run` and `cometbft start`."""
    DOCKER = "docker"
    """Containers over this folder; Fendermint's settings are inside the image."""
    COSMOS = "cosmos"
    """A Cosmos SDK daemon, with or without Cosmovisor."""


@dataclass(frozen=True, slots=True)
class Home:
    """One node's home."""

    root: Path
    kind: ShapeKind
    mode: str
    """Fendermint's mode, which names `{mode}.toml`; empty for a Cosmos daemon."""
    fendermint: Path | None
    cometbft: Path
    """Home of CometBFT, with `config` and `data`."""
    settings: Path | None
    """Fendermint's settings folder; None where it has none on this disk."""
    daemons: tuple[str, ...]
    """Names of the binaries that an upgrade changes, the app first; empty when nothing here tells."""

    @property
    def data(self) -> tuple[Path, ...]:
        """Folders with what the node writes: the application's and CometBFT's."""
        own = () if self.fendermint is None else (self.fendermint / "data",)
        return (*own, self.cometbft / "data")

    @property
    def database_locks(self) -> tuple[Path, ...]:
        """LOCK files of the databases that exist now (RocksDB and goleveldb hold them while they are open)."""
        found = []
        for folder in self.data:
            for name in names_in(folder):
                lock = folder / name / "LOCK"
                if is_file(lock):
                    found.append(lock)
        return tuple(found)

    @property
    def required(self) -> tuple[Path, ...]:
        """Files and folders without which the node does not start (facts/ipc.md §1.3)."""
        comet = self.cometbft / "config"
        needed = [comet / "config.toml", comet / "genesis.json", self.cometbft / "data"]
        if self.kind in {ShapeKind.EMBEDDED, ShapeKind.BARE} and self.fendermint and self.settings:
            needed += [self.settings / "default.toml", self.fendermint / "data"]
        if self.kind is ShapeKind.EMBEDDED and self.fendermint:
            needed.append(self.fendermint / "validator.sk")
        if self.kind is ShapeKind.COSMOS:
            needed.append(comet / "app.toml")
        return tuple(needed)


_EMBEDDED_MODE = "validator"
_BARE_MODE = "dev"


def inspect_home(path: Path, *, cometbft: Path | None = None, mode: str | None = None) -> Home:
    """Say what node lives in a folder.

    Args:
        path: The home, or one of the two homes of a bare Fendermint.
        cometbft: CometBFT's home where it is not in its usual place.
        mode: Fendermint's mode where it is known (`-m`); else the shape's own.

    Raises:
        NodeError: No node's home is there.
    """
    path = Path(os.path.abspath(path.expanduser()))
    if not is_folder(path):
        raise NodeError(f"{path} is not a folder that can be read", next_step="name the node's home")
    if is_folder(path / "fendermint") and is_folder(path / "cometbft"):
        fendermint = path / "fendermint"
        if is_folder(fendermint / "config"):
            return Home(
                root=path,
                kind=ShapeKind.EMBEDDED,
                mode=mode or _EMBEDDED_MODE,
                fendermint=fendermint,
                cometbft=cometbft or path / "cometbft",
                settings=fendermint / "config",
                daemons=_staged_daemons(path) or ("ipc-cli",),
            )
        return Home(
            root=path,
            kind=ShapeKind.DOCKER,
            mode=mode or _BARE_MODE,
            fendermint=fendermint,
            cometbft=cometbft or path / "cometbft",
            settings=None,
            daemons=(),
        )
    if is_file(path / "config" / "default.toml"):
        return Home(
            root=path,
            kind=ShapeKind.BARE,
            mode=mode or _BARE_MODE,
            fendermint=path,
            cometbft=cometbft or path.with_name(".cometbft"),
            settings=path / "config",
            daemons=("fendermint", "cometbft"),
        )
    if is_folder(path / "cosmovisor") or is_file(path / "config" / "app.toml"):
        return Home(
            root=path,
            kind=ShapeKind.COSMOS,
            mode="",
            fendermint=None,
            cometbft=path,
            settings=None,
            daemons=_staged_daemons(path),
        )
    if is_file(path / "config" / "config.toml"):
        beside = path.with_name(".fendermint")
        if is_file(beside / "config" / "default.toml"):
            return inspect_home(beside, cometbft=path, mode=mode)
        raise NodeError(
            f"{path} is the home of a CometBFT alone; no Fendermint settings are in {beside}",
            next_step="name Fendermint's home",
        )
    raise NodeError(
        f"{path} does not look like the home of a node: neither fendermint/ and cometbft/, nor config/default.toml, "
        "nor cosmovisor/ or config/app.toml is there",
        next_step="name the node's home",
    )


def candidate_homes(user_home: Path) -> tuple[Path, ...]:
    """Folders where a node's home usually is and that exist, without looking into them much."""
    found = [user_home / name for name in (".node-ipc", ".ipc-node", ".fendermint") if is_folder(user_home / name)]
    nodes = user_home / ".ipc" / "nodes"
    found += [nodes / name for name in names_in(nodes) if is_folder(nodes / name)]
    # The containers' homes: ~/.ipc/<network>/<node>.
    for network in names_in(user_home / ".ipc"):
        folder = user_home / ".ipc" / network
        if network != "nodes" and is_folder(folder):
            found += [folder / name for name in names_in(folder) if is_folder(folder / name / "cometbft")]
    for name in names_in(user_home):
        folder = user_home / name
        cosmos = is_folder(folder / "cosmovisor") or is_file(folder / "config" / "app.toml")
        if name.startswith(".") and folder not in found and cosmos:
            found.append(folder)
    return tuple(found)


def find_homes(user_home: Path) -> tuple[Home, ...]:
    """Homes of nodes under a user's home; folders that are none are passed over."""
    found: list[Home] = []
    for path in candidate_homes(user_home):
        try:
            home = inspect_home(path)
        except NodeError:
            continue
        if home not in found:
            found.append(home)
    return tuple(found)


def _staged_daemons(home: Path) -> tuple[str, ...]:
    """Names of the binaries in Cosmovisor's layout: of `current`, else of genesis."""
    for folder in ("current", "genesis"):
        names = tuple(
            name
            for name in names_in(home / "cosmovisor" / folder / "bin")
            if not name.startswith(".") and is_file(home / "cosmovisor" / folder / "bin" / name)
        )
        if names:
            # `ipc-cli` holds the app, and so does `fendermint`: CometBFT is never the first.
            return tuple(sorted(names, key=lambda name: name == "cometbft"))
    return ()
