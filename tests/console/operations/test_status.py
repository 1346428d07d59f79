"""The schema-1 document: its keys never change and unknown is null."""

from __future__ import annotations

import json
from dataclasses import replace

from console.model import CutCheck, CutWatch, FailureCode, ProposalStatus, ScheduleKind, Verdict
from console.operations.status import failure_words, status_document
from console.text import untrusted
from tests.console.operations.examples import (
    ADDRESSES,
    RELEASE_HASH,
    RELEASE_URL,
    a_chain,
    a_node_status,
    a_proposal,
    a_readiness,
    a_snapshot,
    an_upgrading_chain,
)

TOP = {
    "schema",
    "network",
    "height",
    "block_time_s",
    "upgrade",
    "validators",
    "node",
    "agreement",
    "stalled",
    "close_watch",
    "age_s",
}
UPGRADE = {
    "id", "name", "status", "target_height", "blocks_left", "eta_s", "release_hash", "release_url", "ready_power",
    "armed_power", "total_power", "ready_count", "validator_count", "go", "no_go_reasons", "verdict",
    "schedule", "delay", "readiness_needed", "readiness_deadline", "voting_ends_at", "yes_power", "no_power",
    "voting_power", "vote_needed", "expedited", "linked_calls",
}  # fmt: skip
VALIDATOR = {"address", "moniker", "power", "ready", "armed", "failure", "ready_since", "version"}
NODE = {"state", "generation", "version", "pid", "height", "last_exit_code", "fetching", "proof"}


def test_it_has_exactly_the_keys_of_schema_1() -> None:
    document = status_document(a_snapshot(an_upgrading_chain(), a_node_status()))
    assert set(document) == TOP
    assert document["schema"] == 1
    assert document["network"] == {"name": "testnet", "kind": "ipc", "chain_id": "devnet-ab12cd"}
    assert set(document["upgrade"]) == UPGRADE
    assert [set(entry) for entry in document["validators"]] == [VALIDATOR] * 4
    assert set(document["node"]) == NODE
    json.dumps(document, allow_nan=False)


def test_the_upgrade_is_written_in_words_and_numbers() -> None:
    upgrade = status_document(a_snapshot(an_upgrading_chain()))["upgrade"]
    assert upgrade == {
        "id": 7,
        "name": "v0.2.0",
        "status": "scheduled",
        "target_height": 150,
        "blocks_left": 30,
        "eta_s": 30.0,
        "release_hash": f"sha256:{RELEASE_HASH}",
        "release_url": RELEASE_URL,
        "ready_power": 40,
        "armed_power": 30,
        "total_power": 40,
        "ready_count": 4,
        "validator_count": 4,
        "go": True,
        "no_go_reasons": [],
        "verdict": None,
        "schedule": "fixed",
        "delay": 0,
        "readiness_needed": 27,
        "readiness_deadline": None,
        "voting_ends_at": None,
        "yes_power": 0,
        "no_power": 0,
        "voting_power": 0,
        "vote_needed": 0,
        "expedited": False,
        "linked_calls": 0,
    }


def test_an_upgrade_without_a_height_says_what_it_waits_for() -> None:
    waiting = a_proposal(
        status=ProposalStatus.APPROVED,
        schedule_kind=ScheduleKind.READINESS,
        target_height=0,
        delay=40,
        readiness_bps=9000,
        readiness_deadline=900,
    )
    upgrade = status_document(a_snapshot(an_upgrading_chain(proposals=(waiting,))))["upgrade"]
    assert (upgrade["target_height"], upgrade["blocks_left"], upgrade["eta_s"]) == (None, None, None)
    assert (upgrade["schedule"], upgrade["readiness_needed"], upgrade["readiness_deadline"]) == ("readiness", 36, 900)
    assert upgrade["no_go_reasons"] == ["the proposal is approved"]
    fewer = replace(waiting, ready_power=35)
    upgrade = status_document(a_snapshot(an_upgrading_chain(proposals=(fewer,))))["upgrade"]
    assert upgrade["no_go_reasons"] == ["the proposal is approved", "ready 35 of 40 power, 36 needed"]


