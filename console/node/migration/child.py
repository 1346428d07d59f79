"""`python -m console.node.migration.child SECONDS`: runs modules for its parent, and can do nothing else.

One JSON object per line. In: `{"section": …, "module": base64, "text": false, "seconds": 10}`. Out, any number of
times: `{"read": hex}`, each answered by `{"value": hex}` or `{"value": null}`. Out, once: `{"run": …}`. Then the next
one, until stdin ends. `text` is for the exploits that we write ourselves, as WebAssembly text.

What goes wrong here ends this process; the parent says so.
"""

from __future__ import annotations

import base64
import json
import queue
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any

from console.node.migration.kinds import WasmMigration
from console.node.migration.outcome import Failure, Run
from console.node.migration.sandbox import new_engine, run_module
from console.node.migration.section import parse_migration
from console.text import untrusted

if TYPE_CHECKING:
    import wasmtime

MEMORY_BYTES = 1536 << 20
"""Addresses of this process: Python, wasmtime, a compilation and the largest memory that a manifest may grant."""


def main(arguments: list[str]) -> int:
    """Serve the parent; returns the exit code."""
    import wasmtime

    new_engine()
    watch = _Watch()
    confine(int(arguments[0]))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        migration = parse_migration(request["section"])
        assert isinstance(migration, WasmMigration)
        module = base64.b64decode(request["module"])
        if request["text"]:
            module = _assembled(wasmtime.wat2wasm, module)
        engine = new_engine()
        done = watch.over(engine, request["seconds"])
        try:
            run = run_module(engine, migration, module, _read)
        except MemoryError:
            run = Run(Failure.MEMORY, "the migration failed: it needs more memory than the sandbox has")
        finally:
            done.set()
        _say({"run": _as_json(run)})
    return 0


def confine(seconds: int) -> None:
    """Give up, for ever, what running a module does not need: time, memory, files, sockets, processes, core dumps."""
    for limit, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        # What is open stays open, and nothing can be opened: the three pipes are all there is.
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_NPROC, 0),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (OSError, ValueError):
            # macOS has no limit of addresses; there the store's limit and the wall clock stand alone.
            continue


class _Watch:
    """One thread, begun before threads are given up, that interrupts what runs too long."""

    def __init__(self) -> None:
        self._runs: queue.SimpleQueue[tuple[wasmtime.Engine, float, threading.Event]] = queue.SimpleQueue()
        threading.Thread(target=self._watch, daemon=True).start()

    def over(self, engine: wasmtime.Engine, seconds: float) -> threading.Event:
        """Watch a run on its own engine until the event is set."""
        done = threading.Event()
        self._runs.put((engine, seconds, done))
        return done

    def _watch(self) -> None:
        while True:
            engine, seconds, done = self._runs.get()
            if not done.wait(seconds):
                engine.increment_epoch()


def _read(key: bytes) -> bytes | None:
    _say({"read": key.hex()})
    value = json.loads(sys.stdin.buffer.readline())["value"]
    return None if value is None else bytes.fromhex(value)


def _say(document: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


def _assembled(assemble: Any, text: bytes) -> bytes:
    try:
        return bytes(assemble(text.decode()))
    except Exception as error:
        raise SystemExit(f"an exploit is not WebAssembly text: {untrusted(error, 400)}") from error


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "failure": run.failure,
        "sentence": run.sentence,
        "fuel": run.fuel,
        "pages": run.memory_pages,
        "calls": run.calls,
        "writes": [[each.key.hex(), None if each.new is None else each.new.hex()] for each in run.writes],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
