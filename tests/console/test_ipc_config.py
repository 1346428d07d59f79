"""ipc-cli's config.toml: what is taken from it, what is refused, and that a token goes nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import SettingsError
from console.ipc_config import ipc_config_file, read_ipc_config, token_may_go_to

TOKEN = "eyJhbGciOi.s3cret"
CHILD = "/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q"
GATEWAY = "0x77aa40b105843728088c0132e43fc44348881da8"
REGISTRY = "0x74539671a1d2f1c8f200826baba665179f53a1b7"


def config(**changes: Any) -> dict[str, Any]:
    return {
        "network_type": "fevm",
        "provider_http": "https://rpc.example/v1",
        "provider_timeout": 60,
        "auth_token": TOKEN,
        "gateway_addr": GATEWAY,
        "registry_addr": REGISTRY,
    } | changes


def write(path: Path, *entries: Any, mode: int = 0o600, **top: Any) -> Path:
    path.write_text(tomlkit.dumps({"keystore_path": "~/.ipc", **top, "subnets": list(entries)}))
    path.chmod(mode)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_ipc_config(path)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_what_it_says(tmp_path: Path) -> None:
    path = write(tmp_path / "c", {"id": "/r314159", "config": config()}, {"id": CHILD, "config": config(), "more": 1})
    found = read_ipc_config(path)
    assert found.keystore_path == Path.home() / ".ipc"
    assert found.warnings == ()
    assert [each.id for each in found.subnets] == ["/r314159", CHILD]
    one = found.subnets[0]
    assert (one.provider_http, one.gateway, one.subnet_registry, one.auth_token) == (
        "https://rpc.example/v1",
        GATEWAY,
        REGISTRY,
        TOKEN,
    )
    assert TOKEN not in repr(found)


def test_a_subnet_is_found_in_either_spelling(tmp_path: Path) -> None:
    found = read_ipc_config(write(tmp_path / "c", {"id": CHILD, "config": config()}))
    assert found.subnet(CHILD.replace("/t410", "/f410")) == found.subnets[0]
    assert found.subnet("/r314159") is None
    assert found.subnet("") is None


def test_who_can_read_the_tokens_is_told(tmp_path: Path) -> None:
    (warning,) = read_ipc_config(write(tmp_path / "c", {"id": "/r1", "config": config()}, mode=0o644)).warnings
    assert "holds access tokens and has mode 0644" in warning
    tokenless = {"id": "/r1", "config": config(auth_token="")}
    assert read_ipc_config(write(tmp_path / "c", tokenless, mode=0o644)).warnings == ()


def test_a_token_for_plain_http_is_told(tmp_path: Path) -> None:
    entry = {"id": "/r1", "config": config(provider_http="http://rpc.example")}
    (warning,) = read_ipc_config(write(tmp_path / "c", entry)).warnings
    assert "a token for plain http: it is not sent" in warning


def test_another_kind_of_network_is_left_out(tmp_path: Path) -> None:
    found = read_ipc_config(write(tmp_path / "c", {"id": "/r1", "config": {"network_type": "btc"}}))
    assert found.subnets == ()
    assert "only fevm is known" in found.warnings[0]


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://rpc.example", True),
        ("http://127.0.0.1:8545", True),
        ("http://[::1]:8545", True),
        ("http://localhost:8545", True),
        ("http://rpc.example", False),
        ("http://10.0.0.1", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
    ],
)
def test_where_a_token_may_go(url: str, may: bool) -> None:
    assert token_may_go_to(url) is may


@pytest.mark.parametrize(
    "entry",
    [
        1,
        {},
        {"id": "/r1"},
        {"id": "r1", "config": config()},
        {"id": CHILD[:-1] + "a", "config": config()},
        {"id": "/r1", "config": config(provider_http="ftp://x")},
        {"id": "/r1", "config": config(provider_http=7)},
        {"id": "/r1", "config": config(gateway_addr="0x12")},
        {"id": "/r1", "config": config(auth_token="a\r\nX: y")},
        {"id": "/r1", "config": config(auth_token="a b")},
        {"id": "/r1", "config": config(auth_token=7)},
        {"id": "/r1", "config": config(auth_token="x" * 9000)},
        {"id": "/r1", "config": config(network_type="")},
    ],
)
def test_entries_that_are_refused(tmp_path: Path, entry: Any) -> None:
    refusal(write(tmp_path / "c", entry))


def test_twice_the_same_subnet(tmp_path: Path) -> None:
    twice = {"id": CHILD.replace("/t410", "/f410"), "config": config()}
    assert "is there twice" in refusal(write(tmp_path / "c", {"id": CHILD, "config": config()}, twice))


def test_files_that_are_refused(tmp_path: Path) -> None:
    assert "cannot read" in refusal(tmp_path / "none")
    refusal(tmp_path)
    path = tmp_path / "c"
    path.write_bytes(b"\xff\xfe")
    assert "is not TOML" in refusal(path)
    path.write_text(f'auth_token = "{TOKEN}\n')
    assert refusal(path).startswith(f"{path} is not TOML;")
    path.write_text("#" * (1 << 20) + "\n")
    assert "larger than" in refusal(path)
    path.write_text("subnets = 7")
    assert "must be a list" in refusal(path)
    path.write_text('keystore_path = ""')
    assert "keystore_path must be a path" in refusal(path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert "is no file" in refusal(fifo)


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPC_CLI_CONFIG_PATH", raising=False)
    assert ipc_config_file() == Path.home() / ".ipc" / "config.toml"
    monkeypatch.setenv("IPC_CLI_CONFIG_PATH", "~/elsewhere.toml")
    assert ipc_config_file() == Path.home() / "elsewhere.toml"
    assert ipc_config_file(tmp_path) == tmp_path


_VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=12) | st.lists(st.integers(), max_size=2)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.sampled_from([*config(), "id"]), _VALUES)
def test_any_value_is_taken_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, key: str, value: Any) -> None:
    entry: dict[str, Any] = {"id": "/r1", "config": config()}
    (entry if key == "id" else entry["config"])[key] = value
    if value is None:
        del (entry if key == "id" else entry["config"])[key]
    path = tmp_path_factory.mktemp("ipc") / "c"
    try:
        found = read_ipc_config(write(path, entry))
    except SettingsError:
        return
    assert all(each.id == "/r1" and each.provider_http for each in found.subnets)
