"""The migration section of a manifest: what is read, what is refused, and what its hash stands for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import MigrationError
from console.node.migration import (
    AtAddress,
    CodeOnChain,
    CompiledMigration,
    DeployContract,
    FromDeployer,
    InlineCode,
    KeyPattern,
    Migration,
    NoMigration,
    PatchState,
    StandardMigration,
    UpgradeContract,
    WasmMigration,
    as_section,
    migration_hash,
    parse_migration,
)
from console.node.migration.section import MAX_CREATION_BYTES, MAX_INLINE_BYTES, MAX_OPERATIONS

ACCOUNT = "0x" + "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
WORD = "0x" + "00" * 31 + "01"
OTHER_WORD = "0x" + "00" * 31 + "02"
LARGEST_CODE = "0x" + "00" * MAX_CREATION_BYTES

PATCH: dict[str, Any] = {
    "operation": "patch_state",
    "address": ACCOUNT,
    "slot": WORD,
    "expected": WORD,
    "value": OTHER_WORD,
}
DEPLOY: dict[str, Any] = {"operation": "deploy_contract", "bytecode": "0x6000", "deployer": ACCOUNT}
UPGRADE: dict[str, Any] = {"operation": "upgrade_contract", "address": ACCOUNT, "bytecode": "0x00"}
WASM: dict[str, Any] = {
    "kind": "wasm",
    "sha256": "ab" * 32,
    "size": 1000,
    "entry_point": "migrate",
    "writable_keys": [f"{ACCOUNT}*"],
    "fuel": 1_000_000,
    "memory_pages": 16,
}


def standard(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "standard", "operations": list(operations)}


def test_each_kind_is_read() -> None:
    assert parse_migration({"kind": "none"}) == NoMigration()
    assert parse_migration({"kind": "compiled", "id": "fee-market.v2"}) == CompiledMigration("fee-market.v2")
    assert parse_migration(standard(DEPLOY, UPGRADE, PATCH)) == StandardMigration(
        (
            DeployContract(InlineCode(b"\x60\x00"), b"", FromDeployer(ACCOUNT, None)),
            UpgradeContract(ACCOUNT, InlineCode(b"\0"), None),
            PatchState(ACCOUNT, *(bytes.fromhex(each[2:]) for each in (WORD, WORD, OTHER_WORD))),
        )
    )
    assert parse_migration({**WASM, "readable_keys": ["0x00*", "0xff"], "url": "https://x.example/m.wasm"}) == (
        WasmMigration(
            sha256="ab" * 32,
            size=1000,
            entry_point="migrate",
            writable=(KeyPattern(bytes.fromhex(ACCOUNT[2:]), True),),
            readable=(KeyPattern(b"\0", True), KeyPattern(b"\xff", False)),
            fuel=1_000_000,
            memory_pages=16,
            url="https://x.example/m.wasm",
        )
    )


def test_a_contract_can_be_named_by_the_code_that_the_chain_has() -> None:
    by_hash = {"operation": "deploy_contract", "code_hash": "0x" + "cd" * 32, "address": ACCOUNT}
    assert parse_migration(standard(by_hash)) == StandardMigration(
        (DeployContract(CodeOnChain(b"\xcd" * 32), b"", AtAddress(ACCOUNT)),)
    )


def test_the_spelling_of_an_address_does_not_change_the_hash() -> None:
    lower, mixed = (parse_migration(standard({**PATCH, "address": each})) for each in (ACCOUNT, CHECKSUMMED))
    assert lower == mixed
    assert migration_hash(lower) == migration_hash(mixed)


def test_the_hash_is_that_of_the_canonical_section() -> None:
    # sha256 of {"id":"a","kind":"compiled"}, by sha256sum.
    assert migration_hash(CompiledMigration("a")) == (
        "00e5246db5550feebf5ed32b94013855735f512ee05e660b128195d1316caca6"
    )


@pytest.mark.parametrize("change", ["size", "fuel", "memory_pages"])
def test_the_limits_are_part_of_the_hash(change: str) -> None:
    other = {**WASM, change: WASM[change] + 1}
    assert migration_hash(parse_migration(other)) != migration_hash(parse_migration(WASM))


REFUSED: list[tuple[object, str]] = [
    (None, "not a JSON object"),
    ([], "not a JSON object"),
    ({}, "has no kind"),
    ({"kind": "None"}, "none of none, compiled"),
    ({"kind": "\x1b[2J"}, "<U+001B>"),
    ({"kind": "none", "id": "x"}, "'id', which is not known"),
    ({"kind": "compiled"}, "has no id"),
    ({"kind": "compiled", "id": "../x"}, "id that is not a name"),
    ({"kind": "compiled", "id": 7}, "id that is not a name"),
    ({"kind": "compiled", "id": "x" * 65}, "id that is not a name"),
    ({"kind": "standard", "operations": []}, "list of 1 to"),
    ({"kind": "standard", "operations": PATCH}, "list of 1 to"),
    (standard(*[PATCH] * (MAX_OPERATIONS + 1)), "list of 1 to"),
    (standard({**PATCH, "operation": "no_op"}), "operation 1 of the migration is 'no_op'"),
    (standard(PATCH, {**PATCH, "salt": WORD}), "operation 2 of the migration has 'salt'"),
    (standard({**PATCH, "value": WORD}), "would change nothing"),
    (standard({**PATCH, "slot": "0x01"}), "slot that is not 0x and hex digits of 32 bytes"),
    (standard({**PATCH, "slot": WORD[2:]}), "slot that is not 0x"),
    (standard({**PATCH, "slot": WORD[:-1] + "g"}), "slot that is not 0x"),
    (standard({**PATCH, "slot": WORD[:-1] + "١"}), "slot that is not 0x"),
    (standard({**PATCH, "address": "0x" + "00" * 20}), "zero address"),
    (standard({**PATCH, "address": CHECKSUMMED.replace("aA", "Aa")}), "checksum is wrong"),
    (standard({**UPGRADE, "code_hash": WORD}), "bytecode or code_hash, and not both"),
    (standard({"operation": "upgrade_contract", "address": ACCOUNT}), "bytecode or code_hash, and not both"),
    (standard({**UPGRADE, "bytecode": "0x"}), "1 to 24576 bytes"),
    (standard({**UPGRADE, "bytecode": "0x" + "00" * 24_577}), "1 to 24576 bytes"),
    (standard({**DEPLOY, "address": ACCOUNT}), "a deployer or an address, and not both"),
    (standard({"operation": "deploy_contract", "bytecode": "0x00"}), "a deployer or an address"),
    (
        standard({**DEPLOY, "bytecode": "0x" + "00" * MAX_CREATION_BYTES, "constructor_args": WORD}),
        "code and arguments",
    ),
    (standard({"operation": "deploy_contract", "code_hash": WORD, "deployer": ACCOUNT}), "runs no constructor"),
    (
        standard({"operation": "deploy_contract", "code_hash": WORD, "address": ACCOUNT, "constructor_args": WORD}),
        "runs no constructor",
    ),
    (standard(*[{**DEPLOY, "bytecode": LARGEST_CODE}] * 22), f"more than {MAX_INLINE_BYTES} bytes"),
    ({**WASM, "sha256": "AB" * 32}, "64 lower-case hex digits"),
    ({**WASM, "size": 5 << 20}, "size that is not a whole number"),
    ({**WASM, "size": True}, "size that is not a whole number"),
    ({**WASM, "fuel": 0}, "fuel that is not a whole number"),
    ({**WASM, "fuel": 1e9}, "fuel that is not a whole number"),
    ({**WASM, "memory_pages": 65_536}, "memory_pages that is not a whole number"),
    ({**WASM, "entry_point": ""}, "entry_point that is not"),
    ({**WASM, "entry_point": "a b"}, "entry_point that is not"),
    ({**WASM, "writable_keys": []}, "list of 1 to"),
    ({**WASM, "writable_keys": ["*"]}, "neither a key"),
    ({**WASM, "writable_keys": ["0x*"]}, "neither a key"),
    ({**WASM, "writable_keys": ["0x0"]}, "neither a key"),
    ({**WASM, "writable_keys": ["0x00**"]}, "neither a key"),
    ({**WASM, "writable_keys": ["0x" + "00" * 129]}, "neither a key"),
    ({**WASM, "writable_keys": [7]}, "neither a key"),
    ({**WASM, "writable_keys": ["0x00", "0x00"]}, "twice"),
    ({**WASM, "readable_keys": None}, "list of 1 to"),
    ({**WASM, "url": "ftp://x/m"}, "url that is not"),
    ({**WASM, "url": "https:///m"}, "url that is not"),
    ({**WASM, "url": "https://x/\u202em"}, "url that is not"),
    ({**WASM, "url": "https://x/ m"}, "url that is not"),
    ({**WASM, "url": "https://[x/m"}, "url that is not"),
    ({**WASM, "url": "https://x/" + "m" * 512}, "url that is not a string of 1 to 512"),
    ({**WASM, "wasi": True}, "'wasi', which is not known"),
]


@pytest.mark.parametrize(("section", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_is_not_a_migration_is_refused_with_one_sentence(section: object, why: str) -> None:
    with pytest.raises(MigrationError) as refused:
        parse_migration(section)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def data(least: int, most: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=least, max_size=most)


ADDRESSES = data(20, 20).filter(any).map(lambda raw: "0x" + raw.hex())
CODES = data(1, 40).map(InlineCode) | data(32, 32).map(CodeOnChain)
PLACES = st.builds(AtAddress, ADDRESSES) | st.builds(FromDeployer, ADDRESSES, st.none() | data(32, 32))
OPERATIONS = (
    st.builds(DeployContract, data(1, 40).map(InlineCode), data(0, 64), PLACES)
    | st.builds(DeployContract, data(32, 32).map(CodeOnChain), st.just(b""), st.builds(AtAddress, ADDRESSES))
    | st.builds(UpgradeContract, ADDRESSES, CODES, st.none() | data(32, 32))
    | st.builds(PatchState, ADDRESSES, *[data(32, 32)] * 3).filter(lambda patch: patch.expected != patch.value)
)
PATTERNS = st.lists(st.builds(KeyPattern, data(1, 60), st.booleans()), min_size=1, max_size=5, unique=True).map(tuple)
MIGRATIONS: st.SearchStrategy[Migration] = st.one_of(
    st.just(NoMigration()),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True).filter(str.isascii).map(CompiledMigration),
    st.lists(OPERATIONS, min_size=1, max_size=4).map(tuple).map(StandardMigration),
    st.builds(
        WasmMigration,
        sha256=data(32, 32).map(bytes.hex),
        size=st.integers(8, 1 << 20),
        entry_point=st.just("migrate"),
        writable=PATTERNS,
        readable=st.none() | PATTERNS,
        fuel=st.integers(1, 10**10),
        memory_pages=st.integers(1, 1024),
        url=st.sampled_from(["", "https://x.example/m.wasm", "ipfs://bafy/m"]),
    ),
)


@given(MIGRATIONS)
def test_what_is_written_is_read_again(migration: Migration) -> None:
    assert parse_migration(json.loads(json.dumps(as_section(migration)))) == migration


@given(MIGRATIONS, MIGRATIONS)
def test_two_migrations_have_one_hash_only_when_they_are_one(one: Migration, other: Migration) -> None:
    assert (migration_hash(one) == migration_hash(other)) == (one == other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(MIGRATIONS.map(as_section), st.data())
def test_any_other_value_is_read_or_refused_with_one_error(section: dict[str, Any], draw: st.DataObject) -> None:
    target: Any = section
    operations = section.get("operations")
    if operations and draw.draw(st.booleans()):
        target = draw.draw(st.sampled_from(operations))
    name = draw.draw(st.sampled_from(sorted(target)) | st.text(max_size=8))
    target[name] = draw.draw(JSON)
    try:
        migration = parse_migration(section)
    except MigrationError:
        return
    assert parse_migration(as_section(migration)) == migration
