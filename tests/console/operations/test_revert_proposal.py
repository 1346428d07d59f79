"""A revert upgrade prepared: from what ran before, with time for people, and honest on what is missing."""

from __future__ import annotations

from dataclasses import replace

from console.model import CosmosFacts, NetworkIdentity, ProposalStatus, ProposingRules, ReleaseKind
from console.operations.proposal_draft import FIELDS
from console.operations.propose import check_fields, earliest_height
from console.operations.revert_proposal import ReleaseBefore, generation_before, release_before, revert_draft
from console.operations.upgrade_proposal import check_upgrade, first_after_vote
from console.text import UntrustedText
from tests import chain_fakes, fakes, governance_fakes

OLDER = fakes.proposal(
    id=7,
    name=UntrustedText("v0.1.5"),
    target_height=900,
    status=ProposalStatus.EXECUTED,
    release_hash="ab" * 32,
    release_url=UntrustedText("https://example.org/v0.1.5"),
)


def test_the_plan_executed_before_is_what_is_gone_back_to() -> None:
    chain = fakes.committed().chain
    assert chain is not None
    oldest = replace(OLDER, id=3, target_height=500, release_hash="cd" * 32)
    with_past = replace(chain, proposals=(chain.proposals[0], oldest, OLDER))
    found = release_before(with_past, chain.proposals[0], {"name": "genesis", "sha256": "ef" * 32})
    assert (found.name, found.release_hash, found.url) == ("v0.1.5", "ab" * 32, "https://example.org/v0.1.5")
    by_node = release_before(chain, chain.proposals[0], {"name": "genesis", "sha256": "ef" * 32})
    assert (by_node.release_hash, by_node.url) == ("ef" * 32, "")
    assert release_before(chain, chain.proposals[0], None).release_hash == ""


def test_of_several_generations_the_last_before_this_one_is_it_with_where_it_came_from() -> None:
    chain = fakes.committed().chain
    assert chain is not None
    known = [
        {"name": "genesis", "complete": True, "staged_at": None},
        {"name": "v0.1.5", "complete": True, "staged_at": 20.0, "sha256": "cd" * 32, "origin": "https://h/v0.1.5"},
        {"name": "v0.1.0", "complete": True, "staged_at": 10.0},
        {"name": "v0.1.9", "complete": False, "staged_at": 30.0},
        {"name": "v0.2.0", "complete": True, "staged_at": 40.0},
    ]
    older = generation_before(known, "v0.2.0")
    found = release_before(chain, chain.proposals[0], older)
    assert (found.name, found.release_hash, found.url) == ("v0.1.5", "cd" * 32, "https://h/v0.1.5")
    assert release_before(chain, chain.proposals[0], {"name": "x", "origin": "/opt/build"}).url == ""
    assert generation_before(known[-1:], "v0.2.0") is None


def test_the_draft_passes_the_propose_form_as_it_is() -> None:
    snapshot = fakes.committed()
    assert snapshot.chain is not None
    upgrade = snapshot.chain.proposals[0]
    draft = revert_draft(snapshot, upgrade, release_before(replace(snapshot.chain, proposals=(OLDER,)), upgrade, None))
    assert check_fields(draft.fields, snapshot) == {}
    assert snapshot.height is not None
    assert int(draft.fields["height"]) == earliest_height(snapshot.chain, snapshot.height) + 3600
    assert draft.fields["name"] == "revert-v0.2.0"
    assert draft.fields["hash"] == "ab" * 32
    assert (draft.takes_back, draft.taken_height, draft.before) == ("v0.2.0", 1300, "v0.1.5 (plan 7)")
    assert draft.missing == draft.questions
    assert list(draft.missing) == ["state"]
    assert "ask its makers before you propose it" in draft.missing["state"]


def test_the_height_leaves_room_for_the_vote_that_the_registry_wants() -> None:
    snapshot = fakes.committed()
    assert snapshot.chain is not None
    upgrade, before = snapshot.chain.proposals[0], ReleaseBefore("v0.1.5", "ab" * 32, "https://example.org/v0.1.5")
    voted = replace(governance_fakes.rules(), voting_required=True)
    draft = revert_draft(snapshot, upgrade, before, voted)
    assert check_fields(draft.fields, snapshot, voted) == {}
    assert snapshot.height is not None
    assert int(draft.fields["height"]) > snapshot.height + 7 * 86_400


def test_what_nobody_knows_is_missing_and_never_made_up() -> None:
    snapshot = replace(fakes.committed(), height=None)
    assert snapshot.chain is not None
    draft = revert_draft(snapshot, snapshot.chain.proposals[0], ReleaseBefore("", "", ""))
    assert (draft.fields["height"], draft.fields["url"], draft.fields["hash"]) == ("", "", "")
    assert set(draft.missing) == {"state", "height", "url", "hash"}
    assert set(draft.unfilled({"height": "2000", "url": " "})) == {"url", "hash"}
    manifest = replace(OLDER, release_kind=ReleaseKind.MANIFEST)
    by_manifest = release_before(replace(snapshot.chain, proposals=(manifest,)), snapshot.chain.proposals[0], None)
    told = revert_draft(fakes.committed(), snapshot.chain.proposals[0], by_manifest)
    assert told.fields["kind"] == "manifest"
    assert set(told.missing) == {"state", "manifest"}


def test_on_a_cosmos_chain_it_is_a_proposal_of_x_gov() -> None:
    snapshot = fakes.committed()
    assert snapshot.chain is not None
    there = replace(snapshot, network=NetworkIdentity("hub", "cosmos", "hub-1"))
    upgrade = snapshot.chain.proposals[0]
    draft = revert_draft(there, upgrade, ReleaseBefore("v0.1.5", "", "https://example.org/info"))
    assert tuple(draft.fields) == FIELDS["cosmos"]
    assert set(draft.questions) == {"state", "handler"}
    assert set(draft.missing) == {"state", "handler", "deposit", "height"}
    assert "how long it is open" in draft.missing["height"]
    assert "binaries" in revert_draft(there, upgrade, ReleaseBefore("v0.1.5", "ab" * 32, "")).questions


def test_on_a_cosmos_chain_the_height_lies_behind_the_vote() -> None:
    there = chain_fakes.shown()
    assert there.chain is not None
    assert there.height is not None
    facts = CosmosFacts(proposing=ProposingRules((), (), voting_s=3600.0))
    there = replace(there, chain=replace(there.chain, cosmos=facts))
    assert there.chain is not None
    upgrade = fakes.proposal(name=UntrustedText("v2.0.0"), target_height=1000)
    draft = revert_draft(there, upgrade, ReleaseBefore("v1", "", "https://example.org/info"))
    after = first_after_vote(there, expedited=False)
    assert after is not None
    assert int(draft.fields["height"]) > after
    assert check_upgrade({**draft.fields, "deposit": "1stake"}, there) == {}