def test_calls_that_come_first_and_are_not_made_are_a_reason_against() -> None:
    linked = a_proposal(linked_calls=2, contracts_first=True)
    upgrade = status_document(a_snapshot(an_upgrading_chain(proposals=(linked,))))["upgrade"]
    assert upgrade["go"] is False
    assert upgrade["no_go_reasons"] == ["2 contract calls that come before the freeze are not made yet"]
    made = an_upgrading_chain(proposals=(replace(linked, contracts_at=130),))
    assert status_document(a_snapshot(made))["upgrade"]["go"] is False
    verified = replace(made, cuts=CutWatch(linked.id, (CutCheck(ADDRESSES[0], 131, True, ()),)))
    assert status_document(a_snapshot(verified))["upgrade"]["go"] is True


def test_a_verdict_and_a_status_are_lower_case_words() -> None:
    chain = an_upgrading_chain(
        160, proposals=(a_proposal(status=ProposalStatus.ABORTED, verdict=Verdict.ABORT, frozen_at=146),)
    )
    upgrade = status_document(a_snapshot(chain))["upgrade"]
    assert (upgrade["status"], upgrade["verdict"]) == ("aborted", "abort")
    assert (upgrade["blocks_left"], upgrade["eta_s"]) == (0, 0)
    assert upgrade["go"] is False
    assert "the verdict is ABORT" in upgrade["no_go_reasons"]


def test_a_validator_says_why_it_failed() -> None:
    chain = an_upgrading_chain(readiness=a_readiness(failures={3: FailureCode.HASH_MISMATCH}))
    entries = status_document(a_snapshot(chain))["validators"]
    assert entries[0] == {
        "address": ADDRESSES[0],
        "moniker": "node1",
        "power": 10,
        "ready": True,
        "armed": True,
        "failure": None,
        "ready_since": 1_700_000_000,
        "version": "v0.1.5",
    }
    assert (entries[3]["ready"], entries[3]["failure"]) == (False, "hash does not match")
    assert entries[3]["ready_since"] is None


def test_a_version_is_unknown_while_the_node_is_down() -> None:
    chain = an_upgrading_chain()
    down = replace(chain, nodes=(replace(chain.nodes[0], reachable=False), *chain.nodes[1:]))
    entries = status_document(a_snapshot(down))["validators"]
    assert [entry["version"] for entry in entries] == [None, "v0.1.5", "v0.1.5", "v0.1.5"]


def test_without_a_proposal_nobody_is_ready_and_without_an_answer_nobody_knows() -> None:
    nobody = status_document(a_snapshot(a_chain()))
    assert nobody["upgrade"] is None
    assert {entry["ready"] for entry in nobody["validators"]} == {False}
    unknown = status_document(a_snapshot(a_chain(problem="the registry did not answer")))
    assert {entry["ready"] for entry in unknown["validators"]} == {None}


def test_with_the_controller_only_the_chain_half_is_unknown() -> None:
    document = status_document(a_snapshot(None, a_node_status(version=untrusted(""), pid=None, last_exit_code=2)))
    assert document["height"] == 120
    assert document["block_time_s"] is None
    assert document["upgrade"] is None
    assert document["validators"] == []
    assert document["node"] == {
        "state": "IDLE",
        "generation": "genesis",
        "version": None,
        "pid": None,
        "height": 120,
        "last_exit_code": 2,
        "fetching": None,
        "proof": None,
    }


def test_a_failure_code_of_a_later_version_keeps_its_number() -> None:
    assert failure_words(0) is None
    assert failure_words(FailureCode.DISK_SPACE) == "not enough disk"
    assert failure_words(77) == "failure code 77"
