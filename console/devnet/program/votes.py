"""CometBFT's canonical sign bytes for votes and proposals, and secp256k1 signatures over them.

Length-delimited protobuf `CanonicalVote` and `CanonicalProposal` (cometbft proto/tendermint/types/canonical.proto);
a signature is 64 bytes R||S with low S over the sha256 of the sign bytes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum

from . import protobuf as pb
from .errors import MalformedError

SIGNATURE_BYTES = 64
_NANOS = 1_000_000_000


class VoteType(IntEnum):
    """CometBFT's SignedMsgType of a vote."""

    PREVOTE = 1
    PRECOMMIT = 2


class SignStep(IntEnum):
    """The step in `priv_validator_state.json` (facts/cosmos.md §6)."""

    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3


_PROPOSAL_TYPE = 32


def parts_hash(block_hash: str) -> str:
    """The hash of the block's one-part set header, upper hex; a fixed function of the block hash here."""
    return hashlib.sha256(b"part" + bytes.fromhex(block_hash)).hexdigest().upper()


def _block_id(field: int, block_hash: str) -> bytes:
    if not block_hash:
        return b""
    parts = pb.number(1, 1) + pb.embedded(2, bytes.fromhex(parts_hash(block_hash)))
    return pb.embedded(field, pb.embedded(1, bytes.fromhex(block_hash)) + pb.embedded(2, parts))


def _timestamp(field: int, time_ns: int) -> bytes:
    return pb.embedded(field, pb.number(1, time_ns // _NANOS) + pb.number(2, time_ns % _NANOS))


def vote_sign_bytes(chain_id: str, kind: VoteType, height: int, round_: int, block_hash: str, time_ns: int) -> bytes:
    """The bytes a validator signs for a vote.

    Args:
        chain_id: The chain's name.
        kind: Prevote or precommit.
        height: In blocks.
        round_: From 0.
        block_hash: Upper hex, or "" for nil.
        time_ns: The vote's time in nanoseconds since 1970.
    """
    body = (
        pb.number(1, int(kind))
        + pb.fixed64(2, height)
        + pb.fixed64(3, round_)
        + _block_id(4, block_hash)
        + _timestamp(5, time_ns)
        + pb.text(6, chain_id)
    )
    return pb.delimited(body)


def proposal_sign_bytes(
    chain_id: str, height: int, round_: int, pol_round: int, block_hash: str, time_ns: int
) -> bytes:
    """The bytes a proposer signs; `pol_round` is -1 when the block has no polka yet."""
    body = (
        pb.number(1, _PROPOSAL_TYPE)
        + pb.fixed64(2, height)
        + pb.fixed64(3, round_)
        + pb.number(4, pol_round)
        + _block_id(5, block_hash)
        + _timestamp(6, time_ns)
        + pb.text(7, chain_id)
    )
    return pb.delimited(body)


@dataclass(frozen=True, slots=True)
class SplitSignBytes:
    """Sign bytes with their timestamp taken out."""

    rest: bytes
    time_ns: int


def split_timestamp(sign_bytes: bytes) -> SplitSignBytes:
    """Separates the timestamp, so that two requests that differ only in time can be told (CheckHRS).

    Raises:
        MalformedError: The bytes are not a canonical vote or proposal.
    """
    size, start = pb.read_varint(sign_bytes, 0)
    body = sign_bytes[start:]
    if size != len(body):
        raise MalformedError("sign bytes have a wrong length prefix")
    fields = pb.fields(body)
    proposal = bool(fields) and fields[0][1] == pb.number(1, _PROPOSAL_TYPE)
    number = 6 if proposal else 5
    time_ns, rest = 0, b""
    for field, whole, payload in fields:
        if field != number:
            rest += whole
            continue
        for part, encoded, _ in pb.fields(payload):
            value, _ = pb.read_varint(encoded, 1)
            time_ns += value * _NANOS if part == 1 else value
    return SplitSignBytes(rest, time_ns)


def sign(secret: bytes, sign_bytes: bytes) -> bytes:
    """64 bytes R||S, low S, over the sha256 of `sign_bytes`."""
    from coincurve import PrivateKey

    digest = hashlib.sha256(sign_bytes).digest()
    return PrivateKey(secret).sign_recoverable(digest, hasher=None)[:SIGNATURE_BYTES]


def _der(signature: bytes) -> bytes:
    parts = b""
    for half in (signature[:32], signature[32:]):
        number = half.lstrip(b"\0") or b"\0"
        if number[0] & 0x80:
            number = b"\0" + number
        parts += b"\x02" + bytes([len(number)]) + number
    return b"\x30" + bytes([len(parts)]) + parts


class Verifier:
    """Checks signatures and remembers the good ones, for a commit carries votes that were seen before."""

    def __init__(self, remembered: int = 4096) -> None:
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._remembered = remembered

    def check(self, public_key: bytes, sign_bytes: bytes, signature: bytes) -> bool:
        """True when `signature` (64 bytes R||S) is the key's over `sign_bytes`; high S is refused."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        digest = hashlib.sha256(sign_bytes).digest()
        known = digest + signature + public_key
        if known in self._good:
            return True
        from coincurve import PublicKey

        try:
            good = PublicKey(public_key).verify(_der(signature), digest, hasher=None)
        except ValueError:
            return False
        if good:
            self._good[known] = None
            if len(self._good) > self._remembered:
                self._good.popitem(last=False)
        return good
