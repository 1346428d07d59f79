"""Actions on proposals as calls: what is built, and what is refused in words before anything is reviewed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import InputError
from console.model import HaltCode, ProposalStatus, RegistryCall, ReleaseKind, ScheduleKind, SigningKey
from console.model.plan import plan_without_votes
from console.operations import governance as actions
from console.operations.propose_request import ProposeRequest, Terms
from console.text import untrusted

PLAN = plan_without_votes(
    7,
    untrusted("v0.2.0"),
    100,
    release_hash="a" * 64,
    release_url=untrusted("https://example.org/v0.2.0"),
    breaking=True,
    status=ProposalStatus.APPROVED,
)
LINKED = dataclasses.replace(PLAN, linked_calls=2)


@pytest.mark.parametrize(
    ("call", "function", "args", "key"),
    [
        (actions.cancel_call(PLAN), "cancel", (7,), SigningKey.PROPOSER),
        (actions.vote_call(PLAN, support=True), "vote", (7, True), SigningKey.VOTER),
        (actions.vote_call(PLAN, support=False), "vote", (7, False), SigningKey.VOTER),
        (actions.finalize_call(PLAN), "finalize", (7,), SigningKey.OPERATOR),
        (actions.schedule_call(PLAN), "checkAndSchedule", (7,), SigningKey.OPERATOR),
        (actions.expire_call(PLAN), "expire", (7,), SigningKey.OPERATOR),
        (actions.execute_call(LINKED), "executeContracts", (7,), SigningKey.OPERATOR),
        (
            actions.undo_call(dataclasses.replace(LINKED, contracts_at=90)),
            "undoContracts",
            (7,),
            SigningKey.OPERATOR,
        ),
        (
            actions.replace_call(PLAN, "sha256:" + "b" * 64, "ipfs://x"),
            "replaceRelease",
            (7, bytes.fromhex("b" * 64), "ipfs://x"),
            SigningKey.VOTER,
        ),
        (actions.rollback_call(PLAN, " it loops "), "rollback", (7, "it loops"), SigningKey.VOTER),
        (
            actions.halt_call(PLAN, HaltCode.SECURITY, "key stolen"),
            "approveEmergencyHalt",
            (7, 3, "key stolen"),
            SigningKey.COUNCIL,
        ),
    ],
)
def test_each_action_is_one_call_of_one_key(
    call: RegistryCall, function: str, args: tuple[object, ...], key: SigningKey
) -> None:
    assert (call.function, call.args, call.key, call.proposal_id) == (function, args, key, 7)
    assert "7" in call.effect or function == "vote"
    assert call.effect.endswith(".")
    assert "{" not in call.effect


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: actions.execute_call(PLAN), "no linked calls"),
        (lambda: actions.execute_call(dataclasses.replace(LINKED, contracts_at=90)), "made at height 90"),
        (lambda: actions.undo_call(LINKED), "were not made"),
        (lambda: actions.undo_call(dataclasses.replace(LINKED, contracts_at=9, undone_at=12)), "undone at height 12"),
        (lambda: actions.replace_call(PLAN, "a" * 64, "ipfs://x"), "already"),
        (lambda: actions.replace_call(PLAN, "0" * 64, "ipfs://x"), "not zero"),
        (lambda: actions.replace_call(PLAN, "b" * 63, "ipfs://x"), "64 hex digits"),
        (lambda: actions.replace_call(PLAN, "b" * 64, "with blank"), "printable ASCII"),
        (lambda: actions.replace_call(PLAN, "b" * 64, ""), "printable ASCII"),
        (
            lambda: actions.replace_call(
                dataclasses.replace(PLAN, release_kind=ReleaseKind.NONE), "b" * 64, "ipfs://x"
            ),
            "no release",
        ),
        (lambda: actions.rollback_call(PLAN, "  "), "say why"),
        (lambda: actions.rollback_call(PLAN, "é" * 129), "256 bytes"),
        (lambda: actions.rollback_call(PLAN, "a\x1b[2Jb"), "control characters"),
        (lambda: actions.halt_call(PLAN, 77, "why"), "no halt code 77"),
        (lambda: actions.halt_call(PLAN, HaltCode.OTHER, ""), "say why"),
        (lambda: actions.advertise_call("", 1, "a" * 64), "1 to 32"),
        (lambda: actions.advertise_call("v" * 33, 1, "a" * 64), "1 to 32"),
        (lambda: actions.advertise_call("v1", 1 << 64, "a" * 64), "whole number"),
        (lambda: actions.set_operator_call("0x12"), "40 hex digits"),
    ],
)
def test_what_is_not_acceptable_is_refused_before_it_is_a_call(build: Callable[[], RegistryCall], words: str) -> None:
    with pytest.raises(InputError, match=words):
        build()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ProposeRequest("v1", 900, "http://x/", "a" * 64), "before it executes block 900"),
        (
            ProposeRequest(
                "v1", 0, "http://x/", "a" * 64, terms=Terms(schedule_kind=ScheduleKind.AFTER_VOTE, delay=50)
            ),
            "50 blocks after the vote",
        ),
        (
            ProposeRequest(
                "v1",
                0,
                "http://x/",
                "a" * 64,
                terms=Terms(
                    schedule_kind=ScheduleKind.READINESS,
                    delay=50,
                    readiness_bps=6750,
                    readiness_deadline=2000,
                    voting_blocks=100,
                    expedited=True,
                ),
            ),
            "expedited vote: every node stops 50 blocks after 67.5 %",
        ),
        (ProposeRequest("cut", 0, "", "", kind=ReleaseKind.NONE, calls=(("0x" + "1" * 40, b"x"),)), "no node stops"),
    ],
)
def test_a_proposal_says_what_it_will_do(request_: ProposeRequest, words: str) -> None:
    call = actions.propose_call(request_)
    assert words in call.effect
    content, calls, undo = call.args
    assert isinstance(content, tuple)
    assert len(content) == 18
    assert (calls, undo) == (request_.calls, request_.undo)


@given(st.text(max_size=400))
def test_a_reason_is_kept_as_it_is_or_refused(text: str) -> None:
    try:
        call = actions.rollback_call(PLAN, text)
    except InputError:
        said = text.strip()
        assert not said or len(said.encode()) > 256 or any(ord(each) < 0x20 or ord(each) == 0x7F for each in said)
    else:
        assert call.args[1] == text.strip()
        assert isinstance(call.args[1], str)
