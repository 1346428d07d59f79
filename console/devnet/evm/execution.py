"""py-evm, used directly: which transactions are admissible, what they do, and calls that leave nothing behind.

Shanghai rules with constants of a subnet instead of a fee market (facts/ipc.md §4): base fee 100 wei, block gas limit
10e9, coinbase zero. The Fendermint facade accepts legacy (EIP-155) and type-2 transactions only (facts/evm.md §5.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from eth.abc import AtomicDatabaseAPI
from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS, SECPK1_N, ZERO_ADDRESS, ZERO_HASH32
from eth.exceptions import OutOfGas, PyEVMError, Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.shanghai.constants import MAX_INITCODE_SIZE
from eth.vm.forks.shanghai.state import ShanghaiState
from eth.vm.forks.shanghai.transactions import ShanghaiTransactionBuilder
from eth.vm.message import Message
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from console.devnet.evm.nesting import NestingState

BASE_FEE = 100
"""Wei per gas in every block: the floor of a subnet (facts/ipc.md §4)."""
GAS_LIMIT = 10_000_000_000
"""Gas of a block."""
NONCE_WINDOW = 10
"""How far ahead of the state a nonce may be when a transaction is checked (facts/evm.md §5.1)."""
CALL_GAS = 500_000_000
"""The most gas that a call or an estimate gets, so that an endless loop ends within minutes."""
EMPTY_ROOT = bytes(BLANK_ROOT_HASH)


class TransactionRefused(Exception):
    """A transaction is not admissible and changes nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A decoded, signed transaction."""

    raw: bytes
    hash: bytes
    sender: bytes
    inner: Any
    """py-evm's own transaction object, which carries no types."""


@dataclass(frozen=True, slots=True)
class Log:
    """One event."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """What one transaction did."""

    ok: bool
    gas: int
    contract: bytes | None
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """What a call would do."""

    output: bytes
    failure: str
    """Empty, or `reverted`, `out of gas`, or py-evm's own words."""
    gas: int
    """Gas used, intrinsic gas included, refunds not taken off."""


@dataclass(frozen=True, slots=True)
class Call:
    """The fields of an eth_call."""

    sender: bytes
    to: bytes
    """Empty to create a contract."""
    data: bytes
    value: int
    gas: int


def open_state(
    db: AtomicDatabaseAPI,
    root: bytes,
    *,
    number: int,
    time: int,
    chain_id: int,
    ancestors: Iterable[bytes] = (),
) -> ShanghaiState:
    """The state at a root, in a block of a given number and time.

    Args:
        db: Where trie nodes and code are.
        root: State root to start from.
        number: block.number.
        time: block.timestamp, in seconds.
        chain_id: The chain's number.
        ancestors: Hashes of the blocks before, newest first; read only when a contract asks.
    """
    context = ExecutionContext(
        coinbase=ZERO_ADDRESS,
        timestamp=time,
        block_number=BlockNumber(number),
        difficulty=0,
        mix_hash=ZERO_HASH32,
        gas_limit=GAS_LIMIT,
        prev_hashes=(Hash32(ancestor) for ancestor in ancestors),
        chain_id=chain_id,
        base_fee_per_gas=BASE_FEE,
    )
    return NestingState(db, context, Hash32(root))


def decode(raw: bytes, chain_id: int) -> Transaction:
    """Decode a raw transaction and recover who signed it.

    Raises:
        TransactionRefused: Not a legacy (EIP-155) or type-2 transaction, signed for another chain, or badly signed.
    """
    # Foreign bytes: rlp, py-evm and eth_keys each raise their own errors, and every one of them means no.
    try:
        inner: Any = ShanghaiTransactionBuilder.decode(raw)
        inner.validate()
        kind = getattr(inner, "type_id", 0) or 0
        signed_for = inner.chain_id
        low_s = 0 < inner.s <= SECPK1_N // 2
        inner.check_signature_validity()
        sender = bytes(inner.sender)
    except Exception as error:
        raise TransactionRefused(f"not a valid transaction: {str(error)[:200] or type(error).__name__}") from error
    if kind not in (0, 2):
        raise TransactionRefused(f"transaction type {kind} is not accepted, only legacy and type 2")
    if signed_for != chain_id:
        raise TransactionRefused(f"signed for chain {signed_for}, but this is chain {chain_id}")
    if not low_s:
        raise TransactionRefused("the signature's s is not in the lower half")
    return Transaction(raw, keccak(raw), sender, inner)


