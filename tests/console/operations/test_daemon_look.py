"""What `doctor` says of the chain's daemon: each thing that would keep a vote from going through, in a sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.node.discovery.finding import Finding, Level
from console.operations.daemon_look import daemon_findings
from console.settings import NetworkSettings, parse_network
from tests.console.chain.servers import json_rpc
from tests.scripted_daemon import CHAIN, OTHER, DaemonHome, ScriptedChain

pytestmark = pytest.mark.anyio

_OTHER_HEX = "bc2da90c84049370d1b7c528bc164bc588833f21"


@asynccontextmanager
async def at_hand(tmp_path: Path, **daemon: Any) -> AsyncIterator[tuple[NetworkSettings, DaemonHome, ScriptedChain]]:
    """A network whose daemon has what it needs."""
    home = DaemonHome(tmp_path / "home")
    chain = ScriptedChain(home)
    keyring = home.folder / "keyring-test"
    keyring.mkdir()
    for name in ("validator.info", f"{_OTHER_HEX}.address"):
        (keyring / name).write_bytes(b"sealed")
    async with json_rpc(chain.answer) as server:
        table = {
            "kind": "cosmos",
            "chain_id": CHAIN,
            "cometbft_rpc": [server.url],
            "daemon": {
                "command": str(home.program),
                "home": str(home.folder),
                "keyring_backend": "test",
                "from": {"voter": "validator", "proposer": OTHER},
                **daemon,
            },
        }
        yield parse_network("virt", table, None), home, chain


def only(findings: tuple[Finding, ...]) -> Finding:
    (found,) = findings
    assert (found.level, found.topic) == (Level.WARN, "chain daemon")
    assert found.next_step
    return found


async def test_one_that_can_sign_is_said_with_its_version_and_no_keyring_is_opened(tmp_path: Path) -> None:
    async with at_hand(tmp_path) as (network, home, _):
        (fine,) = await daemon_findings(network)
        assert fine.level is Level.OK
        assert fine.what == (
            f"of network virt: virtengined of SDK v0.50.9 builds and signs, with validator, {OTHER} of the test keyring"
        )
        assert [run["arguments"][0] for run in home.runs()] == ["version"]
        assert await daemon_findings(replace(network, daemon=None)) == ()


async def test_a_keyring_that_is_not_in_files_is_said_not_to_be_looked_at(tmp_path: Path) -> None:
    async with at_hand(tmp_path, keyring_backend="os") as (network, _, _chain):
        (fine,) = await daemon_findings(network)
        assert (fine.level, fine.what.endswith("what it holds was not looked at")) == (Level.OK, True)


@pytest.mark.parametrize(
    ("daemon", "told"),
    [
        ({"command": "/nowhere/virtengined"}, "the chain's daemon /nowhere/virtengined is not there"),
        ({"from": "nobody"}, "keyring-test has no key nobody"),
        ({"from": "cosmos1qnk2n4nlkpw9xfqntladh74w6ujtulwn7j8za9"}, "has no key cosmos1qnk2n4nlkpw9xfqntladh74w6ujtul"),
        ({"keyring_backend": "file"}, "keyring-file has no key"),
        ({"node": "http://127.0.0.1:9"}, "the node that the daemon asks cannot be used"),
    ],
)
async def test_what_is_wrong_in_the_settings_is_told(daemon: dict[str, Any], told: str, tmp_path: Path) -> None:
    async with at_hand(tmp_path, **daemon) as (network, _, _chain):
        found = await daemon_findings(network)
    assert all((each.level, each.topic, bool(each.next_step)) == (Level.WARN, "chain daemon", True) for each in found)
    assert any(told in each.what for each in found), found


async def test_a_home_that_is_not_there_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    async with at_hand(tmp_path, home=str(gone), keyring_dir=str(tmp_path / "home")) as (network, _, _chain):
        assert only(await daemon_findings(network)).what == f"of network virt: the daemon's home {gone} is not there"


async def test_no_key_that_signs_is_told(tmp_path: Path) -> None:
    async with at_hand(tmp_path) as (network, _, _chain):
        assert network.daemon is not None
        without = replace(network, daemon=replace(network.daemon, keys={}))
        assert only(await daemon_findings(without)).what == "of network virt: no key is named that signs"


async def test_a_home_and_a_node_of_another_chain_are_told(tmp_path: Path) -> None:
    async with at_hand(tmp_path) as (network, home, chain):
        config = home.folder / "config"
        config.mkdir()
        (config / "client.toml").write_text('chain-id = "other-1\\u001b[2J"\n')
        assert "is of chain other-1<U+001B>[2J, not of" in only(await daemon_findings(network)).what
        (config / "client.toml").write_text("chain-id = [broken")
        assert (await daemon_findings(network))[0].level is Level.OK
        (config / "client.toml").write_text('chain-id = ""\n')
        chain.chain_id = "other-2"
        assert "belongs to chain other-2" in only(await daemon_findings(network)).what


async def test_a_program_that_does_not_run_is_told(tmp_path: Path) -> None:
    async with at_hand(tmp_path) as (network, home, _):
        home.behave(**{"version --long": {"stderr": "error while loading shared libraries: libwasmvm.so", "code": 127}})
        assert "libwasmvm.so" in only(await daemon_findings(network)).what
        home.behave(**{"version --long": {"stdout": "v1.2.3"}})
        assert (await daemon_findings(network))[0].what.startswith("of network virt: virtengined builds and signs")
