"""A network of real nodes of an older SDK on loopback: 0.45, 0.46 or 0.47 (`make older-peers` builds them).

    with older_network(tmp_path / "net", SDK_045) as network:                   # skips without the peer
        network.pass_upgrade("v045-to-v046", network.height() + 60)             # as content of gov v1beta1

All else is as in `tests.cosmos_network`, but that addresses begin with `cosmos`. Such a daemon lays out no network, so
its homes are made by its own `init`, `keys add` and `gentx`, and the files that it wrote are changed here.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit

from tests.cosmos_network import (
    CHAIN_ID,
    KEY,
    POWERS,
    CosmosNetwork,
    Periods,
    Validator,
    placed,
    proposal_number,
    running,
)
from tests.peers import SDK_045, Peer, require

_PER_POWER = 1_000_000
_PURSE = 1_000_000_000
DEPOSIT = 1000
"""With which a vote begins."""
_USUAL = Periods()


class OlderNetwork(CosmosNetwork):
    """Nodes whose gov takes content: what is proposed and read goes the older way."""

    start_flags = ()

    def proposal(self, number: int, moniker: str = "") -> dict[str, Any]:
        """A proposal of gov v1beta1."""
        path = f"cosmos/gov/v1beta1/proposals/{number}"
        found: dict[str, Any] = self.rest(moniker or self._first, path)["proposal"]
        return found

    def propose_upgrade(self, name: str, height: int, info: str = "", *, expedited: bool = False) -> int:
        """Submit a software upgrade as content; its number. Nothing is expedited here."""
        return self._propose_content(
            "software-upgrade", name, "--upgrade-height", str(height), "--upgrade-info", info, title=name
        )

    def propose_cancel(self, *, deposit: int = DEPOSIT) -> int:
        """Submit that the scheduled upgrade is cancelled, as content; its number. With less deposit it waits for it."""
        return self._propose_content("cancel-software-upgrade", title="not now", deposit=deposit)

    def _propose_content(self, *kind: str, title: str, deposit: int = DEPOSIT) -> int:
        legacy = "submit-legacy-proposal" in self.daemon(self._first, "tx", "gov", "--help").stdout
        verb = ("submit-legacy-proposal",) if legacy else ("submit-proposal",)
        # The daemon would look for the binaries of the plan.
        unasked = ("--no-validate",) if legacy and kind[0] == "software-upgrade" else ()
        about = ("--title", title, "--description", title, "--deposit", f"{deposit}stake")
        return proposal_number(self.transact(self._first, "gov", *verb, *kind, *unasked, *about))


def older_laid_out(
    folder: Path, peer: Peer = SDK_045, *, powers: Sequence[int] = POWERS, periods: Periods = _USUAL
) -> OlderNetwork:
    """Write a whole network that was not started; the test is skipped where the node was not built."""
    program = require(peer)
    nodes = placed(folder, powers)
    network = OlderNetwork(folder, {node.moniker: node for node in nodes}, program)
    with ThreadPoolExecutor(len(nodes)) as together:
        accounts = dict(zip(nodes, together.map(lambda node: _begun(network, node), nodes), strict=True))
        genesis = json.loads(_genesis(nodes[0]).read_text())
        _set_rules(genesis["app_state"], periods)
        _give_accounts(genesis["app_state"], accounts)
        for node in nodes:
            _genesis(node).write_text(json.dumps(genesis))
        created = list(together.map(lambda node: _created(network, node), nodes))
    genesis["app_state"]["genutil"]["gen_txs"] = created
    peers = {node: f"{_identity(node)}@127.0.0.1:{node.p2p_port}" for node in nodes}
    for node in nodes:
        _genesis(node).write_text(json.dumps(genesis))
        _set(node, periods, ",".join(peers[other] for other in nodes if other is not node))
    network.begin_with(program)
    return network


@contextmanager
def older_network(
    folder: Path, peer: Peer = SDK_045, *, powers: Sequence[int] = POWERS, periods: Periods = _USUAL
) -> Iterator[OlderNetwork]:
    """A network that makes blocks; nothing of it survives."""
    with running(older_laid_out(folder, peer, powers=powers, periods=periods)) as network:
        yield network


def _begun(network: OlderNetwork, node: Validator) -> str:
    """Have the daemon make a home and a key in it; the key's address."""
    _does(network, node, "init", node.moniker, "--chain-id", CHAIN_ID)
    told = _does(network, node, "keys", "add", KEY, "--keyring-backend", "test", "--output", "json")
    found = re.search(r'"address":"(cosmos1[0-9a-z]+)"', told)
    assert found is not None, told
    return found[1]


