"""`node full-node --home NEW`: a full node beside a validator, in another home and with fresh keys (issue 3).

For reading while a breaking release waits, and for a sentry. It must never be able to sign as the validator: no key of
the source is copied, a remote signer's address is taken out of the settings, and before the new home appears under its
name every file of it is searched for every secret of the source.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import NodeError
from console.files import sync_folder, write_durably
from console.node.fresh_keys import (
    ED25519,
    FRESH_SIGNER_STATE,
    SECP256K1,
    FreshKey,
    fresh_key,
    key_kind,
    node_id,
    public_key,
    secrets_in,
)

PORT_OFFSET = 1000
"""Added to every port of the source when nothing else is asked for."""

_NOTHING = "nothing was created"
_HOST = "127.0.0.1"
_MAX_TOML = 4 << 20
_PORT = re.compile(r"(?P<before>.*:)(?P<port>[0-9]{1,5})(?P<after>/[^:]*)?", re.ASCII)

# Settings of CometBFT that would lead the new node back to the source's key, data or name.
_OWN_FILES = {
    "priv_validator_laddr": "",
    "priv_validator_key_file": "config/priv_validator_key.json",
    "priv_validator_state_file": "data/priv_validator_state.json",
    "node_key_file": "config/node_key.json",
    "genesis_file": "config/genesis.json",
    "addr_book_file": "config/addrbook.json",
    "external_address": "",
    "tls_cert_file": "",
    "tls_key_file": "",
    "db_dir": "data",
    "wal_file": "data/cs.wal/wal",
    "wal_dir": "",
}
_LISTENS = frozenset(
    {
        "laddr",
        "grpc_laddr",
        "pprof_laddr",
        "prometheus_listen_addr",
        "address",
        "ws-address",
        "metrics-address",
        "proxy_app",
        "listen_addr",
    }
)
_DIALS = frozenset({"node", "tendermint_rpc_url", "tendermint_websocket_url"})
"""Addresses of the node's own other half: the port moves with it."""
_NO_HALT = frozenset({"halt_height", "halt-height", "halt-time"})
_KEY_NAMES = ("priv_validator_key.json", "node_key.json", "validator.sk", "network.sk", "*.sk", "*.key", "*.pem")


@dataclass(frozen=True, slots=True)
class FullNode:
    """A full node's home that was just set up."""

    home: Path
    moniker: str
    node_id: str
    """40 hex digits: what peers know it by."""
    consensus_address: str
    """40 upper-case hex digits of a key that is in nobody's validator set."""
    ports: tuple[tuple[int, int], ...]
    """(port of the source, port of the new node)."""


@dataclass(frozen=True, slots=True)
class _Layout:
    comet: Path
    """CometBFT's home."""
    fendermint: Path | None
    """Fendermint's home; None on a Cosmos SDK chain, where the app's settings are in CometBFT's."""


def set_up_full_node(
    source: Path, target: Path, *, moniker: str, port_offset: int = PORT_OFFSET, p2p_host: str = _HOST
) -> FullNode:
    """Set up a full node with fresh keys in a new home. Blocking: the genesis file may be large.

    Args:
        source: Home of the existing node; it may run, nothing in it is changed.
        target: The new home; it must not exist.
        moniker: The new node's name.
        port_offset: Added to every port; all of them listen on loopback.
        p2p_host: Where peers may connect; a sentry wants another one than loopback.

    Raises:
        NodeError: Refused or failed; nothing was created.
    """
    spellings = (str(source.absolute()), str(source.resolve()))
    source, target = source.resolve(), target.absolute()
    layout = _find(source)
    if os.path.lexists(target):
        raise NodeError(f"{target} exists already", safe=_NOTHING, next_step="give a folder that does not exist")
    if target.is_relative_to(source) or source.is_relative_to(target) or target.parent.resolve().is_relative_to(source):
        raise NodeError(f"{target} lies inside {source}", safe=_NOTHING, next_step="give a folder beside it")
    if not target.parent.is_dir():
        raise NodeError(f"{target.parent} is not a folder", safe=_NOTHING, next_step="create it first")
    if not moniker.isprintable() or not 0 < len(moniker) <= 70:
        raise NodeError("the moniker has 1 to 70 printable characters", safe=_NOTHING)
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        beside.mkdir(mode=0o700)
        try:
            made = _Builder(source, spellings, layout, beside, target, port_offset).build(moniker, p2p_host)
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        sync_folder(target.parent)
    except OSError as error:
        raise NodeError(f"the full node cannot be set up: {error}", safe=_NOTHING) from error
    return made


