"""Every verb on proposals sent once to the committed contracts, and read back from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.addresses import checksummed
from console.chain.registry import registry_interface
from console.chain.signals import RegistrySignals
from console.operations.contract_deploy import deploying
from console.operations.contract_export import ExportedCall, write_export
from console.operations.registry_deploy import RegistryConfig, deploy_registry
from console.settings import load_network
from tests.console.chain.evm_facade import key_file, node_of
from tests.console.cli.conftest import RunAsync
from tests.console.cli.test_contracts import FACET
from tests.console.cli.test_governance import BY_READINESS, COUNCIL, HASH, Bench, network
from tests.console.devnet.evm.world import ADMIN, CHAIN_ID, FREEZE, OPERATORS, POOR, VALIDATORS, genesis

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]
GATEWAY = checksummed(genesis().gateway)
OTHER_HASH = "sha256:" + "cd" * 32


def calls_file(bench: Bench, function: str, args: tuple[object, ...]) -> str:
    """A setting of the registry as a file of calls."""
    call = ExportedCall(
        chain_id=CHAIN_ID,
        target=checksummed(bench.evm.registry),
        data=bytes.fromhex(registry_interface().encode(function, args)[2:]),
        what=function,
        owner="",
        undo=b"",
    )
    return str(write_export([call], bench.folder / f"{function}.json")[0])


async def approved(bench: Bench, number: int) -> None:
    for validator in (1, 2, 3):
        done = await bench.vote(validator, proposal=number)
    assert done["status"] == "approved"


async def shown(bench: Bench, number: int) -> dict[str, Any]:
    return await bench.json("proposal", str(number))


async def test_a_voted_call_is_executed_and_the_successor_followed(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        key = ("--key", bench.key(OPERATORS[0]))
        config = RegistryConfig(
            power_kind="GatewayPowerSource",
            power_at=GATEWAY,
            admin=ADMIN.address,
            min_voting_blocks=20,
            min_expedited_blocks=10,
            execution_window=50,
            council=tuple(each.address for each in COUNCIL),
            council_threshold=3,
            targets=(GATEWAY,),
        )
        settings = load_network("testnet")
        async with deploying(settings, key_file(tmp_path, ADMIN)) as deployer:
            successor = (await deploy_registry(settings, deployer, config, lambda _: None)).address
        file = calls_file(bench, "setSuccessor", (successor,))
        made = await bench.json("propose", "--name", "follow", "--calls", file, "--voting-period", "600")
        assert (made["id"], made["linked_calls"], made["height"]) == (1, 1, None)
        (await bench.cli("execute", "1", *key)).refused_with("nothing was")
        await approved(bench, 1)
        done = await bench.json("execute", "1", *key)
        assert (done["function"], done["status"]) == ("executeContracts", "executed")
        found = await shown(bench, 1)
        assert found["status"] == "executed"
        assert "linked calls made" in {entry["event"] for entry in found["timeline"]}
        assert "setSuccessor" in found["calls"][0]["described"]
        assert (await bench.json("registry", "show"))["successor"] == successor
        unconfirmed = await bench.cli("registry", "follow")
        assert (unconfirmed.code, "has to be confirmed for network testnet" in unconfirmed.err) == (1, True)
        assert load_network("testnet").registry != successor
        assert (await bench.cli("registry", "follow", "--confirm", "testnet")).code == 0
        assert load_network("testnet").registry == successor
        assert (await bench.json("proposals"))["proposals"] == []


async def test_a_release_is_replaced_frozen_and_rolled_back(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        validator = ("--key", bench.key(VALIDATORS[3]))
        await bench.json("advertise", "v0.1.0", "--hash", HASH, "--protocol", "2", *validator)
        await bench.json("set-operator", POOR.address, *validator)
        target = bench.evm.height + 600 + 60
        await bench.propose("--height", str(target), "--voting-period", "600")
        await approved_at_a_height(bench, 1)
        for index in (0, 1, 2):
            replace = ("--hash", OTHER_HASH, "--url", "http://127.0.0.1:1/other", "--key", bench.key(VALIDATORS[index]))
            await bench.json("replace", "1", *replace)
        found = await shown(bench, 1)
        assert (found["release_hash"], found["release_url"]) == (OTHER_HASH, "http://127.0.0.1:1/other")
        assert found["release_round"] == 1
        fourth = found["validators"][3]
        assert (fourth["version"], fourth["advertised_at"] is not None) == ("v0.1.0", True)
        settings = load_network("testnet")
        operators = [
            RegistrySignals(settings, node_of(tmp_path, bench.url, index), deadline_s=60) for index in range(3)
        ]
        for operator in operators:
            await operator.ready(1, OTHER_HASH.removeprefix("sha256:"))
            await operator.armed(1, target)
        bench.evm.mine_to(target - FREEZE)
        await operators[0].freeze(1)
        for operator in operators:
            await operator.close()
        bench.evm.mine_to(target)
        reason = ("--reason", "the state is wrong", "--confirm", "testnet")
        for index in (0, 1, 2):
            done = await bench.json("rollback", "1", *reason, "--key", bench.key(VALIDATORS[index]))
        assert done["status"] == "rolled back"
        found = await shown(bench, 1)
        assert (found["status"], found["verdict"], found["rollback_power"]) == ("rolled back", "cross", 30)
        assert [entry["text"] for entry in found["rollbacks"]] == ["the state is wrong"] * 3


@pytest.mark.soak
async def test_calls_are_undone_and_what_runs_out_is_stored(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        key = ("--key", bench.key(OPERATORS[0]))
        cut = ("--contracts", "gateway", "--facets", FACET, "--contracts-first", "--confirm", "testnet")
        await bench.propose("--height", str(bench.evm.height + 700), "--voting-period", "600", *cut)
        await approved_at_a_height(bench, 1)
        await bench.json("execute", "1", *key)
        made = await shown(bench, 1)
        assert (len(made["calls"]), len(made["undo"]), made["contracts_first"]) == (1, 1, True)
        assert "linked calls made" in {entry["event"] for entry in made["timeline"]}
        (await bench.cli("undo", "1", *key)).refused_with("nothing was")
        for number in range(3):
            line = ("halt", "1", "--reason", "no", "--key", bench.key(COUNCIL[number]), "--confirm", "testnet")
            await bench.json(*line)
        assert (await bench.json("undo", "1", *key))["function"] == "undoContracts"
        found = await shown(bench, 1)
        assert found["status"] == "cancelled"
        assert "linked calls taken back" in {entry["event"] for entry in found["timeline"]}

        # One is won and never gets its height, one is lost.
        await bench.propose(*BY_READINESS)
        await approved(bench, 2)
        await bench.propose(*BY_READINESS)
        (await bench.cli("finalize", "3", *key)).refused_with("nothing was")
        bench.evm.mine_to(bench.evm.height + 601)
        assert (await bench.json("finalize", "3", *key))["status"] == "rejected"
        assert (await shown(bench, 3))["status"] == "rejected"
        (await bench.cli("expire", "2", *key)).refused_with("nothing was")
        bench.evm.mine_to(bench.evm.height + 301)
        assert (await bench.json("expire", "2", *key))["status"] == "expired"
        assert (await shown(bench, 2))["status"] == "expired"


async def approved_at_a_height(bench: Bench, number: int) -> None:
    """A fixed one is scheduled by the vote that decides it, or by whoever asks for it."""
    for validator in (1, 2, 3):
        done = await bench.vote(validator, proposal=number)
    if done["status"] == "approved":
        done = await bench.json("schedule", str(number), "--key", bench.key(OPERATORS[0]))
    assert done["status"] == "scheduled"
