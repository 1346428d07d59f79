"""The chain's own daemon in the settings: what is taken, and what would make another transaction than was shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.daemon_settings import daemon_markdown, is_key_address
from console.errors import SettingsError
from console.settings import parse_network
from tests.scripted_daemon import ADDRESS

COSMOS: dict[str, Any] = {"kind": "cosmos", "chain_id": "c", "cometbft_rpc": ["http://127.0.0.1:1"]}
PAGE = Path(__file__).parents[2] / "docs" / "chain-daemon.md"


def parsed(**daemon: Any) -> Any:
    return parse_network("n", COSMOS | {"daemon": {"command": "virtengined", **daemon}}, None).daemon


def test_one_key_is_everybody_s_and_each_may_have_its_own() -> None:
    assert parsed(**{"from": "ops"}).key("voter") == "ops"
    own = parsed(**{"from": {"voter": ADDRESS}})
    assert (own.key("voter"), own.key("proposer")) == (ADDRESS, "")
    assert is_key_address(ADDRESS)
    assert not is_key_address("validator")


def test_what_a_keyring_asks_is_expected_of_all_but_the_one_for_tests() -> None:
    assert parsed().asks
    assert not parsed(keyring_backend="test").asks
    assert parse_network("n", COSMOS, None).daemon is None


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, "command is missing"),
        ({"command": "bin/virtengined"}, "command must be the daemon's absolute path"),
        ({"command": "--help"}, "command must be"),
        ({"command": "d", "keyring_backend": "memory"}, "keyring_backend must be os, file, test, kwallet or pass"),
        ({"command": "d", "from": {"owner": "x"}}, "from must be a key"),
        ({"command": "d", "from": "--from"}, "from must be the name of a key"),
        ({"command": "d", "flags": ["--gas", "1", "--from=me"]}, "without --from, which is given by this tool itself"),
        ({"command": "d", "flags": ["-y"]}, "without -y"),
        ({"command": "d", "flags": ["--gas", "auto"]}, "gas is estimated wherever --gas is left out"),
        ({"command": "d", "gas_adjustment": 0.5}, "gas_adjustment must be a number from 1 to 10"),
        ({"command": "d", "sign_flags": "--ledger"}, "sign_flags must be a list of texts"),
        ({"command": "d", "keyring": "test"}, "there is no setting 'keyring' (did you mean"),
    ],
)
def test_what_is_not_acceptable_is_told(table: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_network("n", COSMOS | {"daemon": table}, None)
    assert told in str(caught.value)


def test_an_ipc_network_has_none() -> None:
    ipc = {
        "chain_id": "c",
        "evm_chain_id": 1,
        "registry": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "cometbft_rpc": ["http://127.0.0.1:1"],
        "ethereum_rpc": ["http://127.0.0.1:1"],
    }
    with pytest.raises(SettingsError, match="through its registry"):
        parse_network("n", ipc | {"daemon": {"command": "d"}}, None)


def test_the_page_has_the_table_of_the_code() -> None:
    assert daemon_markdown() in PAGE.read_text("utf-8")
