"""From an empty folder to a devnet that can be started: choices, builds, genesis, homes, keys, settings.

The choices are recorded before anything is made from them, and nothing is started before the record says `complete`;
so an interrupted creation is simply done again, with the same chain id and ports, and no signer state can be lost.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import tomlkit

from console.devnet import keys
from console.devnet.build import NEW, OLD, RELEASES, Build, build_all
from console.devnet.cometbft import find_cometbft, keep_cometbft
from console.devnet.homes import genesis, write_home
from console.devnet.layout import DAEMON, Layout
from console.devnet.migrations import NONE, ReleaseMigration, release_migration
from console.devnet.options import (
    COMETBFT,
    DEFAULT_BLOCK_TIME_MS,
    DEFAULT_EXECUTION_WINDOW,
    DEFAULT_POWER,
    DEFAULT_PROPOSER_POWER,
    DEFAULT_VALIDATORS,
    EMBEDDED,
    MAX_VALIDATORS,
    UpOptions,
    freeze_blocks_for,
    voting_blocks_for,
)
from console.devnet.ports import PortBook
from console.devnet.record import Record, ReleaseRecord, ValidatorRecord
from console.errors import DevnetError
from console.files import write_durably

EVM_CHAIN_ID = 31337
ROLLBACK_SPACE_MARGIN = "64 MiB"
"""Room beside a rollback point: a devnet's node holds megabytes, and laptops are full."""
NEXT_FACET = "GatewayGetterFacetV2"
"""What the gateway can be upgraded to."""
COUNCIL = 5
"""Members of the council; three of them stop an upgrade."""
CREATION_STEPS = 4
"""Number of steps that `create` tells."""


def choose(layout: Layout, options: UpOptions, book: PortBook) -> Record:
    """Choose everything that a new devnet keeps: chain id, genesis time, ports.

    Raises:
        DevnetError: There are not enough free ports, or there is no CometBFT where one is wanted.
    """
    consensus = options.consensus or EMBEDDED
    real = consensus == COMETBFT
    if real:
        keep_cometbft(find_cometbft(options.cometbft), layout.cometbft)
    powers = options.wanted_powers or (DEFAULT_POWER,) * DEFAULT_VALIDATORS
    evm_port, release_port, *rest = book.reserve(2 + (5 if real else 4) * len(powers), layout.folder)
    ports = iter(rest)
    block_time_ms = options.block_time_ms or DEFAULT_BLOCK_TIME_MS
    return Record(
        folder=str(layout.folder),
        chain_id=f"devnet-{secrets.token_hex(3)}",
        created=int(time.time()),
        block_time_ms=block_time_ms,
        freeze_blocks=options.freeze_blocks or freeze_blocks_for(block_time_ms),
        execution_window=options.execution_window or DEFAULT_EXECUTION_WINDOW,
        evm_chain_id=EVM_CHAIN_ID,
        # The venv's own path and not what it links to, or its packages would not be found.
        python=os.path.abspath(sys.executable),
        validators=tuple(
            ValidatorRecord(
                name=f"node{number}",
                number=number,
                power=power,
                address=keys.validator_key(number).address,
                p2p_port=next(ports),
                cometbft_port=next(ports),
                ethereum_port=next(ports),
                metrics_port=next(ports),
                abci_port=next(ports) if real else 0,
            )
            for number, power in enumerate(powers, start=1)
        ),
        evm_port=evm_port,
        release_port=release_port,
        voting=options.voting or False,
        min_proposer_power=options.min_proposer_power or DEFAULT_PROPOSER_POWER,
        consensus=consensus,
        migration=options.migration or NONE,
    )


def create(layout: Layout, record: Record) -> Generator[tuple[str, Record], None, None]:
    """Make every file of the folder, over whatever an interrupted creation left.

    Yields:
        What is done next, in words, and the record as it then is; the last record is complete, but not yet saved.

    Raises:
        DevnetError: A file could not be written.
    """
    try:
        yield "deploying the registry into the genesis", record
        for leftover in (layout.releases, layout.nodes, layout.keys, layout.evm):
            shutil.rmtree(leftover, ignore_errors=True)
        layout.logs.mkdir(mode=0o700, exist_ok=True)
        record = _with_contracts(layout, record)

        yield f"building {' and '.join(release.version for release in RELEASES)}", record
        migration = release_migration(record.migration, record.registry)
        builds = build_all(record.python, (OLD, replace(NEW, migration=migration.carried)))
        for build in builds:
            _write_release(layout, build)
        if migration.carried:
            _write_migration(layout.release(NEW.version).parent, migration)
        _write_facet(layout)
        record = replace(record, releases=tuple(ReleaseRecord(each.version, each.sha256) for each in builds))

        yield f"writing {len(record.validators)} validator homes", record
        binary = next(each.content for each in builds if each.version == OLD.version)
        for validator in record.validators:
            home = layout.node(validator.name)
            write_home(home, record, validator, binary, genesis(record), layout.cometbft if record.real else None)

        yield "writing keys and settings", record
        layout.keys.mkdir(mode=0o700)
        write_key(layout.admin_key, keys.admin_key())
        write_key(layout.parent_key, keys.parent_key())
        for number in range(1, COUNCIL + 1):
            write_key(layout.council_key(number), keys.council_key(number))
        for validator in record.validators:
            write_node_keys(layout, validator)
        write_durably(layout.settings, settings_text(layout, record).encode(), 0o644)
        yield "created", replace(record, complete=True)
    except OSError as error:
        raise DevnetError(
            f"cannot write {error.filename or layout.folder}: {error.strerror or error}", safe="nothing was started"
        ) from error


