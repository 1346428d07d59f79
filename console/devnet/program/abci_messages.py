"""ABCI's requests and answers as CometBFT 0.37 and 0.38 put them on a socket (tendermint/abci/types.proto).

Both number what they share alike; 0.38 has `FinalizeBlock` in place of begin, deliver and end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from . import protobuf as pb
from .abci import Info
from .consensus import Validator
from .errors import MalformedError
from .keys import address_of

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes of one request; CometBFT's own bound is 100 MiB, a block here has at most 1 MiB of transactions."""

NONCE_QUERY = "/nonce"
"""Path of a query for an account's next nonce after what waits in the mempool; its data is "ADDRESS NONCE"."""

_SECP256K1 = 2
_ACCEPT = 1


class Request(IntEnum):
    """Which one of `Request.value` a message is; its answer's number follows in `ANSWERS`."""

    ECHO = 1
    FLUSH = 2
    INFO = 3
    INIT_CHAIN = 5
    QUERY = 6
    BEGIN_BLOCK = 7
    CHECK_TX = 8
    DELIVER_TX = 9
    END_BLOCK = 10
    COMMIT = 11
    LIST_SNAPSHOTS = 12
    OFFER_SNAPSHOT = 13
    LOAD_SNAPSHOT_CHUNK = 14
    APPLY_SNAPSHOT_CHUNK = 15
    PREPARE_PROPOSAL = 16
    PROCESS_PROPOSAL = 17
    EXTEND_VOTE = 18
    VERIFY_VOTE_EXTENSION = 19
    FINALIZE_BLOCK = 20


EXCEPTION = 1
"""Number of the answer to what cannot be answered."""


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A block to execute: height in blocks, hash in upper hex, time in seconds since 1970, raw transactions."""

    height: int
    block_hash: str
    time_s: int
    txs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class InitRequest:
    """`InitChain`: the chain's name, its first validators, the genesis file's `app_state` as JSON text."""

    chain_id: str
    validators: tuple[Validator, ...]
    app_state: bytes


def parse_request(message: bytes) -> tuple[Request, pb.Fields]:
    """Which request it is, and its fields.

    Raises:
        MalformedError: It is none that this program knows.
    """
    found = pb.fields(message)
    if len(found) != 1 or found[0][0] not in set(Request):
        raise MalformedError("a request of ABCI that is not known here")
    return Request(found[0][0]), pb.Fields(found[0][2])


def init_chain(fields: pb.Fields) -> InitRequest:
    """Reads `InitChain`."""
    return InitRequest(fields.text(2), tuple(_validator(each) for each in fields.all(4)), fields.bytes(5))


def begin_block(fields: pb.Fields) -> BlockRequest:
    """Reads 0.37's `BeginBlock`."""
    header = pb.Fields(fields.bytes(2))
    return BlockRequest(header.number(3), fields.bytes(1).hex().upper(), pb.Fields(header.bytes(4)).number(1))


def finalize_block(fields: pb.Fields) -> BlockRequest:
    """Reads 0.38's `FinalizeBlock`."""
    seconds = pb.Fields(fields.bytes(6)).number(1)
    return BlockRequest(fields.number(5), fields.bytes(4).hex().upper(), seconds, tuple(fields.all(1)))


def _validator(update: bytes) -> Validator:
    fields = pb.Fields(update)
    key = pb.Fields(fields.bytes(1)).bytes(_SECP256K1)
    if len(key) != 33:
        raise MalformedError("a validator whose key is not secp256k1")
    return Validator(address_of(key), fields.number(2), key)


def answer(request: Request, body: bytes = b"") -> bytes:
    """An answer with its length before it; every answer's number is one above its request's."""
    return pb.delimited(pb.embedded(int(request) + 1, body))


def exception(text: str) -> bytes:
    """An answer that something is wrong with the request."""
    return pb.delimited(pb.embedded(EXCEPTION, pb.text(1, text)))


def info_answer(info: Info) -> bytes:
    """Body of `Info`'s answer."""
    return (
        pb.text(1, info.data)
        + pb.text(2, info.version)
        + pb.number(3, info.app_version)
        + pb.number(4, info.last_block_height)
        + pb.blob(5, info.last_block_app_hash)
    )


def init_answer(app_hash: bytes) -> bytes:
    """Body of `InitChain`'s answer: the genesis file's validators stay."""
    return pb.blob(3, app_hash)


def query_answer(value: bytes, height: int, *, code: int = 0, log: str = "") -> bytes:
    """Body of `Query`'s answer."""
    return pb.number(1, code) + pb.text(3, log) + pb.blob(7, value) + pb.number(9, height)


def check_answer(reason: str, tx_hash: str) -> bytes:
    """Body of `CheckTx`'s answer: the keccak hash as data, or why not."""
    digest = bytes.fromhex(tx_hash.removeprefix("0x"))
    return pb.number(1, int(bool(reason))) + pb.blob(2, digest) + pb.text(3, reason)


def end_answer(changed: Iterable[Validator]) -> bytes:
    """Body of 0.37's `EndBlock`: what changes in the validator set."""
    return b"".join(pb.embedded(1, _update(each)) for each in changed)


def finalize_answer(txs: int, changed: Iterable[Validator], app_hash: bytes) -> bytes:
    """Body of 0.38's `FinalizeBlock`: an empty result per transaction, the changed validators, the new app hash."""
    results = pb.embedded(2, b"") * txs
    return results + b"".join(pb.embedded(3, _update(each)) for each in changed) + pb.blob(5, app_hash)


def commit_answer(app_hash: bytes) -> bytes:
    """Body of `Commit`: the new app hash, which 0.38 passes over because it knows it already."""
    return pb.blob(2, app_hash)


def proposal_answer(txs: Sequence[bytes]) -> bytes:
    """Body of `PrepareProposal`."""
    return b"".join(pb.embedded(1, tx) for tx in txs)


def accepted() -> bytes:
    """Body of an answer whose first field is a status, for yes."""
    return pb.number(1, _ACCEPT)


def _update(validator: Validator) -> bytes:
    return pb.embedded(1, pb.embedded(_SECP256K1, validator.public_key)) + pb.number(2, validator.power)
