"""A migration in words: the operator reads what will change."""

from __future__ import annotations

from console.node.migration import (
    AtAddress,
    CodeOnChain,
    CompiledMigration,
    DeployContract,
    FromDeployer,
    InlineCode,
    KeyPattern,
    NoMigration,
    PatchState,
    StandardMigration,
    UpgradeContract,
    WasmMigration,
    describe,
)
from console.node.migration.selectors import selectors

ACCOUNT = "0x" + "11" * 20
WORD = bytes(31) + b"\x2a"
DISPATCHER = bytes.fromhex("60806040528063a9059cbb146100105763095ea7b3811462abcdef1400")
"""Three functions, each compared in the way of another compiler."""


def test_functions_are_read_from_a_dispatcher() -> None:
    assert selectors(DISPATCHER) == ("0x00abcdef", "0x095ea7b3", "0xa9059cbb")


def test_a_selector_inside_pushed_data_is_none() -> None:
    assert selectors(b"\x7f" + DISPATCHER[:32]) == ()


def test_code_that_ends_in_the_middle_of_a_push_is_read_to_its_end() -> None:
    assert selectors(DISPATCHER + b"\x63\x01") == selectors(DISPATCHER)


def test_kinds_without_operations() -> None:
    assert describe(NoMigration()) == ("No migration: only the binary changes.",)
    assert "as trusted as the binary itself" in describe(CompiledMigration("m1"))[1]


def test_standard_operations_say_what_is_there_before_and_after() -> None:
    migration = StandardMigration(
        (
            UpgradeContract(ACCOUNT, InlineCode(DISPATCHER), b"\xee" * 32),
            PatchState(ACCOUNT, bytes(32), WORD, bytes(12) + b"\x22" * 20),
            DeployContract(CodeOnChain(b"\xdd" * 32), b"", AtAddress(ACCOUNT)),
        )
    )
    text = "\n".join(describe(migration, {"0xa9059cbb": "transfer(address,uint256)"}))
    assert "3 standard operations" in text
    assert f"Replace the code of the contract {ACCOUNT}" in text
    assert f"the code there now must be 0x{'ee' * 32}" in text
    assert "0xa9059cbb transfer(address,uint256)" in text
    assert "now  42 (0x2a), or the migration fails" in text
    assert f"(an address, perhaps: 0x{'22' * 20})" in text
    assert f"what the chain keeps under 0x{'dd' * 32}" in text


def test_the_address_of_a_create2_is_told_beforehand() -> None:
    """The first example of EIP-1014."""
    deploy = DeployContract(InlineCode(b"\0"), b"", FromDeployer("0x" + "00" * 20, bytes(32)))
    text = "\n".join(describe(StandardMigration((deploy,))))
    assert "0x4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38" in text


def test_constructor_arguments_are_shown_by_word() -> None:
    deploy = DeployContract(InlineCode(b"\0"), WORD * 20, FromDeployer(ACCOUNT, None))
    text = "\n".join(describe(StandardMigration((deploy,))))
    assert "0: 42 (0x2a)" in text
    assert "and 4 more" in text
    assert "at the address that its nonce gives" in text


def test_a_module_shows_its_limits_and_every_key_that_it_may_write() -> None:
    account = bytes.fromhex(ACCOUNT[2:])
    migration = WasmMigration(
        sha256="ab" * 32,
        size=2048,
        entry_point="migrate",
        writable=(KeyPattern(account, True), KeyPattern(account + WORD, False), KeyPattern(b"\x01", True)),
        readable=None,
        fuel=5_000_000,
        memory_pages=16,
        url="https://x.example/m.wasm",
    )
    lines = describe(migration)
    text = "\n".join(lines)
    assert "from https://x.example/m.wasm" in text
    assert "5,000,000 fuel (wasmtime's own unit) and 1.0 MiB of memory" in text
    assert f"    every slot of {ACCOUNT}" in lines
    assert f"    slot 42 (0x2a) of {ACCOUNT}" in lines
    assert "    every key that begins with 0x01" in lines
    assert "    any key" in lines