def settings_text(layout: Layout, record: Record) -> str:
    """The content of network.toml (`console.settings.parse_network`)."""
    return tomlkit.dumps(
        {
            "kind": "ipc",
            "chain_id": record.chain_id,
            "evm_chain_id": record.evm_chain_id,
            "registry": record.registry,
            "cometbft_rpc": [each.cometbft_rpc for each in record.validators],
            "ethereum_rpc": [each.ethereum_rpc for each in record.validators],
            "proposer_key": str(layout.admin_key),
            # The others of the council lie beside it.
            "council_key": str(layout.council_key(1)),
            "block_time_s": record.block_time_ms / 1000,
            "nodes": {each.name: node_settings(layout, record, each) for each in record.validators},
        }
    )


def node_settings(layout: Layout, record: Record, validator: ValidatorRecord) -> dict[str, object]:
    """The table of one node in network.toml."""
    node = layout.node(validator.name)
    # Three processes, application, Ethereum API and CometBFT, or one.
    kind: dict[str, object] = (
        {"shape": "fendermint"} if record.real else {"arguments": ["node", "start", "--home", "{home}"]}
    )
    return {
        "home": str(node.home),
        "state_dir": str(node.state_dir),
        "daemon": DAEMON,
        **kind,
        "address": validator.address,
        "cometbft_rpc": validator.cometbft_rpc,
        "ethereum_rpc": validator.ethereum_rpc,
        "metrics_port": validator.metrics_port,
        "voter_key": str(layout.voter_key(validator.name)),
        "operator_key": str(layout.operator_key(validator.name)),
        # The devnet's releases are scripts for this machine's Python (console.devnet.build).
        "allow_scripts": True,
        # And they are served by this machine.
        "local_downloads": True,
        "rollback_space_margin_bytes": ROLLBACK_SPACE_MARGIN,
    }


def _write_release(layout: Layout, build: Build) -> None:
    path = layout.release(build.version)
    path.parent.mkdir(parents=True, mode=0o700)
    write_durably(path, build.content, 0o755)


def _write_facet(layout: Layout) -> None:
    """The next version of one of the gateway's facets, as compiled: what a proposal of a cut is made of."""
    content = (resources.files("console.chain.contracts") / f"{NEXT_FACET}.json").read_bytes()
    layout.contracts.mkdir(mode=0o700)
    write_durably(layout.contracts / f"{NEXT_FACET}.json", content, 0o644)


def _write_migration(folder: Path, migration: ReleaseMigration) -> None:
    """Beside the build: what a manifest of it says, and the module, for those who look before they run."""
    write_durably(folder / "migration.json", json.dumps(migration.section, indent=2).encode() + b"\n", 0o644)
    if migration.module:
        write_durably(folder / "migration.wasm", migration.module, 0o644)


def write_node_keys(layout: Layout, validator: ValidatorRecord) -> None:
    """Write what signs for one validator: its own key, which votes, and its operator's. Raises OSError."""
    write_key(layout.voter_key(validator.name), keys.validator_key(validator.number))
    write_key(layout.operator_key(validator.name), keys.operator_key(validator.number))


def write_key(path: Path, key: keys.Key) -> None:
    """Write a key file of mode 0600. Raises OSError."""
    write_durably(path, f"{key.hex}\n".encode(), 0o600)


def _with_contracts(layout: Layout, record: Record) -> Record:
    """Write the EVM's genesis; returns the record with what it deploys."""
    from console.devnet.evm.genesis import BALANCE, GenesisValidator, build_genesis

    validators = []
    for validator in record.validators:
        key = keys.validator_key(validator.number)
        operator = keys.operator_key(validator.number)
        validators.append(
            GenesisValidator(
                key=key.hex, power=validator.power, public_key=key.public_uncompressed, operator=operator.address
            )
        )
    voting_blocks, expedited_blocks = voting_blocks_for(record.block_time_ms)
    council = [keys.council_key(number).address for number in range(1, COUNCIL + 1)]
    built = build_genesis(
        validators=validators,
        admin_key=keys.admin_key().hex,
        gateway_parent=keys.parent_key().address,
        freeze_blocks=record.freeze_blocks,
        execution_window=record.execution_window,
        council=council,
        min_proposer_power=record.min_proposer_power,
        voting_required=record.voting,
        voting_blocks=voting_blocks,
        expedited_blocks=expedited_blocks,
        chain_id=record.evm_chain_id,
        time=record.created,
        # Whoever joins later pays for its own transactions.
        extra_balances={
            key.address: BALANCE
            for number in range(len(validators) + 1, MAX_VALIDATORS + 1)
            for key in (keys.validator_key(number), keys.operator_key(number))
        }
        | dict.fromkeys(council, BALANCE),
    )
    layout.evm.mkdir(mode=0o700)
    write_durably(layout.evm_genesis, json.dumps(built.document).encode(), 0o644)
    return replace(record, registry=built.registry, gateway=built.gateway)
