"""Fields of a proposal: each bad input is refused with one sentence, before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import InputError
from console.model import ProposalStatus, ReleaseKind, Snapshot, Verdict, minimum_lead
from console.operations.propose import (
    FIELDS,
    NOTICE_BLOCKS,
    check_fields,
    earliest_height,
    fields_of,
    notice_warning,
    request_of,
)
from tests.console.operations.examples import RELEASE_HASH, a_chain, a_proposal, a_snapshot
from tests.governance_fakes import rules as the_rules

GOOD = {
    "name": "v0.2.0",
    "height": "200",
    "url": "http://127.0.0.1:20100/v0.2.0/subnetd",
    "hash": f"sha256:{RELEASE_HASH}",
}


def the_chain(height: int = 120) -> Snapshot:
    return a_snapshot(a_chain(height))


def test_good_fields_have_no_problem_and_make_a_request() -> None:
    assert check_fields(GOOD, the_chain()) == {}
    request = request_of(GOOD, the_chain())
    assert (request.name, request.height, request.url) == ("v0.2.0", 200, GOOD["url"])
    assert (request.release_hash, request.breaking) == (RELEASE_HASH, True)
    assert request_of({**GOOD, "breaking": "no"}, the_chain()).breaking is False
    assert request.kind is ReleaseKind.RAW
    manifest = {**GOOD, "kind": "manifest"}
    assert request_of({**manifest, "migration": "none"}, the_chain()).kind is ReleaseKind.MANIFEST
    with pytest.raises(InputError, match="give the manifest's file"):
        request_of(manifest, the_chain())
    typed = fields_of("v0.2.0", 200, GOOD["url"], GOOD["hash"], breaking=False)
    assert request_of(typed, the_chain()).breaking is False
    assert request_of({**GOOD, "hash": RELEASE_HASH.upper()}, the_chain()).release_hash == RELEASE_HASH


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("name", "", "missing"),
        ("name", "V0.2.0", "the name must be"),
        ("name", "-v1", "the name must be"),
        ("name", "a" * 65, "the name must be"),
        ("name", "v1 [/nope]", "the name must be"),
        ("name", "v1\n", ""),  # the blank around is dropped
        ("height", "", "missing"),
        ("height", "soon", "whole number"),
        ("height", "1.5", "whole number"),
        ("height", "१२३", "whole number"),
        ("height", "9" * 30, "whole number"),
        ("height", "120", "in the past: the chain is at 120"),
        ("height", "5", "in the past"),
        ("height", "-3", "in the past"),
        ("height", "0", "in the past"),
        ("height", "121", "too near: 20 blocks of lead are needed, so 141 is the first possible"),
        ("height", "140", "too near"),
        ("height", "145", "so 141 is the first possible, and 146 the first that we recommend"),
        ("height", "146", ""),
        ("url", "", "missing"),
        ("url", "ftp://host/file", "http:// or https://"),
        ("url", "/tmp/file", "http:// or https://"),
        ("url", "http://", "name a host"),
        ("url", "http:///path", "name a host"),
        ("url", "http://host:99999/", "cannot be understood"),
        ("url", "http://[::1/x", "cannot be understood"),
        ("url", "http://host/ä", "printable ASCII"),
        ("url", "http://host/a b", "printable ASCII"),
        ("url", "http://host/\x1b[2J", "printable ASCII"),
        ("url", "http://me:secret@host/x", "user name or password"),
        ("url", "http://host/" + "a" * 501, "513 characters, 512 are allowed"),
        ("url", "http://host/" + "a" * 500, ""),
        ("url", "javascript:alert(1)", "http:// or https://"),
        ("hash", "", "missing"),
        ("hash", "sha256:abc", "sha256: and 64 hex digits"),
        ("hash", "sha256:" + "g" * 64, "sha256: and 64 hex digits"),
        ("hash", "sha512:" + "a" * 64, "sha256: and 64 hex digits"),
        ("hash", "0x" + "a" * 64, "sha256: and 64 hex digits"),
        ("hash", "a" * 65, "sha256: and 64 hex digits"),
        ("hash", "0" * 64, "not be zero"),
    ],
)
def test_a_bad_field_gets_one_sentence(field: str, value: str, part: str) -> None:
    problems = check_fields({**GOOD, field: value}, the_chain())
    if not part:
        assert problems == {}
        return
    assert list(problems) == [field]
    assert part in problems[field]
    assert "\n" not in problems[field]
    with pytest.raises(InputError, match="nothing was sent"):
        request_of({**GOOD, field: value}, the_chain())


def test_the_lead_follows_the_validators_and_the_freeze_that_the_registry_told() -> None:
    old = a_proposal(status=ProposalStatus.EXECUTED, verdict=Verdict.CROSS, freeze_blocks=9, target_height=100)
    snapshot = a_snapshot(a_chain(120, proposals=(old,)))
    first = 120 + 1 + minimum_lead(4, 9) + NOTICE_BLOCKS
    assert earliest_height(a_chain(120, proposals=(old,)), 120) == first
    assert check_fields({**GOOD, "height": str(first)}, snapshot) == {}
    problems = check_fields({**GOOD, "height": str(first - 1)}, snapshot)
    assert f"{minimum_lead(4, 9)} blocks of lead" in problems["height"]


def test_what_the_registry_takes_is_taken_at_short_notice_and_said() -> None:
    chain, snapshot = a_chain(120), the_chain()
    first = 120 + 1 + minimum_lead(4, 5)
    near = {**GOOD, "height": str(first)}
    with pytest.raises(InputError, match="the first that we recommend"):
        request_of(near, snapshot)
    request = request_of(near, snapshot, short_notice=True)
    assert f"the registry takes it, and {first + NOTICE_BLOCKS} is the first" in notice_warning(request, snapshot, None)
    with pytest.raises(InputError, match=f"so {first} is the first possible"):
        request_of({**near, "height": str(first - 1)}, snapshot, short_notice=True)
    recommended = request_of({**near, "height": str(first + NOTICE_BLOCKS)}, snapshot)
    assert notice_warning(recommended, snapshot, None) == ""
    # A vote is notice enough.
    assert earliest_height(chain, 120, voting_blocks=60) == first + 60
    assert earliest_height(chain, 120, the_rules(voting_required=True)) == first
    assert earliest_height(chain, 120, the_rules(voting_required=False)) == first + NOTICE_BLOCKS
    after_vote = replace(request, height=0)
    assert notice_warning(after_vote, snapshot, None) == ""


def test_one_proposal_is_scheduled_at_a_time() -> None:
    problems = check_fields(GOOD, a_snapshot(a_chain(120, proposals=(a_proposal(),))))
    assert list(problems) == ["height"]
    assert "proposal 7 (v0.2.0) is scheduled for height 150" in problems["height"]


@pytest.mark.parametrize(("height", "free"), [(148, False), (149, False), (150, True), (160, True)])
def test_an_aborted_proposal_keeps_its_place_until_its_height_is_over(height: int, free: bool) -> None:
    aborted = a_proposal(status=ProposalStatus.ABORTED, verdict=Verdict.ABORT)
    problems = check_fields({**GOOD, "height": "500"}, a_snapshot(a_chain(height, proposals=(aborted,))))
    assert (problems == {}) is free


def test_without_a_chain_only_the_text_is_checked_and_a_silent_chain_refuses() -> None:
    assert check_fields(GOOD, None) == {}
    assert "in the past" in check_fields({**GOOD, "height": "0"}, None)["height"]
    silent = a_snapshot(None, chain_problem="no endpoint answered.")
    assert check_fields(GOOD, silent) == {"height": "no endpoint answered"}


def test_nothing_typed_is_a_problem_in_every_field() -> None:
    assert list(check_fields({}, the_chain())) == list(FIELDS[:4])


@settings(derandomize=True, deadline=None)
@given(st.fixed_dictionaries({field: st.text(max_size=80) for field in FIELDS}))
def test_whatever_is_typed_gives_sentences_and_never_raises(fields: dict[str, str]) -> None:
    for problem in check_fields(fields, the_chain()).values():
        assert problem
        assert problem.isprintable()
