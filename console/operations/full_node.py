"""`node full-node`: a full node beside this one, with what its own controller needs to run it from the first block."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from console.errors import NodeError
from console.model import GENESIS
from console.node.fresh_keys import SECP256K1, key_kind, public_key
from console.node.full_node import PORT_OFFSET, FullNode, set_up_full_node
from console.node.home_layout import make_layout
from console.node.inventory import Inventory
from console.settings import NodeSettings
from console.settings_table import find_setting

_CARRIED = (
    *("shape", "allow_scripts", "disable_recase", "mirror", "ipfs_gateways", "local_downloads"),
    "rollback_space_margin_bytes",
)
"""Settings that hold for the new node too. Not its environment: a key may be in it."""


@dataclass(frozen=True, slots=True)
class FullNodeBeside:
    """A full node's home, ready to be run by a controller."""

    made: FullNode
    generations: tuple[str, ...]
    """Names of the generations in it, genesis first; empty when this node does not have genesis' binary any more."""
    problem: str
    """Why there are none."""


def full_node(node: NodeSettings, home: Path, *, moniker: str = "", port_offset: int = PORT_OFFSET) -> FullNodeBeside:
    """Set up a full node beside this one, in a new home and with fresh keys. Raises NodeError: nothing was created.

    It begins with genesis' binary, since it executes every block; the later generations are copied as well, so that it
    crosses the upgrades of the past without asking for bytes that nobody offers any more.
    """
    made = set_up_full_node(node.home, home, moniker=moniker or f"{node.name}-full", port_offset=port_offset)
    try:
        return FullNodeBeside(made, _lay_generations(node, made.home), "")
    except (NodeError, OSError) as error:
        return FullNodeBeside(made, (), str(error))


def _lay_generations(node: NodeSettings, home: Path) -> tuple[str, ...]:
    if node.runtime == "docker":
        raise NodeError("the generations of a node in containers are images", next_step="see `node init`")
    source = Inventory.of(node).generations
    first = source.generation(GENESIS)
    words = f"copied from {node.home}"
    make_layout(home, {node.daemon: first.binary, **{one.daemon: one.path for one in first.companions}})
    target = Inventory.of(dataclasses.replace(node, home=home)).generations
    target.adopt_recorded(GENESIS, words)
    laid = [GENESIS]
    for state in source.all():
        # What nobody vouched for is fetched anew, and checked then.
        if state.name == GENESIS or not state.complete or not state.sha256:
            continue
        later = source.staged(state.name, state.sha256)
        if later is not None:
            companions = {one.daemon: one.path for one in later.companions}
            target.stage_file(later.name, later.binary, later.sha256, words, companions=companions)
            laid.append(later.name)
    return tuple(laid)


def full_node_settings(node: NodeSettings, made: FullNode, network: str, *, own_file: bool = False) -> str:
    """The table for the settings file, so that a controller can run the new node. No operator key is in it.

    Args:
        node: The node that it was made beside.
        made: The new node.
        network: The network's name.
        own_file: Whether the network has a settings file of its own, as a devnet has.
    """
    import tomlkit

    ports = dict(made.ports)
    name = f"{node.name}-full"
    table: dict[str, object] = {
        "home": str(made.home),
        "state_dir": str(node.state_dir.with_name(name)),
        "daemon": node.daemon,
        "arguments": list(node.arguments),
    }
    for key in _CARRIED:
        if key in node.written or key == "shape":
            table[key] = find_setting(key).kind.to_toml(getattr(node, key))
    if node.companions:
        table["companions"] = {daemon: str(path) for daemon, path in node.companions.items()}
    address = _own_address(made.home) or node.address
    if address:
        table["address"] = address
    for key in ("cometbft_rpc", "ethereum_rpc"):
        url = getattr(node, key)
        if url:
            table[key] = _moved(url, ports)
    nodes = {"nodes": {name: table}}
    return tomlkit.dumps(nodes if own_file else {"networks": {network: nodes}})


def _own_address(home: Path) -> str:
    """The address of the fresh key: under the validator's it would take that one's signatures for its own."""
    from console.chain.address import ethereum_address

    path = next((each for each in home.glob("**/config/priv_validator_key.json")), None)
    if path is None or key_kind(path) != SECP256K1:
        return ""
    public = public_key(path)
    return "" if public is None else ethereum_address(public)


def _moved(url: str, ports: dict[int, int]) -> str:
    parts = urlsplit(url)
    port = ports.get(parts.port or 0)
    return url if port is None else parts._replace(netloc=f"127.0.0.1:{port}").geturl()
