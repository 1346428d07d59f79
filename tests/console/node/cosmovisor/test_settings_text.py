"""config.toml as `init` writes it, and the two tables of `config`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from console.node.cosmovisor.settings import VARIABLES, CosmovisorSettings, read_settings
from console.node.cosmovisor.settings_text import config_tables, encode_config, write_config


@pytest.fixture
def settings(tmp_path: Path) -> CosmovisorSettings:
    (tmp_path / "cosmovisor").mkdir()
    environment = {
        "DAEMON_HOME": str(tmp_path),
        "DAEMON_NAME": "simd",
        "DAEMON_SHUTDOWN_GRACE": "1m30s",
        "COSMOVISOR_CUSTOM_PREUPGRADE": "it's.sh",
    }
    return read_settings(environment)


def test_the_file_is_what_init_writes(settings: CosmovisorSettings) -> None:
    assert encode_config(settings) == (
        f"daemon_home = '{settings.home}'\n"
        "daemon_name = 'simd'\n"
        "daemon_allow_download_binaries = false\n"
        "daemon_download_must_have_checksum = false\n"
        "daemon_restart_after_upgrade = true\n"
        "daemon_restart_delay = 0\n"
        "daemon_shutdown_grace = 90000000000\n"
        "daemon_poll_interval = 300000000\n"
        "unsafe_skip_backup = false\n"
        f"daemon_data_backup_dir = '{settings.home}'\n"
        "daemon_preupgrade_max_retries = 0\n"
        "daemon_grpc_address = 'localhost:9090'\n"
        "cosmovisor_disable_logs = false\n"
        "cosmovisor_color_logs = true\n"
        "cosmovisor_timeformat_logs = 'kitchen'\n"
        'cosmovisor_custom_preupgrade = "it\'s.sh"\n'
        "cosmovisor_disable_recase = false\n"
    )


def test_what_is_written_is_read_back(settings: CosmovisorSettings) -> None:
    path = write_config(settings)
    again = read_settings({}, path)
    for variable in VARIABLES:
        assert getattr(again, variable.field) == getattr(settings, variable.field)
    assert list(tomllib.loads(path.read_text())) == [variable.key for variable in VARIABLES]


def test_the_tables_are_cosmovisors_with_the_grpc_address_and_the_sources(settings: CosmovisorSettings) -> None:
    text = config_tables(settings).text()
    assert "  DAEMON_SHUTDOWN_GRACE: 1m30s  (environment)\n" in text
    assert "  DAEMON_POLL_INTERVAL: 300ms  (default)\n" in text
    assert "  DAEMON_GRPC_ADDRESS: localhost:9090  (default)\n" in text
    assert "  COSMOVISOR_TIMEFORMAT_LOGS: 3:04PM  (default)\n" in text
    derived = config_tables(settings).text(sources=False).partition("Derived Values:\n")[2]
    assert derived == (
        f"         Root Dir: {settings.home}/cosmovisor\n"
        f"      Upgrade Dir: {settings.home}/cosmovisor/upgrades\n"
        f"      Genesis Bin: {settings.home}/cosmovisor/genesis/bin/simd\n"
        f"   Monitored File: {settings.home}/data/upgrade-info.json\n"
        f"  Data Backup Dir: {settings.home}\n"
    )
