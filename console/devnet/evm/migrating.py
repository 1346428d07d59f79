"""A release's migration on the EVM's state, before the transactions of its first block (docs/migrations.md).

All of it or nothing: whatever fails leaves through `MigrationFailed`, and the ledger takes the block back.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass

from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.exceptions import Revert
from eth.vm.forks.shanghai.state import ShanghaiState
from eth.vm.message import Message
from eth_typing import Address
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from console.errors import MigrationError
from console.node.migration import (
    AtAddress,
    Code,
    CodeOnChain,
    CompiledMigration,
    DeployContract,
    InlineCode,
    Migration,
    NoMigration,
    Operation,
    PatchState,
    StandardMigration,
    UpgradeContract,
    WasmMigration,
    parse_migration,
)
from console.node.migration.dry_run import dry_run
from console.node.migration.state_keys import ADDRESS_BYTES, EVM_KEY_BYTES, SLOT_BYTES
from console.text import untrusted

SYSTEM = bytes.fromhex("ff" * 19 + "fe")
"""Who deploys at a given address: the system's own account of EIP-4788."""
CONSTRUCTOR_GAS = 30_000_000
"""Of each constructor: nobody pays for it, so it must end."""

RUN_SECONDS = 60.0
"""Wall clock of a module: fuel ends it the same everywhere, and this is for a machine that is not well."""


class MigrationFailed(Exception):
    """The migration cannot be done on this state; the text says why."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A migration as a release of the devnet carries it."""

    migration: Migration
    module: bytes
    """Of a WASM migration; empty for the others."""


def read_carried(text: str) -> Carried:
    """Read what a release carries: `{"section": …, "module": base64}`; nothing at all is no migration.

    Raises:
        MigrationFailed: It is not that.
    """
    if not text:
        return Carried(NoMigration(), b"")
    try:
        document = json.loads(text)
        return Carried(parse_migration(document["section"]), base64.b64decode(document["module"], validate=True))
    except MigrationError as error:
        raise MigrationFailed(error.what) from error
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise MigrationFailed("what the release carries is not a migration") from error


def migrate(state: ShanghaiState, carried: Carried, code_of: Callable[[bytes], bytes | None]) -> None:
    """Do a migration.

    Args:
        state: The state after the block before; changed.
        carried: The migration.
        code_of: Code that the chain keeps under a hash.

    Raises:
        MigrationFailed: It cannot be done; the state is then half changed and must be thrown away.
    """
    match carried.migration:
        case NoMigration():
            return
        case CompiledMigration(name):
            raise MigrationFailed(f"no migration {name} is compiled into this program")
        case StandardMigration(operations):
            for number, operation in enumerate(operations, start=1):
                try:
                    _operate(state, operation, code_of)
                except MigrationFailed as failed:
                    raise MigrationFailed(f"operation {number}: {failed}") from failed
        case WasmMigration():
            _run(state, carried.migration, carried.module)
    # Ends the migration as a transaction is ended: no later revert reaches behind it.
    state.lock_changes()


def _operate(state: ShanghaiState, operation: Operation, code_of: Callable[[bytes], bytes | None]) -> None:
    match operation:
        case DeployContract():
            _deploy(state, operation, code_of)
        case UpgradeContract():
            address = _with_code(state, operation.address)
            before = bytes(state.get_code_hash(address))
            if operation.expected_code_hash not in (None, before):
                raise MigrationFailed(f"{_shown(address)} has code 0x{before.hex()}, which is not what is expected")
            state.set_code(address, _runtime(operation.code, code_of))
        case PatchState():
            address, slot = _with_code(state, operation.address), int.from_bytes(operation.slot, "big")
            found = state.get_storage(address, slot).to_bytes(SLOT_BYTES, "big")
            if found != operation.expected:
                raise MigrationFailed(
                    f"slot 0x{operation.slot.hex()} of {_shown(address)} holds 0x{found.hex()},"
                    f" not the expected 0x{operation.expected.hex()}"
                )
            state.set_storage(address, slot, int.from_bytes(operation.value, "big"))


def _deploy(state: ShanghaiState, operation: DeployContract, code_of: Callable[[bytes], bytes | None]) -> None:
    code = operation.code
    creation = code.bytecode + operation.constructor_args if isinstance(code, InlineCode) else b""
    deployer, address = _placed(state, operation, creation)
    if state.has_code_or_nonce(address):
        raise MigrationFailed(f"there is something at {_shown(address)} already")
    if isinstance(code, CodeOnChain):
        state.set_nonce(address, 1)
        state.set_code(address, _runtime(code, code_of))
        return
    message = Message(CONSTRUCTOR_GAS, CREATE_CONTRACT_ADDRESS, deployer, 0, b"", creation, create_address=address)
    context = state.get_transaction_context_class()(gas_price=0, origin=deployer)
    made = state.computation_class.apply_create_message(state, message, context)
    if not made.is_success:
        why = "reverted" if isinstance(made.error, Revert) else untrusted(made.error, 120)
        raise MigrationFailed(f"the constructor at {_shown(address)} failed: {why}")
    if not state.get_code(address):
        raise MigrationFailed(f"the constructor at {_shown(address)} left no code")


def _placed(state: ShanghaiState, operation: DeployContract, creation: bytes) -> tuple[Address, Address]:
    """Who deploys, and where."""
    place = operation.place
    if isinstance(place, AtAddress):
        return Address(SYSTEM), _bytes(place.address)
    deployer = _bytes(place.deployer)
    nonce = state.get_nonce(deployer)
    state.increment_nonce(deployer)
    if place.salt is not None:
        return deployer, Address(keccak(b"\xff" + deployer + place.salt + keccak(creation))[12:])
    import rlp

    return deployer, Address(keccak(rlp.encode([deployer, nonce]))[12:])


def _runtime(code: Code, code_of: Callable[[bytes], bytes | None]) -> bytes:
    match code:
        case InlineCode(bytecode):
            return bytecode
        case CodeOnChain(keccak256):
            found = code_of(keccak256)
            if not found:
                raise MigrationFailed(f"the chain keeps no code under 0x{keccak256.hex()}")
            return found


def _run(state: ShanghaiState, migration: WasmMigration, module: bytes) -> None:
    def read(key: bytes) -> bytes | None:
        if len(key) != EVM_KEY_BYTES:
            return None
        number = state.get_storage(Address(key[:ADDRESS_BYTES]), int.from_bytes(key[ADDRESS_BYTES:], "big"))
        return number.to_bytes(SLOT_BYTES, "big") if number else None

    try:
        run = dry_run(migration, module, read, seconds=RUN_SECONDS)
    except MigrationError as error:
        raise MigrationFailed(error.what) from error
    if not run.ok:
        raise MigrationFailed(run.sentence)
    for write in run.writes:
        if len(write.key) != EVM_KEY_BYTES or (write.new is not None and len(write.new) != SLOT_BYTES):
            raise MigrationFailed(f"it wrote the key 0x{write.key.hex()}, which is no slot of 32 bytes on this chain")
        address = _with_code(state, "0x" + write.key[:ADDRESS_BYTES].hex())
        value = int.from_bytes(write.new or b"", "big")
        state.set_storage(address, int.from_bytes(write.key[ADDRESS_BYTES:], "big"), value)


def _with_code(state: ShanghaiState, text: str) -> Address:
    address = _bytes(text)
    if not state.get_code(address):
        raise MigrationFailed(f"there is no contract at {_shown(address)}")
    return address


def _bytes(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))


def _shown(address: Address) -> str:
    return to_checksum_address(address)
