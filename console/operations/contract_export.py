"""Calls for somebody else's key: a file for a person, and one for Safe's transaction builder, read back strictly."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console import strict_json
from console.addresses import checked_address, checksummed
from console.chain.cuts import Cut, decode_cut
from console.errors import InputError
from console.files import write_durably
from console.model import CutReview

_SCHEMA = 1
_MOST_FILE = 4 << 20
_BUILDER_VERSION = "1.16.5"


@dataclass(frozen=True, slots=True)
class ExportedCall:
    """One call that an owner makes himself."""

    chain_id: int
    target: str
    """Checksummed."""
    data: bytes
    what: str
    """One line: what it does."""
    owner: str = ""
    """Who can make it, checksummed; empty where it is not known."""
    undo: bytes = b""
    """Call data that takes it back; empty for what cannot be."""

    @property
    def cut(self) -> Cut | None:
        """The cut that it makes; None for another call. Raises InputError for a broken one."""
        return decode_cut(self.data)


def exported_cut(review: CutReview, chain_id: int) -> ExportedCall:
    """The call of a reviewed cut. Raises InputError while a facet is not deployed."""
    if not review.data:
        raise InputError(f"the facets of {review.target_name} must be deployed before the cut can be exported")
    return ExportedCall(
        chain_id=chain_id,
        target=review.target,
        data=bytes.fromhex(review.data[2:]),
        what=f"diamondCut of {review.target_name}: {review.changes} functions",
        owner=review.owner,
        undo=bytes.fromhex(review.undo_data[2:]),
    )


def write_export(calls: Sequence[ExportedCall], path: Path) -> tuple[Path, Path]:
    """Write calls for their owner; files that exist are replaced.

    Args:
        calls: On one chain, to be made together.
        path: Where; the file for Safe is beside it, with `.safe.json`.

    Returns:
        Both files.

    Raises:
        InputError: Calls of two chains, or the files cannot be written.
    """
    if len({call.chain_id for call in calls}) != 1:
        raise InputError("calls of one chain are exported together, and at least one", safe="nothing was written")
    beside = path.with_name(path.name.removesuffix(".json") + ".safe.json")
    try:
        write_durably(path, (json.dumps(_document(calls), indent=2) + "\n").encode(), 0o644)
        write_durably(beside, (json.dumps(_safe(calls), indent=2) + "\n").encode(), 0o644)
    except OSError as error:
        raise InputError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None
    return path, beside


def read_export(path: Path) -> tuple[ExportedCall, ...]:
    """Read what `write_export` wrote.

    Raises:
        InputError: It cannot be read, or is something else.
    """
    try:
        with path.open("rb") as stream:
            body = stream.read(_MOST_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None
    broken = InputError(f"{path} is not a file of exported calls", next_step="give the file that was exported first")
    try:
        document = strict_json.loads(body) if len(body) <= _MOST_FILE else None
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
            raise broken
        return tuple(_call(row, document["chainId"]) for row in document["calls"])
    except (strict_json.NotStrictJson, KeyError, TypeError, ValueError, AttributeError):
        raise broken from None


def _call(row: dict[str, str], chain_id: str) -> ExportedCall:
    return ExportedCall(
        chain_id=int(chain_id),
        target=checked_address(row["to"]),
        data=bytes.fromhex(row["data"][2:]),
        what=str(row["what"]),
        owner="" if not row["owner"] else checksummed(row["owner"]),
        undo=bytes.fromhex(row["undo"][2:]),
    )


def _document(calls: Sequence[ExportedCall]) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "chainId": str(calls[0].chain_id),
        "calls": [
            {
                "what": call.what,
                "owner": call.owner,
                "to": call.target,
                "value": "0",
                "data": "0x" + call.data.hex(),
                "undo": "0x" + call.undo.hex(),
            }
            for call in calls
        ],
    }


def _safe(calls: Sequence[ExportedCall]) -> dict[str, object]:
    """A batch as Safe's transaction builder reads it; raw call data, so that it shows what is signed and no guess."""
    return {
        "version": "1.0",
        "chainId": str(calls[0].chain_id),
        "createdAt": 0,
        "meta": {
            "name": "Contract upgrade",
            "description": "; ".join(call.what for call in calls),
            "txBuilderVersion": _BUILDER_VERSION,
            "createdFromSafeAddress": "",
            "createdFromOwnerAddress": "",
            "checksum": "",
        },
        "transactions": [
            {
                "to": call.target,
                "value": "0",
                "data": "0x" + call.data.hex(),
                "contractMethod": None,
                "contractInputsValues": None,
            }
            for call in calls
        ],
    }
