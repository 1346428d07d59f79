"""The registry is whole: every key once per view, labels short, footers within their room."""

from __future__ import annotations

import pytest

from console.actions import ACTIONS, FOOTER_KEYS, MODE_NAMES, PALETTE, action, actions_of, key_names


@pytest.mark.parametrize("mode", MODE_NAMES)
def test_no_key_means_two_things_in_one_view(mode: str) -> None:
    keys = [key for entry in (*actions_of(mode), PALETTE) for key in entry.key.split(",")]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("mode", MODE_NAMES)
def test_a_footer_has_room_for_all_its_keys(mode: str) -> None:
    shown = [entry for entry in ACTIONS if mode in entry.footer]
    assert 0 < len(shown) <= FOOTER_KEYS
    assert {"help", "quit_console"} <= {entry.id for entry in shown}
    assert all(mode in entry.modes for entry in shown)


def test_labels_are_short_and_help_is_one_sentence() -> None:
    for entry in ACTIONS:
        assert len(entry.label) <= 10
        assert entry.help.endswith(".")


def test_lookup() -> None:
    assert action("propose").changes
    assert key_names(action("help")) == "? F1"
    with pytest.raises(KeyError):
        action("reboot_the_world")
