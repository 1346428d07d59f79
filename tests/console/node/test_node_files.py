"""The node's own settings files: changed by key with everything else kept, and put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import InputError, NodeError
from console.node.client import NodeClient
from console.node.node_files import KEPT, NodeFiles
from console.node.toml_values import read_values, shown, typed, with_values
from tests.console.node.bench import Bench
from tests.console.node.test_service import serving

TEXT = """# The operator's own words.
moniker = "val-2"   # shown to peers

[p2p]
max_num_inbound_peers = 40
persistent_peers = "a@10.0.0.1:1,b@10.0.0.2:2"

[consensus]
timeout_commit = "1s"
halt_height = 0
[rpc]
cors = ["*"]
ratio = 1.5
auth_token = "hunter2"
"""


class Desk:
    """A home with one file, and what the journal heard."""

    def __init__(self, folder: Path) -> None:
        self.home, self.state = folder / "home", folder / "state"
        self.file = self.home / "config" / "config.toml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(TEXT)
        self.file.chmod(0o640)
        (self.home / "data").mkdir()
        (self.home / "data" / "not-ours.toml").write_text("x = 1\n")
        self.heard: list[dict[str, Any]] = []
        self.files = NodeFiles(self.home, self.state, lambda kind, **detail: self.heard.append(detail))

    def change(self, **changes: str) -> list[tuple[str, str, str]]:
        found = self.files.change("config/config.toml", changes, who="op", reason="tuning")
        return [(each.key, each.old, each.new) for each in found]


def test_comments_order_mode_and_all_else_stay(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.files.names() == ("config/config.toml",)
    assert desk.change(**{"p2p.max_num_inbound_peers": "80", "moniker": "val-3"}) == [
        ("p2p.max_num_inbound_peers", "40", "80"),
        ("moniker", "val-2", "val-3"),
    ]
    assert desk.file.read_text() == TEXT.replace("val-2", "val-3").replace("= 40", "= 80")
    assert desk.file.stat().st_mode & 0o777 == 0o640
    assert [each["key"] for each in desk.heard] == ["p2p.max_num_inbound_peers", "moniker"]
    # So already: nothing is written, kept or journalled.
    assert desk.change(moniker="val-3") == []
    assert len(list((desk.state / KEPT).iterdir())) == 1


def test_the_way_back_goes_step_by_step_and_never_over_somebody_elses_edit(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.change(moniker="one")
    desk.change(moniker="two")
    (undone,) = desk.files.undo("config/config.toml", reason="worse")
    assert (undone.old, undone.new) == ("two", "one")
    desk.file.write_text(desk.file.read_text() + "# by hand\n")
    with pytest.raises(NodeError, match="edited by somebody else"):
        desk.files.undo("config/config.toml", reason="worse")
    desk.file.write_text(TEXT.replace("val-2", "one"))
    desk.files.undo("config/config.toml", reason="worse")
    assert desk.file.read_text() == TEXT
    with pytest.raises(InputError, match="nothing is kept"):
        desk.files.undo("config/config.toml", reason="worse")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p2p.max_num_inbound_peer": "80"}, "did you mean p2p.max_num_inbound_peers"),
        ({"p2p.max_num_inbound_peers": "many"}, "must be a whole number"),
        ({"p2p.max_num_inbound_peers": "true"}, "must be a whole number"),
        ({"rpc.cors": "*"}, "must be a list"),
        ({"p2p": "1"}, "no key"),
        ({"consensus.halt_height": "9"}, "arming and the one signer rest on it"),
        ({"priv_validator_laddr": "tcp://x"}, "arming and the one signer rest on it"),
        ({"rpc.auth_token": "x"}, "may be a secret"),
        # One that is not acceptable keeps the others out.
        ({"moniker": "x", "p2p.max_num_inbound_peers": "x"}, "must be a whole number"),
    ],
)
def test_what_is_refused_changes_nothing(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(InputError, match=words):
        desk.change(**changes)
    assert desk.file.read_text() == TEXT
    assert desk.heard == []
    assert not (desk.state / KEPT).exists()


@pytest.mark.parametrize("name", ["../state/x.toml", "data/not-ours.toml", "/etc/x.toml", "config/none.toml", ""])
def test_nothing_but_the_nodes_own_files(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(InputError, match="there is no settings file"):
        desk.files.values(name)


def test_a_link_and_a_broken_file_are_left_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (desk.home / "config" / "app.toml").symlink_to(desk.file)
    with pytest.raises(NodeError, match="symbolic link"):
        desk.files.change("config/app.toml", {"moniker": "x"}, who="op", reason="r")
    desk.file.write_text("a = 1\na = 2\n")
    with pytest.raises(NodeError, match="not readable as TOML"):
        desk.files.values("config/config.toml")


def test_secrets_are_hidden(tmp_path: Path) -> None:
    found = Desk(tmp_path).files.values("config/config.toml")
    assert found["rpc.auth_token"] == "<hidden>"
    assert "hunter2" not in json.dumps(found)
    assert found["rpc.cors"] == '["*"]'


@settings(max_examples=50)
@given(st.one_of(st.booleans(), st.integers(-10, 10), st.text("ab \"'\\#", max_size=8), st.lists(st.integers(0, 9))))
def test_what_is_shown_can_be_typed_again(value: Any) -> None:
    assert typed("k", shown(value), value) == value
    text = "[t]\nk = 0 # kept\nother = 1\n"
    after = with_values(text, {"t.k": value})
    assert after is not None
    assert read_values(after) == {"t.k": value, "t.other": 1}
    assert "# kept" in after


@pytest.mark.anyio
async def test_over_the_socket_who_asked_is_journalled(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    try:
        (bench.home / "config").mkdir(exist_ok=True)
        (bench.home / "config" / "config.toml").write_text(TEXT)
        async with serving(bench) as service:
            client = NodeClient(bench.state_dir)
            assert "config/config.toml" in await client.node_files()
            assert (await client.node_values("config/config.toml"))["moniker"] == "val-2"
            (change,) = await client.node_values_set("config/config.toml", {"moniker": "x"}, "tuning")
            assert (change.old, change.new) == ("val-2", "x")
            (back,) = await client.node_values_undo("config/config.toml", "worse")
            assert (back.old, back.new) == ("x", "val-2")
            with pytest.raises(NodeError, match="without secrets"):
                await client.node_values_set("config/config.toml", {"rpc.auth_token": "hunter3"}, "r")
            kinds = [(each["kind"], each["detail"]) for each in service._journal.events(0, 500)]
            asked = [detail for kind, detail in kinds if kind == "asked"]
            assert [each["method"] for each in asked] == ["node_values_set", "node_values_undo"]
            assert "hunter3" not in json.dumps([detail for _, detail in kinds])
            assert [detail["new"] for kind, detail in kinds if kind == "node-setting"] == ["x", "val-2"]
    finally:
        await bench.end()
