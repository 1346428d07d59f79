"""Calls for somebody else's key: a file for a person, and one for Safe's transaction builder, read back strictly."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console import strict_json
from console.addresses import checked_address, checksummed
from console.chain.cut_check import check_cut
from console.chain.cuts import Cut, decode_cut
from console.chain.diamond import Place, read_diamond
from console.chain.first_answer import first_answer
from console.chain.receipts import Receipt, parse_receipt
from console.chain.rpc import JsonRpc
from console.chain.selectors import selector_of
from console.errors import ChainError, InputError
from console.files import write_durably
from console.given_file import read_given
from console.model import CutCheck, CutReview
from console.settings import NetworkSettings
from console.text import untrusted

_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_TRANSFER = bytes.fromhex(selector_of("transferOwnership(address)")[2:])
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
    body = read_given(path, _MOST_FILE)
    broken = InputError(f"{path} is not a file of exported calls", next_step="give the file that was exported first")
    try:
        document = strict_json.loads(body)
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


async def check_export(
    network: NetworkSettings, calls: Sequence[ExportedCall], transaction: str | None
) -> tuple[CutCheck, ...]:
    """Whether exported calls were made.

    Args:
        network: Its chain, or its parent's, is the one of the calls.
        calls: What was exported.
        transaction: The hash of the transaction that made them; None to look at the contracts alone.

    Returns:
        One entry per cut and per change of owner.

    Raises:
        InputError: Not a hash, a call of another chain, or one of which nothing can be seen afterwards.
        ChainError: No usable answer, or a transaction that failed or is in no block.
    """
    async with JsonRpc(tokens=network.tokens) as rpc:
        if transaction is not None:
            await _check_transaction(network, calls, transaction, rpc)
        return tuple([await _check_call(network, call, rpc) for call in calls])


async def _check_call(network: NetworkSettings, call: ExportedCall, rpc: JsonRpc) -> CutCheck:
    place = _place(network, call)
    cut = call.cut
    if cut is not None:
        return await check_cut(place, cut, rpc)
    if call.data[:4] != _TRANSFER or len(call.data) != 36:
        raise InputError(f"{call.what}: whether it was made cannot be seen on the contract")
    view = (await read_diamond(rpc, place)).view
    wanted = checksummed(call.data[-20:])
    problems = () if view.owner == wanted else (f"it belongs to {view.owner}, not to {wanted}",)
    return CutCheck(place.address, view.height, not problems, problems)


async def _check_transaction(
    network: NetworkSettings, calls: Sequence[ExportedCall], transaction: str, rpc: JsonRpc
) -> None:
    if not _HASH.fullmatch(transaction):
        raise InputError(f"{str(untrusted(transaction, 80))!r} is not a transaction's hash: 0x and 64 hex digits")
    wanted = transaction.lower()

    async def ask(url: str) -> tuple[Receipt, bool] | None:
        return parse_receipt(await rpc.call(url, "eth_getTransactionReceipt", [wanted]), wanted)

    found = await first_answer(_place(network, calls[0]).endpoints, ask)
    if found is None:
        raise ChainError(f"transaction {transaction} is in no block yet", next_step="look again later")
    receipt, good = found
    if not good:
        raise ChainError(f"transaction {transaction} was reverted in block {receipt.block}")


def _place(network: NetworkSettings, call: ExportedCall) -> Place:
    parent = network.contracts
    if call.chain_id == network.evm_chain_id:
        return Place(call.target, call.target, network.ethereum_rpc, call.chain_id, checksummed(network.registry))
    if call.chain_id == parent.parent_evm_chain_id:
        return Place(call.target, call.target, parent.parent_rpc, call.chain_id, on_parent=True)
    raise InputError(f"the calls are for chain {call.chain_id}, which is neither network {network.name} nor its parent")
