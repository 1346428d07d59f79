"""Blocks, headers and commits in CometBFT's JSON shapes, and what makes them valid.

A block's hash is the sha256 of its header's canonical JSON; the header commits to everything else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from .errors import MalformedError
from .votes import parts_hash

MAX_BLOCK_TXS = 200
_NANOS = 1_000_000_000
_HASH = re.compile(r"[0-9A-F]{64}")
_ADDRESS = re.compile(r"[0-9A-F]{40}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
NO_TIME = "0001-01-01T00:00:00Z"
FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL = 1, 2, 3


def format_time(time_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 with nine digits, UTC."""
    seconds, nanos = divmod(time_ns, _NANOS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def parse_time(text: str) -> int:
    """RFC 3339 (UTC) as nanoseconds since 1970.

    Raises:
        MalformedError: It is not such a time.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise MalformedError(f"not a time: {text[:40]!r}")
    try:
        moment = datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"not a time: {text!r}") from None
    return int(moment.timestamp()) * _NANOS + int((match[2] or "").ljust(9, "0"))


def canonical(value: object) -> bytes:
    """The one JSON encoding that is hashed: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(value: bytes) -> str:
    """sha256 in upper hex."""
    return hashlib.sha256(value).hexdigest().upper()


def block_id(block_hash: str) -> dict[str, object]:
    """CometBFT's BlockID object; empty for nil."""
    if not block_hash:
        return {"hash": "", "parts": {"total": 0, "hash": ""}}
    return {"hash": block_hash, "parts": {"total": 1, "hash": parts_hash(block_hash)}}


def text_field(document: Mapping[str, object], key: str, pattern: re.Pattern[str] | None = None) -> str:
    """A string field; MalformedError when it is none or does not match."""
    value = document.get(key)
    if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
        raise MalformedError(f"bad {key}")
    return value


def int_field(document: Mapping[str, object], key: str, low: int = 0) -> int:
    """An integer field, also as a decimal string; MalformedError when it is none, or out of range."""
    value = document.get(key)
    if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**63:
        raise MalformedError(f"bad {key}")
    return value


def object_field(document: Mapping[str, object], key: str) -> dict[str, object]:
    """A JSON object field; MalformedError when it is none."""
    value = document.get(key)
    if not isinstance(value, dict):
        raise MalformedError(f"bad {key}")
    return value


def hash_field(document: Mapping[str, object], key: str) -> str:
    """A 32-byte hash in upper hex, or "" for nil."""
    value = text_field(document, key)
    if value and not _HASH.fullmatch(value):
        raise MalformedError(f"bad {key}")
    return value


def address_field(document: Mapping[str, object], key: str) -> str:
    """A validator address in upper hex."""
    return text_field(document, key, _ADDRESS)


def base64_field(document: Mapping[str, object], key: str) -> bytes:
    """Bytes in base64."""
    try:
        return base64.b64decode(text_field(document, key), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"bad {key}") from None


@dataclass(frozen=True, slots=True)
class CommitSig:
    """One validator's place in a commit.

    Attributes:
        flag: 1 absent, 2 for the block, 3 for nil.
        address: Upper hex; "" when absent.
        time_ns: Of the vote, nanoseconds since 1970.
        signature: 64 bytes; empty when absent.
    """

    flag: int
    address: str = ""
    time_ns: int = 0
    signature: bytes = b""

    def to_json(self) -> dict[str, object]:
        """CometBFT's shape."""
        if self.flag == FLAG_ABSENT:
            return {"block_id_flag": 1, "validator_address": "", "timestamp": NO_TIME, "signature": None}
        return {
            "block_id_flag": self.flag,
            "validator_address": self.address,
            "timestamp": format_time(self.time_ns),
            "signature": base64.b64encode(self.signature).decode(),
        }

    @classmethod
    def from_json(cls, document: object) -> CommitSig:
        """Reads one; MalformedError when it is none."""
        if not isinstance(document, dict):
            raise MalformedError("bad commit signature")
        flag = int_field(document, "block_id_flag", 1)
        if flag == FLAG_ABSENT:
            return cls(FLAG_ABSENT)
        if flag not in (FLAG_COMMIT, FLAG_NIL):
            raise MalformedError("bad block_id_flag")
        return cls(
            flag,
            address_field(document, "validator_address"),
            parse_time(text_field(document, "timestamp")),
            base64_field(document, "signature"),
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """The precommits that decided a block; signatures in the order of the validator set."""

    height: int
    round: int
    block_hash: str
    signatures: tuple[CommitSig, ...]

    def to_json(self) -> dict[str, object]:
        """CometBFT's shape."""
        return {
            "height": str(self.height),
            "round": self.round,
            "block_id": block_id(self.block_hash),
            "signatures": [each.to_json() for each in self.signatures],
        }

    @classmethod
    def from_json(cls, document: object) -> Commit:
        """Reads one; MalformedError when it is none."""
        if not isinstance(document, dict) or not isinstance(document.get("signatures"), list):
            raise MalformedError("bad commit")
        return cls(
            int_field(document, "height"),
            int_field(document, "round"),
            hash_field(object_field(document, "block_id"), "hash"),
            tuple(CommitSig.from_json(each) for each in document["signatures"]),
        )


EMPTY_COMMIT = Commit(0, 0, "", ())


@dataclass(frozen=True)
class Header:
    """A block header; `app_hash` is the application's after the block before.

    Attributes:
        chain_id: The chain's name.
        height: In blocks, from 1.
        time_ns: Nanoseconds since 1970, strictly increasing.
        last_block_hash: "" at height 1.
        last_commit_hash, data_hash, validators_hash, next_validators_hash, app_hash: Upper hex.
        proposer_address: Who made the block.
    """

    chain_id: str
    height: int
    time_ns: int
    last_block_hash: str
    last_commit_hash: str
    data_hash: str
    validators_hash: str
    next_validators_hash: str
    app_hash: str
    proposer_address: str

    def to_json(self) -> dict[str, object]:
        """CometBFT's shape; what this chain does not use has the value CometBFT gives to nothing."""
        return {
            "version": {"block": "11", "app": "1"},
            "chain_id": self.chain_id,
            "height": str(self.height),
            "time": format_time(self.time_ns),
            "last_block_id": block_id(self.last_block_hash),
            "last_commit_hash": self.last_commit_hash,
            "data_hash": self.data_hash,
            "validators_hash": self.validators_hash,
            "next_validators_hash": self.next_validators_hash,
            "consensus_hash": digest(b""),
            "app_hash": self.app_hash,
            "last_results_hash": digest(b""),
            "evidence_hash": digest(b""),
            "proposer_address": self.proposer_address,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Header:
        """Reads one; MalformedError when a field is missing or wrong."""
        return cls(
            chain_id=text_field(document, "chain_id"),
            height=int_field(document, "height", 1),
            time_ns=parse_time(text_field(document, "time")),
            last_block_hash=hash_field(object_field(document, "last_block_id"), "hash"),
            last_commit_hash=hash_field(document, "last_commit_hash"),
            data_hash=hash_field(document, "data_hash"),
            validators_hash=hash_field(document, "validators_hash"),
            next_validators_hash=hash_field(document, "next_validators_hash"),
            app_hash=hash_field(document, "app_hash"),
            proposer_address=address_field(document, "proposer_address"),
        )

    @cached_property
    def hash(self) -> str:
        """The block's hash, upper hex."""
        return digest(canonical(self.to_json()))


def data_hash(txs: Sequence[bytes]) -> str:
    """The hash of a block's transactions."""
    return digest(b"".join(hashlib.sha256(tx).digest() for tx in txs))


@dataclass(frozen=True)
class Block:
    """A block: header, raw transactions and the commit of the block before."""

    header: Header
    txs: tuple[bytes, ...]
    last_commit: Commit

    @property
    def hash(self) -> str:
        """The header's hash, upper hex."""
        return self.header.hash

    def to_json(self) -> dict[str, object]:
        """CometBFT's shape (`/block`'s "block")."""
        return {
            "header": self.header.to_json(),
            "data": {"txs": [base64.b64encode(tx).decode() for tx in self.txs]},
            "evidence": {"evidence": []},
            "last_commit": self.last_commit.to_json(),
        }

    @classmethod
    def from_json(cls, document: object) -> Block:
        """Reads one and checks that the header covers the rest.

        Raises:
            MalformedError: It is not a block, or header and contents do not belong together.
        """
        if not isinstance(document, dict):
            raise MalformedError("bad block")
        listed = object_field(document, "data").get("txs")
        if not isinstance(listed, list) or len(listed) > MAX_BLOCK_TXS:
            raise MalformedError("bad txs")
        txs = tuple(base64_field({"tx": each}, "tx") for each in listed)
        block = cls(
            Header.from_json(object_field(document, "header")), txs, Commit.from_json(document.get("last_commit"))
        )
        if block.header.data_hash != data_hash(txs):
            raise MalformedError("data_hash does not cover the transactions")
        if block.header.last_commit_hash != digest(canonical(block.last_commit.to_json())):
            raise MalformedError("last_commit_hash does not cover the last commit")
        return block
