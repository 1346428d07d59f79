"""Compiled contracts: ABI and bytecode, read from the artefacts that `contracts/compile.mjs` writes.

The artefacts are committed and shipped as package data, so that nothing here needs Node; tests/contracts checks
that they belong to the sources (facts/evm.md §2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = ["Artefact", "artefact", "artefact_names"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One compiled contract."""

    name: str
    """The contract's name in Solidity, e.g. UpgradeRegistry."""
    abi: Sequence[Mapping[str, Any]]
    """The ABI entries as solc writes them."""
    bytecode: bytes
    """Creation code, to which encoded constructor arguments are appended."""
    deployed_bytecode: bytes
    """Runtime code; immutables are zero in it, so a deployed contract may differ there."""


def artefact(name: str) -> Artefact:
    """Read one compiled contract.

    Args:
        name: The contract's name: UpgradeRegistry, or that of a file beside this.

    Returns:
        The contract's interface and code.

    Raises:
        FileNotFoundError: No artefact of that name is shipped.
    """
    text = resources.files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return Artefact(
        name=raw["contractName"],
        abi=raw["abi"],
        bytecode=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(raw["deployedBytecode"].removeprefix("0x")),
    )


def artefact_names() -> tuple[str, ...]:
    """Names of all compiled contracts that are shipped, in alphabetical order."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))