def admit(state: ShanghaiState, transaction: Transaction, *, ahead: int = 0) -> None:
    """Check a transaction against the state.

    Args:
        state: The state it is to be applied to.
        transaction: The transaction.
        ahead: How many nonces may be missing before it; 0 to execute it now.

    Raises:
        TransactionRefused: It cannot be part of a block.
    """
    inner = transaction.inner
    if inner.gas > GAS_LIMIT:
        raise TransactionRefused(f"gas {inner.gas} is more than a block holds, {GAS_LIMIT}")
    if inner.gas < inner.intrinsic_gas:
        raise TransactionRefused(f"gas {inner.gas} is less than the intrinsic {inner.intrinsic_gas}")
    if inner.max_fee_per_gas < BASE_FEE:
        raise TransactionRefused(f"fee cap {inner.max_fee_per_gas} is below base fee {BASE_FEE}")
    if inner.max_priority_fee_per_gas > inner.max_fee_per_gas:
        raise TransactionRefused("the priority fee is higher than the fee cap")
    if inner.to == CREATE_CONTRACT_ADDRESS and len(inner.data) > MAX_INITCODE_SIZE:
        raise TransactionRefused(f"creation code of {len(inner.data)} bytes, at most {MAX_INITCODE_SIZE} are allowed")
    nonce = state.get_nonce(Address(transaction.sender))
    if not nonce <= inner.nonce <= nonce + ahead:
        raise TransactionRefused(f"nonce {inner.nonce}, but the account is at {nonce}")
    cost = inner.gas * inner.max_fee_per_gas + inner.value
    balance = state.get_balance(Address(transaction.sender))
    if balance < cost:
        raise TransactionRefused(f"balance {balance} wei is less than the {cost} wei that it may cost")


def apply(state: ShanghaiState, transaction: Transaction, gas_left: int) -> Applied:
    """Apply a transaction to the state.

    Args:
        state: The state; unchanged when the transaction is refused.
        transaction: The transaction.
        gas_left: Gas that the block has left.

    Raises:
        TransactionRefused: It cannot be part of this block.
    """
    admit(state, transaction)
    if transaction.inner.gas > gas_left:
        raise TransactionRefused(f"gas {transaction.inner.gas}, but the block has only {gas_left} left")
    before = state.snapshot()
    try:
        computation = state.apply_transaction(transaction.inner)
    except (ValidationError, PyEVMError) as error:
        state.revert(before)
        raise TransactionRefused(str(error)) from error
    # Ends the transaction: what was warm is cold again, and no later revert reaches behind it.
    state.lock_changes()
    gas = computation.msg.gas - computation.get_gas_remaining() + transaction.inner.intrinsic_gas
    refund = min(computation.get_gas_refund(), gas // 5)
    logs = tuple(
        Log(bytes(address), tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
        for address, topics, data in computation.get_log_entries()
    )
    created = transaction.inner.to == CREATE_CONTRACT_ADDRESS
    contract = bytes(computation.msg.storage_address) if created else None
    return Applied(computation.is_success, gas - refund, contract, logs)


def call(state: ShanghaiState, request: Call) -> Called:
    """Run a message on a state that is thrown away afterwards.

    The sender needs no balance: a value that it cannot afford is lent to it, as estimates must not depend on it.
    """
    sender, to = Address(request.sender), Address(request.to)
    if state.get_balance(sender) < request.value:
        state.set_balance(sender, request.value)
    intrinsic = intrinsic_gas(request)
    gas = min(request.gas, CALL_GAS) - intrinsic
    if gas < 0:
        return Called(b"", "out of gas", intrinsic)
    context = state.get_transaction_context_class()(gas_price=0, origin=sender)
    create = not request.to
    if create:
        address = Address(keccak(request.sender + request.data)[12:])
        message = Message(
            gas, CREATE_CONTRACT_ADDRESS, sender, request.value, b"", request.data, create_address=address
        )
    else:
        message = Message(gas, to, sender, request.value, request.data, state.get_code(to))
    machine = state.computation_class
    try:
        computation = (machine.apply_create_message if create else machine.apply_message)(state, message, context)
    except PyEVMError as error:
        return Called(b"", str(error), intrinsic)
    used = intrinsic + gas - computation.get_gas_remaining()
    if computation.is_success:
        return Called(bytes(computation.output), "", used)
    fault = computation.error
    failure = "reverted" if isinstance(fault, Revert) else "out of gas" if isinstance(fault, OutOfGas) else str(fault)
    return Called(bytes(computation.output), failure or type(fault).__name__, used)


def intrinsic_gas(request: Call) -> int:
    """Gas that a transaction of these fields costs before it runs (EIP-2028, EIP-3860 apart)."""
    zeros = request.data.count(0)
    return 21_000 + 4 * zeros + 16 * (len(request.data) - zeros) + (0 if request.to else 32_000)


__all__ = [
    "BASE_FEE",
    "CALL_GAS",
    "EMPTY_ROOT",
    "GAS_LIMIT",
    "NONCE_WINDOW",
    "Applied",
    "Call",
    "Called",
    "Log",
    "Transaction",
    "TransactionRefused",
    "admit",
    "apply",
    "call",
    "decode",
    "open_state",
]
