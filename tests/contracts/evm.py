"""A chain of one: runs committed bytecode directly on py-evm, at any block number, with decoded results.

No transactions, fees or blocks: a message is applied to the state as if it stood in a block of the given number.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.shanghai.state import ShanghaiState
from eth.vm.message import Message
from eth_abi.abi import decode, encode
from eth_typing import Address, BlockNumber
from eth_utils.crypto import keccak

from console.chain.contracts import artefact

GAS = 2_000_000_000
"""Gas given to each message; the largest set of 256 validators needs less than 30 million."""
BLOCK_SECONDS = 2


class Reverted(Exception):
    """A contract refused; `name` and `values` are its decoded custom error."""

    def __init__(self, name: str, values: tuple[Any, ...]) -> None:
        super().__init__(f"{name}{values}")
        self.name = name
        self.values = values


def kind_of(parameter: Mapping[str, Any]) -> str:
    """The canonical type of an ABI parameter: tuples are written out."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(kind_of(component) for component in parameter["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def signature_of(entry: Mapping[str, Any]) -> str:
    """name(type,type) of an ABI entry."""
    return f"{entry['name']}({','.join(kind_of(parameter) for parameter in entry['inputs'])})"


def named(parameter: Mapping[str, Any], value: Any) -> Any:
    """A decoded value with its tuples turned into dicts by component name."""
    if not parameter["type"].startswith("tuple"):
        return value
    components = parameter["components"]
    if parameter["type"] == "tuple":
        return {part["name"]: named(part, item) for part, item in zip(components, value, strict=True)}
    return [{part["name"]: named(part, x) for part, x in zip(components, item, strict=True)} for item in value]


class Chain:
    """A state and a block number."""

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._store = MemoryDB()
        self._state = ShanghaiState(AtomicDB(self._store), self._context(), BLANK_ROOT_HASH)
        self._deployed = 0

    def copy(self) -> Chain:
        """A chain of its own that goes on from here: cheaper than doing everything again."""
        self._state.lock_changes()
        self._state.persist()
        other = Chain(self.number)
        other._store = MemoryDB(dict(self._store.kv_store))
        other._state = ShanghaiState(AtomicDB(other._store), other._context(), self._state.state_root)
        other._deployed = self._deployed
        return other

    def deploy(self, name: str, *arguments: Any, sender: str = "0x" + "99" * 20) -> Contract:
        """Deploy a committed artefact; raises Reverted when its constructor refuses."""
        compiled = artefact(name)
        constructor: Mapping[str, Any] = next(
            (entry for entry in compiled.abi if entry["type"] == "constructor"), {"inputs": []}
        )
        data = encode([kind_of(parameter) for parameter in constructor["inputs"]], list(arguments))
        self._deployed += 1
        address = Address(keccak(b"deployed %d" % self._deployed)[12:])
        contract = Contract(self, "0x" + address.hex(), compiled.abi)
        message = Message(
            gas=GAS,
            to=CREATE_CONTRACT_ADDRESS,
            sender=_raw(sender),
            value=0,
            data=b"",
            code=compiled.bytecode + data,
            create_address=address,
        )
        contract.finish(self.apply(message, create=True))
        return contract

    def place(self, code: bytes) -> str:
        """Put runtime code at a new address, as if it had been deployed."""
        self._deployed += 1
        address = Address(keccak(b"deployed %d" % self._deployed)[12:])
        self.replace("0x" + address.hex(), code)
        return "0x" + address.hex()

    def replace(self, address: str, code: bytes) -> None:
        """Put other runtime code at an address."""
        self._state.set_code(_raw(address), code)

    def apply(self, message: Message, *, create: bool = False, keep: bool = True) -> Any:
        """Apply a message at the present block number; without `keep` the state is as before."""
        state = self._state
        state.execution_context = self._context()
        context = state.get_transaction_context_class()(gas_price=0, origin=message.sender)
        before = state.snapshot()
        run = state.computation_class.apply_create_message if create else state.computation_class.apply_message
        computation = run(state, message, context)
        if not keep:
            state.revert(before)
        return computation

    def code(self, address: str) -> bytes:
        """The runtime code at an address."""
        code: bytes = self._state.get_code(_raw(address))
        return code

    @property
    def time(self) -> int:
        """block.timestamp, in seconds."""
        return 1_700_000_000 + BLOCK_SECONDS * self.number

    def _context(self) -> ExecutionContext:
        return ExecutionContext(
            coinbase=ZERO_ADDRESS,
            timestamp=self.time,
            block_number=BlockNumber(self.number),
            difficulty=0,
            mix_hash=ZERO_HASH32,
            gas_limit=10**10,
            prev_hashes=[],
            chain_id=31337,
            base_fee_per_gas=100,
        )