def _created(network: OlderNetwork, node: Validator) -> dict[str, Any]:
    """The transaction of the genesis that makes a node a validator."""
    path = network.folder / f"{node.moniker}.gentx.json"
    stake = f"{node.power * _PER_POWER}stake"
    keyring = ("--keyring-backend", "test", "--chain-id", CHAIN_ID)
    genesis = ("genesis",) if "\n  genesis " in network.daemon(node.moniker, "--help").stdout else ()
    _does(network, node, *genesis, "gentx", KEY, stake, *keyring, "--output-document", str(path))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _does(network: OlderNetwork, node: Validator, *arguments: str) -> str:
    done = network.daemon(node.moniker, *arguments)
    assert done.returncode == 0, done.stderr.partition("Usage:")[0]
    # Up to 0.46 a key is told on standard error.
    return done.stdout + done.stderr


def _genesis(node: Validator) -> Path:
    return node.home / "config" / "genesis.json"


def _set_rules(state: dict[str, Any], periods: Periods) -> None:
    gov = state["gov"]
    for part in (gov["voting_params"], gov.get("params")):
        if part is not None:
            part["voting_period"] = f"{periods.voting_s:g}s"
    for part in (gov["deposit_params"], gov.get("params")):
        if part is not None:
            part["min_deposit"] = [{"denom": "stake", "amount": str(DEPOSIT)}]
            part["max_deposit_period"] = f"{periods.deposit_s:g}s"
    slashing = state["slashing"]["params"]
    slashing["signed_blocks_window"] = str(periods.signed_blocks_window)
    # Older ones take no less.
    slashing["downtime_jail_duration"] = f"{max(60.0, periods.jail_s):g}s"


def _give_accounts(state: dict[str, Any], accounts: dict[Validator, str]) -> None:
    kind = "/cosmos.auth.v1beta1.BaseAccount"
    total = 0
    for node, address in accounts.items():
        state["auth"]["accounts"].append(
            {"@type": kind, "address": address, "pub_key": None, "account_number": "0", "sequence": "0"}
        )
        amount = node.power * _PER_POWER + _PURSE
        total += amount
        state["bank"]["balances"].append({"address": address, "coins": [_coins(amount)]})
    state["bank"]["supply"] = [_coins(total)]


def _coins(amount: int) -> dict[str, str]:
    return {"denom": "stake", "amount": str(amount)}


def _identity(node: Validator) -> str:
    """The node's id: of its key's public half, which is the second one."""
    key = json.loads((node.home / "config" / "node_key.json").read_text())
    return hashlib.sha256(b64decode(key["priv_key"]["value"])[32:]).hexdigest()[:40]


def _set(node: Validator, periods: Periods, peers: str) -> None:
    """Peers on this machine alone, rounds as short as the blocks, and REST."""
    changes: dict[str, dict[str, dict[str, Any]]] = {
        "config.toml": {
            "rpc": {"laddr": f"tcp://127.0.0.1:{node.rpc_port}", "pprof_laddr": ""},
            "p2p": {
                "laddr": f"tcp://127.0.0.1:{node.p2p_port}",
                "persistent_peers": peers,
                "addr_book_strict": False,
                "allow_duplicate_ip": True,
                "pex": False,
            },
            "consensus": {"timeout_commit": f"{periods.block_s:g}s", "timeout_propose": "1s"},
        },
        "app.toml": {
            "": {"minimum-gas-prices": "0stake"},
            "api": {"enable": True, "address": f"tcp://127.0.0.1:{node.rest_port}"},
            "grpc": {"address": node.grpc},
            "grpc-web": {"enable": False},
        },
        "client.toml": {
            "": {
                "chain-id": CHAIN_ID,
                "keyring-backend": "test",
                "output": "json",
                "node": f"tcp://127.0.0.1:{node.rpc_port}",
                "broadcast-mode": "sync",
            }
        },
    }
    for name, parts in changes.items():
        path = node.home / "config" / name
        document = tomlkit.parse(path.read_text()) if path.exists() else tomlkit.document()
        for part, values in parts.items():
            (document[part] if part else document).update(values)
        path.write_text(tomlkit.dumps(document))