def _find(source: Path) -> _Layout:
    if (source / "cometbft" / "config" / "config.toml").is_file():
        return _Layout(source / "cometbft", source / "fendermint")
    if (source / "config" / "config.toml").is_file():
        return _Layout(source, None)
    raise NodeError(
        f"{source} is no node's home: it has neither cometbft/config/config.toml nor config/config.toml",
        safe=_NOTHING,
    )


class _Builder:
    """Fills a folder that nobody sees yet."""

    def __init__(
        self, source: Path, spellings: tuple[str, ...], layout: _Layout, folder: Path, target: Path, offset: int
    ) -> None:
        self._source = source
        self._in_source = re.compile(rf"(?:{'|'.join(re.escape(name) for name in spellings)})(?=/|$)")
        self._layout = layout
        self._folder = folder
        self._target = target
        self._offset = offset
        self._ports: dict[int, int] = {}

    def build(self, moniker: str, p2p_host: str) -> FullNode:
        comet = self._at(self._layout.comet)
        for folder in (comet / "config", comet / "data"):
            folder.mkdir(parents=True, mode=0o700)
        peer, key = fresh_key(ED25519), fresh_key(self._kind())
        self._copy_genesis(comet)
        self._write_comet_config(comet, moniker, p2p_host)
        write_durably(comet / "config" / "node_key.json", _json(peer.node_file()))
        write_durably(comet / "config" / "priv_validator_key.json", _json(key.validator_file()))
        write_durably(comet / "data" / "priv_validator_state.json", _json(FRESH_SIGNER_STATE))
        if self._layout.fendermint is not None:
            self._write_fendermint(self._layout.fendermint, key)
        self._check_ports()
        self._check_secrets()
        self._check_public_keys(peer, key)
        for made, _, _ in os.walk(self._folder):
            sync_folder(Path(made))
        ports = tuple(sorted(self._ports.items()))
        return FullNode(self._target, moniker, peer.peer_id, key.address, ports)

    def _at(self, path: Path) -> Path:
        return self._folder / path.relative_to(self._source)

    def _kind(self) -> str:
        path = self._layout.comet / "config" / "priv_validator_key.json"
        try:
            found = key_kind(path)
        except (ValueError, KeyError, TypeError):
            raise NodeError(f"{path} is not a validator key file", safe=_NOTHING) from None
        # With a remote signer there is no key file: then the network's usual kind.
        return found or (SECP256K1 if self._layout.fendermint is not None else ED25519)

    def _copy_genesis(self, comet: Path) -> None:
        path = self._layout.comet / "config" / "genesis.json"
        if not path.is_file():
            raise NodeError(f"{path} is missing", safe=_NOTHING, next_step="fetch the network's genesis file first")
        copy = comet / "config" / "genesis.json"
        shutil.copyfile(path, copy)
        with copy.open("rb") as stream:
            os.fsync(stream.fileno())

    def _write_comet_config(self, comet: Path, moniker: str, p2p_host: str) -> None:
        config = self._layout.comet / "config"
        document = _toml(config / "config.toml")
        source_peer = self._source_peer(document)
        self._move(document)
        _replace(document, _OWN_FILES)
        document["moniker"] = moniker
        p2p = document.get("p2p")
        if isinstance(p2p, MutableMapping):
            # Two nodes of one machine, and a peer on loopback.
            p2p["allow_duplicate_ip"] = True
            peers = [peer for peer in (source_peer, str(p2p.get("persistent_peers", ""))) if peer]
            p2p["persistent_peers"] = ",".join(peers)
            if "laddr" in p2p:
                p2p["laddr"] = str(p2p["laddr"]).replace(_HOST, p2p_host)
        _write_toml(comet / "config" / "config.toml", document)
        if self._layout.fendermint is None:
            for name in ("app.toml", "client.toml"):
                if (config / name).is_file():
                    document = _toml(config / name)
                    self._move(document)
                    _write_toml(comet / "config" / name, document)

    def _source_peer(self, document: MutableMapping[str, Any]) -> str:
        """The source as a peer; the first one, because it has every block."""
        p2p = document.get("p2p")
        laddr = str(p2p.get("laddr", "")) if isinstance(p2p, MutableMapping) else ""
        match = _PORT.fullmatch(laddr)
        known = node_id(self._layout.comet / "config" / "node_key.json")
        return f"{known}@{_HOST}:{match['port']}" if match is not None and known is not None else ""

    def _write_fendermint(self, fendermint: Path, key: FreshKey) -> None:
        home = self._at(fendermint)
        for folder in (home / "config", home / "data"):
            folder.mkdir(parents=True, mode=0o700)
        for path in sorted((fendermint / "config").glob("*.toml")):
            document = _toml(path)
            # With this table Fendermint would sign for the validator.
            document.pop("validator_key", None)
            self._move(document)
            _write_toml(home / "config" / path.name, document)
        if key.kind == SECP256K1 and (fendermint / "validator.sk").exists():
            # `ipc-cli node start` wants the file, whatever key is in it (facts/ipc.md §1.3).
            halves: Any = key.validator_file()
            for name, part in (("validator.sk", "priv_key"), ("validator.pk", "pub_key")):
                write_durably(home / name, halves[part]["value"].encode())

    def _move(self, table: MutableMapping[str, Any], name: str = "") -> None:
        """Give every address another port, every path the new home, and no halt, all the way down."""
        for key in list(table):
            value = table[key]
            if isinstance(value, MutableMapping):
                self._move(value, key)
            elif key in _NO_HALT and isinstance(value, int) and not isinstance(value, bool):
                table[key] = 0
            elif name == "listen" and key == "port" and isinstance(value, int) and not isinstance(value, bool):
                table[key] = self._port(value)
            elif name == "listen" and key == "host":
                table[key] = _HOST
            elif isinstance(value, str):
                moved = self._moved(key, str(value))
                if moved != value:
                    table[key] = moved

    def _moved(self, key: str, value: str) -> str:
        match = _PORT.fullmatch(value) if key in _LISTENS | _DIALS else None
        if match is not None:
            port = self._port(int(match["port"]))
            before = match["before"] if key in _DIALS else _on_loopback(match["before"])
            return f"{before}{port}{match['after'] or ''}"
        if key == "listen_addr" and value:
            # libp2p's spelling; a second resolver under another key has nobody to talk to.
            return ""
        return self._in_source.sub(lambda _: str(self._target), value)

    def _port(self, port: int) -> int:
        if port == 0:
            return 0
        moved = port + self._offset
        if not 0 < moved <= 65535:
            raise NodeError(
                f"port {port} plus {self._offset} is no port", safe=_NOTHING, next_step="give another port offset"
            )
        self._ports[port] = moved
        return moved

    def _check_ports(self) -> None:
        taken = sorted(set(self._ports) & set(self._ports.values()))
        if taken:
            raise NodeError(
                f"with an offset of {self._offset} both nodes would use port {taken[0]}",
                safe=_NOTHING,
                next_step="give another port offset",
            )

    def _check_public_keys(self, peer: FreshKey, key: FreshKey) -> None:
        config = self._layout.comet / "config"
        same_peer = node_id(config / "node_key.json") == peer.peer_id
        if same_peer or public_key(config / "priv_validator_key.json") == key.public:
            raise NodeError("a fresh key equals one of the source", safe=_NOTHING)

    def _check_secrets(self) -> None:
        secrets = secrets_in(_key_files(self._source))
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder, name)
                if _holds_any(path, secrets):
                    where = path.relative_to(self._folder)
                    raise NodeError(
                        f"{where} would carry a secret key of {self._source}",
                        safe=_NOTHING,
                        next_step="take the key out of that file of the source",
                    )


