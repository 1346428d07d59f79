"""Sign bytes against CometBFT's published vectors, and signatures."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from console.devnet.program.errors import MalformedError
from console.devnet.program.votes import (
    Verifier,
    VoteType,
    parts_hash,
    proposal_sign_bytes,
    sign,
    split_timestamp,
    vote_sign_bytes,
)

GO_ZERO_TIME_NS = -62_135_596_800 * 10**9
HASH = "AB" * 32
HEIGHT_ROUND_TIME = "110100000000000000" + "190100000000000000" + "2a0b088092b8c398feffffff01"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.parametrize(
    ("chain_id", "kind", "expected"),
    [
        ("", 2, "21080211010000000000000019010000000000000" + "02a0b088092b8c398feffffff01"),
        ("", 1, "21080111010000000000000019010000000000000" + "02a0b088092b8c398feffffff01"),
        (
            "test_chain_id",
            2,
            "30080211010000000000000019010000000000000" + "02a0b088092b8c398feffffff01320d" + b"test_chain_id".hex(),
        ),
    ],
)
def test_published_vectors(chain_id: str, kind: int, expected: str) -> None:
    # cometbft types/vote_test.go, TestVoteSignBytesTestVectors.
    assert vote_sign_bytes(chain_id, VoteType(kind), 1, 1, "", GO_ZERO_TIME_NS).hex() == expected


def test_chain_id_and_block_id_are_in_their_fields() -> None:
    encoded = vote_sign_bytes("test_chain_id", VoteType.PRECOMMIT, 1, 0, HASH, 0).hex()
    parts = "0801" + "1220" + parts_hash(HASH).lower()
    assert encoded.endswith("320d746573745f636861696e5f6964")
    assert "2248" + "0a20" + HASH.lower() + "1224" + parts in encoded


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 2**62), st.integers(0, 2**31 - 1), st.sampled_from(["", HASH]), st.integers(0, 2**62))
def test_the_timestamp_can_be_taken_out(height: int, round_: int, block_hash: str, time_ns: int) -> None:
    for first, second in (
        [vote_sign_bytes("c", VoteType.PREVOTE, height, round_, block_hash, at) for at in (time_ns, 5)],
        [proposal_sign_bytes("c", height, round_, -1, block_hash, at) for at in (time_ns, 5)],
    ):
        assert split_timestamp(first).time_ns == time_ns
        assert split_timestamp(first).rest == split_timestamp(second).rest


@given(st.binary(max_size=60))
@settings(derandomize=True, deadline=None)
def test_other_bytes_are_refused_or_read_but_never_crash(data: bytes) -> None:
    try:
        split_timestamp(data)
    except MalformedError:
        pass


def test_signatures_are_64_bytes_low_s_and_bound_to_key_and_message() -> None:
    secret = b"\x07" * 32
    public = PrivateKey(secret).public_key.format()
    verifier = Verifier()
    for index in range(64):
        message = b"m%d" % index
        signature = sign(secret, message)
        assert len(signature) == 64
        assert int.from_bytes(signature[32:], "big") <= ORDER // 2
        for _ in range(2):
            assert verifier.check(public, message, signature)
        assert not verifier.check(public, message + b"x", signature)
        assert not verifier.check(PrivateKey(b"\x08" * 32).public_key.format(), message, signature)
    assert not verifier.check(public, b"m0", b"\0" * 64)
    assert not verifier.check(public, b"m0", sign(secret, b"m0")[:63])
