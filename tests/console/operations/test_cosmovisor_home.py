"""Cosmovisor's settings as a node of ours: what is taken over, and what is not copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import SettingsError
from console.operations.cosmovisor_home import chain_id_of, drop_in, has_variables
from tests.console.operations.homes import a_cosmos_node


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"DAEMON_HOME": str(home), "DAEMON_NAME": "noded", **more}


def test_its_variables_are_a_network_and_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    home = a_cosmos_node(tmp_path).home
    found = drop_in(
        environment(
            home,
            DAEMON_ALLOW_DOWNLOAD_BINARIES="true",
            DAEMON_SHUTDOWN_GRACE="15s",
            DAEMON_RESTART_DELAY="2s",
            DAEMON_PREUPGRADE_MAX_RETRIES="3",
            COSMOVISOR_CUSTOM_PREUPGRADE="pre.sh",
            COSMOVISOR_DISABLE_RECASE="true",
        ),
        arguments=["start", "--home", "x", "--unsafe-skip-upgrades=5,6"],
    )
    node = found.node
    assert (node.home, node.daemon, node.shape) == (home, "noded", "cosmos")
    assert node.arguments == ("start", "--home", "x", "--unsafe-skip-upgrades=5,6")
    assert node.skip_upgrade_heights == (5, 6)
    assert (node.shutdown_grace_s, node.restart_delay_s, node.preupgrade_max_retries) == (15, 2, 3)
    assert (node.auto_download, node.disable_recase, node.custom_preupgrade) == (True, True, "pre.sh")
    assert node.state_dir.parent == tmp_path / "state" / "upgrade-console"
    assert found.network.chain_id == "cosmos-test-1"
    # What listens everywhere is asked on loopback.
    assert found.network.cometbft_rpc == (node.cometbft_rpc,) == ("http://127.0.0.1:36657",)
    assert found.network.node("noded") is node
    assert found.network.kind == "cosmos"


def test_its_traps_are_not_copied_and_said(tmp_path: Path) -> None:
    home = a_cosmos_node(tmp_path).home
    found = drop_in(
        environment(
            home,
            DAEMON_RESTART_AFTER_UPGRADE="false",
            UNSAFE_SKIP_BACKUP="true",
            DAEMON_ALLOW_DOWNLOAD_BINARIES="true",
        ),
        arguments=["--unsafe-skip-upgrades", "5", "6"],
    )
    assert found.node.shutdown_grace_s == 60
    assert found.node.backup_enabled is False
    words = " | ".join(found.notes)
    for part in (
        "kill it at once",
        "has no meaning here",
        "no rollback point",
        "without a checksum",
        "skipped heights",
    ):
        assert part in words


def test_two_homes_of_one_name_have_two_controllers(tmp_path: Path) -> None:
    one, other = a_cosmos_node(tmp_path / "a").home, a_cosmos_node(tmp_path / "b").home
    first, second = drop_in(environment(one)).node, drop_in(environment(other)).node
    assert first.state_dir != second.state_dir
    assert drop_in(environment(one)).node.state_dir == first.state_dir


def test_a_config_file_is_read_and_every_error_said(tmp_path: Path) -> None:
    home = a_cosmos_node(tmp_path).home
    path = tmp_path / "config.toml"
    path.write_text(f"daemon_home = '{home}'\ndaemon_name = 'noded'\ndaemon_data_backup_dir = '{tmp_path}'\n")
    node = drop_in({}, path).node
    assert node.backup_dir == tmp_path / "upgrade-console"
    with pytest.raises(SettingsError, match=r"DAEMON_NAME is not set.*DAEMON_HOME is not set"):
        drop_in({})
    assert has_variables(environment(home))
    assert not has_variables({"DAEMON_HOME": str(home)})


def test_the_chains_name_is_found_or_left_empty(tmp_path: Path) -> None:
    home = a_cosmos_node(tmp_path).home
    (home / "config" / "client.toml").write_text('chain-id = "by-client-1"\n')
    assert chain_id_of(home) == "by-client-1"
    assert chain_id_of(tmp_path / "none") == ""
