"""Our nested calls against py-evm's own: same state, gas, logs and deletions, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from types import MethodType

import pytest
from eth.db.atomic import AtomicDB
from eth.vm.forks.shanghai.state import ShanghaiState
from eth_typing import Address, Hash32
from hypothesis import given, settings
from hypothesis import strategies as st

from console.devnet.evm.execution import EMPTY_ROOT, GAS_LIMIT, Applied, apply, decode, open_state
from console.devnet.evm.nesting import NestingState
from tests.console.devnet.evm.world import CHAIN_ID, POOR, sign

RIPEMD160 = Address((3).to_bytes(20, "big"))
NOBODY = Address(0xDEAD.to_bytes(20, "big"))
NESTING = {"CREATE", "CREATE2", "CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"}
ENDINGS = {
    "stop": "00",
    "revert": "60006000fd",
    "invalid": "fe",
    "destroy": "30ff",
    "destroy to 3": "6003ff",
    "destroy to nobody": "61deadff",
}


@dataclass(frozen=True)
class Contract:
    """What a contract does: log, clear a slot for its refund, call others, touch precompile 3, and end."""

    rich: bool
    log: bool
    clear: bool
    touch: bool
    below: tuple[Contract, ...]
    ending: str


def contracts(below: st.SearchStrategy[tuple[Contract, ...]]) -> st.SearchStrategy[Contract]:
    flags = [st.booleans()] * 4
    return st.builds(Contract, *flags, below, st.sampled_from(sorted(ENDINGS)))


CONTRACTS = st.recursive(
    contracts(st.just(())), lambda each: contracts(st.lists(each, max_size=3).map(tuple)), max_leaves=8
)


def deploy(state: ShanghaiState, contract: Contract, numbers: Iterator[int]) -> Address:
    """Put a contract and those below it into the state; its address."""
    below = [deploy(state, each, numbers) for each in contract.below]
    code = "6001600060006000a1" * contract.log + "6000600055" * contract.clear
    for called in [*below, *[RIPEMD160] * contract.touch]:
        code += f"6000600060006000600073{called.hex()}5af150"
    address = Address(next(numbers).to_bytes(20, "big"))
    state.set_code(address, bytes.fromhex(code + ENDINGS[contract.ending]))
    state.set_balance(address, 5 * contract.rich)
    state.set_storage(address, 0, 1)
    return address


def applied(kind: type[ShanghaiState], contract: Contract) -> tuple[Applied, bytes]:
    """What a call of the contract does on a kind of state, and the state root afterwards."""
    db = AtomicDB()
    context = open_state(db, EMPTY_ROOT, number=1, time=1, chain_id=CHAIN_ID).execution_context
    state = kind(db, context, Hash32(EMPTY_ROOT))
    # Empty accounts, which are removed when they are touched.
    for empty in (RIPEMD160, NOBODY):
        state.touch_account(empty)
    called = deploy(state, contract, count(0x10000))
    state.set_balance(Address(bytes.fromhex(POOR.address[2:])), 10**18)
    state.lock_changes()
    raw = bytes.fromhex(sign(POOR, 0, to="0x" + called.hex(), gas=5_000_000)[2:])
    done = apply(state, decode(raw, CHAIN_ID), GAS_LIMIT)
    state.persist()
    return done, bytes(state.state_root)


@pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode present:DeprecationWarning")
@settings(derandomize=True, deadline=None, max_examples=60)
@given(CONTRACTS)
def test_the_same_as_py_evm_itself(contract: Contract) -> None:
    ours, theirs = applied(NestingState, contract), applied(ShanghaiState, contract)
    assert ours == theirs


def test_every_way_to_nest_is_replaced() -> None:
    """An instance among them would be called over the C stack again."""
    own = ShanghaiState.computation_class.opcodes
    nesting = {code for code, run in own.items() if getattr(run, "mnemonic", "") in NESTING}
    assert len(nesting) == len(NESTING)
    assert all(isinstance(NestingState.computation_class.opcodes[code], MethodType) for code in nesting)
