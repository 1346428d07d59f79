"""The readiness rows, the terms of GO, the status line and the notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from console.model import Verdict
from tests import fakes
from tests.fakes import NOW
from widgets.go_panel import crossing_terms, power_terms, verdict_words
from widgets.notice_line import notice
from widgets.readiness_rows import readiness_rows
from widgets.readiness_table import columns_for
from widgets.status_line import fit, status_parts


def test_rows_say_the_state_in_words() -> None:
    rows = readiness_rows(fakes.partly_ready(), NOW)
    assert [(row.name, row.ready, row.armed, row.state) for row in rows] == [
        ("node1", "08:52", "no", "ready, arms next"),
        ("node2", "08:52", "yes", "ready and armed"),
        ("node3", "no", "no", "hash does not match"),
        ("node4", "no", "no", "preparing"),
    ]


def test_rows_at_the_halt_and_after() -> None:
    assert [row.state for row in readiness_rows(fakes.waiting_for_quorum(), NOW)] == [
        "back",
        "back",
        "halted at 1,300",
        "silent ◷ 40s",
    ]
    assert {row.state for row in readiness_rows(fakes.committed(), NOW)} == {"crossed"}


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
    assert power_terms(upgrade)[-1].text == "13 power may still fail"
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
        ("✗", "back 20 of 40 power, 27 needed"),
        ("✗", "confirmed 0 of 40, 27 needed"),
    ]


@pytest.mark.parametrize("width", [10, 20, 40, 60, 78, 118])
@pytest.mark.parametrize("read_only", [True, False])
def test_the_status_line_fits_and_keeps_what_matters(width: int, read_only: bool) -> None:
    parts = fit(status_parts(fakes.stale(), "devnet", read_only=read_only, now=NOW), width)
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
