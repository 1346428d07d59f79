"""Settings that change while the controller runs: kept, recorded before they hold, and never guessed."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import InputError, JournalError, NodeError, SettingsError
from console.node import live_settings
from console.node.journal import Journal
from console.node.live_settings import LiveSettings, Origin
from console.node_settings import NodeSettings
from tests.console.operations.examples import a_node_settings

NOW = 1_795_000_000.7


class Record:
    """Keeps what was recorded, and what was in force and on disk at that moment."""

    def __init__(self, look: Callable[[], Any] = lambda: None) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.seen: list[Any] = []
        self.look = look

    def __call__(self, kind: str, **detail: Any) -> None:
        self.events.append((kind, detail))
        self.seen.append(self.look())


@pytest.fixture
def base(tmp_path: Path) -> NodeSettings:
    node = a_node_settings(tmp_path, written=frozenset({"cometbft_rpc", "keep_points"}))
    node.state_dir.mkdir(parents=True)
    return node


def live(base: NodeSettings, record: Record | None = None) -> LiveSettings:
    return LiveSettings(base, record or Record(), now=lambda: NOW)


def file_of(base: NodeSettings) -> Path:
    return base.state_dir / "settings.toml"


def test_without_a_file_the_base_holds(base: NodeSettings) -> None:
    found = live(base)
    assert found.settings == base
    assert not found.problem
    assert not file_of(base).exists()
    origins = {each.key: each.origin for each in found.all()}
    assert origins["keep_points"] is Origin.FILE
    assert origins["automatic"] is Origin.DEFAULT


def test_a_change_holds_at_once_and_after_a_restart(base: NodeSettings) -> None:
    found = live(base)
    change = found.set("upgrade.auto_apply", "false", who="uid 1000", reason="on holiday")
    assert (change.key, change.old, change.new) == ("automatic", "true", "false")
    for each in (found, live(base)):
        assert not each.settings.automatic
        shown = each.get("auto_apply")
        assert (shown.value, shown.origin, shown.who, shown.reason) == ("false", Origin.HERE, "uid 1000", "on holiday")
        assert shown.at == int(NOW)
    assert file_of(base).stat().st_mode & 0o777 == 0o600


def test_the_record_is_made_before_the_change_holds(base: NodeSettings) -> None:
    record = Record()
    found = live(base, record)
    record.look = lambda: (found.settings.max_downtime_s, file_of(base).exists())
    found.set("max_downtime", "2m", who="uid 0", reason=" because ")
    detail = {"key": "max_downtime_s", "old": "5m", "new": "2m", "who": "uid 0", "reason": "because"}
    assert record.events == [("setting", detail)]
    assert record.seen == [(300.0, False)]
    assert found.settings.max_downtime_s == 120.0


def test_the_journal_takes_it(base: NodeSettings) -> None:
    journal = Journal(base.state_dir / "journal.db")
    try:
        LiveSettings(base, journal.record).set("keep_points", "5", who="uid 0")
        event = next(each for each in journal.events() if each["kind"] == "setting")
    finally:
        journal.close()
    assert event["detail"] == {"key": "keep_points", "old": "2", "new": "5", "who": "uid 0", "reason": ""}


def test_without_a_record_nothing_changes(base: NodeSettings) -> None:
    def refuse(kind: str, **detail: Any) -> None:
        raise JournalError("the journal cannot be written")

    found = LiveSettings(base, refuse)
    with pytest.raises(JournalError):
        found.set("automatic", "false", who="uid 0")
    assert found.settings == base
    assert not file_of(base).exists()


def test_a_disk_that_refuses_changes_nothing_and_is_recorded(
    base: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(live_settings, "write_durably", full)
    record = Record()
    found = live(base, record)
    with pytest.raises(NodeError, match="No space left"):
        found.set("automatic", "false", who="uid 0")
    assert found.settings == base
    assert [kind for kind, _ in record.events] == ["setting", "setting-not-kept"]


def test_running_without_a_rollback_point_needs_a_reason(base: NodeSettings) -> None:
    found = live(base)
    with pytest.raises(InputError, match="needs a reason"):
        found.set("upgrade.backup_enabled", "false", who="uid 0", reason="  ")
    assert found.settings.backup_enabled
    found.set("upgrade.backup_enabled", "false", who="uid 0", reason="a snapshot of the volume is taken outside")
    assert not found.settings.backup_enabled


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("home", "/srv/other", "cannot be set while the controller runs"),
        ("fendermint.data_dir", "/srv/other", "home cannot be set"),
        ("environment", "{}", "cannot be set"),
        ("keep_points", "many", "keep_points must be a whole number"),
        ("nonsense", "1", "there is no setting 'nonsense'"),
    ],
)
def test_what_cannot_be_set_is_refused(base: NodeSettings, name: str, text: str, words: str) -> None:
    record = Record()
    found = live(base, record)
    with pytest.raises(InputError, match=words):
        found.set(name, text, who="uid 0")
    assert record.events == []
    assert not file_of(base).exists()


def test_of_several_changes_all_or_none_are_made(base: NodeSettings) -> None:
    found = live(base)
    with pytest.raises(InputError):
        found.set_many([("automatic", "false"), ("keep_points", "0")], who="uid 0")
    with pytest.raises(InputError, match="given twice"):
        found.set_many([("automatic", "false"), ("auto_apply", "true")], who="uid 0")
    assert found.settings == base
    changes = found.set_many([("automatic", "false"), ("keep_points", "3")], who="uid 0")
    assert [change.key for change in changes] == ["automatic", "keep_points"]
    assert dataclasses.replace(base, automatic=False, keep_points=3) == live(base).settings == found.settings


def test_what_the_controller_reads_at_its_start_waits_for_it(base: NodeSettings) -> None:
    found = live(base)
    found.set("ethereum_rpc", "http://127.0.0.1:9999", who="uid 0")
    found.set("automatic", "false", who="uid 0")
    assert found.settings.ethereum_rpc == base.ethereum_rpc
    assert (found.get("ethereum_rpc").value, found.get("ethereum_rpc").pending) == (
        base.ethereum_rpc,
        "http://127.0.0.1:9999",
    )
    after = live(base)
    assert after.settings.ethereum_rpc == "http://127.0.0.1:9999"
    assert after.get("ethereum_rpc").pending is None


def test_a_setting_goes_back_to_the_settings_file(base: NodeSettings) -> None:
    record = Record()
    found = live(base, record)
    found.set("automatic", "false", who="uid 0")
    found.set("keep_points", "3", who="uid 0")
    assert found.unset("automatic", who="uid 7").new == "true"
    assert record.events[-1][1] == {"key": "automatic", "old": "false", "new": "true", "who": "uid 7", "reason": ""}
    assert live(base).settings == dataclasses.replace(base, keep_points=3)
    with pytest.raises(InputError, match="automatic is not set here"):
        found.unset("automatic", who="uid 7")


def test_comments_and_order_survive(base: NodeSettings) -> None:
    file_of(base).write_text("# ours\n\n[keep_points]   # two is too few\nvalue = 4 # four\n\n# the end\n")
    found = live(base)
    assert found.get("keep_points").who == ""
    found.set("keep_points", "6", who="uid 0")
    found.set("automatic", "false", who="uid 0")
    text = file_of(base).read_text()
    for kept in ("# ours", "# two is too few", "# four", "# the end"):
        assert kept in text
    assert live(base).settings == dataclasses.replace(base, keep_points=6, automatic=False)


BROKEN = [
    b"automatic = [",
    b"\xff",
    b"automatic = false\n",
    b"[automatic]\nvalue = 'false'\n",
    b"[automatic]\nwho = 'x'\n",
    b"[automatic]\nvalue = false\nextra = 1\n",
    b"[automatic]\nvalue = false\nat = 5\n",
    b"[automatic]\nvalue = false\nwho = 5\n",
    b"[automatc]\nvalue = false\n",
    b"[upgrade.auto_apply]\nvalue = false\n",
    b"[home]\nvalue = '/srv/other'\n",
    b"[backup_enabled]\nvalue = false\n",
    b"#" * (live_settings.MAX_FILE_BYTES + 1),
    b"x = " + b"[" * 20_000,
]


@pytest.mark.parametrize("content", BROKEN, ids=lambda content: repr(content[:40]))
def test_a_file_that_cannot_be_understood_is_left_alone_and_said(base: NodeSettings, content: bytes) -> None:
    file_of(base).write_bytes(content)
    record = Record()
    found = live(base, record)
    assert found.settings == base
    assert str(file_of(base)) in found.problem
    assert "mend the file" in found.problem
    with pytest.raises(SettingsError, match="cannot be understood"):
        found.set("keep_points", "3", who="uid 0")
    assert file_of(base).read_bytes() == content
    assert record.events == []
    file_of(base).unlink()
    found.set("keep_points", "3", who="uid 0")
    assert not found.problem


def test_a_folder_or_a_link_of_that_name_is_not_followed(base: NodeSettings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text("[automatic]\nvalue = false\n")
    file_of(base).symlink_to(elsewhere)
    assert live(base).problem
    file_of(base).unlink()
    file_of(base).mkdir()
    assert live(base).problem


def test_what_was_edited_by_hand_is_taken_over_and_recorded(base: NodeSettings) -> None:
    record = Record()
    found = live(base, record)
    found.set("keep_points", "3", who="uid 0")
    with file_of(base).open("a") as stream:
        stream.write("\n[automatic]\nvalue = false\n")
    found.set("keep_points", "4", who="uid 0")
    assert not found.settings.automatic
    assert [(detail["key"], detail["new"], detail["who"]) for _, detail in record.events] == [
        ("keep_points", "3", "uid 0"),
        ("automatic", "false", "the file, by hand"),
        ("keep_points", "4", "uid 0"),
    ]
    assert found.refresh() == ()


def test_a_file_that_is_broken_later_changes_nothing_in_force(base: NodeSettings) -> None:
    found = live(base)
    found.set("automatic", "false", who="uid 0")
    file_of(base).write_text("[")
    with pytest.raises(SettingsError):
        found.refresh()
    assert not found.settings.automatic
    assert found.problem


def test_strange_words_of_the_operator_are_kept_safely(base: NodeSettings) -> None:
    found = live(base)
    found.set("automatic", "false", who="uid 0", reason='"""\n[home]\nvalue = "/"\n\x1b[2J\u202e')
    after = live(base)
    assert not after.problem
    assert after.settings == dataclasses.replace(base, automatic=False)
    assert "\x1b" not in file_of(base).read_text()


VALUES = {
    "automatic": ("true", "false"),
    "keep_points": ("1", "7"),
    "max_downtime_s": ("0s", "90s", "1h30m"),
    "mirror": ("", "https://mirror.example/x", '["https://a.example", "https://b.example"]'),
    "skip_upgrade_heights": ("[]", "[5, 9]"),
    "custom_preupgrade": ("", "pre.sh"),
    "rollback_space_margin_bytes": ("0", "1 GiB"),
}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(
        st.sampled_from(sorted(VALUES)).flatmap(
            lambda key: st.tuples(st.just(key), st.sampled_from((*VALUES[key], None)))
        ),
        max_size=8,
    )
)
def test_after_any_changes_the_file_says_what_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str | None]]
) -> None:
    node = a_node_settings(tmp_path_factory.mktemp("live"))
    node.state_dir.mkdir(parents=True)
    found = live(node)
    wanted: dict[str, str] = {}
    for key, text in steps:
        if text is not None:
            found.set(key, text, who="uid 0")
            wanted[key] = text
        elif key in wanted:
            found.unset(key, who="uid 0")
            del wanted[key]
    after = live(node)
    assert after.settings == found.settings
    for key in VALUES:
        origin = after.get(key).origin
        assert (origin is Origin.HERE) == (key in wanted)


def test_tomlkit_is_imported_for_a_change_only() -> None:
    code = "import sys, console.node.live_settings; sys.exit('tomlkit' in sys.modules or 'yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
