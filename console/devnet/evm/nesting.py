"""Shanghai rules of py-evm whose 1024 nested calls fit into any interpreter.

Python 3.12.1 allows 1500 levels of C stack, whatever the recursion limit is. py-evm spends two per nested call, where
an instance is called, and more where it adds up over the tree of calls when a transaction ends. Here the first costs
none and the second is a loop; what comes out is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth.abc import ComputationAPI, SignedTransactionAPI
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.vm.forks.shanghai.computation import ShanghaiComputation
from eth.vm.forks.shanghai.state import ShanghaiState, ShanghaiTransactionExecutor
from eth.vm.forks.spurious_dragon.state import SpuriousDragonTransactionExecutor
from eth_typing import Address

_NESTING_OPCODES = (0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA)
"""CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2 and STATICCALL."""
_RIPEMD160 = Address((3).to_bytes(20, "big"))
"""Touched even in a call that failed (EIP-161, its issue 716)."""


def _opcodes() -> dict[int, Any]:
    # A bound method in place of an instance: the interpreter calls it without a level of C stack.
    own = ShanghaiComputation.opcodes
    return {**own, **{code: own[code].__call__ for code in _NESTING_OPCODES}}


class NestingComputation(ShanghaiComputation):
    """One message call."""

    opcodes = _opcodes()

    def get_gas_refund(self) -> int:
        """Gas refunded by this call and those below it; messages bring refunds from Prague on only."""
        return sum(each._gas_meter.gas_refunded for each, failed in _tree(self) if not failed)

    def get_accounts_for_deletion(self) -> list[Address]:
        """Accounts that destroyed themselves."""
        return list({address for each, failed in _tree(self) if not failed for address in each.accounts_to_delete})

    def get_self_destruct_beneficiaries(self) -> list[Address]:
        """Accounts that got what destroyed ones had."""
        return list({address for each, failed in _tree(self) if not failed for address in each.beneficiaries})

    def get_raw_log_entries(self) -> tuple[tuple[int, bytes, tuple[int, ...], bytes], ...]:
        """Log entries in the order in which they were made."""
        return tuple(sorted(entry for each, failed in _tree(self) if not failed for entry in each._log_entries))


class _Executor(ShanghaiTransactionExecutor):
    def finalize_computation(self, transaction: SignedTransactionAPI, computation: ComputationAPI) -> ComputationAPI:
        # Spurious Dragon's own, with a loop in its middle: what stands above it in the order of classes comes first.
        done = super(SpuriousDragonTransactionExecutor, self).finalize_computation(transaction, computation)
        for account in _touched(done):
            if self.vm_state.account_exists(account) and self.vm_state.account_is_empty(account):
                self.vm_state.delete_account(account)
        return done


class NestingState(ShanghaiState):
    """The state on which `NestingComputation` runs."""

    computation_class = NestingComputation
    transaction_executor_class = _Executor


def _tree(root: Any) -> Iterator[tuple[Any, bool]]:
    """Every call below `root` and itself, each with whether it or one above it failed."""
    waiting = [(root, root.is_error)]
    while waiting:
        each, failed = waiting.pop()
        yield each, failed
        waiting += [(child, failed or child.is_error) for child in each.children]


def _touched(computation: ComputationAPI) -> set[Address]:
    """Accounts that are removed when a transaction leaves them empty (EIP-161)."""
    found = {computation.state.coinbase}
    for each, failed in _tree(computation):
        touched = set() if each.is_error else set(each.beneficiaries)
        if each.msg.to != CREATE_CONTRACT_ADDRESS:
            touched.add(each.msg.to)
        found |= touched & {_RIPEMD160} if failed else touched
    return found
