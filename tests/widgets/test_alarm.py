"""An operator who is called sees it on three places, whatever else there is to say."""

from __future__ import annotations

from dataclasses import replace

from tests import fakes
from widgets.notice_line import notice
from widgets.status_line import fit, status_parts


def test_the_alarm_comes_before_every_note_and_trouble_of_the_chain() -> None:
    shown = fakes.called()
    assert shown.node is not None
    shown = replace(shown, node=replace(shown.node, note="waits for the others"), chain_problem="an endpoint is silent")
    assert notice(shown).startswith("node1 needs you: the network went on without this node")


def test_hashes_in_an_alarm_are_told_by_their_ends() -> None:
    shown = fakes.called()
    assert shown.node is not None
    sentence = notice(replace(shown, node=replace(shown.node, alarm=f"it runs {fakes.HASH}")))
    assert fakes.HASH not in sentence
    assert f"{fakes.HASH[:6]}…{fakes.HASH[-6:]}" in sentence


def test_a_pause_is_said_where_nothing_else_is() -> None:
    shown = fakes.called()
    assert shown.node is not None
    shown = replace(shown, node=replace(shown.node, alarm=""))
    assert notice(shown) == "node1: automation is paused: the disk is being replaced"
    assert notice(replace(shown, node=replace(shown.node, paused=""))) == ""  # type: ignore[type-var]


def test_the_status_line_keeps_the_call_at_eighty_columns_and_at_forty() -> None:
    parts = status_parts(fakes.called(), "devnet", read_only=True, now=fakes.NOW)
    for width in (80, 40):
        assert "node1 needs you" in [part.text for part in fit(parts, width)]


def test_what_a_dead_controller_last_said_is_no_call() -> None:
    shown = replace(fakes.called(), node_problem="no controller answers")
    texts = [part.text for part in status_parts(shown, "devnet", read_only=False, now=fakes.NOW)]
    assert "no controller" in texts
    assert "node1 needs you" not in texts
