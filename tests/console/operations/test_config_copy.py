"""A copy of the configuration: what is in it, what never is, and how it is held against the files of now."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from console.errors import NodeError
from console.operations.config_copy import (
    FOLDER,
    changed_since,
    copy_config,
    newest_copy,
    verify_copy,
)
from console.operations.kept_files import RECORD
from console.settings import NodeSettings
from tests import fakes
from tests.console.operations.homes import a_cosmos_node


@pytest.fixture
def node(tmp_path: Path) -> NodeSettings:
    """A Cosmos node with keys where they usually are, and some where they are not."""
    node = a_cosmos_node(tmp_path)
    config = node.home / "config"
    for name in ("priv_validator_key.json", "node_key.json", "my-keystore.json", "feeder_private_key.toml"):
        (config / name).write_text('{"secret": "S3CRET"}')
    (node.home / "keyring-file").mkdir()
    (node.home / "keyring-file" / "operator.json").write_text('{"secret": "S3CRET"}')
    (config / "addrbook.json").write_text('{"addrs": []}')
    (config / "price-feeder.yaml").write_text("providers: [a, b]\n")
    return node


def test_what_a_person_wrote_is_copied_and_no_key_or_data_ever_is(node: NodeSettings) -> None:
    copy = copy_config(node, fakes.NOW)
    assert {*copy.files} == {
        "config/app.toml",
        "config/config.toml",
        "config/genesis.json",
        "config/price-feeder.yaml",
    }
    kept = [path for path in (node.state_dir / FOLDER).rglob("*") if path.is_file()]
    assert all(b"S3CRET" not in path.read_bytes() for path in kept)
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(copy.folder.stat().st_mode) == 0o700
    assert any("priv_validator_key.json: may hold a key" in line for line in copy.left_out)
    # It is another one a minute later, and nobody wrote it.
    assert "config/addrbook.json: the node rewrites it by itself" in copy.left_out
    assert newest_copy(node) == copy
    assert (verify_copy(copy), changed_since(copy, node.home)) == ((), ())


def test_changes_damage_and_a_copy_that_could_not_be_used_are_told(node: NodeSettings) -> None:
    (node.home / "config" / "app.toml").write_text("halt-height = \n")
    copy = copy_config(node, fakes.NOW)
    assert "app.toml is no toml that could be read" in verify_copy(copy)[0]
    (node.home / "config" / "config.toml").write_text("x = 1\n")
    (node.home / "config" / "genesis.json").unlink()
    assert changed_since(copy, node.home) == (
        "config/config.toml was changed since",
        "config/genesis.json is gone since",
    )
    (copy.copy("config/config.toml")).write_text("y = 2\n")
    assert "the copy of config/config.toml is not what was kept" in verify_copy(copy)


def test_a_copy_without_its_manifest_does_not_count_and_the_newest_whole_one_does(node: NodeSettings) -> None:
    first, second = copy_config(node, fakes.NOW), copy_config(node, fakes.NOW + 60)
    assert newest_copy(node) == second
    (second.folder / RECORD).unlink()
    assert newest_copy(node) == first
    (first.folder / RECORD).write_text(json.dumps({"files": 7}))
    with pytest.raises(NodeError, match="is no whole backup"):
        newest_copy(node)


def test_nothing_to_copy_is_said(tmp_path: Path, node: NodeSettings) -> None:
    import dataclasses

    with pytest.raises(NodeError, match="no configuration was found"):
        copy_config(dataclasses.replace(node, home=tmp_path / "nowhere"), fakes.NOW)
    assert newest_copy(dataclasses.replace(node, state_dir=tmp_path / "nobody")) is None
