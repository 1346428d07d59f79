"""The `[networks.NAME.contracts]` table."""

from __future__ import annotations

from typing import Any

import pytest

from console.contract_settings import ContractSettings, parse_contracts
from console.errors import SettingsError

ACTOR = "t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q"
ADDRESS = "0x53f91f7e2a96dcae06a16ea29724ea0a0da8daaf"


def test_nothing_written_is_nothing_known() -> None:
    assert parse_contracts({}, "network a", None) == ContractSettings()


def test_addresses_are_read_in_every_spelling() -> None:
    table = {
        "gateway": ADDRESS,
        "subnet_actor": ACTOR,
        "subnet_registry": "t065",
        "parent_rpc": ["https://rpc.example"],
        "parent_evm_chain_id": 314159,
    }
    assert parse_contracts(table, "network a", None) == ContractSettings(
        ADDRESS, ADDRESS, "0xff" + "00" * 18 + "41", ("https://rpc.example",), 314159
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"gatewy": ADDRESS}, "there is no setting 'gatewy'"),
        ({"gateway": 3}, "gateway must be an address"),
        ({"gateway": ACTOR[:-1] + "a"}, "gateway: .* wrong checksum"),
        ({"subnet_actor": "f" + ACTOR[1:]}, "belongs to another network"),
        ({"parent_rpc": ["https://rpc.example"]}, "belong together"),
        ({"parent_evm_chain_id": 1}, "belong together"),
        ({"parent_evm_chain_id": True}, "whole number"),
        ({"parent_rpc": "x", "parent_evm_chain_id": 1}, "parent_rpc must be"),
        ({"parent_rpc": ["ftp://x"], "parent_evm_chain_id": 1}, "http or https"),
    ],
)
def test_what_is_not_acceptable_is_named(table: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=f"network a, contracts.*{says}"):
        parse_contracts(table, "network a", "t")
