"""What the devnet's second release carries."""

from __future__ import annotations

import json

import pytest
import wasmtime
from Crypto.Hash import keccak

from console.devnet import migrations
from console.devnet.migrations import KINDS, NOTE_CODE_HASH, NOTE_CREATION, release_migration
from console.node.migration import describe, migration_hash, parse_migration
from console.node.migration.dry_run import dry_run
from console.node.migration.outcome import Write

REGISTRY = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_migration_that_a_manifest_can_hold(kind: str) -> None:
    made = release_migration(kind, REGISTRY)
    migration = parse_migration(json.loads(json.dumps(made.section)))
    assert describe(migration)
    assert (made.carried == "") == (kind == "none")
    assert bool(made.module) == (kind == "wasm")


def test_each_is_another_migration() -> None:
    sections = [release_migration(kind, REGISTRY).section for kind in KINDS]
    assert len({migration_hash(parse_migration(section)) for section in sections}) == len(KINDS)


def test_the_module_is_the_text_assembled() -> None:
    assert bytes(wasmtime.wat2wasm(migrations.WASM_TEXT)) == migrations._WASM_TEMPLATE
    assert migrations._WASM_TEMPLATE.count(migrations._PLACE) == 1


def test_the_hash_of_the_contract_is_that_of_what_its_constructor_leaves() -> None:
    runtime = bytes.fromhex(NOTE_CREATION)[0x1B:]
    assert "0x" + keccak.new(data=runtime, digest_bits=256).hexdigest() == NOTE_CODE_HASH


def test_a_dry_run_writes_eight_slots_on_top_of_what_is_there() -> None:
    made = release_migration("wasm", REGISTRY)
    start = bytes.fromhex(REGISTRY[2:]) + migrations.SLOT_START
    before = {start + b"\x01": bytes(31) + b"\x10"}
    migration = parse_migration(made.section)
    run = dry_run(migration, made.module, before.get)  # type: ignore[arg-type]
    assert run.ok, run.sentence
    assert run.writes == tuple(
        Write(start + bytes([slot]), before.get(start + bytes([slot])), bytes(31) + bytes([value]))
        for slot, value in enumerate([1, 0x12, 3, 4, 5, 6, 7, 8])
    )
