"""Compiled contracts in files of any build: what solc, Hardhat and Foundry write, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import strict_json
from console.addresses import keccak
from console.chain.contracts import Artefact
from console.chain.disassembly import immutable_places, masked, without_metadata
from console.chain.selectors import spelled
from console.errors import InputError
from console.given_file import read_given
from console.model import CodeVerdict
from console.text import untrusted

MOST_FILE = 16 << 20
"""Bytes of an artefact; Foundry's hold the syntax tree too."""

_MOST_DEPTH = 400
_MOST_CREATION = 128 * 1024
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})*)", re.ASCII)
_SIGNATURE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}\([a-z0-9,()\[\]]*\)", re.ASCII)
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One compiled contract from a file."""

    name: str
    abi: Sequence[Mapping[str, Any]]
    creation: bytes
    """Creation code without constructor arguments."""
    deployed: bytes
    """Runtime code; immutables are zero in it."""
    immutables: tuple[range, ...]
    """Where the constructor writes into the runtime code."""

    @property
    def functions(self) -> dict[str, str]:
        """Canonical spelling of each function, by selector."""
        return spelled(self.abi)

    @property
    def constructor(self) -> Sequence[Mapping[str, Any]]:
        """The constructor's arguments."""
        found = next((entry for entry in self.abi if entry["type"] == "constructor"), None)
        return () if found is None else found.get("inputs", ())


def shipped(artefact: Artefact) -> Compiled:
    """A contract of this release as one from a file."""
    return Compiled(
        artefact.name,
        artefact.abi,
        artefact.bytecode,
        artefact.deployed_bytecode,
        tuple(immutable_places(artefact.deployed_bytecode)),
    )


def read_compiled(path: Path) -> Compiled:
    """Read an artefact.

    Raises:
        InputError: It cannot be read, is no artefact, or still lacks the addresses of its libraries.
    """
    return parse_compiled(read_given(path, MOST_FILE), str(path), fallback=path.stem)


def parse_compiled(body: bytes, where: str, *, fallback: str = "") -> Compiled:
    """Read an artefact's bytes.

    Args:
        body: JSON.
        where: What it is, for sentences.
        fallback: The contract's name where the artefact does not say it.

    Raises:
        InputError: As `read_compiled`.
    """
    try:
        found = strict_json.loads(body, max_depth=_MOST_DEPTH)
    except strict_json.NotStrictJson as error:
        raise InputError(f"the artefact {where} is {error}") from None
    no_artefact = InputError(f"{where} is not an artefact of solc, Hardhat or Foundry: abi, bytecode, deployedBytecode")
    if not isinstance(found, dict) or not isinstance(found.get("abi"), list):
        raise no_artefact
    inner = found["evm"] if isinstance(found.get("evm"), dict) else found
    try:
        creation, _ = _code(inner.get("bytecode"), where)
        deployed, references = _code(inner.get("deployedBytecode"), where)
        references = references if references is not None else _references(found.get("immutableReferences"))
        name = found.get("contractName", fallback)
        functions = spelled(found["abi"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise no_artefact from None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"the artefact {where} names its contract {untrusted(name, 60)!r}")
    if not creation or not deployed:
        raise InputError(f"the artefact {where} has no code: it is that of an interface or an abstract contract")
    if len(creation) > _MOST_CREATION:
        raise InputError(f"the artefact {where} has more code than any chain takes")
    if not all(_SIGNATURE.fullmatch(signature) for signature in functions.values()):
        raise no_artefact
    return Compiled(name, found["abi"], creation, deployed, tuple(immutable_places(deployed, references)))


def compare_code(compiled: Compiled, code: bytes, address: str) -> CodeVerdict:
    """Compare the code on a chain with an artefact.

    Args:
        compiled: What it should be.
        code: What is there.
        address: Where.
    """
    digest = keccak(code).hex() if code else ""

    def verdict(matches: bool, why: str, immutables: tuple[tuple[int, str], ...] = ()) -> CodeVerdict:
        return CodeVerdict(compiled.name, address, digest, matches, why, immutables)

    if not code:
        return verdict(False, "there is no code")
    wanted = masked(compiled.deployed, compiled.immutables)
    here = masked(code, compiled.immutables)
    values = tuple((place.start, "0x" + code[place.start : place.stop].hex()) for place in compiled.immutables)
    if here == wanted:
        if not values:
            return verdict(True, "the same bytes")
        return verdict(True, f"the same bytes but for {len(values)} values that the constructor wrote", values)
    if without_metadata(here) == without_metadata(wanted):
        return verdict(True, "the same code; only what the compiler appends about its sources differs", values)
    if len(here) != len(wanted):
        return verdict(False, f"{len(here)} bytes of code where {len(wanted)} were compiled")
    at = next(place for place, pair in enumerate(zip(here, wanted, strict=True)) if pair[0] != pair[1])
    return verdict(False, f"the code differs from what was compiled, first at byte {at}")


def _code(value: object, where: str) -> tuple[bytes, dict[str, list[tuple[int, int]]] | None]:
    references = None
    if isinstance(value, dict):
        references = _references(value.get("immutableReferences"))
        value = value.get("object")
    if not isinstance(value, str):
        raise TypeError
    match = _HEX.fullmatch(value)
    if match is None:
        if "__" in value:
            raise InputError(
                f"the artefact {where} lacks the addresses of its libraries",
                next_step="link it, or deploy the facet and name it as NAME=FILE@ADDRESS",
            )
        raise TypeError
    return bytes.fromhex(match[1]), references


def _references(value: object) -> dict[str, list[tuple[int, int]]] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError
    found = {str(key): [(place["start"], place["length"]) for place in places] for key, places in value.items()}
    for start, length in (place for places in found.values() for place in places):
        if not (isinstance(start, int) and isinstance(length, int) and start >= 0 and 0 < length <= 32):
            raise TypeError
    return found
