"""What a review says of the key that would sign: how its file is kept, and whether it is too good for its work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from console.chain.signals import RegistrySignals
from console.daemon import warn_of_key
from console.model import SigningKey
from console.operations.registry_call import RegistryCalls
from console.ports.keys import KeyReference
from tests.console.chain.network_double import NetworkDouble

pytestmark = pytest.mark.anyio

SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


async def warnings(key: KeyReference, role: SigningKey, address: str) -> tuple[str, ...]:
    network = NetworkDouble().settings(["http://127.0.0.1:1"], ["http://127.0.0.1:1"])
    calls = RegistryCalls(network, replace(network.nodes[0], address=address))
    try:
        return await calls._key_warnings(calls._writer(role), role, key)
    finally:
        await calls.close()


async def test_an_operator_key_that_is_the_validators_own(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0x" + SECRET)
    path.chmod(0o600)
    (found,) = await warnings(KeyReference(path), SigningKey.OPERATOR, ADDRESS.lower())
    assert found == f"the operator key {ADDRESS} is the validator's own: use a low-value key"
    assert await warnings(KeyReference(path), SigningKey.VOTER, ADDRESS) == ()
    assert await warnings(KeyReference(path), SigningKey.OPERATOR, "0x" + "12" * 20) == ()


async def test_keys_in_plain_text_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "evm_keystore.json"
    path.write_text(json.dumps([{"address": "default-key", "private_key": SECRET}]))
    path.chmod(0o644)
    plain, mode = await warnings(KeyReference(path, "default-key"), SigningKey.VOTER, ADDRESS)
    assert "in plain text" in plain
    assert "mode 0644" in mode


async def test_a_controller_says_so_when_it_starts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "key"
    path.write_text("0x" + SECRET)
    path.chmod(0o600)
    network = NetworkDouble().settings(["http://127.0.0.1:1"], ["http://127.0.0.1:1"])

    async def told(key: KeyReference | None, address: str) -> list[str]:
        node = replace(network.nodes[0], operator_key=key, address=address, state_dir=tmp_path / "state")
        signals = RegistrySignals(network, node)
        caplog.clear()
        try:
            await warn_of_key(signals.key_warning)
        finally:
            await signals.close()
        return [entry.getMessage() for entry in caplog.records]

    (own,) = await told(KeyReference(path), ADDRESS.lower())
    assert own == f"the operator key {ADDRESS} is the validator's own: use a low-value key"
    assert await told(KeyReference(path), "0x" + "12" * 20) == []
    assert await told(None, ADDRESS) == []
    path.chmod(0o644)
    (refused,) = await told(KeyReference(path), ADDRESS)
    assert "mode 0644" in refused
    await warn_of_key(None)
