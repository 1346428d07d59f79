"""What the devnet's second release does to the state at H, as `devnet up --migration` asks for it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

NONE = "none"
STANDARD = "standard"
WASM = "wasm"
FAILING = "failing"
KINDS = (NONE, STANDARD, WASM, FAILING)

NOTE = "0xdecade0000000000000000000000000000000001"
"""Where the standard migration puts its contract."""
NOTE_CREATION = "602060203803600039600051600055600b601b600039600b6000f360005460005260206000f3"
"""Its constructor stores its argument in slot 0; every call returns that slot."""
NOTE_CODE_HASH = "0xb652beaf2d74754067c0898af4667d2f629e241971dc0cdaab1069a9ac7da709"
"""Keccak-256 of what the constructor leaves."""
NOTE_UPGRADED = "60005460010160005260206000f3"
"""The code afterwards: every call returns slot 0 and one."""

WASM_SLOTS = 8
"""The WASM migration writes 1 to 8 into as many slots of the registry that nothing else uses."""
SLOT_START = hashlib.sha256(b"upgrade-console devnet migration").digest()[:31]
"""The first 31 bytes of those slots; the last one counts."""
WASM_TEXT = r"""
(module
  (import "state" "get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "state" "set" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
    "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11"
    "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\00")
  (func (export "migrate") (result i32)
    (local $slot i32)
    (loop $next
      (i32.store8 (i32.const 51) (local.get $slot))
      (memory.fill (i32.const 64) (i32.const 0) (i32.const 32))
      (drop (call $get (i32.const 0) (i32.const 52) (i32.const 64) (i32.const 32)))
      (i32.store8 (i32.const 95) (i32.add (i32.load8_u (i32.const 95)) (i32.add (local.get $slot) (i32.const 1))))
      (drop (call $set (i32.const 0) (i32.const 52) (i32.const 64) (i32.const 32)))
      (local.set $slot (i32.add (local.get $slot) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $slot) (i32.const 8))))
    (i32.const 0)))
"""
"""Adds its number to each slot; 51 bytes of 0x11 stand for the registry's address and the slots' beginning."""
_PLACE = b"\x11" * 51
_WASM_TEMPLATE = bytes.fromhex(
    "0061736d01000000010d0260047f7f7f7f017f6000017f02190205737461746503676574000005737461746503736574"
    "0000030201010503010001071402066d656d6f72790200076d69677261746500020a54015201017f0340413320003a00"
    "0041c00041004120fc0b004100413441c000412010001a41df0041df002d0000200041016a6a3a00004100413441c000"
    "412010011a200041016a210020004108490d000b41000b0b3a010041000b341111111111111111111111111111111111"
    "11111111111111111111111111111111111111111111111111111111111111111111000028046e616d65010b02000367"
    "6574010373657402090102010004736c6f74030901020100046e657874"
)
"""`WASM_TEXT` assembled: an installation needs no assembler."""


@dataclass(frozen=True, slots=True)
class ReleaseMigration:
    """A migration as a manifest says it and a release carries it."""

    section: Mapping[str, object]
    """The manifest's `migration`."""
    module: bytes = b""
    """The bytes of a WASM migration."""

    @property
    def carried(self) -> str:
        """The text in the release's build, which the node hands to its EVM at H; empty for none."""
        if self.section["kind"] == "none":
            return ""
        module = base64.b64encode(self.module).decode()
        return json.dumps({"section": self.section, "module": module}, separators=(",", ":"))


def release_migration(kind: str, registry: str) -> ReleaseMigration:
    """The migration of a kind.

    Args:
        kind: One of `KINDS`.
        registry: Address of the devnet's UpgradeRegistry, in any spelling.
    """
    account = registry.lower()
    match kind:
        case "standard":
            return ReleaseMigration({"kind": "standard", "operations": _standard()})
        case "failing":
            # Nothing ever writes that slot, not the WASM migration either.
            slot = "0x" + SLOT_START.hex() + "ff"
            return ReleaseMigration({"kind": "standard", "operations": [_patch(account, slot, 1, 2)]})
        case "wasm":
            place = bytes.fromhex(account[2:]) + SLOT_START
            module = _WASM_TEMPLATE.replace(_PLACE, place)
            return ReleaseMigration(
                {
                    "kind": "wasm",
                    "sha256": hashlib.sha256(module).hexdigest(),
                    "size": len(module),
                    "entry_point": "migrate",
                    "writable_keys": [f"0x{place.hex()}*"],
                    "readable_keys": [f"0x{place.hex()}*"],
                    "fuel": 1_000_000,
                    "memory_pages": 1,
                },
                module,
            )
        case _:
            return ReleaseMigration({"kind": "none"})


def _standard() -> list[dict[str, str]]:
    return [
        {
            "operation": "deploy_contract",
            "bytecode": "0x" + NOTE_CREATION,
            "constructor_args": _word(41),
            "address": NOTE,
        },
        _patch(NOTE, _word(0), 41, 42),
        {
            "operation": "upgrade_contract",
            "address": NOTE,
            "bytecode": "0x" + NOTE_UPGRADED,
            "expected_code_hash": NOTE_CODE_HASH,
        },
    ]


def _patch(address: str, slot: str, expected: int, value: int) -> dict[str, str]:
    return {
        "operation": "patch_state",
        "address": address,
        "slot": slot,
        "expected": _word(expected),
        "value": _word(value),
    }


def _word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()