class Contract:
    """A deployed contract by its ABI."""

    def __init__(self, chain: Chain, address: str, abi: Sequence[Mapping[str, Any]]) -> None:
        self.chain = chain
        self.address = address
        self._functions = {entry["name"]: entry for entry in abi if entry["type"] == "function"}
        self._errors = {keccak(text=signature_of(entry))[:4]: entry for entry in abi if entry["type"] == "error"}
        self._events = {keccak(text=signature_of(entry)): entry for entry in abi if entry["type"] == "event"}

    def on(self, chain: Chain) -> Contract:
        """The same contract on a copy of its chain."""
        other = copy.copy(self)
        other.chain = chain
        return other

    def send(self, function: str, *arguments: Any, sender: str) -> Any:
        """A transaction: the state changes, events go to chain.events (which it empties first)."""
        self.chain.events.clear()
        computation = self.chain.apply(self._message(function, arguments, sender))
        output = self.finish(computation)
        for emitter, topics, data in computation.get_log_entries():
            # What a contract that it called says is not in its ABI.
            if emitter == _raw(self.address):
                self.chain.events.append(self._event(topics, data))
        return self._result(function, output)

    def call(self, function: str, *arguments: Any, sender: str = "0x" + "11" * 20) -> Any:
        """An eth_call: nothing stays."""
        output = self.finish(self.chain.apply(self._message(function, arguments, sender), keep=False))
        return self._result(function, output)

    def finish(self, computation: Any) -> bytes:
        """The output of a computation, or Reverted."""
        if computation.is_success:
            output: bytes = computation.output
            return output
        data: bytes = computation.output
        entry = self._errors.get(data[:4])
        if entry is None:
            raise Reverted(f"{computation.error!r} {data.hex()}", ())
        raise Reverted(entry["name"], decode([kind_of(parameter) for parameter in entry["inputs"]], data[4:]))

    def data(self, function: str, *arguments: Any) -> bytes:
        """Calldata of one of its functions."""
        entry = self._functions[function]
        selector: bytes = keccak(text=signature_of(entry))[:4]
        return selector + encode([kind_of(parameter) for parameter in entry["inputs"]], list(arguments))

    def raw(self, data: bytes, *, sender: str = "0x" + "11" * 20) -> bytes:
        """A transaction with this calldata; its output."""
        code = self.chain.code(self.address)
        message = Message(gas=GAS, to=_raw(self.address), sender=_raw(sender), value=0, data=data, code=code)
        return self.finish(self.chain.apply(message))

    def _message(self, function: str, arguments: Sequence[Any], sender: str) -> Message:
        data = self.data(function, *arguments)
        code = self.chain.code(self.address)
        return Message(gas=GAS, to=_raw(self.address), sender=_raw(sender), value=0, data=data, code=code)

    def _result(self, function: str, output: bytes) -> Any:
        outputs = self._functions[function]["outputs"]
        values = decode([kind_of(parameter) for parameter in outputs], output)
        shown = [named(parameter, value) for parameter, value in zip(outputs, values, strict=True)]
        return shown[0] if len(shown) == 1 else tuple(shown)

    def _event(self, topics: Sequence[int], data: bytes) -> tuple[str, dict[str, Any]]:
        words = [topic.to_bytes(32, "big") for topic in topics]
        entry = self._events[words[0]]
        plain = [parameter for parameter in entry["inputs"] if not parameter["indexed"]]
        values = dict(
            zip([p["name"] for p in plain], decode([kind_of(p) for p in plain], data), strict=True),
        )
        indexed = [parameter for parameter in entry["inputs"] if parameter["indexed"]]
        for parameter, word in zip(indexed, words[1:], strict=True):
            values[parameter["name"]] = decode([kind_of(parameter)], word)[0]
        return entry["name"], values


def _raw(address: str) -> Address:
    return Address(bytes.fromhex(address.removeprefix("0x")))
