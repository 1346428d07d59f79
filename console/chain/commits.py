"""Commits verified as CometBFT does: sign bytes, signatures by secp256k1 or ed25519, more than 2/3 of the power.

Sign bytes: cometbft proto/tendermint/types/canonical.proto, length-delimited. What is proven is that those validators
voted for that block at that height of that chain; the header is not bound to the block id here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from console.chain.cometbft import BlockId, Commit, ConsensusValidator
from console.errors import BadAnswer
from console.model import more_than_two_thirds

FLAG_COMMIT = 2
"""`block_id_flag` of a vote for the block."""
FLAG_NIL = 3
"""`block_id_flag` of a vote for nothing."""

PREVOTE = 1
PRECOMMIT = 2

_SECONDS = 1_000_000_000


def vote_sign_bytes(
    chain_id: str, kind: int, height: int, round_: int, block_id: BlockId | None, vote_time_ns: int
) -> bytes:
    """The bytes that a validator signs for a vote.

    Args:
        chain_id: CometBFT's chain id.
        kind: `PREVOTE` or `PRECOMMIT`; 0 is left out, as every zero in protobuf.
        height: Height voted on.
        round_: Round, from 0.
        block_id: What was voted for, None for nil.
        vote_time_ns: The vote's own time, nanoseconds since 1970.
    """
    block = b""
    if block_id is not None:
        parts = _number(1, block_id.parts_total) + _bytes(2, block_id.parts_hash, always=False)
        block = _bytes(4, _bytes(1, block_id.hash, always=False) + _bytes(2, parts))
    seconds, nanoseconds = divmod(vote_time_ns, _SECONDS)
    body = b"".join(
        (
            _number(1, kind),
            _fixed64(2, height),
            _fixed64(3, round_),
            block,
            _bytes(5, _number(1, seconds) + _number(2, nanoseconds)),
            _bytes(6, chain_id.encode(), always=False),
        )
    )
    return _varint(len(body)) + body


def signature_is_valid(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Verify a 64-byte R‖S over the sha256 of `message`; a high S is refused, as in CometBFT.

    Args:
        public_key: 33 bytes, compressed.
        signature: 64 bytes.
        message: What was signed.
    """
    from coincurve import PublicKey
    from coincurve.ecdsa import cdata_to_der, deserialize_compact

    if len(signature) != 64 or len(public_key) != 33:
        return False
    try:
        return bool(PublicKey(public_key).verify(cdata_to_der(deserialize_compact(signature)), message))
    except ValueError:
        return False


def ed25519_signature_is_valid(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Verify a 64-byte Ed25519 signature by RFC 8032.

    CometBFT follows ZIP 215, which also takes some encodings that no honest signer makes; such a vote is refused here.

    Args:
        public_key: 32 bytes.
        signature: 64 bytes.
        message: What was signed.
    """
    from Crypto.Signature import eddsa

    if len(signature) != 64 or len(public_key) != 32:
        return False
    try:
        eddsa.new(eddsa.import_public_key(public_key), "rfc8032").verify(message, signature)
    except ValueError:
        return False
    return True


_VERIFIERS: Mapping[str, Callable[[bytes, bytes, bytes], bool]] = {
    "secp256k1": signature_is_valid,
    "ed25519": ed25519_signature_is_valid,
}


def verify_commit(
    commit: Commit, validators: Iterable[ConsensusValidator], *, chain_id: str, height: int
) -> frozenset[ConsensusValidator]:
    """Verify that more than two thirds of the given validators' power committed one block.

    Signatures of validators that are not given, or whose kind of key is not known, are not counted; votes for nil are
    verified and not counted. Blocking: an ed25519 signature costs some milliseconds.

    Args:
        commit: As the node gave it.
        validators: The set to measure by.
        chain_id: CometBFT's chain id; votes of another chain do not verify.
        height: The height that was asked for.

    Returns:
        The validators whose signatures for the block verified.

    Raises:
        BadAnswer: Another height, no block, a signature that is wrong or there twice, or too little power.
    """
    if commit.height != height:
        raise BadAnswer(f"the commit is for height {commit.height}, not for {height}")
    if len(commit.block_id.hash) != 32 or len(commit.block_id.parts_hash) != 32 or commit.block_id.parts_total < 1:
        raise BadAnswer(f"the commit of height {height} names no block")
    known = {validator.consensus_address: validator for validator in validators}
    seen: set[str] = set()
    verified: set[ConsensusValidator] = set()
    for entry in commit.signatures:
        validator = known.get(entry.consensus_address)
        if entry.flag not in {FLAG_COMMIT, FLAG_NIL} or validator is None:
            continue
        verifier = _VERIFIERS.get(validator.key_kind)
        if verifier is None:
            continue
        if entry.consensus_address in seen:
            raise BadAnswer(f"validator {entry.consensus_address} is twice in the commit of height {height}")
        seen.add(entry.consensus_address)
        block_id = commit.block_id if entry.flag == FLAG_COMMIT else None
        message = vote_sign_bytes(chain_id, PRECOMMIT, height, commit.round, block_id, entry.time_ns)
        if not verifier(validator.public_key, entry.signature, message):
            raise BadAnswer(f"validator {entry.consensus_address} did not sign what the commit of height {height} says")
        if entry.flag == FLAG_COMMIT:
            verified.add(validator)
    power = sum(validator.power for validator in verified)
    total = sum(validator.power for validator in known.values())
    if not more_than_two_thirds(power, total):
        raise BadAnswer(f"the commit of height {height} holds {power} of {total} power, {2 * total // 3 + 1} needed")
    return frozenset(verified)


def is_signed_by(commit: Commit, validator: ConsensusValidator, *, chain_id: str) -> bool:
    """Whether a commit holds a vote that this validator's key signed, for the block or for nil.

    Args:
        commit: As a node gave it; nothing else of it is verified.
        validator: With a public key that was found to belong to its consensus address.
        chain_id: CometBFT's chain id.
    """
    verifier = _VERIFIERS.get(validator.key_kind)
    if verifier is None:
        return False
    for entry in commit.signatures:
        if entry.consensus_address == validator.consensus_address and entry.flag in {FLAG_COMMIT, FLAG_NIL}:
            block_id = commit.block_id if entry.flag == FLAG_COMMIT else None
            message = vote_sign_bytes(chain_id, PRECOMMIT, commit.height, commit.round, block_id, entry.time_ns)
            if verifier(validator.public_key, entry.signature, message):
                return True
    return False


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value) if value else b""


def _fixed64(field: int, value: int) -> bytes:
    return _varint(field << 3 | 1) + value.to_bytes(8, "little", signed=True) if value else b""


def _bytes(field: int, value: bytes, *, always: bool = True) -> bytes:
    # gogoproto writes non-nullable messages even when empty, but never an empty string.
    return _varint(field << 3 | 2) + _varint(len(value)) + value if value or always else b""
