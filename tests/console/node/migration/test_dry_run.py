"""A module is run without consequences: what it would write, and a child that is not believed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ChainError, MigrationError
from console.node.migration import WasmMigration
from console.node.migration.dry_run import GRACE_SECONDS, Sandbox, dry_run
from console.node.migration.exploits import GRANT, RETURN_0, STATE, exploits, plain_module
from console.node.migration.outcome import Failure, Write
from tests.console.node.migration.children import ending, lying

COUNTER = """(module
  (import "state" "get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "state" "set" (func $set (param i32 i32 i32 i32) (result i32)))
  (import "state" "remove" (func $remove (param i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "w1w2w3")
  (func (export "migrate") (result i32)
    ;; w1 moves to w2, w3 goes.
    (local $length i32)
    (local.set $length (call $get (i32.const 0) (i32.const 2) (i32.const 100) (i32.const 50)))
    (drop (call $set (i32.const 2) (i32.const 2) (i32.const 100) (local.get $length)))
    (drop (call $remove (i32.const 0) (i32.const 2)))
    (i32.sub (call $remove (i32.const 4) (i32.const 2)) (i32.const 1))))"""
BEFORE = {b"w1": b"one", b"w3": b"three"}
DONE = plain_module(1, RETURN_0)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def granted(module: bytes) -> WasmMigration:
    return replace(GRANT, sha256=hashlib.sha256(module).hexdigest(), size=len(module))


def test_writes_are_told_with_what_was_there(sandbox: Sandbox) -> None:
    run = sandbox.run(GRANT, COUNTER, BEFORE.get)
    assert run.ok, run.sentence
    assert run.sentence == "the migration changes 3 keys"
    assert run.writes == (Write(b"w1", b"one", None), Write(b"w2", None, b"one"), Write(b"w3", b"three", None))
    assert (run.calls, run.memory_pages) == (4, 1)
    assert 0 < run.fuel <= GRANT.fuel


def test_the_same_run_comes_out_the_same(sandbox: Sandbox) -> None:
    first, second = (sandbox.run(GRANT, COUNTER, BEFORE.get) for _ in range(2))
    assert first == second
    # By hand: sha256 over the lengths and bytes of w1, w2 and w3.
    parts = b"\0\0\0\x02w1\0\0\0\x03one\xff\xff\xff\xff\0\0\0\x02w2\xff\xff\xff\xff\0\0\0\x03one"
    parts += b"\0\0\0\x02w3\0\0\0\x05three\xff\xff\xff\xff"
    assert first.journal_sha256 == hashlib.sha256(parts).hexdigest()


def test_what_ends_as_it_began_is_no_write(sandbox: Sandbox) -> None:
    head = COUNTER[: COUNTER.index("(local $length")]
    back = """(drop (call $get (i32.const 0) (i32.const 2) (i32.const 100) (i32.const 50)))
        (drop (call $remove (i32.const 0) (i32.const 2)))
        (i32.ne (call $set (i32.const 0) (i32.const 2) (i32.const 100) (i32.const 3)) (i32.const 0))))"""
    run = sandbox.run(GRANT, head + back, BEFORE.get)
    assert run.ok, run.sentence
    assert (run.calls, run.writes) == (3, ())


def test_each_key_is_read_once_and_from_outside(sandbox: Sandbox) -> None:
    asked: list[bytes] = []

    def read(key: bytes) -> bytes | None:
        asked.append(key)
        return BEFORE.get(key)

    sandbox.run(GRANT, COUNTER, read)
    assert asked == [b"w1", b"w2", b"w3"]


def test_a_chain_that_cannot_be_read_is_said_by_who_reads_it() -> None:
    def read(key: bytes) -> bytes | None:
        raise ChainError("no endpoint answers")

    with Sandbox() as sandbox, pytest.raises(ChainError, match="no endpoint"):
        sandbox.run(GRANT, COUNTER, read)


def test_only_the_bytes_of_the_manifest_are_run() -> None:
    assert dry_run(granted(DONE), DONE, STATE.get).ok
    for other in (DONE + b"\0", DONE[:-1] + b"\0", b""):
        assert dry_run(granted(DONE), other, STATE.get).failure is Failure.WRONG_HASH


def test_a_run_that_waits_too_long_for_its_state_is_killed(tmp_path: Path) -> None:
    with Sandbox(0.1) as sandbox:
        process = sandbox._process

        def read(key: bytes) -> bytes | None:
            process.wait()
            return None

        run = sandbox.run(GRANT, COUNTER, read)
    assert GRACE_SECONDS > 0
    assert run.failure is Failure.WALL_CLOCK
    assert run.writes == ()


READS = '{"read":"%s"}'
RUN = '{"run":{"failure":null,"sentence":"fine","fuel":1,"pages":1,"calls":1,"writes":[%s]}}'


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (["hello"], "not JSON"),
        (["[]"], "not JSON"),
        (["[" * 1000], "not JSON"),
        (["{}"], "something else than hex"),
        (['{"read":"zz"}'], "something else than hex"),
        ([READS % b"secret".hex()], "a key that it may not read"),
        ([READS % b"r1".hex(), READS % b"r1".hex()], "a key that it may not read"),
        (['{"run":null}'], "told no run"),
        (['{"run":{}}'], "without its figures"),
        ([(RUN % "").replace('"fuel":1', '"fuel":true')], "without its figures"),
        ([(RUN % "").replace('"fuel":1', '"fuel":-1')], "without its figures"),
        ([(RUN % "").replace("null", '"magic"')], "a failure that there is not"),
        ([READS % b"w1".hex(), (RUN % '["7731","00"]').replace("null", '"trap"')], "a failure that there is not"),
        ([RUN % '["7731","00"]'], "outside the granted keys"),
        ([READS % b"r1".hex(), RUN % '["7231","00"]'], "outside the granted keys"),
        ([READS % b"w1".hex(), RUN % '["7731","6f6e65"]'], "a write that cannot be"),
        ([READS % b"w1".hex(), RUN % '["7731",""]'], "a write that cannot be"),
        ([READS % b"w1".hex(), RUN % '["7731"]'], "a write that is none"),
        ([READS % b"w1".hex(), RUN % '["7731","00"],["7731","01"]'], "not in order"),
    ],
)
def test_a_child_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], why: str) -> None:
    lying(tmp_path, monkeypatch, *answers)
    run = dry_run(granted(DONE), DONE, STATE.get)
    assert run.failure is Failure.SANDBOX
    assert why in run.sentence
    assert run.writes == ()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("exit 3", "its process ended"),
        ("echo 'no \x1b[2J module' >&2; exit 1", "its process ended: no <U+001B>[2J module"),
    ],
)
def test_a_child_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, why: str) -> None:
    ending(tmp_path, monkeypatch, command)
    run = dry_run(granted(DONE), DONE, STATE.get)
    assert run.failure is Failure.SANDBOX
    assert why in run.sentence


def test_without_an_interpreter_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(MigrationError, match="the sandbox cannot be started"):
        dry_run(granted(DONE), DONE, STATE.get)


CONFINED = """
import resource, socket, os
from console.node.migration.child import confine
confine(5)
for name, attempt in {
    "file": lambda: open("/etc/hostname"),
    "socket": lambda: socket.socket(),
    "pipe": os.pipe,
    "more time": lambda: resource.setrlimit(resource.RLIMIT_CPU, (100, 100)) if os.getuid() else 1 / 0,
}.items():
    try:
        attempt()
    except (OSError, ValueError, ZeroDivisionError):
        continue
    print(name)
"""


def test_the_child_gives_up_what_it_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, text=True, check=True)
    assert done.stdout == ""


MODULES = [each.module for each in exploits() if isinstance(each.module, bytes) and len(each.module) < 1000] + [DONE]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_module_ends_in_a_run_and_not_in_a_broken_sandbox(sandbox: Sandbox, draw: st.DataObject) -> None:
    module = bytearray(draw.draw(st.sampled_from(MODULES)) or b"\0")
    for _ in range(draw.draw(st.integers(1, 4))):
        module[draw.draw(st.integers(0, len(module) - 1))] = draw.draw(st.integers(0, 255))
    run = sandbox.run(GRANT, bytes(module), STATE.get)
    assert run.failure is not Failure.SANDBOX, run.sentence
    assert run.writes == ()
