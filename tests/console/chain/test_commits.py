"""Commits: CometBFT's own vectors, a second implementation, and every kind of tampering."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.cometbft import BlockId, Commit, ConsensusValidator, parse_commit
from console.chain.commits import (
    PRECOMMIT,
    PREVOTE,
    ed25519_signature_is_valid,
    signature_is_valid,
    verify_commit,
    vote_sign_bytes,
)
from console.devnet.program import votes as program_votes
from console.errors import BadAnswer
from tests.console.chain.network_double import CHAIN_ID, ED_KEYS, KEYS, NetworkDouble

GO_ZERO_TIME_NS = -62_135_596_800 * 10**9
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NETWORK = NetworkDouble()
VALIDATORS = tuple(ConsensusValidator(key.consensus_address, key.address, key.public, 10) for key in KEYS[:4])


def commit(height: int = 100, signers: dict[int, int] | None = None) -> Commit:
    return parse_commit(NETWORK.commit(height, signers))


def verify(value: Commit, height: int = 100) -> frozenset[str]:
    verified = verify_commit(value, VALIDATORS, chain_id=CHAIN_ID, height=height)
    return frozenset(entry.ethereum_address for entry in verified)


class TestSignBytes:
    @pytest.mark.parametrize(
        ("chain_id", "kind", "height", "round_", "expected"),
        [
            ("", 0, 0, 0, "0d2a0b088092b8c398feffffff01"),
            ("", PRECOMMIT, 1, 1, "2108021101000000000000001901000000000000002a0b088092b8c398feffffff01"),
            ("", PREVOTE, 1, 1, "2108011101000000000000001901000000000000002a0b088092b8c398feffffff01"),
            ("", 0, 1, 1, "1f1101000000000000001901000000000000002a0b088092b8c398feffffff01"),
            (
                "test_chain_id",
                0,
                1,
                1,
                "2e1101000000000000001901000000000000002a0b088092b8c398feffffff01320d746573745f636861696e5f6964",
            ),
        ],
    )
    def test_cometbfts_vectors(self, chain_id: str, kind: int, height: int, round_: int, expected: str) -> None:
        """TestVoteSignBytesTestVectors of cometbft types/vote_test.go."""
        assert vote_sign_bytes(chain_id, kind, height, round_, None, GO_ZERO_TIME_NS).hex() == expected

    @settings(derandomize=True, deadline=None)
    @given(
        st.sampled_from([PREVOTE, PRECOMMIT]),
        st.integers(1, 2**63 - 1),
        st.integers(0, 2**31 - 1),
        st.none() | st.binary(min_size=32, max_size=32),
        st.integers(0, 2**62),
    )
    def test_equal_to_the_devnet_programs(
        self, kind: int, height: int, round_: int, digest: bytes | None, at: int
    ) -> None:
        """Two implementations that share no line."""
        block_id = None
        if digest is not None:
            block_id = BlockId(digest, 1, bytes.fromhex(program_votes.parts_hash(digest.hex().upper())))
        theirs = program_votes.vote_sign_bytes(
            CHAIN_ID,
            program_votes.VoteType(kind),
            height,
            round_,
            "" if digest is None else digest.hex().upper(),
            at,
        )
        assert vote_sign_bytes(CHAIN_ID, kind, height, round_, block_id, at) == theirs


class TestSignatures:
    @settings(derandomize=True, deadline=None, max_examples=50)
    @given(st.integers(0, 20), st.binary(max_size=200), st.integers(0, 511))
    def test_round_trip_and_every_flipped_bit(self, number: int, message: bytes, bit: int) -> None:
        key = KEYS[number]
        signature = key.sign(message)
        assert signature_is_valid(key.public, signature, message)
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not signature_is_valid(key.public, bytes(flipped), message)
        assert not signature_is_valid(KEYS[number + 1].public, signature, message)
        assert not signature_is_valid(key.public, signature, message + b"x")

    def test_high_s_is_refused(self) -> None:
        signature = KEYS[0].sign(b"x")
        high = ORDER - int.from_bytes(signature[32:], "big")
        assert not signature_is_valid(KEYS[0].public, signature[:32] + high.to_bytes(32, "big"), b"x")

    @pytest.mark.parametrize("size", [0, 63, 65])
    def test_lengths(self, size: int) -> None:
        assert not signature_is_valid(KEYS[0].public, bytes(size), b"x")
        assert not signature_is_valid(b"\x02" * size, bytes(64), b"x")
        assert not signature_is_valid(b"\x02" + b"\xff" * 32, bytes(64), b"x")


class TestCommit:
    def test_all_signed(self) -> None:
        assert verify(commit()) == {key.address for key in KEYS[:4]}

    def test_three_of_four(self) -> None:
        assert verify(commit(signers={0: 2, 1: 2, 3: 2})) == {KEYS[0].address, KEYS[1].address, KEYS[3].address}

    def test_nil_votes_are_verified_and_not_counted(self) -> None:
        assert verify(commit(signers={0: 2, 1: 2, 2: 2, 3: 3})) == {key.address for key in KEYS[:3]}
        with pytest.raises(BadAnswer, match="20 of 40 power, 27 needed"):
            verify(commit(signers={0: 2, 1: 2, 2: 3, 3: 3}))

    def test_too_little(self) -> None:
        with pytest.raises(BadAnswer, match="20 of 40 power, 27 needed"):
            verify(commit(signers={0: 2, 1: 2}))

    def test_exactly_two_thirds_is_too_little(self) -> None:
        three = VALIDATORS[:3]
        value = commit(signers={0: 2, 1: 2})
        with pytest.raises(BadAnswer, match="20 of 30 power, 21 needed"):
            verify_commit(value, three, chain_id=CHAIN_ID, height=100)

    def test_power_decides_and_not_heads(self) -> None:
        heavy = tuple(replace(entry, power=100 if index == 0 else 1) for index, entry in enumerate(VALIDATORS))
        one = commit(signers={0: 2})
        assert len(verify_commit(one, heavy, chain_id=CHAIN_ID, height=100)) == 1
        with pytest.raises(BadAnswer):
            verify_commit(commit(signers={1: 2, 2: 2, 3: 2}), heavy, chain_id=CHAIN_ID, height=100)

    def test_unknown_signers_are_not_counted(self) -> None:
        stranger = ConsensusValidator(KEYS[9].consensus_address, KEYS[9].address, KEYS[9].public, 10_010)
        with pytest.raises(BadAnswer, match="10 of 10020 power"):
            verify_commit(commit(), (VALIDATORS[0], stranger), chain_id=CHAIN_ID, height=100)

    def test_an_empty_set_verifies_nothing(self) -> None:
        with pytest.raises(BadAnswer):
            verify_commit(commit(), (), chain_id=CHAIN_ID, height=100)

    def test_another_height(self) -> None:
        with pytest.raises(BadAnswer, match="for height 100, not for 101"):
            verify(commit(), height=101)

    def test_another_chain(self) -> None:
        with pytest.raises(BadAnswer, match="did not sign"):
            verify_commit(commit(), VALIDATORS, chain_id="other", height=100)

    def test_a_commit_for_nothing(self) -> None:
        with pytest.raises(BadAnswer, match="names no block"):
            verify(replace(commit(), block_id=BlockId(b"", 0, b"")))

    def test_one_signature_for_two(self) -> None:
        value = commit(signers={0: 2, 1: 2})
        doubled = replace(value, signatures=(*value.signatures, value.signatures[0]))
        with pytest.raises(BadAnswer, match="twice"):
            verify(doubled)

    def test_a_signature_under_another_name(self) -> None:
        value = commit()
        stolen = replace(value.signatures[0], consensus_address=KEYS[1].consensus_address)
        with pytest.raises(BadAnswer, match=r"did not sign|twice"):
            verify(replace(value, signatures=(stolen, *value.signatures[1:])))

    def test_a_nil_vote_shown_as_a_vote_for_the_block(self) -> None:
        value = commit(signers={0: 2, 1: 2, 2: 2, 3: 3})
        lie = replace(value.signatures[3], flag=2)
        with pytest.raises(BadAnswer, match="did not sign"):
            verify(replace(value, signatures=(*value.signatures[:3], lie)))

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.sampled_from(["round", "hash", "parts", "total", "time", "signature"]), st.integers(0, 3))
    def test_any_tampering(self, what: str, index: int) -> None:
        value = commit()
        block_id, entry = value.block_id, value.signatures[index]
        other = hashlib.sha256(b"other").digest()
        match what:
            case "round":
                value = replace(value, round=value.round + 1)
            case "hash":
                value = replace(value, block_id=replace(block_id, hash=other))
            case "parts":
                value = replace(value, block_id=replace(block_id, parts_hash=other))
            case "total":
                value = replace(value, block_id=replace(block_id, parts_total=2))
            case "time":
                entry = replace(entry, time_ns=entry.time_ns + 1)
            case _:
                entry = replace(entry, signature=bytes(64))
        changed = [entry if place == index else each for place, each in enumerate(value.signatures)]
        with pytest.raises(BadAnswer, match="did not sign"):
            verify(replace(value, signatures=tuple(changed)))


class TestEd25519:
    NETWORK = NetworkDouble(keys=ED_KEYS)
    VALIDATORS = tuple(ConsensusValidator(key.consensus_address, "", key.public, 10, "ed25519") for key in ED_KEYS)

    @pytest.mark.parametrize(
        ("public", "message", "signature"),
        [
            (
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ],
    )
    def test_vectors_of_rfc_8032(self, public: str, message: str, signature: str) -> None:
        key, said, signed = (bytes.fromhex(value) for value in (public, message, signature))
        assert ed25519_signature_is_valid(key, signed, said)
        assert not ed25519_signature_is_valid(key, signed, said + b"x")
        assert not ed25519_signature_is_valid(key, bytes((signed[0] ^ 1,)) + signed[1:], said)
        assert not ed25519_signature_is_valid(ED_KEYS[0].public, signed, said)

    @pytest.mark.parametrize("size", [0, 31, 33, 63, 65])
    def test_lengths_and_points_off_the_curve(self, size: int) -> None:
        assert not ed25519_signature_is_valid(ED_KEYS[0].public, bytes(size), b"x")
        assert not ed25519_signature_is_valid(bytes(size), bytes(64), b"x")
        assert not ed25519_signature_is_valid(b"\x02" + b"\xff" * 31, bytes(64), b"x")

    def test_more_than_two_thirds_signed(self) -> None:
        value = parse_commit(self.NETWORK.commit(100, {0: 2, 1: 2, 2: 2, 3: 3}))
        verified = verify_commit(value, self.VALIDATORS, chain_id=CHAIN_ID, height=100)
        assert {entry.address for entry in verified} == {key.consensus_address for key in ED_KEYS[:3]}
        with pytest.raises(BadAnswer, match="did not sign"):
            verify_commit(value, self.VALIDATORS, chain_id="other", height=100)
        forged = replace(value.signatures[1], signature=value.signatures[0].signature)
        with pytest.raises(BadAnswer, match="did not sign"):
            verify_commit(
                replace(value, signatures=(value.signatures[0], forged, *value.signatures[2:])),
                self.VALIDATORS,
                chain_id=CHAIN_ID,
                height=100,
            )

    def test_a_kind_of_key_that_is_not_known_is_not_counted(self) -> None:
        value = parse_commit(self.NETWORK.commit(100))
        mixed = (replace(self.VALIDATORS[0], key_kind=""), *self.VALIDATORS[1:])
        assert len(verify_commit(value, mixed, chain_id=CHAIN_ID, height=100)) == 3
        unknown = (replace(self.VALIDATORS[1], key_kind=""), mixed[0], *self.VALIDATORS[2:])
        with pytest.raises(BadAnswer, match="20 of 40 power"):
            verify_commit(value, unknown, chain_id=CHAIN_ID, height=100)
