"""`propose --draft FILE`: what it says is taken, what is said beside it wins, and what it lacks is one sentence."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.cli.arguments import parse
from console.cli.propose_draft import fill_in, still_to_propose
from console.errors import InputError
from console.model import ProposalDraft, ProposalStatus
from console.operations.proposal_draft import draft_text
from console.settings import NetworkSettings, load_network
from console.text import UntrustedText
from tests import fakes
from tests.console.cli.conftest import Run
from tests.console.cli.peers import write_settings
from tests.console.cli.test_on_cosmos import chain as chain
from tests.console.operations.test_proposal_draft import a_draft
from tests.cosmos_network import CHAIN_ID

MANIFEST = {"name": "revert-v0.2.0", "height": "9000", "url": "https://h/m.json", "hash": "", "kind": "manifest"}
COSMOS = {
    "name": "revert-v2", "height": "9000000", "info": "", "title": "Revert v2", "summary": "Back.", "deposit": "",
}  # fmt: skip


@pytest.fixture
def network(tmp_path: Path) -> NetworkSettings:
    write_settings("http://127.0.0.1:1", "http://127.0.0.1:1", node=tmp_path)
    return load_network("testnet")


def kept(folder: Path, **changes: Any) -> str:
    """A draft for that network, in a file."""
    path = folder / "draft.json"
    path.write_text(draft_text(a_draft(**{"chain_id": "test-1", **changes})), "utf-8")
    return str(path)


def filled(network: NetworkSettings, *words: str) -> argparse.Namespace:
    arguments = parse(["propose", "--network", network.name, *words])
    fill_in(arguments, network)
    return arguments


def test_what_the_draft_says_is_taken_and_what_is_said_beside_it_wins(tmp_path: Path, network: NetworkSettings) -> None:
    given = ("--draft", kept(tmp_path), "--binary-url", "https://h/b", "--settled", "state")
    found = filled(network, *given)
    assert (found.name, found.height, found.binary_url) == ("revert-v0.2.0", 9000, "https://h/b")
    assert found.binary_hash == "sha256:" + "ab" * 32
    assert not found.not_breaking
    other = filled(network, *given, "--name", "v0.1.6", "--height", "12", "--binary-hash", "sha256:" + "cd" * 32)
    assert (other.name, other.height, other.binary_hash) == ("v0.1.6", 12, "sha256:" + "cd" * 32)
    assert filled(network, *given, "--after-vote", "24h").height is None
    assert filled(network, *given, "--window", "5h..7h").height is None


def test_what_is_missing_is_said_with_how_it_is_given(cli: Run, tmp_path: Path, network: NetworkSettings) -> None:
    name = kept(tmp_path)
    words = ("the draft waits for people: where it is; whether it can read the state", "--binary-url URL")
    cli("propose", "--network", network.name, "--draft", name).refused_with(*words, "--settled state", "nothing was")
    settled = ("propose", "--network", network.name, "--draft", name, "--settled", "state")
    cli(*settled).refused_with("waits for people: where it is; nothing was sent", "--binary-url URL")
    cli(*settled, "--settled", "\x1b[2J").refused_with("no question", "its questions: state")


def test_a_draft_by_manifest_needs_its_file_or_another_binary(tmp_path: Path, network: NetworkSettings) -> None:
    fields = {**MANIFEST, "manifest": ""}
    name = kept(tmp_path, fields=fields, missing={"manifest": "the manifest's bytes", "hash": "its hash"})
    with pytest.raises(InputError, match="the manifest's bytes; its hash"):
        filled(network, "--draft", name)
    found = filled(network, "--draft", name, "--manifest", "m.json")
    assert (found.manifest_url, found.name, found.binary_hash, found.height) == ("https://h/m.json", None, None, 9000)
    own = ("--binary-url", "https://h/b", "--binary-hash", "sha256:" + "cd" * 32)
    assert filled(network, "--draft", name, *own).manifest is None


def test_of_another_network_or_broken_it_is_refused(cli: Run, tmp_path: Path, network: NetworkSettings) -> None:
    at = ("propose", "--network", network.name, "--draft")
    cli(*at, kept(tmp_path, chain_id="other-1")).refused_with("is for chain other-1", "testnet is test-1")
    cli(*at, str(tmp_path / "none")).refused_with("there is no file")
    cli(*at, kept(tmp_path, fields={"name": "v1", "height": "soon"}, missing={})).refused_with("height is no number")
    unnamed = kept(tmp_path, fields={"name": "v1", "height": ""}, missing={})
    cli(*at, unnamed).refused_with("a binary needs --name")


def test_what_does_not_go_with_a_draft_is_told_before_it_is_read(cli: Run) -> None:
    assert "--settled goes with --draft" in cli("propose", "--settled", "state").err
    assert "a draft is of a release" in cli("propose", "--draft", "none", "--calls", "cut.json").err


def test_what_somebody_proposed_already_is_not_proposed_again() -> None:
    draft, chain = a_draft(), fakes.committed().chain
    assert chain is not None
    there = fakes.proposal(id=9, name=UntrustedText("revert-v0.2.0"), status=ProposalStatus.VOTING)
    with pytest.raises(InputError, match=r"proposal 9 has the name revert-v0\.2\.0 already.*vote on it"):
        still_to_propose(draft, replace(chain, proposals=(there,)), "revert-v0.2.0")
    still_to_propose(draft, replace(chain, proposals=(there,)), "revert-again")
    lost = replace(there, status=ProposalStatus.REJECTED)
    still_to_propose(draft, replace(chain, proposals=(lost,)), "revert-v0.2.0")
    still_to_propose(draft, None, "revert-v0.2.0")


def of_cosmos(folder: Path, **changes: str) -> str:
    draft: ProposalDraft = a_draft(
        kind="cosmos", chain_id=CHAIN_ID, fields={**COSMOS, **changes},
        missing={"deposit": "the deposit", "handler": "a handler"},
    )  # fmt: skip
    path = folder / "draft.json"
    path.write_text(draft_text(draft), "utf-8")
    return str(path)


@pytest.mark.usefixtures("chain")
def test_on_a_cosmos_chain_it_is_the_same(cli: Run, tmp_path: Path) -> None:
    at = ("propose", "--network", "replayed", "--draft", of_cosmos(tmp_path))
    cli(*at).refused_with("waits for people: the deposit; a handler", "--deposit COINS", "--settled handler")
    given = ("--deposit", "1stake", "--settled", "handler")
    network = load_network("replayed")
    found = filled(network, *at[3:], *given)
    assert (found.name, found.height, found.title, found.deposit) == ("revert-v2", 9_000_000, "Revert v2", "1stake")
    cli(*at[:-1], of_cosmos(tmp_path, height="2"), *given).refused_with(
        "height 2 is in the past", "the draft is of 2027-01-15", "--height H"
    )
    cli(*at[:-1], of_cosmos(tmp_path, name="v2"), *given).refused_with("has the name v2 already", "vote on it")
