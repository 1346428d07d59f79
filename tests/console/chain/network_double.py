"""A network made of values, in the exact shapes of CometBFT and Fendermint: real keys, real signatures, no blocks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coincurve import PrivateKey
from coincurve.ecdsa import der_to_cdata, serialize_compact
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from eth_abi.abi import encode

from console.chain.address import consensus_address, ed25519_consensus_address, ethereum_address
from console.chain.cometbft import BlockId
from console.chain.commits import PRECOMMIT, vote_sign_bytes
from console.chain.registry import registry_interface
from console.model import ProposalStatus
from console.settings import NetworkSettings, NodeSettings
from tests.console.chain.servers import Refusal

CHAIN_ID = "devnet-ab12cd"
EVM_CHAIN_ID = 31337
REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
START_NS = 1_760_000_000_000_000_000
RELEASE_HASH = bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
_PROPOSAL = (
    "(uint64,string,uint8,bytes32,string,uint64,bool,address,uint64,uint64,uint8,uint8,uint64,uint64,"
    "uint256,uint256,uint256,uint256,uint256,uint8,uint64,uint16,uint64,uint64,bool,uint64,uint64,"
    "uint256,uint256,uint256,uint64,uint64,uint8,bytes32,uint16,uint16,bytes32,bool,bool,uint64,uint64,"
    "uint16,uint256,uint256)"
)
_READINESS = (
    "(address,uint256,address,uint64,uint64,uint64,uint16,uint64,uint64,bytes32,bytes32,"
    "bytes32,uint64,bytes32,uint64,uint64)"
)


class Key:
    """A validator's key."""

    type = "tendermint/PubKeySecp256k1"

    def __init__(self, number: int) -> None:
        self.private = PrivateKey(hashlib.sha256(f"test validator {number}".encode()).digest())
        self.public = self.private.public_key.format()
        self.address = ethereum_address(self.public)
        self.consensus_address = consensus_address(self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes R‖S over the sha256, low S."""
        return bytes(serialize_compact(der_to_cdata(self.private.sign(message))))


class EdKey:
    """A validator's key on a Cosmos chain."""

    type = "tendermint/PubKeyEd25519"

    def __init__(self, number: int) -> None:
        seed = hashlib.sha256(f"test ed25519 validator {number}".encode()).digest()
        self.private = ECC.construct(curve="Ed25519", seed=seed)  # type: ignore[arg-type]
        self.public = bytes(self.private.public_key().export_key(format="raw"))
        self.consensus_address = ed25519_consensus_address(self.public)
        self.address = self.consensus_address
        """A key without an Ethereum address is named by its consensus address."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes by RFC 8032."""
        return bytes(eddsa.new(self.private, "rfc8032").sign(message))


KEYS = [Key(number) for number in range(360)]
ED_KEYS = [EdKey(number) for number in range(4)]


def rfc3339(time_ns: int) -> str:
    """As CometBFT writes a time."""
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def proposal_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A scheduled proposal as the contract's struct."""
    row: dict[str, Any] = {
        "id": number,
        "name": "v0.2.0",
        "releaseKind": 0,
        "releaseHash": RELEASE_HASH,
        "releaseUrl": "http://127.0.0.1:23456/v0.2.0/subnetd",
        "targetHeight": 200,
        "breaking": True,
        "proposer": KEYS[0].address,
        "proposedAt": 90,
        "scheduledAt": 90,
        "status": 4,
        "verdict": 0,
        "frozenAt": 0,
        "freezeBlocks": 5,
        "readyPower": 20,
        "armedPower": 10,
        "goPower": 10,
        "confirmedPower": 0,
        "totalPower": 40,
        "scheduleKind": 0,
        "delay": 0,
        "readinessBps": 0,
        "readinessDeadline": 0,
        "votingEndsAt": 0,
        "expedited": False,
        "approvedAt": 90,
        "endedAt": 0,
        "yesPower": 0,
        "noPower": 0,
        "votingPower": 0,
        "executionWindow": 20,
        "graceBlocks": 0,
        "migrationKind": 0,
        "migrationHash": bytes(32),
        "releaseRound": 0,
        "linkedCalls": 0,
        "linkedHash": bytes(32),
        "contractsFirst": False,
        "initAllowed": False,
        "contractsAt": 0,
        "undoneAt": 0,
        "haltApprovals": 0,
        "replacePower": 0,
        "rollbackPower": 0,
    }
    return row | changes


@dataclass
class NetworkDouble:
    """State that every node of it tells; one `Handler` per node."""

    validators: int = 4
    height: int = 100
    block_ns: int = 1_000_000_000
    proposals: list[dict[str, Any]] = field(default_factory=lambda: [proposal_row()])
    readiness: dict[int, dict[str, Any]] = field(default_factory=dict)
    members: int = 4
    code: str = "0x6001"
    chain_id: str = CHAIN_ID
    evm_chain_id: int = EVM_CHAIN_ID
    address: str = KEYS[0].address
    """What the settings say."""
    keys: Sequence[Key | EdKey] = field(default_factory=lambda: KEYS)

    def time_ns(self, height: int) -> int:
        return START_NS + height * self.block_ns

    def block_id(self, height: int) -> BlockId:
        digest = hashlib.sha256(f"block {height}".encode()).digest()
        return BlockId(digest, 1, hashlib.sha256(b"part" + digest).digest())

    def commit(self, height: int, signers: Mapping[int, int] | None = None) -> dict[str, Any]:
        """The commit of a height; `signers` maps a validator's index to its flag, all for the block by default."""
        block_id = self.block_id(height)
        signatures = []
        for index in range(self.validators):
            kind = 2 if signers is None else signers.get(index, 1)
            if kind == 1:
                signatures.append(
                    {
                        "block_id_flag": 1,
                        "validator_address": "",
                        "timestamp": "0001-01-01T00:00:00Z",
                        "signature": None,
                    }
                )
                continue
            at = self.time_ns(height) + 1000 * index + 7
            voted = block_id if kind == 2 else None
            message = vote_sign_bytes(self.chain_id, PRECOMMIT, height, 3, voted, at)
            signatures.append(
                {
                    "block_id_flag": kind,
                    "validator_address": self.keys[index].consensus_address,
                    "timestamp": rfc3339(at),
                    "signature": base64.b64encode(self.keys[index].sign(message)).decode(),
                }
            )
        return {"height": str(height), "round": 3, "block_id": _block_id(block_id), "signatures": signatures}

    def header(self, height: int) -> dict[str, Any]:
        return {
            "version": {"block": "11"},
            "chain_id": self.chain_id,
            "height": str(height),
            "time": rfc3339(self.time_ns(height)),
            "last_block_id": _block_id(self.block_id(height - 1)),
            "validators_hash": hashlib.sha256(f"set {self.validators}".encode()).hexdigest().upper(),
            "app_hash": hashlib.sha256(f"app {height - 1}".encode()).hexdigest().upper(),
            "proposer_address": self.keys[0].consensus_address,
        }

    def settings(self, comet: list[str], ethereum: list[str]) -> NetworkSettings:
        node = NodeSettings(
            name="node1",
            home=Path("/nowhere/home"),
            state_dir=Path("/nowhere/state"),
            daemon="subnetd",
            arguments=(),
            address=self.address,
            cometbft_rpc=comet[0],
            ethereum_rpc=ethereum[0],
            operator_key=None,
        )
        return NetworkSettings(
            name="devnet",
            kind="ipc",
            chain_id=CHAIN_ID,
            evm_chain_id=EVM_CHAIN_ID,
            registry=REGISTRY,
            cometbft_rpc=tuple(comet),
            ethereum_rpc=tuple(ethereum),
            proposer_key=None,
            nodes=(node,),
        )


class CometDouble:
    """One node's CometBFT RPC."""

    def __init__(self, network: NetworkDouble, index: int) -> None:
        self.network = network
        self.index = index
        self.behind = 0
        self.app_behind = 0
        self.signers: Mapping[int, int] | None = None

    @property
    def height(self) -> int:
        return self.network.height - self.behind

    def answer(self, method: str, params: Any) -> Any:
        found: Any = getattr(self, f"_{method}", None)
        if found is None:
            raise Refusal(-32601, "Method not found")
        for value in params.values():
            # CometBFT takes 64-bit integers as strings only.
            assert isinstance(value, str), params
        return found(params)

    def _status(self, params: Any) -> Any:
        key = self.network.keys[self.index]
        return {
            "node_info": {"network": self.network.chain_id, "moniker": f"node{self.index + 1}", "version": "0.37.15"},
            "sync_info": {
                "latest_block_hash": "",
                "latest_block_height": str(self.height),
                "latest_block_time": rfc3339(self.network.time_ns(self.height)),
                "catching_up": False,
            },
            "validator_info": {"address": key.consensus_address, "voting_power": "10"},
        }

    def _abci_info(self, params: Any) -> Any:
        app = self.height - self.app_behind
        digest = hashlib.sha256(f"app {app}".encode()).digest()
        return {
            "response": {
                "data": "subnet",
                "version": "v0.1.5",
                "last_block_height": str(app),
                "last_block_app_hash": base64.b64encode(digest).decode(),
            }
        }

    def _net_info(self, params: Any) -> Any:
        return {"listening": True, "n_peers": "3", "peers": []}

    def _validators(self, params: Any) -> Any:
        total = self.network.validators
        page, per_page = int(params["page"]), int(params["per_page"])
        pages = -(-total // per_page)
        if not 1 <= page <= pages:
            raise Refusal(-32603, "Internal error", f"page should be within [1, {pages}] range, given {page}")
        chosen = self.network.keys[:total][(page - 1) * per_page : page * per_page]
        return {
            "block_height": params.get("height", str(self.height)),
            "validators": [
                {
                    "address": key.consensus_address,
                    "pub_key": {
                        "type": key.type,
                        "value": base64.b64encode(key.public).decode(),
                    },
                    "voting_power": "10",
                    "proposer_priority": "-5",
                }
                for key in chosen
            ],
            "count": str(len(chosen)),
            "total": str(total),
        }

    def _commit(self, params: Any) -> Any:
        height = int(params.get("height", self.height))
        if not 1 <= height <= self.height:
            raise Refusal(-32603, "Internal error", f"height {height} must be less than or equal to {self.height}")
        commit = self.network.commit(height, self.signers)
        return {"signed_header": {"header": self.network.header(height), "commit": commit}, "canonical": True}

    def _block(self, params: Any) -> Any:
        height = int(params.get("height", self.height))
        if not 1 <= height <= self.height:
            raise Refusal(-32603, "Internal error", f"height {height} must be less than or equal to {self.height}")
        empty = {"height": "0", "round": 0, "block_id": _block_id(BlockId(b"", 0, b"")), "signatures": []}
        return {
            "block_id": _block_id(self.network.block_id(height)),
            "block": {
                "header": self.network.header(height),
                "data": {"txs": []},
                "evidence": {"evidence": []},
                "last_commit": empty if height == 1 else self.network.commit(height - 1, self.signers),
            },
        }


class EthereumDouble:
    """One node's Ethereum RPC."""

    def __init__(self, network: NetworkDouble) -> None:
        self.network = network
        self.behind = 0

    def answer(self, method: str, params: Any) -> Any:
        network = self.network
        match method:
            case "eth_chainId":
                return hex(network.evm_chain_id)
            case "eth_blockNumber":
                return hex(max(0, network.height - self.behind - 1))
            case "eth_getCode":
                return network.code
            case "eth_call":
                assert params[0]["to"] == REGISTRY
                return "0x" if network.code == "0x" else self._call(params[0]["data"])
        raise Refusal(-32601, "Method not found")

    def _call(self, data: str) -> str:
        functions = registry_interface().functions
        selector = bytes.fromhex(data[2:10])
        if selector == functions["proposals"].selector:
            rows = [tuple(row.values()) for row in self.network.proposals]
            offset, limit = (int(data[at : at + 64], 16) for at in (10, 74))
            page = rows[offset : offset + limit]
            return "0x" + encode([f"{_PROPOSAL}[]", "uint256"], [page, len(rows)]).hex()
        if selector == functions["readiness"].selector:
            rows = [self._readiness_row(index) for index in range(self.network.members)]
            return "0x" + encode([f"{_READINESS}[]", "uint256"], [rows, len(rows)]).hex()
        if selector == functions["scheduledId"].selector:
            found = [row["id"] for row in self.network.proposals if row["status"] == ProposalStatus.SCHEDULED]
            return "0x" + encode(["uint64"], [found[0] if found else 0]).hex()
        if selector == functions["proposal"].selector:
            number = int(data[10:], 16)
            row = next(row for row in self.network.proposals if row["id"] == number)
            return "0x" + encode([_PROPOSAL], [tuple(row.values())]).hex()
        raise Refusal(33, "contract reverted", "")

    def _readiness_row(self, index: int) -> tuple[Any, ...]:
        row: dict[str, Any] = {
            "validator": KEYS[index].address,
            "power": 10,
            "operator": KEYS[index + 100].address,
            "readyAt": 0,
            "readyTime": 0,
            "armedAt": 0,
            "failureCode": 0,
            "failedAt": 0,
            "confirmedAt": 0,
            "exeHash": bytes(32),
            "appHash": bytes(32),
            "version": bytes(32),
            "protocol": 0,
            "advertisedHash": bytes(32),
            "advertisedAt": 0,
            "advertisedTime": 0,
        }
        return tuple((row | self.network.readiness.get(index, {})).values())


def _block_id(block_id: BlockId) -> dict[str, Any]:
    return {
        "hash": block_id.hash.hex().upper(),
        "parts": {"total": block_id.parts_total, "hash": block_id.parts_hash.hex().upper()},
    }
