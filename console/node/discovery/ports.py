"""Ports that a node listens on: from its settings, else the defaults (facts/ipc.md §1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.node.discovery.fendermint import merged
from console.node.discovery.files import read_toml, value_at
from console.node.discovery.homes import Home, ShapeKind
from console.text import untrusted

ABCI, RPC, P2P, ETH = "abci", "rpc", "p2p", "eth"


@dataclass(frozen=True, slots=True)
class Port:
    """One TCP port of the node."""

    name: str
    """`abci`, `rpc`, `p2p`, `eth`, `metrics`, `eth-metrics`, `resolver`, `cometbft-metrics`, `api`, `grpc`."""
    host: str
    number: int
    source: str
    """The file that says it, or `default`."""


def ports_of(home: Home, environment: Mapping[str, str] | None = None) -> tuple[Port, ...]:
    """Ports of the node that lives in a home. Settings that cannot be read fall back to the defaults."""
    found = _cometbft_ports(home)
    if home.kind is ShapeKind.COSMOS:
        return (*found, *_cosmos_ports(home))
    return (*found, *_fendermint_ports(home, environment or {}))


def parse_address(text: object) -> tuple[str, int] | None:
    """Host and port of `tcp://h:p`, `h:p`, `:p`, `[::1]:p` or `/ip4/h/tcp/p`; None for anything else."""
    if not isinstance(text, str) or len(text) > 300:
        return None
    multi = re.fullmatch(r"/(?:ip4|ip6|dns[46]?)/([^/]+)/tcp/([0-9]{1,5})(?:/.*)?", text)
    plain = re.fullmatch(r"(?:[a-z]+://)?(?:\[([0-9A-Fa-f:.%]*)\]|([^:/\[\]]*)):([0-9]{1,5})/?", text)
    if multi:
        host, number = multi[1], int(multi[2])
    elif plain:
        host, number = plain[1] or plain[2] or "", int(plain[3])
    else:
        return None
    return (str(untrusted(host, 80)), number) if 0 < number < 65536 else None


def _cometbft_ports(home: Home) -> tuple[Port, ...]:
    document = read_toml(home.cometbft / "config" / "config.toml")
    wanted = [
        (RPC, document.get("rpc", "laddr"), "127.0.0.1", 26657),
        (P2P, document.get("p2p", "laddr"), "0.0.0.0", 26656),
    ]
    if document.get("instrumentation", "prometheus") is True:
        address = document.get("instrumentation", "prometheus_listen_addr")
        wanted.append(("cometbft-metrics", address, "", 26660))
    return tuple(_port(name, value, str(document.path), host, number) for name, value, host, number in wanted)


def _fendermint_ports(home: Home, environment: Mapping[str, str]) -> tuple[Port, ...]:
    settings = merged(home, environment)
    source = str(home.settings) if home.settings is not None else "default"
    found = [
        _listen(settings, (ABCI,), ABCI, source, "127.0.0.1", 26658),
        _listen(settings, (ETH,), ETH, source, "127.0.0.1", 8545),
    ]
    if _enabled(settings, "metrics"):
        found.append(_listen(settings, ("metrics",), "metrics", source, "127.0.0.1", 9184))
    if _enabled(settings, "eth", "metrics"):
        found.append(_listen(settings, ("eth", "metrics"), "eth-metrics", source, "127.0.0.1", 9185))
    resolver = parse_address(value_at(settings, "resolver", "connection", "listen_addr"))
    if resolver is not None:
        found.append(Port("resolver", *resolver, source))
    return tuple(found)


def _cosmos_ports(home: Home) -> tuple[Port, ...]:
    document = read_toml(home.cometbft / "config" / "app.toml")
    found = []
    for name, table, host, number in (
        ("api", "api", "", 1317),
        ("grpc", "grpc", "", 9090),
        (ETH, "json-rpc", "", 8545),
    ):
        if document.get(table, "enable") is True:
            found.append(_port(name, document.get(table, "address"), str(document.path), host, number))
    return tuple(found)


def _port(name: str, value: object, source: str, host: str, number: int) -> Port:
    parsed = parse_address(value)
    return Port(name, host, number, "default") if parsed is None else Port(name, *parsed, source)


def _listen(settings: dict[str, Any], keys: tuple[str, ...], name: str, source: str, host: str, number: int) -> Port:
    table = value_at(settings, *keys, "listen")
    found_host, found = value_at(table, "host"), value_at(table, "port")
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 6:
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < 65536:
        return Port(name, host, number, "default")
    return Port(name, str(untrusted(found_host, 80)) if isinstance(found_host, str) else host, found, source)


def _enabled(settings: dict[str, Any], *keys: str) -> bool:
    """Whether a part with an `enabled` switch is on; without settings it is taken for on."""
    value = value_at(settings, *keys, "enabled")
    return value is not False and value != "false"
