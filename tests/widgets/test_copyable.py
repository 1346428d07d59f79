"""What can be copied: whole texts, the nearest first, nothing twice."""

from __future__ import annotations

from console.cli.verbs import build_parser
from tests import fakes
from tests.fakes import ADDRESSES, HASH, URL
from widgets.copyable import Copyable, copyable_of, of_proposal, of_validator


def test_all_that_is_known_is_there_whole() -> None:
    texts = {entry.label: entry.text for entry in copyable_of(fakes.go(), "hub one", ADDRESSES[0])}
    assert texts["release hash of proposal 1"] == HASH
    assert texts["release URL of proposal 1"] == URL
    assert texts["height H of proposal 1"] == "1300"
    assert texts["own validator's address"] == ADDRESSES[0]
    assert texts["height of the network"] == "1277"
    assert texts["command: halt"] == "upgrade-console halt --network 'hub one'"
    assert texts["process id of node1"] == "41234"
    assert all(texts.values())
    verbs = {label.removeprefix("command: ") for label in texts if label.startswith("command: ")}
    assert len(verbs) == 3
    assert all(f"\n    {verb} " in build_parser().format_help() for verb in verbs)


def test_what_is_under_the_cursor_comes_first_and_once() -> None:
    shown = fakes.go()
    assert shown.upgrade is not None
    assert shown.chain is not None
    nearest = of_proposal(shown.upgrade.proposal)
    found = copyable_of(shown, "devnet", "", nearest)
    assert found[: len(nearest)] == nearest
    assert len(found) == len(set(found))
    assert of_validator(shown.chain.validators[1])[0] == Copyable("address of node2", ADDRESSES[1])


def test_nothing_is_made_up() -> None:
    assert copyable_of(None, "devnet", "") == ()
    assert [entry.label for entry in copyable_of(fakes.idle(), "devnet", "")][-2:] == [
        "chain id",
        "height of the network",
    ]
