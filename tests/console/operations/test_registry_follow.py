"""Going over to another registry: the settings change in one place, and only from the registry that was left."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import SettingsError
from console.operations.registry_follow import Following, follow_registry
from console.settings import config_file
from tests.console.operations.examples import a_network
from tests.governance_fakes import rules

NEW = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, registry: str, name: str = "testnet") -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        f'# mine\n[networks.{name}]\nregistry = "{registry}" # old\nchain_id = "c"\n\n[networks.other]\nx = 1\n'
    )
    return path


def test_only_the_address_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = replace(a_network(tmp_path), name="testnet", folder=None)
    path = written(tmp_path, monkeypatch, network.registry)
    before = path.read_text()
    assert follow_registry(network, Following(NEW, rules())) == path
    assert path.read_text() == before.replace(network.registry, NEW)
    with pytest.raises(SettingsError, match="any more"):
        follow_registry(network, Following(NEW, rules()))


def test_a_devnet_has_its_own_file(tmp_path: Path) -> None:
    network = replace(a_network(tmp_path), name="devnet", folder=tmp_path)
    path = tmp_path / "network.toml"
    path.write_text(f'registry = "{network.registry}"\n')
    follow_registry(network, Following(NEW, rules()))
    assert tomllib.loads(path.read_text()) == {"registry": NEW}


def test_what_cannot_be_read_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = replace(a_network(tmp_path), name="testnet", folder=None)
    path = written(tmp_path, monkeypatch, network.registry, name="another")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="nothing was changed"):
        follow_registry(network, Following(NEW, rules()))
    path.write_text("[[[")
    with pytest.raises(SettingsError, match="nothing was changed"):
        follow_registry(network, Following(NEW, rules()))
    assert path.read_text() == "[[["
    assert b"registry" in before
