"""A revert upgrade prepared: from what ran before, with time for people, and honest on what is missing."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

from console.model import NetworkIdentity, ProposalStatus, ReleaseKind
from console.operations.propose import check_fields, earliest_height
from console.operations.revert_proposal import ReleaseBefore, release_before, revert_draft
from console.text import UntrustedText
from tests import fakes

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


def test_the_draft_passes_the_propose_form_as_it_is() -> None:
    snapshot = fakes.committed()
    assert snapshot.chain is not None
    upgrade = snapshot.chain.proposals[0]
    draft = revert_draft(snapshot, upgrade, release_before(replace(snapshot.chain, proposals=(OLDER,)), upgrade, None))
    assert check_fields(draft.fields, snapshot) == {}
    assert snapshot.height is not None
    assert int(draft.fields["height"]) == earliest_height(snapshot.chain, snapshot.height) + 3600
    assert draft.fields["name"] == "revert-v0.2.0"
    assert draft.missing == (
        "whether the release of before can read the state as it is now: ask its makers before you propose it",
    )
    words = shlex.split(draft.command)
    assert words[:4] == ["upgrade-console", "propose", "--network", "devnet"]
    assert f"sha256:{'ab' * 32}" in words
    assert json.loads(draft.text)["fields"] == draft.fields


def test_what_nobody_knows_is_missing_and_never_made_up() -> None:
    snapshot = replace(fakes.committed(), height=None)
    assert snapshot.chain is not None
    draft = revert_draft(snapshot, snapshot.chain.proposals[0], ReleaseBefore("", "", ""))
    assert (draft.fields["height"], draft.fields["url"], draft.fields["hash"]) == ("", "", "")
    assert len(draft.missing) == 4
    assert {"URL", "sha256:HEX", "H"} <= {*shlex.split(draft.command)}
    manifest = replace(OLDER, release_kind=ReleaseKind.MANIFEST)
    by_manifest = release_before(replace(snapshot.chain, proposals=(manifest,)), snapshot.chain.proposals[0], None)
    told = revert_draft(fakes.committed(), snapshot.chain.proposals[0], by_manifest)
    assert told.fields["kind"] == "manifest"
    assert "--manifest" in shlex.split(told.command)


def test_on_a_cosmos_chain_it_is_a_proposal_of_x_gov() -> None:
    snapshot = fakes.committed()
    assert snapshot.chain is not None
    there = replace(snapshot, network=NetworkIdentity("hub", "cosmos", "hub-1"))
    draft = revert_draft(there, snapshot.chain.proposals[0], ReleaseBefore("v0.1.5", "", "https://example.org/info"))
    assert set(draft.fields) == {"name", "height", "info", "title", "summary", "deposit"}
    assert any("upgrade handler" in line for line in draft.missing)
    assert any("voting period" in line for line in draft.missing)
