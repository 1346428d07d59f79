"""Whether another network has proven a release: what is compared, and how its block time is counted."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model import ProofReading, ProofState, Proposal, ProposalStatus, Readiness, ReleaseKind, proof_of
from console.model.proof import hours
from tests import fakes

OURS = "11" * 32
"""The plan's release hash here: of a manifest that names this chain."""
BINARY = "22" * 32
OTHER = "33" * 32
HOUR_NS = 3600 * 10**9
START_NS = 1_760_000_000 * 10**9
NEEDED_S = 48 * 3600


def executed(**changes: object) -> Proposal:
    base = fakes.proposal(status=ProposalStatus.EXECUTED, release_kind=ReleaseKind.MANIFEST, release_hash=OTHER)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def confirmed(*binaries: str, number: int = 1) -> Readiness:
    """One row of power 10 per validator: what it confirmed, empty for one that did not."""
    rows = [
        dataclasses.replace(fakes.said(index, confirmed=bool(binary)), exe_hash=binary)
        for index, binary in enumerate(binaries)
    ]
    return Readiness(number, tuple(rows))


def reading(
    *proposals: Proposal, confirmations: tuple[Readiness, ...] = (), passed_ns: int | None = 48 * HOUR_NS
) -> ProofReading:
    crossed = None if passed_ns is None else START_NS
    return ProofReading(proposals, confirmations, crossed, START_NS + (passed_ns or 0))


def judged(found: ProofReading | None, problem: str = "", network: str = "testnet") -> tuple[ProofState, str]:
    proof = proof_of(network, NEEDED_S, OURS, {BINARY}, found, problem)
    return proof.state, proof.sentence


def test_the_same_binary_that_more_than_two_thirds_confirmed_is_the_release_whatever_its_manifest() -> None:
    three = confirmed(BINARY, BINARY, BINARY, "")
    assert judged(reading(executed(), confirmations=(three,)))[0] is ProofState.PROVEN
    # Exactly two thirds of 30 is not more.
    thirty = executed(total_power=30)
    assert judged(reading(thirty, confirmations=(confirmed(BINARY, BINARY, OTHER),)))[0] is ProofState.NOT_EXECUTED
    two = confirmed(BINARY, BINARY, OTHER, "")
    assert judged(reading(executed(), confirmations=(two,))) == (
        ProofState.NOT_EXECUTED,
        "not proven: testnet has not executed this release",
    )


def test_binaries_of_several_platforms_count_together() -> None:
    proof = proof_of(
        "testnet",
        NEEDED_S,
        OURS,
        {BINARY, "44" * 32},
        reading(executed(), confirmations=(confirmed(BINARY, "44" * 32, BINARY, OTHER),)),
    )
    assert proof.state is ProofState.PROVEN


def test_what_somebody_said_of_another_proposal_does_not_count() -> None:
    three = confirmed(BINARY, BINARY, BINARY, "", number=2)
    assert judged(reading(executed(), confirmations=(three,)))[0] is ProofState.NOT_EXECUTED


def test_a_word_without_a_confirmation_does_not_count() -> None:
    rows = tuple(
        dataclasses.replace(row, confirmed_at=0) for row in confirmed(BINARY, BINARY, BINARY, BINARY).validators
    )
    assert judged(reading(executed(), confirmations=(Readiness(1, rows),)))[0] is ProofState.NOT_EXECUTED


@pytest.mark.parametrize(
    ("kind", "release_hash", "state"),
    [
        (ReleaseKind.RAW, OURS, ProofState.PROVEN),
        (ReleaseKind.RAW, BINARY, ProofState.PROVEN),
        (ReleaseKind.MANIFEST, OURS, ProofState.PROVEN),
        # A manifest that has a binary's hash is no binary.
        (ReleaseKind.MANIFEST, BINARY, ProofState.NOT_EXECUTED),
        (ReleaseKind.RAW, OTHER, ProofState.NOT_EXECUTED),
    ],
)
def test_the_same_hash_is_the_same_release(kind: ReleaseKind, release_hash: str, state: ProofState) -> None:
    assert judged(reading(executed(release_kind=kind, release_hash=release_hash)))[0] is state


@pytest.mark.parametrize("status", [each for each in ProposalStatus if each is not ProposalStatus.EXECUTED])
def test_only_what_was_executed_counts(status: ProposalStatus) -> None:
    assert judged(reading(executed(status=status, release_hash=OURS)))[0] is ProofState.NOT_EXECUTED


def test_the_clock_counts_block_time_and_says_what_is_left() -> None:
    same = executed(release_hash=OURS)
    proof = proof_of("testnet", NEEDED_S, OURS, {BINARY}, reading(same, passed_ns=12 * HOUR_NS + 59 * 10**9))
    assert proof.state is ProofState.RUNNING
    assert proof.sentence == (
        "not proven yet: testnet executed it at height 1300, 12 h 00 min of block time since, 36 h 00 min left"
    )
    assert (proof.elapsed_s, proof.left_s, proof.given, proof.short) == (
        12 * 3600 + 59,
        36 * 3600 - 59,
        False,
        "36h00m",
    )
    done = proof_of("testnet", NEEDED_S, OURS, {BINARY}, reading(same))
    assert done.sentence == "proven: testnet executed it at height 1300, 48 h 00 min of block time since"
    assert (done.left_s, done.given) == (0, True)


def test_the_first_crossing_starts_the_clock() -> None:
    again = executed(id=2, release_hash=OURS, target_height=9000)
    _, sentence = judged(reading(again, executed(release_hash=OURS)))
    assert "at height 1300" in sentence


@pytest.mark.parametrize(
    ("found", "problem", "network", "words"),
    [
        (None, "http://a does not answer", "testnet", "testnet cannot be asked: http://a does not answer"),
        (None, "", "testnet", "testnet cannot be asked: it was not asked yet"),
        (None, "", "", "the settings name no network that proves releases"),
        (reading(executed(release_hash=OURS), passed_ns=None), "", "testnet", "no endpoint there shows"),
        (reading(executed(release_hash=OURS), passed_ns=-1), "", "testnet", "its newest block is older than that"),
    ],
)
def test_what_is_not_known_is_not_proven(found: ProofReading | None, problem: str, network: str, words: str) -> None:
    state, sentence = judged(found, problem, network)
    assert state is ProofState.UNKNOWN
    assert words in sentence


def test_a_manifest_whose_binaries_are_not_known_yet_says_so() -> None:
    proof = proof_of("testnet", NEEDED_S, OURS, (), reading(executed()))
    assert (proof.state, "before it is staged" in proof.sentence) == (ProofState.UNKNOWN, True)


@given(passed_ns=st.integers(-(10**15), 10**18), needed_s=st.integers(1, 10**7))
def test_it_is_proven_from_the_demanded_nanosecond_on(passed_ns: int, needed_s: int) -> None:
    found = reading(executed(release_hash=OURS), passed_ns=passed_ns)
    proof = proof_of("testnet", needed_s, OURS, {BINARY}, found)
    assert proof.given == (passed_ns >= needed_s * 10**9)
    assert (proof.elapsed_s is None) == (passed_ns < 0)
    assert proof.left_s is None or (proof.left_s == 0) == proof.given


@pytest.mark.parametrize(
    ("seconds", "down", "up"),
    [(0, "0 h 00 min", "0 h 00 min"), (59, "0 h 00 min", "0 h 01 min"), (3601, "1 h 00 min", "1 h 01 min")],
)
def test_hours_in_words(seconds: int, down: str, up: str) -> None:
    assert (hours(seconds), hours(seconds, up=True)) == (down, up)
