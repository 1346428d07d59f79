"""The readiness rows, the terms of GO, the status line and the notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from console.model import (
    Agreement,
    AgreementState,
    Crossing,
    FailureCode,
    Fetching,
    Preparation,
    ProposalStatus,
    Snapshot,
    Standing,
    Verdict,
)
from console.text import UntrustedText
from tests import fakes
from tests.fakes import NOW
from widgets.go_panel import crossing_terms, power_terms, verdict_words
from widgets.node_panel import node_note
from widgets.notice_line import notice
from widgets.readiness_rows import ReadinessRows, Row, in_order
from widgets.readiness_table import columns_for
from widgets.status_line import fit, status_parts


def readiness_rows(snapshot: Snapshot, now: float) -> list[Row]:
    assert snapshot.chain is not None
    rows = ReadinessRows(snapshot, in_order(snapshot.chain.validators), now)
    assert [rows.place_of(rows.key_at(place)) for place in range(len(rows))] == list(range(len(rows)))
    return [rows[place] for place in range(len(rows))]


def test_rows_say_the_state_in_words() -> None:
    rows = readiness_rows(fakes.partly_ready(), NOW)
    assert [(row.name, row.ready, row.armed, row.state) for row in rows] == [
        ("node1", "08:52", "no", "ready, arms next"),
        ("node2", "08:52", "yes", "ready and armed"),
        ("node3", "no", "no", "hash does not match"),
        ("node4", "no", "no", "preparing"),
    ]


def test_nobody_is_preparing_what_is_still_voted_on() -> None:
    shown = fakes.partly_ready()
    assert shown.chain is not None
    assert shown.chain.readiness is not None
    assert shown.upgrade is not None
    silent = tuple(replace(each, ready_at=0, armed_at=0, failure_code=0) for each in shown.chain.readiness.validators)
    chain = replace(shown.chain, readiness=replace(shown.chain.readiness, validators=silent))

    for status, state in ((ProposalStatus.APPROVED, "preparing"), (ProposalStatus.VOTING, "running")):
        upgrade = replace(shown.upgrade, proposal=replace(shown.upgrade.proposal, status=status))
        rows = readiness_rows(replace(shown, chain=chain, upgrade=upgrade), NOW)
        assert {row.state for row in rows} == {state}
        unseen = readiness_rows(replace(shown, chain=replace(chain, nodes=()), upgrade=upgrade), NOW)
        assert {row.state for row in unseen} == {"not seen" if state == "running" else state}


def test_rows_at_the_halt_and_after() -> None:
    assert [row.state for row in readiness_rows(fakes.waiting_for_quorum(), NOW)] == [
        "back",
        "back",
        "halted at 1,300",
        "silent ◷ 40s",
    ]
    assert {row.state for row in readiness_rows(fakes.committed(), NOW)} == {"crossed"}


def test_a_crossing_that_was_confirmed_does_not_hide_a_node_that_is_down_or_lags() -> None:
    shown = fakes.committed()
    assert shown.chain is not None
    nodes = fakes.node_heights(1312, (1312,) * 4, down=(0,))
    lagging = (*nodes[:3], replace(nodes[3], height=1302))
    rows = readiness_rows(replace(shown, chain=replace(shown.chain, nodes=lagging)), NOW)
    assert [(row.state, row.tone) for row in rows] == [
        ("silent ◷ 40s", "bad"),
        ("crossed", "good"),
        ("crossed", "good"),
        ("crossed, 10 behind", "warn"),
    ]


def test_what_validators_said_long_ago_is_marked_as_old() -> None:
    assert {(row.state, row.tone) for row in readiness_rows(fakes.stale(), NOW)} == {("◷ ready and armed", "warn")}


def test_a_node_that_restarts_is_no_alarm_yet() -> None:
    shown = fakes.go()
    assert shown.chain is not None
    quiet = replace(shown.chain.nodes[0], reachable=False, age_s=3.0)
    restarting = replace(shown, chain=replace(shown.chain, nodes=(quiet, *shown.chain.nodes[1:])))
    assert (readiness_rows(restarting, NOW)[0].state, readiness_rows(restarting, NOW)[0].tone) == (
        "no answer ◷ 3s",
        "warn",
    )
    assert readiness_rows(restarting, NOW + 7)[0].tone == "bad"


def test_rows_stand_by_power_and_then_by_name_as_people_count() -> None:
    names = ("node10", "node9", "node2", "alone")
    validators = tuple(
        replace(each, moniker=UntrustedText(name), power=25 if name == "alone" else 5)
        for each, name in zip(fakes.validators(), names, strict=True)
    )
    rows = readiness_rows(fakes.snapshot(replace(fakes.chain(1210), validators=validators), None), NOW)
    assert [row.name for row in rows] == ["alone", "node2", "node9", "node10"]


def test_a_failure_code_of_a_later_version_is_shown_as_a_number() -> None:
    entries = (fakes.said(0, ready=False, armed=False, failure=99),)
    shown = fakes.snapshot(fakes.chain(1250, (fakes.proposal(entries),), entries), None)
    assert readiness_rows(shown, NOW)[0].state == "failure code 99"


def test_a_node_that_lags_is_behind() -> None:
    nodes = fakes.node_heights(1250, (1250,) * 4)
    lagging = (replace(nodes[0], height=1200), *nodes[1:])
    shown = fakes.snapshot(fakes.chain(1250, nodes=lagging), None)
    assert readiness_rows(shown, NOW)[0].state == "behind by 50"


@pytest.mark.parametrize("width", [40, 57, 58, 73, 80, 120])
def test_columns_fill_the_width_and_never_more(width: int) -> None:
    total = sum(column for _field, _heading, column in columns_for(width))
    assert total == max(width, 48)


def test_terms_of_no_go_name_each_failing_number_once() -> None:
    upgrade = fakes.partly_ready().upgrade
    assert upgrade is not None
    assert [(term.mark, term.text) for term in power_terms(upgrade)] == [
        ("✗", "ready 20 of 40 power, 27 needed"),
        ("✗", "armed 10 of 40 power, 27 needed"),
        ("✗", "this node is not armed"),
    ]
    assert verdict_words(upgrade)[0] == " NO-GO "


def test_terms_of_go_say_how_much_may_fail() -> None:
    upgrade = fakes.go().upgrade
    assert upgrade is not None
    assert power_terms(upgrade)[-1].text == "up to 13 power may still fail"
    assert verdict_words(upgrade)[0] == " GO "


def test_an_abort_without_a_freeze_says_that_nobody_froze() -> None:
    upgrade = fakes.go().upgrade
    assert upgrade is not None
    aborted = replace(upgrade, proposal=replace(upgrade.proposal, verdict=Verdict.ABORT, frozen_at=0))
    assert verdict_words(aborted)[2] == "nobody froze in time"


def test_crossing_terms() -> None:
    shown = fakes.waiting_for_quorum()
    assert shown.chain is not None
    terms = crossing_terms(shown.chain, shown.chain.proposals[0])
    assert [(term.mark, term.text) for term in terms] == [
        ("·", "back 20 of 40 power, 27 needed"),
        ("·", "confirmed 0 of 40, 27 needed"),
    ]


def test_after_the_crossing_missing_power_is_a_failure() -> None:
    shown = fakes.committed()
    assert shown.chain is not None
    down = replace(shown.chain, nodes=fakes.node_heights(1312, (1312,) * 4, down=(0, 1)))
    assert [(term.mark, term.text) for term in crossing_terms(down, down.proposals[0])] == [
        ("✗", "up 20 of 40 power, 27 needed"),
        ("✓", "confirmed 40 of 40, 27 needed"),
    ]


@pytest.mark.parametrize("width", [10, 20, 40, 60, 78, 118])
@pytest.mark.parametrize("read_only", [True, False])
def test_the_status_line_fits_and_keeps_what_matters(width: int, read_only: bool) -> None:
    parts = fit(status_parts(fakes.stale(), "devnet", standing=Standing("devnet"), read_only=read_only, now=NOW), width)
    assert sum(cell_len(part.text) for part in parts) + 2 * (len(parts) - 1) <= width
    texts = [part.text for part in parts]
    assert "devnet" in texts
    if width >= 40:
        assert "RPC ◷ stale 34s" in texts or read_only
        assert ("READ-ONLY" in texts) == read_only


def test_the_notice_says_which_half_is_missing() -> None:
    assert notice(fakes.go()) == ""
    assert notice(fakes.node_down()).startswith("No node here: no controller answers for node1")
    base = fakes.go()
    assert base.node is not None
    assert notice(replace(base, node=replace(base.node, note="disk is full"))) == "node1: disk is full"


def test_a_journal_that_speaks_for_a_controller_is_said_to_do_so() -> None:
    base = fakes.go()
    assert base.node is not None
    journalled = replace(base, node=replace(base.node, note="the controller does not run"), node_problem="nobody there")
    assert notice(journalled) == "node1: the controller does not run. Start it: `upgrade-console node run`."
    assert "no controller" in [part.text for part in status_parts(journalled, "devnet", read_only=False, now=NOW)]
    assert notice(replace(base, node_problem="it did not answer")) == "node1: it did not answer"


def test_a_failure_is_told_in_words_and_with_short_hashes_until_the_crossing_begins() -> None:
    note = f"the bytes of http://a/b have sha256 {fakes.HASH}"
    failed = fakes.attempt(Preparation.FAILED, failure=FailureCode.HASH_MISMATCH, note=note)
    told = "hash does not match: the bytes of http://a/b have sha256 9f86d0…f00a08"
    assert node_note(fakes.node(1250, failed)) == told
    assert node_note(fakes.node(1250, failed, note=note)) == told
    fetching = Fetching(41, 100, 12 << 20, 7.0, UntrustedText("releases.example"))
    again = "fetching 41 % 12.0 MiB/s 0:07 left from releases.example"
    assert node_note(fakes.node(1250, failed, note=note, fetching=fetching)) == again
    assert node_note(fakes.node(1250, failed, note="the disk is full", fetching=fetching)) == "the disk is full"
    later = replace(failed, crossing=Crossing.RESUMED_OLD, note="the old binary goes on")
    assert node_note(fakes.node(1301, later, note="the old binary goes on")) == "the old binary goes on"


def test_the_newest_trouble_of_the_chain_is_told() -> None:
    base = fakes.go()
    assert base.chain is not None
    old = replace(base, chain=replace(base.chain, problem="1 of 4 nodes does not answer"))
    assert notice(old) == "Chain: 1 of 4 nodes does not answer"
    assert notice(replace(old, chain_problem="no endpoint answers")) == "Chain: no endpoint answers"


def test_silence_during_the_own_crossing_is_no_notice() -> None:
    assert notice(replace(fakes.halted(), chain_problem="no endpoint answers")) == ""
    assert notice(replace(fakes.committed(), chain_problem="no endpoint answers")) == "Chain: no endpoint answers"


def test_a_chain_without_blocks_is_told_on_the_status_line() -> None:
    texts = [part.text for part in status_parts(fakes.go(), "devnet", read_only=False, now=NOW + 9)]
    assert "1.0s/block" in texts
    stalled = fakes.go()
    assert stalled.chain is not None
    stalled = replace(stalled, chain=replace(stalled.chain, block_time_unix=NOW - 65))
    assert "no block for 1m 05s" in [part.text for part in status_parts(stalled, "devnet", read_only=False, now=NOW)]


def test_endpoints_that_disagree_are_told_before_any_number() -> None:
    shown = fakes.go()
    assert shown.chain is not None
    sentence = "http://a:8545 and http://b:8545 contradict each other at height 1,276"
    apart = Agreement(AgreementState.DISAGREED, sentence)
    contested = fakes.snapshot(replace(shown.chain, agreement=apart), shown.node)
    assert contested.upgrade is not None
    assert not contested.upgrade.go
    parts = status_parts(contested, "devnet", read_only=False, now=NOW)
    assert "ENDPOINTS DISAGREE" in [part.text for part in fit(parts, 80)]
    assert "ENDPOINTS DISAGREE" in [part.text for part in fit(parts, 40)]
    assert [term.text for term in power_terms(contested.upgrade)].count(sentence) == 1
    assert sentence not in [term.text for term in power_terms(contested.upgrade, sentence)]
    agreed = replace(shown.chain, agreement=Agreement(AgreementState.AGREED, "2 of 2 agree"))
    quiet = status_parts(fakes.snapshot(agreed, shown.node), "devnet", read_only=False, now=NOW)
    assert not [part for part in quiet if "DISAGREE" in part.text or "CROSS-CHECKED" in part.text]
    unchecked = replace(shown.chain, agreement=Agreement(AgreementState.UNCHECKED, "one endpoint", required=True))
    words = [part.text for part in status_parts(fakes.snapshot(unchecked, None), "devnet", read_only=False, now=NOW)]
    assert "NOT CROSS-CHECKED" in words


@pytest.mark.parametrize(
    ("standing", "network", "text", "style"),
    [
        (Standing("mainnet"), "hub", " MAINNET hub ", "bold reverse $text-error"),
        (Standing("mainnet"), "mainnet", " mainnet ", "bold reverse $text-error"),
        (Standing("testnet"), "hub-test", " TESTNET hub-test ", "bold reverse $text-warning"),
        (Standing("testnet", "primary"), "hub-test", " TESTNET hub-test ", "bold reverse $text-primary"),
        (Standing("devnet"), "devnet", "devnet", "bold"),
        (Standing("devnet"), "mine", "DEVNET mine", "bold"),
    ],
)
def test_a_mainnet_looks_unlike_a_testnet(standing: Standing, network: str, text: str, style: str) -> None:
    named = status_parts(fakes.go(), network, standing=standing, read_only=False, now=NOW)[0]
    assert (named.text, named.style) == (text, style)