def _key_files(home: Path) -> Iterator[Path]:
    """Files of a home that hold keys; its data folders, which may hold millions of files, are left out."""
    for folder, folders, names in os.walk(home):
        folders[:] = [name for name in folders if name not in {"data", "cosmovisor", "logs", "snapshots"}]
        for name in names:
            path = Path(folder, name)
            if any(path.match(pattern) for pattern in _KEY_NAMES) and path.is_file():
                yield path


def _holds_any(path: Path, secrets: frozenset[bytes]) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(secret) >= 0 for secret in secrets)


def _on_loopback(before: str) -> str:
    scheme, found, _ = before.rpartition("://")
    return f"{scheme}{found}{_HOST}:"


def _replace(table: MutableMapping[str, Any], values: dict[str, str]) -> None:
    for key in list(table):
        if isinstance(table[key], MutableMapping):
            _replace(table[key], values)
        elif key in values and table[key] != values[key]:
            table[key] = values[key]


def _toml(path: Path) -> MutableMapping[str, Any]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        if path.stat().st_size > _MAX_TOML:
            raise NodeError(f"{path} is too large for settings", safe=_NOTHING)
        return tomlkit.parse(path.read_text("utf-8"))
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise NodeError(f"{path} is not TOML: {error}", safe=_NOTHING, next_step="mend it first") from error


def _write_toml(path: Path, document: MutableMapping[str, Any]) -> None:
    import tomlkit

    # Settings may hold tokens of a parent's RPC.
    write_durably(path, tomlkit.dumps(document).encode())


def _json(document: dict[str, object] | dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"
