"""Changes of settings over several nodes: how they are typed, and what differs on a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from console.errors import InputError
from console.operations.setting_changes import (
    all_settings,
    changed_between,
    differences,
    digest_of,
    read_wanted,
    set_wanted,
)
from console.settings_table import SettingChange

pytestmark = pytest.mark.anyio

FILE = "config/config.toml"


class Node:
    """A controller with two settings and a file."""

    def __init__(self) -> None:
        self.settings = {"keep_points": "2", "shutdown_grace_s": "1m"}
        self.pending: dict[str, str] = {}
        self.values = {"moniker": "val-1", "p2p.max_num_inbound_peers": "40"}

    async def config(self, key: str | None = None) -> dict[str, Any]:
        return {
            "settings": [
                {"key": name, "value": value, "pending": self.pending.get(name)}
                for name, value in self.settings.items()
            ]
        }

    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]:
        done = tuple(SettingChange(key, self.settings[key], value) for key, value in changes.items())
        self.settings.update(changes)
        return done

    async def node_files(self) -> tuple[str, ...]:
        return (FILE,)

    async def node_values(self, file: str) -> dict[str, str]:
        assert file == FILE
        return dict(self.values)

    async def node_values_set(self, file: str, changes: Mapping[str, str], reason: str) -> tuple[SettingChange, ...]:
        assert file == FILE
        done = tuple(SettingChange(key, self.values[key], value) for key, value in changes.items())
        self.values.update(changes)
        return done


def test_what_is_typed_is_read_and_written_the_same() -> None:
    text = "keep_points=5; config/config.toml:p2p.max_num_inbound_peers=80; config/config.toml:moniker=a=b"
    wanted = read_wanted(f" ;{text};; ")
    assert wanted.controller == {"keep_points": "5"}
    assert wanted.files == {FILE: {"p2p.max_num_inbound_peers": "80", "moniker": "a=b"}}
    assert wanted.text == text
    assert read_wanted(wanted.text) == wanted
    # An alias is the setting that it means.
    assert read_wanted("auto_apply=false").controller == {"automatic": "false"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing is given"),
        ("keep_points", "is neither"),
        ("=5", "is neither"),
        ("keep_point=5", "did you mean keep_points"),
        ("home=/x", "read from the file alone"),
        ("keep_points=5; keep_points=6", "twice"),
        ("a.toml:k=1; a.toml:k=2", "twice"),
    ],
)
def test_what_is_no_change_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_wanted(text)


async def test_only_what_differs_is_set_and_a_second_time_nothing_does() -> None:
    node = Node()
    wanted = read_wanted(
        f"keep_points=2; shutdown_grace_s=60s; {FILE}:moniker=val-1; {FILE}:p2p.max_num_inbound_peers=80"
    )
    # A minute is sixty seconds, however it is typed.
    (left,) = await differences(node, wanted)
    assert (left.place, left.now, left.wanted, left.restarts) == (
        f"{FILE}: p2p.max_num_inbound_peers",
        "40",
        "80",
        True,
    )
    assert left.line.endswith("40 → 80 (from the node's next start)")
    before = await all_settings(node)
    (change,) = await set_wanted(node, [left], "tuning")
    assert (change.old, change.new) == ("40", "80")
    assert await differences(node, wanted) == ()
    assert changed_between(before, await all_settings(node)) == (SettingChange(left.place, "40", "80"),)
    assert digest_of(before) != digest_of(await all_settings(node))


async def test_what_waits_for_the_controllers_start_is_set_already() -> None:
    node = Node()
    node.settings["backup_dir"] = ""
    node.pending["backup_dir"] = "/backups"
    assert await differences(node, read_wanted("backup_dir=/backups")) == ()


async def test_a_restart_is_needed_only_where_something_waits_for_it() -> None:
    at_once, at_start = await differences(Node(), read_wanted("keep_points=3; shutdown_grace_s=45s"))
    assert (at_once.restarts, at_start.restarts) == (False, True)


async def test_a_key_that_is_not_there_is_refused_before_anything_is_set() -> None:
    with pytest.raises(InputError, match="has no key nothing"):
        await differences(Node(), read_wanted(f"{FILE}:nothing=1"))
    with pytest.raises(InputError, match="knows no setting max_downtime_s"):
        await differences(Node(), read_wanted("max_downtime_s=5m"))


def test_a_setting_that_came_or_went_differs() -> None:
    assert changed_between({"a": "1", "b": "2"}, {"b": "2", "c": "3"}) == (
        SettingChange("a", "1", ""),
        SettingChange("c", "", "3"),
    )
