"""The node's settings: default.toml < local.toml < FM_HALT_HEIGHT (facts/ipc.md §1.4), and CometBFT's config.toml."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import NodeError

HALT_VARIABLE = "FM_HALT_HEIGHT"
_I64 = 2**63
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Consensus timeouts in seconds; a delta is added per round."""

    commit: float
    propose: float
    propose_delta: float
    prevote: float
    prevote_delta: float
    precommit: float
    precommit_delta: float


@dataclass(frozen=True, slots=True)
class Address:
    """A host and TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything `node start` reads once, at its start.

    Attributes:
        home: The node's home folder.
        moniker: The node's display name.
        rpc: Where CometBFT's RPC listens.
        p2p: Where peers connect.
        peers: The peers to keep connected to.
        eth: Where the Ethereum JSON-RPC listens.
        evm_url: The subnet's EVM process.
        halt_height: In blocks; 0 never halts.
        timeouts: Of the consensus.
    """

    home: Path
    moniker: str
    rpc: Address
    p2p: Address
    peers: tuple[Address, ...]
    eth: Address
    evm_url: str
    halt_height: int
    timeouts: Timeouts


@dataclass(frozen=True, slots=True)
class AppConfig:
    """What the application reads once where consensus is another process.

    Attributes:
        abci: Where CometBFT connects.
        eth: Where the Ethereum JSON-RPC listens.
        cometbft_rpc: URL of the RPC that `eth run` asks.
        evm_url: The subnet's EVM process.
        halt_height: In blocks; 0 never halts.
    """

    abci: Address
    eth: Address
    cometbft_rpc: str
    evm_url: str
    halt_height: int


def parse_duration(text: str) -> float:
    """Go's duration notation ("250ms", "1m30s") in seconds.

    Raises:
        NodeError: The text is not a duration.
    """
    if not isinstance(text, str) or not text or _DURATION.sub("", text):
        raise NodeError(f'"{text}" is not a duration like "250ms" or "1s"')
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION.findall(text))


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NodeError(f"{path} does not exist; the home is not complete") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NodeError(f"{path} cannot be read: {error}") from None


def _merged(base: dict[str, object], over: Mapping[str, object]) -> dict[str, object]:
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        out[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return out


def _halt_height(value: object, source: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_I64 <= value < _I64:
        raise NodeError(f"halt_height in {source} is not an integer: {value!r}")
    return value


def load_settings(home: Path, environ: Mapping[str, str]) -> dict[str, object]:
    """The application's merged settings.

    Args:
        home: The application's own home.
        environ: The process environment; only FM_HALT_HEIGHT counts, and an empty value does not.

    Raises:
        NodeError: A file cannot be read, `halt_height` is missing, or a value is not an integer.
    """
    folder = home / "config"
    settings = _read_toml(folder / "default.toml")
    if (folder / "local.toml").exists():
        settings = _merged(settings, _read_toml(folder / "local.toml"))
    over = environ.get(HALT_VARIABLE, "")
    if over:
        if not re.fullmatch(r"[+-]?\d{1,19}", over):
            raise NodeError(f"{HALT_VARIABLE} is not an integer: {over!r}")
        settings["halt_height"] = int(over)
    if "halt_height" not in settings:
        raise NodeError("missing field `halt_height`")
    _halt_height(settings["halt_height"], HALT_VARIABLE if over else str(folder))
    return settings


def dump_toml(settings: Mapping[str, object], path: tuple[str, ...] = ()) -> str:
    """The settings as TOML: plain values first, then one table per mapping."""
    plain = [f"{key} = {_toml_value(value)}\n" for key, value in settings.items() if not isinstance(value, dict)]
    text = "".join(plain)
    for key, value in settings.items():
        if isinstance(value, dict):
            inner = (*path, key)
            text += f"\n[{'.'.join(inner)}]\n" + dump_toml(value, inner)
    return text


def _toml_value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(each) for each in value) + "]"
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value))


def _table(settings: Mapping[str, object], *names: str) -> Mapping[str, object]:
    for name in names:
        inner = settings.get(name, {})
        if not isinstance(inner, dict):
            raise NodeError(f"[{'.'.join(names)}] is not a table")
        settings = inner
    return settings


def parse_address(text: object) -> Address:
    """ "tcp://127.0.0.1:26657", "127.0.0.1:26657" or "id@127.0.0.1:26657".

    Raises:
        NodeError: There is no port in it.
    """
    bare = str(text).removeprefix("tcp://").rpartition("@")[2]
    host, _, port = bare.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise NodeError(f'"{text}" is not an address like "tcp://127.0.0.1:26657"')
    return Address(host, int(port))


def load_config(home: Path, environ: Mapping[str, str]) -> NodeConfig:
    """Reads both configuration files.

    Args:
        home: The node's home: `fendermint/`, `cometbft/`.
        environ: As in `load_settings`.

    Raises:
        NodeError: A file or a key is missing, or a value has the wrong form.
    """
    settings = load_settings(home / "fendermint", environ)
    comet = _read_toml(home / "cometbft" / "config" / "config.toml")
    consensus = _table(comet, "consensus")

    def duration(key: str, default: str) -> float:
        return parse_duration(str(consensus.get(key, default)))

    p2p = _table(comet, "p2p")
    peers = [each.strip() for each in str(p2p.get("persistent_peers", "")).split(",")]
    return NodeConfig(
        home=home,
        moniker=str(comet.get("moniker", "node")),
        rpc=parse_address(_required(comet, "rpc", "laddr")),
        p2p=parse_address(_required(comet, "p2p", "laddr")),
        peers=tuple(parse_address(each) for each in peers if each),
        eth=_listener(settings, "eth"),
        evm_url=str(_required(settings, "devnet", "evm_url")),
        halt_height=_halt_height(settings["halt_height"], "the settings"),
        timeouts=Timeouts(
            commit=duration("timeout_commit", "1s"),
            propose=duration("timeout_propose", "600ms"),
            propose_delta=duration("timeout_propose_delta", "200ms"),
            prevote=duration("timeout_prevote", "300ms"),
            prevote_delta=duration("timeout_prevote_delta", "150ms"),
            precommit=duration("timeout_precommit", "300ms"),
            precommit_delta=duration("timeout_precommit_delta", "150ms"),
        ),
    )


def load_app_config(home: Path, environ: Mapping[str, str]) -> AppConfig:
    """Reads the application's own file alone.

    Args:
        home: The application's home.
        environ: As in `load_settings`.

    Raises:
        NodeError: The file or a key is missing, or a value has the wrong form.
    """
    settings = load_settings(home, environ)
    return AppConfig(
        abci=_listener(settings, "abci"),
        eth=_listener(settings, "eth"),
        cometbft_rpc=str(_required(settings, "devnet", "cometbft_rpc")),
        evm_url=str(_required(settings, "devnet", "evm_url")),
        halt_height=_halt_height(settings["halt_height"], "the settings"),
    )


def _listener(settings: Mapping[str, object], name: str) -> Address:
    port = _required(settings, name, "listen", "port")
    return parse_address(f"{_table(settings, name, 'listen').get('host', '127.0.0.1')}:{port}")


def _required(settings: Mapping[str, object], *names: str) -> object:
    value = _table(settings, *names[:-1]).get(names[-1])
    if value is None:
        raise NodeError(f"missing field `{'.'.join(names)}`")
    return value
