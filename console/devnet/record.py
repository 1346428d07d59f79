"""The devnet's own record, `devnet.json`: what was chosen at its creation and which processes run now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from console.devnet.layout import KIND, SCHEMA, Layout
from console.devnet.migrations import NONE
from console.devnet.options import COMETBFT, DEFAULT_PROPOSER_POWER, EMBEDDED, UpOptions, duration_text
from console.devnet.process_identity import ProcessIdentity
from console.errors import DevnetError
from console.files import write_durably

EVM = "evm"
RELEASES = "releases"


def controller_of(node: str) -> str:
    """Name of a node's controller among the processes and the logs."""
    return f"{node}-controller"


@dataclass(frozen=True, slots=True)
class ValidatorRecord:
    """One validator and its node."""

    name: str
    """`node1` and so on."""
    number: int
    """Counted from 1; its keys are derived from it."""
    power: int
    address: str
    """Checksummed Ethereum address of its validator key."""
    p2p_port: int
    cometbft_port: int
    ethereum_port: int
    metrics_port: int = 0
    """Of its controller; 0 in devnets from before it had one."""
    abci_port: int = 0
    """Where the application waits for CometBFT; 0 where both are one process."""

    @property
    def cometbft_rpc(self) -> str:
        """URL of the node's CometBFT RPC."""
        return f"http://127.0.0.1:{self.cometbft_port}"

    @property
    def ethereum_rpc(self) -> str:
        """URL of the node's Ethereum JSON-RPC."""
        return f"http://127.0.0.1:{self.ethereum_port}"


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """One build that the release server serves."""

    version: str
    sha256: str
    """64 lower-case hex digits."""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is kept about a devnet."""

    folder: str
    """Where it was created; its settings hold absolute paths."""
    chain_id: str
    created: int
    """Unix seconds; the genesis time."""
    block_time_ms: int
    freeze_blocks: int
    execution_window: int
    evm_chain_id: int
    python: str
    """Interpreter that the builds and daemons run on."""
    validators: tuple[ValidatorRecord, ...]
    evm_port: int
    release_port: int
    registry: str = ""
    """Checksummed address of the UpgradeRegistry; empty until the genesis is written."""
    gateway: str = ""
    """Checksummed address of the gateway, which names the validators; empty in records from before it did."""
    releases: tuple[ReleaseRecord, ...] = ()
    """Oldest first."""
    voting: bool = False
    """Whether a release needs a vote."""
    min_proposer_power: int = DEFAULT_PROPOSER_POWER
    """The least power of a validator that may propose."""
    consensus: str = EMBEDDED
    """Who decides the blocks: one of `options.CONSENSUSES`."""
    migration: str = NONE
    """What the second release does to the state at H: one of `migrations.KINDS`."""
    complete: bool = False
    """Whether every file of the folder was written; before that nothing may be started."""
    up: bool = False
    """Whether the last `up` finished and no `down` did since."""
    processes: Mapping[str, ProcessIdentity] = field(default_factory=dict)
    """Last known process per name: `evm`, `releases`, `<node>-controller`."""

    @property
    def evm_url(self) -> str:
        """URL of the EVM process."""
        return f"http://127.0.0.1:{self.evm_port}"

    def release_url(self, version: str) -> str:
        """Where the release server has a build."""
        return f"http://127.0.0.1:{self.release_port}/{version}/subnetd"

    def facet_url(self, name: str) -> str:
        """Where the release server has a compiled facet; `name` is its file's."""
        return f"http://127.0.0.1:{self.release_port}/contracts/{name}"

    @property
    def ports(self) -> dict[int, str]:
        """Every port with its purpose in words."""
        found = {self.evm_port: "the EVM process", self.release_port: "the release server"}
        for validator in self.validators:
            found[validator.p2p_port] = f"{validator.name}'s peers"
            found[validator.cometbft_port] = f"{validator.name}'s CometBFT RPC"
            found[validator.ethereum_port] = f"{validator.name}'s Ethereum RPC"
            if validator.metrics_port:
                found[validator.metrics_port] = f"{validator.name}'s metrics"
            if validator.abci_port:
                found[validator.abci_port] = f"{validator.name}'s application"
        return found

    @property
    def real(self) -> bool:
        """Whether a real CometBFT decides the blocks."""
        return self.consensus == COMETBFT

    def validator(self, name: str) -> ValidatorRecord:
        """The validator whose node has this name.

        Raises:
            DevnetError: There is none.
        """
        for validator in self.validators:
            if validator.name == name:
                return validator
        known = ", ".join(validator.name for validator in self.validators)
        raise DevnetError(f"the devnet has no node {name!r} (known: {known})", safe="nothing was changed")

    def with_process(self, name: str, identity: ProcessIdentity) -> Record:
        """The record with one process replaced."""
        return replace(self, processes={**self.processes, name: identity})

    def contradiction(self, options: UpOptions) -> str | None:
        """What an option asks for that this devnet is not, in words; None when all agree."""
        powers = tuple(validator.power for validator in self.validators)
        if options.validators is not None and options.validators != len(powers):
            return f"it has {len(powers)} validators, not {options.validators}"
        if options.powers is not None and options.powers != powers:
            ours, theirs = (",".join(str(power) for power in each) for each in (powers, options.powers))
            return f"its powers are {ours}, not {theirs}"
        if options.block_time_ms is not None and options.block_time_ms != self.block_time_ms:
            return f"its block time is {duration_text(self.block_time_ms)}, not {duration_text(options.block_time_ms)}"
        if options.freeze_blocks is not None and options.freeze_blocks != self.freeze_blocks:
            return f"its plans freeze {self.freeze_blocks} blocks before H, not {options.freeze_blocks}"
        if options.execution_window is not None and options.execution_window != self.execution_window:
            return f"its execution window is {self.execution_window} blocks, not {options.execution_window}"
        if options.voting is not None and options.voting != self.voting:
            return f"a release needs {'a' if self.voting else 'no'} vote there"
        if options.min_proposer_power is not None and options.min_proposer_power != self.min_proposer_power:
            return (
                f"a validator needs a power of {self.min_proposer_power} to propose, not {options.min_proposer_power}"
            )
        if options.consensus is not None and options.consensus != self.consensus:
            return f"its consensus is {self.consensus}, not {options.consensus}"
        if options.migration is not None and options.migration != self.migration:
            return f"the migration of its second release is {self.migration}, not {options.migration}"
        return None

    def to_json(self) -> dict[str, Any]:
        """The document of devnet.json."""
        return {
            "kind": KIND,
            "schema": SCHEMA,
            "folder": self.folder,
            "chain_id": self.chain_id,
            "created": self.created,
            "block_time_ms": self.block_time_ms,
            "freeze_blocks": self.freeze_blocks,
            "execution_window": self.execution_window,
            "evm_chain_id": self.evm_chain_id,
            "python": self.python,
            "ports": {"evm": self.evm_port, "releases": self.release_port},
            "validators": [
                {
                    "name": each.name,
                    "number": each.number,
                    "power": each.power,
                    "address": each.address,
                    "ports": {
                        "p2p": each.p2p_port,
                        "cometbft": each.cometbft_port,
                        "ethereum": each.ethereum_port,
                        "metrics": each.metrics_port,
                        "abci": each.abci_port,
                    },
                }
                for each in self.validators
            ],
            "registry": self.registry,
            "gateway": self.gateway,
            "releases": [{"version": each.version, "sha256": each.sha256} for each in self.releases],
            "voting": self.voting,
            "min_proposer_power": self.min_proposer_power,
            "consensus": self.consensus,
            "migration": self.migration,
            "complete": self.complete,
            "up": self.up,
            "processes": {name: identity.to_json() for name, identity in self.processes.items()},
        }

    def save(self, layout: Layout) -> None:
        """Write it durably.

        Raises:
            DevnetError: It could not be written; the older record is still there.
        """
        try:
            write_durably(layout.record, json.dumps(self.to_json(), indent=2).encode() + b"\n", 0o644)
        except OSError as error:
            raise DevnetError(f"cannot write {layout.record}: {error.strerror or error}") from error


