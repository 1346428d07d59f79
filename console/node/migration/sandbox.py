"""Runs one module under wasmtime: no imports but the state functions, limits on everything. For a child process alone.

The state functions are imported from the module `state`. Pointers are offsets into the exported memory `memory`:

- `get(key_ptr, key_len, out_ptr, out_cap) -> i32`: the value's length, or -1 when there is none; the value is written
  to `out_ptr` when it is not longer than `out_cap`.
- `set(key_ptr, key_len, value_ptr, value_len) -> i32`: writes a value of at least one byte; 1 when there was one
  before, 0 when not.
- `remove(key_ptr, key_len) -> i32`: 1 when there was a value, 0 when not.

There is no way to list keys: a chain's state is kept under hashes of keys, and what a migration may touch stands in its
manifest. Every other fault ends the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from console.node.migration.journal import Journal, Refused
from console.node.migration.kinds import WasmMigration
from console.node.migration.module_shape import check_shape
from console.node.migration.outcome import Failure, Run
from console.text import untrusted

if TYPE_CHECKING:
    import wasmtime

PAGE_BYTES = 64 * 1024
MAX_STACK_BYTES = 512 * 1024
MAX_TABLE_ELEMENTS = 20_000
CALL_FUEL = 2_000
"""Charged for every call of a state function: a call costs the host about as much time as this much fuel."""
BYTE_FUEL = 4
"""Charged per byte of key and value that a call names."""
_STATE = "state"
_MEMORY = "memory"
_SHORT = 0xFFFFFFFF


def new_engine() -> wasmtime.Engine:
    """An engine in which runs are repeatable and can be ended from another thread by `increment_epoch`."""
    import wasmtime

    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.cranelift_nan_canonicalization = True
    config.max_wasm_stack = MAX_STACK_BYTES
    # Whatever needs more than one thread, another address width, or a collector.
    for feature in (
        "wasm_threads",
        "wasm_memory64",
        "wasm_multi_memory",
        "wasm_relaxed_simd",
        "wasm_simd",
        "wasm_tail_call",
        "wasm_exceptions",
        "wasm_function_references",
        "wasm_gc",
        "wasm_component_model",
        "wasm_stack_switching",
        "wasm_wide_arithmetic",
        "wasm_custom_page_sizes",
        "shared_memory",
    ):
        setattr(config, feature, False)
    # A module that compiles long is worse than one that runs slowly.
    config.cranelift_opt_level = "none"
    config.parallel_compilation = False
    # No gigabytes of reserved addresses (the child's own limit counts them) and no file behind the memory.
    config.memory_init_cow = False
    config.memory_may_move = True
    config.memory_reservation = 0
    config.memory_reservation_for_growth = 0
    config.memory_guard_size = 0
    return wasmtime.Engine(config)


def run_module(
    engine: wasmtime.Engine, migration: WasmMigration, module: bytes, read: Callable[[bytes], bytes | None]
) -> Run:
    """Run a module once.

    Args:
        engine: From `new_engine`.
        migration: Its grants and limits; the module's hash is not looked at here.
        module: The bytes.
        read: The state before.
    """
    journal = Journal(migration, read)
    guest = _Guest(engine, migration, journal)
    try:
        guest.run(module)
    except Refused as refused:
        return guest.outcome(refused.failure, str(refused))
    return guest.outcome(None, "")


class _Guest:
    """One store, one instance."""

    def __init__(self, engine: wasmtime.Engine, migration: WasmMigration, journal: Journal) -> None:
        import wasmtime

        self._engine = engine
        self._migration = migration
        self._journal = journal
        self._store = store = wasmtime.Store(engine)
        store.set_limits(
            memory_size=migration.memory_pages * PAGE_BYTES,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=1,
            tables=4,
            memories=1,
        )
        store.set_fuel(migration.fuel)
        store.set_epoch_deadline(1)
        self._memory: Any = None

    def run(self, code: bytes) -> None:
        """Compile, check, instantiate, call. Raises Refused."""
        import wasmtime

        check_shape(code)
        try:
            module = wasmtime.Module(self._engine, code)
        except wasmtime.WasmtimeError as error:
            raise Refused(Failure.BAD_MODULE, f"it is not accepted: {_first_line(error)}") from error
        functions = [self._granted(each) for each in module.imports]
        self._check_entry(module)
        try:
            instance = wasmtime.Instance(self._store, module, functions)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise self._ended(error, starting=True) from error
        exports = instance.exports(self._store)
        memory = exports.get(_MEMORY)
        self._memory = memory if isinstance(memory, wasmtime.Memory) else None
        if functions and self._memory is None:
            raise Refused(Failure.BAD_MODULE, "it calls state functions and exports no memory named memory")
        entry: Any = exports[self._migration.entry_point]
        try:
            returned = entry(self._store)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise self._ended(error, starting=False) from error
        if returned != 0:
            raise Refused(Failure.RETURNED, f"its {self._migration.entry_point} returned {returned}, and 0 means done")

    def outcome(self, failure: Failure | None, why: str) -> Run:
        """The run as it stands."""
        fuel = self._migration.fuel - self._store.get_fuel()
        pages = self._memory.size(self._store) if self._memory is not None else 0
        writes = self._journal.writes if failure is None else ()
        if failure is None:
            why = f"the migration changes {len(writes)} key{'s' if len(writes) != 1 else ''}"
        else:
            why = f"the migration failed: {why}"
        return Run(failure, why, fuel, pages, self._journal.calls, writes)

    def _ended(self, error: Exception, *, starting: bool) -> Refused:
        import wasmtime

        code = error.trap_code if isinstance(error, wasmtime.Trap) else None
        if code is wasmtime.TrapCode.OUT_OF_FUEL:
            return Refused(Failure.OUT_OF_FUEL, f"it used all of its {self._migration.fuel} fuel")
        if code is wasmtime.TrapCode.STACK_OVERFLOW:
            return Refused(Failure.STACK, "its calls are nested too deeply")
        if code is wasmtime.TrapCode.INTERRUPT:
            return Refused(Failure.WALL_CLOCK, "it ran for longer than it may by the clock on the wall")
        text = _first_line(error)
        if starting and code is None:
            return Refused(Failure.MEMORY, f"it cannot be started within its limits: {text}")
        return Refused(Failure.TRAP, f"it trapped: {text}")

    def _check_entry(self, module: wasmtime.Module) -> None:
        import wasmtime

        name = self._migration.entry_point
        found = next((each.type for each in module.exports if each.name == name), None)
        if not isinstance(found, wasmtime.FuncType):
            raise Refused(Failure.ENTRY_POINT, f"it exports no function {untrusted(name, 64)}")
        if found.params or [str(each) for each in found.results] != ["i32"]:
            raise Refused(Failure.ENTRY_POINT, f"its {untrusted(name, 64)} is not a function from nothing to one i32")

    def _granted(self, wanted: wasmtime.ImportType) -> wasmtime.Func:
        import wasmtime

        name = f"{untrusted(wanted.module, 40)}.{untrusted(wanted.name, 40)}"
        known: dict[str, tuple[int, Callable[..., int]]] = {
            "get": (4, self._get),
            "set": (4, self._set),
            "remove": (2, self._remove),
        }
        granted = known.get(wanted.name or "") if wanted.module == _STATE else None
        if granted is None:
            raise Refused(
                Failure.IMPORT, f"it imports {name}, and only state.get, state.set and state.remove are given"
            )
        arity, function = granted
        kind = wanted.type
        i32 = wasmtime.ValType.i32()
        if (
            not isinstance(kind, wasmtime.FuncType)
            or [str(each) for each in kind.params] != ["i32"] * arity
            or [str(each) for each in kind.results] != ["i32"]
        ):
            raise Refused(Failure.IMPORT, f"it imports {name} with another type than {arity} times i32 to i32")
        return wasmtime.Func(self._store, wasmtime.FuncType([i32] * arity, [i32]), function, access_caller=True)

    # -- state functions; what they raise ends the run

    def _get(self, caller: wasmtime.Caller, key_ptr: int, key_len: int, out_ptr: int, out_cap: int) -> int:
        self._charge(caller, key_len)
        value = self._journal.get(self._load(caller, key_ptr, key_len))
        if value is None:
            return -1
        self._charge(caller, len(value))
        if len(value) <= out_cap & _SHORT:
            self._bounds(caller, out_ptr, len(value)).write(caller, value, out_ptr & _SHORT)
        return len(value)

    def _set(self, caller: wasmtime.Caller, key_ptr: int, key_len: int, value_ptr: int, value_len: int) -> int:
        self._charge(caller, (key_len & _SHORT) + (value_len & _SHORT))
        key = self._load(caller, key_ptr, key_len)
        return int(self._journal.set(key, self._load(caller, value_ptr, value_len)))

    def _remove(self, caller: wasmtime.Caller, key_ptr: int, key_len: int) -> int:
        self._charge(caller, key_len)
        return int(self._journal.set(self._load(caller, key_ptr, key_len), None))

    def _charge(self, caller: wasmtime.Caller, count: int) -> None:
        left = self._store.get_fuel() - CALL_FUEL - BYTE_FUEL * min(count & _SHORT, 1 << 20)
        self._store.set_fuel(max(0, left))
        if left < 0:
            raise Refused(Failure.OUT_OF_FUEL, f"it used all of its {self._migration.fuel} fuel")

    def _load(self, caller: wasmtime.Caller, pointer: int, length: int) -> bytes:
        count = length & _SHORT
        start = pointer & _SHORT
        return bytes(self._bounds(caller, pointer, count).read(caller, start, start + count))

    def _bounds(self, caller: wasmtime.Caller, pointer: int, count: int) -> wasmtime.Memory:
        """The memory, when `count` bytes from `pointer` are in it; i32 comes signed and means unsigned."""
        import wasmtime

        memory = caller.get(_MEMORY)
        if not isinstance(memory, wasmtime.Memory):
            raise Refused(Failure.BAD_MODULE, "it calls state functions and exports no memory named memory")
        start = pointer & _SHORT
        if start + count > memory.data_len(caller):
            raise Refused(Failure.POINTER, f"it named {count} bytes from {start}, which are not all in its memory")
        return memory


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # wasmtime puts the place first and the reason last.
    return untrusted(lines[-1] if lines else type(error).__name__, 160)
