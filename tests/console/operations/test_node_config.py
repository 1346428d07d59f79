"""`node config` through a controller, and in its file when none runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from console.errors import ControllerDown, InputError
from console.node.journal import Journal
from console.node.live_settings import LiveSettings
from console.operations.node_config import assignments, changed, imported, shown, unset
from console.settings_table import SettingChange
from console.this_user import this_user
from tests.console.operations.homes import a_node

pytestmark = pytest.mark.anyio


class Down:
    """No controller."""

    async def config(self, key: str | None = None) -> dict[str, Any]:
        raise ControllerDown("nobody")

    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]:
        raise ControllerDown("nobody")

    async def config_unset(self, key: str, reason: str = "") -> tuple[SettingChange, ...]:
        raise ControllerDown("nobody")


class Up:
    """A controller that takes everything."""

    def __init__(self) -> None:
        self.wanted: dict[str, str] = {}

    async def config(self, key: str | None = None) -> dict[str, Any]:
        return {"settings": [], "problem": "", "key": key}

    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]:
        self.wanted = dict(changes)
        return tuple(SettingChange(key, "", value) for key, value in changes.items())

    async def config_unset(self, key: str, reason: str = "") -> tuple[SettingChange, ...]:
        return (SettingChange(key, "x", ""),)


async def test_alone_a_change_is_in_the_file_and_in_the_journal(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    (change,) = await changed(Down(), node, {"max_downtime": "10m"}, "slow disk")
    assert (change.key, change.old, change.new) == ("max_downtime_s", "5m", "10m")
    assert LiveSettings(node, _nobody).settings.max_downtime_s == 600
    (setting,) = (await shown(Down(), node, "max_downtime"))["settings"]
    assert (setting["value"], setting["who"], setting["reason"]) == ("10m", this_user(), "slow disk")
    journal = Journal(node.state_dir / "journal.db", read_only=True)
    assert [event["kind"] for event in journal.events()] == ["asked", "setting"]
    journal.close()
    assert (await unset(Down(), node, "max_downtime_s"))[0].new == "5m"
    assert LiveSettings(node, _nobody).settings.max_downtime_s == 300


def _nobody(kind: str, **detail: Any) -> None:
    raise AssertionError("nothing is changed here")


async def test_a_refused_change_leaves_everything_as_it_was(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    with pytest.raises(InputError, match="cannot be set while the controller runs"):
        await changed(Down(), node, {"home": "/elsewhere", "automatic": "false"})
    assert LiveSettings(node, _nobody).settings.automatic is True


async def test_the_controller_is_asked_first(tmp_path: Path) -> None:
    node, up = a_node(tmp_path), Up()
    assert (await shown(up, node, "automatic"))["key"] == "automatic"
    await changed(up, node, {"automatic": "false"})
    await unset(up, node, "automatic")
    assert up.wanted == {"automatic": "false"}
    assert not node.state_dir.exists()


async def test_an_orchestrators_file_changes_only_what_differs(tmp_path: Path) -> None:
    node, up = a_node(tmp_path), Up()
    path = tmp_path / "orchestrator-config.yaml"
    path.write_text("upgrade:\n  auto_apply: false\n  backup_enabled: true\n")
    (change,) = await imported(up, node, path)
    assert (change.key, up.wanted) == ("automatic", {"automatic": "false"})
    path.write_text("upgrade:\n  auto_apply: true\n")
    assert await imported(up, node, path) == ()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["a=b"], {"a": "b"}),
        (["a", "b"], {"a": "b"}),
        (["a=b=c", "d="], {"a": "b=c", "d": ""}),
        (["a", "x=y"], {"a": "x=y"}),
    ],
)
def test_words_are_assignments_or_one_pair(words: list[str], found: dict[str, str]) -> None:
    assert assignments(words) == found


@pytest.mark.parametrize("words", [["a"], ["=b"], ["a=1", "a=2"], ["a", "b", "c"]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(InputError):
        assignments(words)
