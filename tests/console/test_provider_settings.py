"""What is written of a provider daemon and a model is taken whole, or refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.errors import SettingsError
from console.provider_settings import MODEL_ROWS, PROVIDER_ROWS, ModelSettings, ProviderSettings
from console.settings import NetworkSettings, parse_network

COSMOS: dict[str, Any] = {"kind": "cosmos", "chain_id": "c", "cometbft_rpc": ["http://127.0.0.1:1"]}
PROVIDER: dict[str, Any] = {"binary": "/usr/local/bin/provider-daemon", "unit": "provider-daemon"}
MODEL: dict[str, Any] = {"folder": "/var/models", "config": "/etc/identity.toml"}


def parsed(**tables: Any) -> NetworkSettings:
    return parse_network("n", COSMOS | tables, None)


def test_neither_is_there_unless_it_is_written() -> None:
    found = parsed()
    assert (found.provider, found.model) == (None, None)


def test_every_row_is_a_field_and_its_default_is_the_one_of_the_table() -> None:
    assert {row.key for row in PROVIDER_ROWS} == set(ProviderSettings.__slots__)
    assert {row.key for row in MODEL_ROWS} == set(ModelSettings.__slots__)
    written = [(row, getattr(ProviderSettings(), row.key)) for row in PROVIDER_ROWS]
    written += [(row, getattr(ModelSettings(Path("/m"), Path("/c")), row.key)) for row in MODEL_ROWS]
    for row, value in written:
        if row.default not in ("—", "as `deployment`"):
            assert row.kind.parse(row.default.strip("`").strip('"')) == value, row.key


def test_a_provider_with_a_unit_and_one_with_commands_and_one_in_kubernetes() -> None:
    by_unit = parsed(provider=PROVIDER | {"migrate_command": ["{binary}", "migrate", "{config}"], "config": "/c.yaml"})
    assert by_unit.provider is not None
    assert by_unit.provider.binary == Path("/usr/local/bin/provider-daemon")
    commands = {"stop_command": ["stop"], "start_command": ["start"], "state_command": ["state"]}
    by_hand = parsed(provider={"binary": "/b", **commands}).provider
    assert by_hand is not None
    assert by_hand.stop_command == ("stop",)
    pods = parsed(provider={"deployment": "provider-daemon", "namespace": "virtengine-system"}).provider
    assert pods is not None
    assert (pods.container, pods.kubectl) == ("provider-daemon", ("kubectl",))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"unit": "x"}, "binary is missing"),
        ({"binary": "/b"}, "how it is stopped and started"),
        (PROVIDER | {"stop_command": ["x"]}, "how it is stopped and started"),
        ({"binary": "/b", "stop_command": ["x"], "start_command": ["x"]}, "how it is stopped and started"),
        (PROVIDER | {"migrate_command": ["{binary}", "migrate"], "config": "/c"}, "must name {config}"),
        (PROVIDER | {"migrate_command": ["{binary}", "{config}"]}, "config must be set"),
        (PROVIDER | {"binary": "provider-daemon"}, "binary must be an absolute path, not 'provider-daemon'"),
        (
            PROVIDER | {"version_command": "provider-daemon version"},
            "version_command must be a program and its arguments",
        ),
        (PROVIDER | {"unit": "x; rm"}, "unit must be the name of a systemd unit"),
        (PROVIDER | {"unit": "--user"}, "unit must be the name of a systemd unit"),
        (PROVIDER | {"healthurl": "https://localhost"}, "did you mean health_url?"),
        (PROVIDER | {"health_url": "file:///etc/passwd"}, "health_url must be an http or https URL"),
        (PROVIDER | {"health_verify": "no"}, "health_verify must be true or false"),
        ({"deployment": "--all"}, "deployment must be a name as Kubernetes has them"),
    ],
)
def test_a_provider_that_could_not_be_upgraded_is_refused(table: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parsed(provider=table)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"config": "/c"}, "folder is missing"),
        ({"folder": "/m"}, "config is missing"),
        (MODEL | {"file_name": "model.h5"}, "file_name must hold {version}"),
        (MODEL | {"file_name": "../{version}"}, "file_name must hold {version} and no folder"),
        (MODEL | {"load_command": ["python3", "-c", "pass"]}, "load_command must name {model}"),
        (MODEL | {"key": "a..b"}, "key must be a key"),
        (MODEL | {"message_type": "MsgUpdateModel"}, "message_type must be a type as /virtengine"),
        (MODEL | {"load_memory_bytes": -1}, "load_memory_bytes must be"),
    ],
)
def test_a_model_that_could_not_be_changed_is_refused(table: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parsed(model=table)
    assert why in str(refused.value)
