"""A WASM migration run without consequences: in a child process, on a state that is only read, into a journal.

The child is not trusted with what it says either: keys it reads and writes are checked here again, old values are those
that this side has given it, and an answer of another form is a failure of the sandbox.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import console
from console.errors import MigrationError
from console.json_depth import deeper_than
from console.node.migration.journal import MAX_JOURNAL_BYTES, MAX_KEYS, MAX_VALUE_BYTES
from console.node.migration.kinds import WasmMigration
from console.node.migration.outcome import Failure, Run, Write
from console.node.migration.section import as_section
from console.node.migration.state_keys import covered
from console.text import untrusted

Read = Callable[[bytes], bytes | None]
"""The state before the migration: a value by key, None for nothing. It may raise; the run ends then."""

RUN_SECONDS = 10.0
"""Wall clock of one run, compiling and reading the state included."""
GRACE_SECONDS = 2.0
"""How much later a child that does not interrupt itself is killed."""
_MAX_LINE = 4 * MAX_JOURNAL_BYTES
"""Bytes of an answer: the whole journal in hex fits."""
_MAX_COMPLAINT = 4096


def dry_run(migration: WasmMigration, module: bytes, read: Read, *, seconds: float = RUN_SECONDS) -> Run:
    """Run a module once in a child process of its own; blocks, so call it in a thread from asyncio.

    Args:
        migration: What the manifest says.
        module: The bytes; refused unless they are what the manifest names.
        read: The state before.
        seconds: Wall clock.

    Returns:
        What came of it. The same module and state give the same run on every machine with the same wasmtime, apart from
        the failures `WALL_CLOCK` and `SANDBOX`, which say something of this machine.

    Raises:
        MigrationError: The child could not be started.
    """
    if len(module) != migration.size or hashlib.sha256(module).hexdigest() != migration.sha256:
        return Run(Failure.WRONG_HASH, "the migration failed: its module is not the one that the manifest names")
    with Sandbox(seconds) as sandbox:
        return sandbox.run(migration, module, read)


class Sandbox:
    """One child process; runs modules one after another, without looking at their hashes.

    Args:
        seconds: Wall clock of each run.

    Raises:
        MigrationError: The child could not be started.
    """

    def __init__(self, seconds: float = RUN_SECONDS) -> None:
        self._seconds = seconds
        package = Path(console.__file__).resolve().parent.parent
        # The child's processor time is that of all its runs.
        command = [sys.executable, "-P", "-s", "-m", f"{__package__}.child", str(int(seconds) + 20)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PYTHONPATH": str(package), "PATH": os.defpath},
                cwd="/",
                # A Ctrl-C in the terminal is for who waits for the child.
                start_new_session=True,
            )
        except OSError as error:
            raise MigrationError(f"the sandbox cannot be started: {error.strerror}", safe="nothing was run") from error

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue

    def run(self, migration: WasmMigration, module: bytes | str, read: Read, *, seconds: float | None = None) -> Run:
        """Run a module (bytes), or WebAssembly text of our own, on a state.

        After a failure SANDBOX, or a run that did not interrupt itself, the child is gone and every further run fails.
        What `read` raises passes through.
        """
        seconds = self._seconds if seconds is None else seconds
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds + GRACE_SECONDS, kill)
        timer.daemon = True
        timer.start()
        try:
            return self._converse(migration, module, read, seconds)
        except _Broken as error:
            if late.is_set():
                return Run(Failure.WALL_CLOCK, f"the migration failed: it did not end within {seconds:g} s")
            return Run(Failure.SANDBOX, f"the migration failed: the sandbox did not hold together: {error}")
        finally:
            timer.cancel()

    def _converse(self, migration: WasmMigration, module: bytes | str, read: Read, seconds: float) -> Run:
        text = isinstance(module, str)
        code = module.encode() if isinstance(module, str) else module
        self._send(
            {
                "section": as_section(migration),
                "module": base64.b64encode(code).decode(),
                "text": text,
                "seconds": seconds,
            }
        )
        known: dict[bytes, bytes | None] = {}
        while True:
            answer = self._receive()
            if "run" in answer:
                return _run_of(answer["run"], migration, known)
            key = _bytes(answer.get("read"))
            allowed = migration.readable is None or covered((*migration.writable, *migration.readable), key)
            if not allowed or key in known or len(known) == MAX_KEYS:
                raise _Broken("it asked for a key that it may not read")
            value = known[key] = read(key)
            self._send({"value": None if value is None else value.hex()})

    def _send(self, document: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise _Broken(self._complaint()) from None

    def _receive(self) -> Mapping[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline(_MAX_LINE)
        if not line.endswith(b"\n"):
            raise _Broken(self._complaint())
        try:
            answer = None if deeper_than(line, 4) else json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise _Broken("it answered what is not JSON")
        return answer

    def _complaint(self) -> str:
        assert self._process.stderr is not None
        # A child that has not ended yet would keep its stderr open.
        self._process.kill()
        lines = self._process.stderr.read(_MAX_COMPLAINT).decode("utf-8", "replace").strip().splitlines()
        return f"its process ended: {untrusted(lines[-1], 160)}" if lines else "its process ended"


class _Broken(Exception):
    """The child did not keep to the conversation; the text is the end of a sentence."""


def _run_of(told: object, migration: WasmMigration, known: Mapping[bytes, bytes | None]) -> Run:
    if not isinstance(told, dict):
        raise _Broken("it told no run")
    failure, writes = told.get("failure"), told.get("writes")
    fuel, pages, calls = (told.get(name) for name in ("fuel", "pages", "calls"))
    sentence = told.get("sentence")
    if not all(type(each) is int and 0 <= each < 1 << 62 for each in (fuel, pages, calls)):
        raise _Broken("it told a run without its figures")
    if not isinstance(sentence, str) or not isinstance(writes, list) or len(writes) > MAX_KEYS:
        raise _Broken("it told a run without its sentence or its writes")
    if failure is not None and (failure not in set(Failure) or writes):
        raise _Broken("it told a failure that there is not")
    found = tuple(_write_of(each, migration, known) for each in writes)
    if [each.key for each in found] != sorted({each.key for each in found}):
        raise _Broken("it told writes that are not in order")
    return Run(
        None if failure is None else Failure(failure),
        untrusted(sentence, 400),
        fuel or 0,
        pages or 0,
        calls or 0,
        found,
    )


def _write_of(told: Any, migration: WasmMigration, known: Mapping[bytes, bytes | None]) -> Write:
    if not isinstance(told, list) or len(told) != 2:
        raise _Broken("it told a write that is none")
    key, new = _bytes(told[0]), None if told[1] is None else _bytes(told[1])
    if key not in known or not covered(migration.writable, key):
        raise _Broken("it told a write outside the granted keys")
    if new == known[key] or (new is not None and not 0 < len(new) <= MAX_VALUE_BYTES):
        raise _Broken("it told a write that cannot be")
    return Write(key, known[key], new)


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise _Broken("it answered something else than hex")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _Broken("it answered something else than hex") from None