def load(layout: Layout) -> Record | None:
    """The record of a folder, None when the folder has none.

    Raises:
        DevnetError: The record is not ours, of another schema, or damaged.
    """
    try:
        content = layout.record.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DevnetError(f"cannot read {layout.record}: {error.strerror or error}") from error
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise DevnetError(f"{layout.record} is not the record of a devnet", safe="nothing was changed")
    if document.get("schema") != SCHEMA:
        raise DevnetError(
            f"the devnet in {layout.folder} has schema {document.get('schema')}, this program knows {SCHEMA}",
            safe="nothing was changed",
            next_step="use the program that made it",
        )
    try:
        return _parse(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DevnetError(
            f"{layout.record} is damaged ({type(error).__name__}: {error})",
            safe="nothing was changed",
            next_step="remove the folder by hand if its processes are gone",
        ) from error


def _parse(document: dict[str, Any]) -> Record:
    processes = {
        str(name): identity
        for name, value in document["processes"].items()
        if (identity := ProcessIdentity.from_json(value)) is not None
    }
    return Record(
        folder=str(document["folder"]),
        chain_id=str(document["chain_id"]),
        created=int(document["created"]),
        block_time_ms=int(document["block_time_ms"]),
        freeze_blocks=int(document["freeze_blocks"]),
        execution_window=int(document["execution_window"]),
        evm_chain_id=int(document["evm_chain_id"]),
        python=str(document["python"]),
        validators=tuple(
            ValidatorRecord(
                name=str(each["name"]),
                number=int(each["number"]),
                power=int(each["power"]),
                address=str(each["address"]),
                p2p_port=int(each["ports"]["p2p"]),
                cometbft_port=int(each["ports"]["cometbft"]),
                ethereum_port=int(each["ports"]["ethereum"]),
                metrics_port=int(each["ports"].get("metrics", 0)),
                abci_port=int(each["ports"].get("abci", 0)),
            )
            for each in document["validators"]
        ),
        evm_port=int(document["ports"]["evm"]),
        release_port=int(document["ports"]["releases"]),
        registry=str(document["registry"]),
        gateway=str(document.get("gateway", "")),
        releases=tuple(ReleaseRecord(str(each["version"]), str(each["sha256"])) for each in document["releases"]),
        # Older records do not say what they could not choose.
        voting=document.get("voting") is True,
        min_proposer_power=int(document.get("min_proposer_power", DEFAULT_PROPOSER_POWER)),
        consensus=str(document.get("consensus", EMBEDDED)),
        migration=str(document.get("migration", NONE)),
        complete=document["complete"] is True,
        up=document["up"] is True,
        processes=processes,
    )
