"""Cosmovisor's settings: every rule of parsing, every error at once, none of its traps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.durations import SECOND
from console.node.cosmovisor.settings import (
    VARIABLES,
    CosmovisorSettings,
    CosmovisorSettingsError,
    Source,
    below,
    read_settings,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "cosmovisor").mkdir()
    return tmp_path


def least(home: Path, **more: str) -> dict[str, str]:
    return {"DAEMON_HOME": str(home), "DAEMON_NAME": "simd", **more}


def errors(environment: dict[str, str], config: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(CosmovisorSettingsError) as caught:
        read_settings(environment, config)
    return caught.value.sentences


def test_every_variable_has_its_field() -> None:
    named = {field.name for field in dataclasses.fields(CosmovisorSettings)} - {"sources", "unknown_keys"}
    assert {variable.field for variable in VARIABLES} == named


def test_defaults_are_cosmovisors(home: Path) -> None:
    settings = read_settings(least(home))
    assert (settings.restart_after_upgrade, settings.color_logs, settings.timeformat_logs) == (True, True, "kitchen")
    assert (settings.allow_download_binaries, settings.download_must_have_checksum) == (False, False)
    assert (settings.unsafe_skip_backup, settings.disable_logs, settings.disable_recase) == (False, False, False)
    assert (settings.poll_interval_s, settings.shutdown_grace_s, settings.restart_delay_s) == (0.3, 0, 0)
    assert (settings.preupgrade_max_retries, settings.custom_preupgrade) == (0, "")
    assert (settings.grpc_address, settings.data_backup_dir) == ("localhost:9090", home)
    assert settings.source_of("DAEMON_HOME") is Source.ENVIRONMENT
    assert settings.source_of("DAEMON_POLL_INTERVAL") is Source.DEFAULT


def test_all_errors_are_said_at_once(home: Path) -> None:
    said = errors(
        {
            "DAEMON_HOME": "relative",
            "DAEMON_ALLOW_DOWNLOAD_BINARIES": "yes",
            "DAEMON_RESTART_DELAY": "600",
            "DAEMON_SHUTDOWN_GRACE": "0",
            "DAEMON_POLL_INTERVAL": "-3m",
            "DAEMON_PREUPGRADE_MAX_RETRIES": "many",
            "COSMOVISOR_TIMEFORMAT_LOGS": "iso",
            "DAEMON_DATA_BACKUP_DIR": str(home / "missing"),
        }
    )
    assert [sentence.split()[0].rstrip(":") for sentence in said] == [
        "DAEMON_ALLOW_DOWNLOAD_BINARIES",
        "DAEMON_RESTART_DELAY",
        "DAEMON_SHUTDOWN_GRACE",
        "DAEMON_POLL_INTERVAL",
        "DAEMON_PREUPGRADE_MAX_RETRIES",
        "COSMOVISOR_TIMEFORMAT_LOGS",
        "DAEMON_NAME",
        "DAEMON_HOME",
        "DAEMON_DATA_BACKUP_DIR",
    ]
    assert "true or false" in said[0]
    assert "no duration" in said[1]
    assert "greater than 0" in said[2]
    assert "greater than 0" in said[3]
    assert "absolute path" in said[7]


@pytest.mark.parametrize(("text", "value"), [("TRUE", True), ("False", False), ("true", True), ("", False)])
def test_booleans_are_words_in_any_case(home: Path, text: str, value: bool) -> None:
    assert read_settings(least(home, DAEMON_ALLOW_DOWNLOAD_BINARIES=text)).allow_download_binaries is value


@pytest.mark.parametrize("text", ["1", "t", "yes", "on", " true"])
def test_other_booleans_are_refused(home: Path, text: str) -> None:
    assert len(errors(least(home, UNSAFE_SKIP_BACKUP=text))) == 1


def test_the_home_must_hold_the_folder(tmp_path: Path) -> None:
    assert errors(least(tmp_path)) == (f"DAEMON_HOME: {tmp_path / 'cosmovisor'} does not exist",)
    (tmp_path / "cosmovisor").write_text("")
    assert errors(least(tmp_path)) == (f"DAEMON_HOME: {tmp_path / 'cosmovisor'} is not a folder",)
    assert read_settings(least(tmp_path), check_folders=False).home == tmp_path


def test_the_backup_folder_counts_only_when_there_are_backups(home: Path) -> None:
    assert len(errors(least(home, DAEMON_DATA_BACKUP_DIR="relative"))) == 1
    assert len(errors(least(home, DAEMON_DATA_BACKUP_DIR=str(home / "no")))) == 1
    read_settings(least(home, DAEMON_DATA_BACKUP_DIR=str(home / "no"), UNSAFE_SKIP_BACKUP="true"))


@pytest.mark.parametrize("name", ["../simd", "bin/simd", "..", "."])
def test_a_daemon_name_that_leads_elsewhere_is_refused(home: Path, name: str) -> None:
    assert "file's name" in errors({**least(home), "DAEMON_NAME": name})[0]


def test_a_custom_script_stays_below_the_folder(home: Path) -> None:
    settings = read_settings(least(home, COSMOVISOR_CUSTOM_PREUPGRADE="/a/../pre.sh"))
    assert below(settings.root, settings.custom_preupgrade) == home / "cosmovisor" / "pre.sh"
    assert "below" in errors(least(home, COSMOVISOR_CUSTOM_PREUPGRADE="../pre.sh"))[0]


def test_an_empty_time_format_means_no_time(home: Path) -> None:
    assert read_settings(least(home, COSMOVISOR_TIMEFORMAT_LOGS="")).timeformat_logs == ""


def config(home: Path, *lines: str) -> Path:
    path = home / "cosmovisor" / "config.toml"
    path.write_text("\n".join([f"daemon_home = '{home}'", "daemon_name = 'simd'", *lines]))
    return path


def test_a_key_that_the_file_does_not_name_is_never_zero(home: Path) -> None:
    settings = read_settings({}, config(home))
    assert (settings.restart_after_upgrade, settings.color_logs, settings.poll_interval_s) == (True, True, 0.3)
    assert (settings.grpc_address, settings.data_backup_dir) == ("localhost:9090", home)
    assert settings.source_of("DAEMON_NAME") is Source.FILE


def test_the_environment_fills_what_the_file_does_not_name(home: Path) -> None:
    settings = read_settings({"DAEMON_SHUTDOWN_GRACE": "30s", "DAEMON_RESTART_AFTER_UPGRADE": "false"}, config(home))
    assert (settings.shutdown_grace_ns, settings.restart_after_upgrade) == (30 * SECOND, False)


def test_the_environment_wins_over_the_file(home: Path) -> None:
    file = config(home, "daemon_shutdown_grace = '5s'", "daemon_preupgrade_max_retries = 4")
    settings = read_settings({"DAEMON_SHUTDOWN_GRACE": "7s", "DAEMON_PREUPGRADE_MAX_RETRIES": ""}, file)
    assert (settings.shutdown_grace_ns, settings.preupgrade_max_retries) == (7 * SECOND, 4)
    assert settings.source_of("DAEMON_SHUTDOWN_GRACE") is Source.ENVIRONMENT


def test_durations_in_the_file_are_nanoseconds_or_text(home: Path) -> None:
    file = config(home, "daemon_poll_interval = 300000000", "daemon_restart_delay = '1m'", "daemon_shutdown_grace = 0")
    settings = read_settings({}, file)
    assert (settings.poll_interval_s, settings.restart_delay_s, settings.shutdown_grace_s) == (0.3, 60, 0)


def test_a_poll_interval_of_zero_is_an_error_and_no_panic(home: Path) -> None:
    assert errors({}, config(home, "daemon_poll_interval = 0")) == (
        "daemon_poll_interval in the file is '0' and must be greater than 0",
    )


@pytest.mark.parametrize(
    "line",
    [
        "daemon_shutdown_grace = -1",
        "daemon_shutdown_grace = true",
        "daemon_shutdown_grace = 1.5",
        "daemon_allow_download_binaries = 1",
        "daemon_preupgrade_max_retries = -1",
        "daemon_preupgrade_max_retries = true",
        "daemon_grpc_address = 9090",
        "daemon_data_backup_dir = '/tmp/\\u0000'".replace("'", '"'),
    ],
)
def test_wrong_values_in_the_file_are_named_by_their_key(home: Path, line: str) -> None:
    said = errors({}, config(home, line))
    assert len(said) == 1
    assert said[0].startswith(f"{line.split()[0]} in the file")


def test_unknown_keys_are_kept_to_be_shown(home: Path) -> None:
    assert read_settings({}, config(home, "daemon_shutdown_grase = '5s'")).unknown_keys == ("daemon_shutdown_grase",)


@pytest.mark.parametrize("content", ["not toml", "a = 1\nA = 2", "\xff"])
def test_a_file_that_is_not_toml_is_one_error(home: Path, content: str) -> None:
    path = home / "config.toml"
    path.write_bytes(content.encode("latin-1"))
    assert len(errors(least(home), path)) == 1
    assert len(errors(least(home), home / "missing.toml")) == 1


@given(st.dictionaries(st.sampled_from([variable.name for variable in VARIABLES]), st.text(max_size=12)))
def test_any_environment_is_settings_or_sentences(environment: dict[str, str]) -> None:
    sentences: tuple[str, ...] = ("none",)
    try:
        read_settings(environment)
    except CosmovisorSettingsError as error:
        sentences = error.sentences
    assert sentences
    assert all(sentence.isprintable() for sentence in sentences)
