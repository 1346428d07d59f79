"""Values of a four-validator network for tests: each is whole and can be changed with `dataclasses.replace`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console.model import (
    ChainView,
    NetworkIdentity,
    NodeHeight,
    NodeStatus,
    Proposal,
    ProposalStatus,
    Readiness,
    ReleaseKind,
    Snapshot,
    Validator,
    ValidatorReadiness,
    Verdict,
    upgrade_of,
)
from console.ports.keys import KeyReference
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted

ADDRESSES = (
    "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
    "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
    "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69",
    "0x1efF47bc3a10a45D4B230B5d10E37751FE6AA718",
)
RELEASE_HASH = "ab" * 32
RELEASE_URL = "http://127.0.0.1:20100/v0.2.0/subnetd"


def a_node_settings(folder: Path, number: int = 1, **changes: Any) -> NodeSettings:
    values: dict[str, Any] = {
        "name": f"node{number}",
        "home": folder / f"node{number}" / "home",
        "state_dir": folder / f"node{number}" / "state",
        "daemon": "subnetd",
        "arguments": ("node", "start", "--home", "{home}"),
        "address": ADDRESSES[number - 1],
        "cometbft_rpc": "http://127.0.0.1:20001",
        "ethereum_rpc": "http://127.0.0.1:20002",
        "operator_key": KeyReference(folder / f"node{number}-operator.key"),
    }
    return NodeSettings(**{**values, **changes})


def a_network(folder: Path, **changes: Any) -> NetworkSettings:
    values: dict[str, Any] = {
        "name": "testnet",
        "kind": "ipc",
        "chain_id": "devnet-ab12cd",
        "evm_chain_id": 31337,
        "registry": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "cometbft_rpc": ("http://127.0.0.1:20001",),
        "ethereum_rpc": ("http://127.0.0.1:20002",),
        "proposer_key": KeyReference(folder / "admin.key"),
        "nodes": tuple(a_node_settings(folder, number) for number in (1, 2, 3, 4)),
    }
    return NetworkSettings(**{**values, **changes})


def a_proposal(**changes: Any) -> Proposal:
    values: dict[str, Any] = {
        "id": 7,
        "name": untrusted("v0.2.0"),
        "release_kind": ReleaseKind.RAW,
        "release_hash": RELEASE_HASH,
        "release_url": untrusted(RELEASE_URL),
        "target_height": 150,
        "breaking": True,
        "proposer": ADDRESSES[0],
        "proposed_at": 100,
        "scheduled_at": 100,
        "status": ProposalStatus.SCHEDULED,
        "verdict": Verdict.NONE,
        "frozen_at": 0,
        "freeze_blocks": 5,
        "ready_power": 40,
        "armed_power": 30,
        "go_power": 30,
        "confirmed_power": 0,
        "total_power": 40,
    }
    return Proposal(**{**values, **changes})


def a_readiness(proposal_id: int = 7, *, armed: int = 3, failures: dict[int, int] | None = None) -> Readiness:
    """The first `armed` validators are armed, all but those with a failure code (by number from 0) are ready."""
    failed = failures or {}
    return Readiness(
        proposal_id,
        tuple(
            ValidatorReadiness(
                address=address,
                power=10,
                operator=ADDRESSES[0],
                ready_at=0 if number in failed else 105 + number,
                ready_time=0 if number in failed else 1_700_000_000 + number,
                armed_at=110 + number if number < armed else 0,
                failure_code=failed.get(number, 0),
                failed_at=104 if number in failed else 0,
                confirmed_at=0,
                exe_hash="",
                app_hash="",
            )
            for number, address in enumerate(ADDRESSES)
        ),
    )


def a_chain(height: int = 120, **changes: Any) -> ChainView:
    values: dict[str, Any] = {
        "height": height,
        "block_time_s": 1.0,
        "block_time_unix": 1_700_000_100.0,
        "validators": tuple(
            Validator(address, untrusted(f"node{number}"), 10, f"{number:040X}")
            for number, address in enumerate(ADDRESSES, 1)
        ),
        "nodes": tuple(
            NodeHeight(
                url=f"http://127.0.0.1:2000{number}",
                moniker=untrusted(f"node{number}"),
                consensus_address=f"{number:040X}",
                version=untrusted("v0.1.5"),
                height=height,
                app_height=height,
                peers=3,
                age_s=0.1,
                reachable=True,
            )
            for number in (1, 2, 3, 4)
        ),
        "proposals": (),
        "readiness": None,
        "age_s": 0.1,
        "problem": "",
    }
    return ChainView(**{**values, **changes})


def an_upgrading_chain(height: int = 120, **changes: Any) -> ChainView:
    return a_chain(height, **{"proposals": (a_proposal(),), "readiness": a_readiness(), **changes})


def a_node_status(**changes: Any) -> NodeStatus:
    values: dict[str, Any] = {
        "name": "node1",
        "state": "IDLE",
        "generation": "genesis",
        "version": untrusted("v0.1.5"),
        "pid": 4242,
        "height": 120,
        "app_height": 120,
        "height_age_s": 0.2,
        "halt_height": 0,
        "last_exit_code": None,
        "exe_sha256": "cd" * 32,
        "attempt": None,
        "controller_pid": 4200,
        "note": "",
    }
    return NodeStatus(**{**values, **changes})


def a_snapshot(chain: ChainView | None, node: NodeStatus | None = None, **changes: Any) -> Snapshot:
    height = chain.height if chain is not None else None if node is None else node.height
    values: dict[str, Any] = {
        "network": NetworkIdentity("testnet", "ipc", "devnet-ab12cd"),
        "height": height,
        "height_age_s": 0.1,
        "chain": chain,
        "chain_problem": "",
        "node": node,
        "node_problem": "",
        "upgrade": upgrade_of(chain, node, height),
        "age_s": 0.1,
        "taken_at": 1_700_000_100.0,
    }
    return Snapshot(**{**values, **changes})
