"""A validator joins a running devnet, and leaves it: its power counts, on chain and in the consensus alike."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from console.devnet import keys, processes
from console.devnet.controllers import Controllers, SocketControllers
from console.devnet.creation import node_settings, write_node_keys
from console.devnet.folder import FolderLock, require_devnet
from console.devnet.homes import copy_state, current_binary, write_home
from console.devnet.layout import Layout
from console.devnet.membership import Gateway, Member
from console.devnet.network import Step, stop_shims, stop_validators_controller
from console.devnet.options import DEFAULT_POWER, MAX_POWER, MAX_VALIDATORS
from console.devnet.ports import PortBook
from console.devnet.process_identity import is_alive
from console.devnet.ready import last_line
from console.devnet.record import Record, ValidatorRecord, controller_of
from console.devnet.status import heights_of
from console.errors import DevnetError, InputError
from console.files import write_durably
from console.settings import state_folder

JOIN_STEPS = 5
LEAVE_STEPS = 3
_CATCH_UP_S = 90.0
_POLL_S = 0.1


async def join(
    folder: Path, power: int | None = None, controllers: Controllers | None = None
) -> AsyncGenerator[Step, None]:
    """Have one more validator join: home, keys, controller and node; then the gateway names it, and it decides.

    It starts from a peer's state, as a node does that syncs by snapshot, and with the binary that this peer runs.

    Args:
        folder: The devnet's folder.
        power: Its voting power; `DEFAULT_POWER` when not given.
        controllers: The seam to the controllers; the real ones when not given.

    Yields:
        Progress; after the last step the consensus counts its power.

    Raises:
        HeldByOther: Another command works on the folder.
        InputError: There is no such power.
        DevnetError: There is no devnet, it is down or full, or the validator did not come up; what was begun of it
            stays in the folder without power.
    """
    wanted = DEFAULT_POWER if power is None else power
    if not 0 < wanted <= MAX_POWER:
        raise InputError(f"the power must be a whole number from 1 to {MAX_POWER}")
    seam = controllers or SocketControllers()
    layout = Layout.of(folder)
    require_devnet(layout)
    with FolderLock(layout):
        record = _require_up(layout)
        if record.real:
            raise DevnetError(
                "a validator cannot join a devnet of real CometBFT nodes: it would need the state of one that runs",
                safe="nothing was changed",
                next_step="use a devnet with the embedded consensus",
            )
        number = _next_number(layout, record)
        async with _gateway(record) as gateway:
            members = await gateway.members()
            yield Step(0, JOIN_STEPS, f"writing the home of node{number}")
            record, validator = _write(layout, record, number, wanted)
            yield Step(1, JOIN_STEPS, f"starting {validator.name}")
            record = _start(layout, record, validator.name, seam)
            yield Step(2, JOIN_STEPS, f"{validator.name} catches up")
            await _caught_up(layout, record, validator)
            yield Step(3, JOIN_STEPS, f"the gateway names {validator.name} with power {wanted}")
            key = keys.validator_key(number)
            members = [*members, Member(wanted, key.address, key.public_uncompressed)]
            await gateway.set_members(members)
            replace(record, validators=(*record.validators[:-1], validator)).save(layout)
            await gateway.decided_by(members)
            yield Step(4, JOIN_STEPS, f"{validator.name} names its operator key")
            await gateway.set_operator(key, keys.operator_key(number).address)
            yield Step(JOIN_STEPS, JOIN_STEPS, f"{validator.name} decides with power {wanted}")


async def leave(folder: Path, name: str, controllers: Controllers | None = None) -> AsyncGenerator[Step, None]:
    """Have a validator leave: out of the gateway, out of the consensus, and then stopped for good.

    Its home stays in the folder until the devnet is wiped.

    Args:
        folder: The devnet's folder.
        name: The node's name.
        controllers: The seam to the controllers; the real ones when not given.

    Yields:
        Progress; after the last step no process of it lives.

    Raises:
        HeldByOther: Another command works on the folder.
        DevnetError: There is no such devnet or node, it is the last one, or the chain does not go on.
    """
    seam = controllers or SocketControllers()
    layout = Layout.of(folder)
    require_devnet(layout)
    with FolderLock(layout):
        record = _require_up(layout)
        validator = record.validator(name)
        if len(record.validators) == 1:
            raise DevnetError(f"{name} is the last validator", safe="nothing was changed")
        async with _gateway(record) as gateway:
            yield Step(0, LEAVE_STEPS, f"the gateway names {name} no more")
            members = [each for each in await gateway.members() if each.address.lower() != validator.address.lower()]
            await gateway.set_members(members)
            yield Step(1, LEAVE_STEPS, f"the others decide without {name}")
            # Until then its signature may be needed.
            await gateway.decided_by(members)
        yield Step(2, LEAVE_STEPS, f"stopping {name}")
        await stop_validators_controller(layout, record, name, seam)
        survivors = await stop_shims(layout, [name])
        if survivors:
            raise DevnetError(f"{name} (pid {survivors[0].pid}) did not end")
        kept = tuple(each for each in record.validators if each.name != name)
        left = {known: identity for known, identity in record.processes.items() if known != controller_of(name)}
        record = replace(record, validators=kept, processes=left)
        record.save(layout)
        _write_settings(layout, record)
        yield Step(LEAVE_STEPS, LEAVE_STEPS, f"{name} has left")


def _require_up(layout: Layout) -> Record:
    record = require_devnet(layout)
    if not record.up:
        raise DevnetError(
            f"the devnet in {layout.folder} is down",
            safe="nothing was changed",
            next_step=f"run `upgrade-console devnet up --background --dir {layout.folder}`",
        )
    return record


@asynccontextmanager
async def _gateway(record: Record) -> AsyncIterator[Gateway]:
    gateway = Gateway(record)
    try:
        yield gateway
    finally:
        await gateway.close()


def _next_number(layout: Layout, record: Record) -> int:
    # A number is given once: the key of one who left is not used by a second node.
    used = {validator.number for validator in record.validators}
    number = next(
        each
        for each in range(1, MAX_VALIDATORS + 2)
        if each not in used and not layout.node(f"node{each}").folder.exists()
    )
    if number > MAX_VALIDATORS:
        raise DevnetError(f"a devnet has at most {MAX_VALIDATORS} validators in its life", safe="nothing was changed")
    return number


def _write(layout: Layout, record: Record, number: int, power: int) -> tuple[Record, ValidatorRecord]:
    """Home, keys and settings of one more validator, which has no power yet."""
    p2p, comet, ethereum, metrics = PortBook(state_folder()).reserve_more(4, layout.folder)
    name = f"node{number}"
    address = keys.validator_key(number).address
    validator = ValidatorRecord(name, number, power, address, p2p, comet, ethereum, metrics)
    record = replace(record, validators=(*record.validators, replace(validator, power=0)))
    peer, node = layout.node(record.validators[0].name), layout.node(name)
    try:
        genesis = json.loads((peer.home / "cometbft" / "config" / "genesis.json").read_bytes())
        write_home(node, record, validator, current_binary(peer), genesis)
        copy_state(peer, node)
        write_node_keys(layout, validator)
        record.save(layout)
        _write_settings(layout, record)
    except OSError as error:
        raise DevnetError(f"cannot write {error.filename or node.folder}: {error.strerror or error}") from error
    return record, validator


def _write_settings(layout: Layout, record: Record) -> None:
    """Bring nodes and endpoints in network.toml to what is recorded, and leave the rest as its operator wrote it."""
    document = tomlkit.parse(layout.settings.read_text(encoding="utf-8"))
    document["cometbft_rpc"] = [each.cometbft_rpc for each in record.validators]
    document["ethereum_rpc"] = [each.ethereum_rpc for each in record.validators]
    nodes = document["nodes"]
    assert isinstance(nodes, Table)
    wanted = {each.name: each for each in record.validators}
    for name in [str(each) for each in nodes if str(each) not in wanted]:
        nodes.remove(name)
    for name, validator in wanted.items():
        if name not in nodes:
            nodes.add(name, tomlkit.item(node_settings(layout, record, validator)))
    write_durably(layout.settings, tomlkit.dumps(document).encode(), 0o644)


def _start(layout: Layout, record: Record, name: str, controllers: Controllers) -> Record:
    process = controller_of(name)
    identity = processes.spawn(
        controllers.command(layout, record, name),
        folder=layout.folder,
        log=layout.log(process),
        environment=processes.daemon_environment(layout.folder),
    )
    record = record.with_process(process, identity)
    record.save(layout)
    return record


async def _caught_up(layout: Layout, record: Record, validator: ValidatorRecord) -> None:
    process = controller_of(validator.name)
    deadline = time.monotonic() + _CATCH_UP_S
    while True:
        own, *others = await heights_of(
            [validator.cometbft_rpc, *(each.cometbft_rpc for each in record.validators[:-1])]
        )
        tip = max((each for each in others if each is not None), default=0)
        if own is not None and tip and own >= tip - 1:
            return
        if not is_alive(record.processes[process]):
            raise DevnetError(f"{process} ended at its start: {last_line(layout.log(process))}")
        if time.monotonic() > deadline:
            raise DevnetError(
                f"{validator.name} did not catch up within {_CATCH_UP_S:g} s: it is at {own}, the chain at {tip}",
                safe="it has no power",
                next_step=f"look at {layout.node(validator.name).state_dir / 'run'}",
            )
        await asyncio.sleep(_POLL_S)
