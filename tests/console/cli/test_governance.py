"""The verbs on proposals against the committed contracts: from a proposal to its vote, its halt and its export."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.console.chain.evm_facade import EvmFacade, facade, key_file
from tests.console.chain.servers import json_rpc
from tests.console.cli.conftest import Outcome, Run, RunAsync
from tests.console.cli.peers import closed_port, controller, write_settings
from tests.console.devnet.evm.world import ADMIN, CHAIN_ID, OPERATORS, VALIDATORS, account, genesis, sign
from tests.console.operations.examples import a_node_status

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]

COUNCIL = [account(number) for number in range(201, 206)]
HASH = "sha256:" + "ab" * 32
BINARY = b"the next release"
BINARY_HASH = f"sha256:{hashlib.sha256(BINARY).hexdigest()}"
RELEASE = ("--name", "v0.2.0", "--binary-url", "http://127.0.0.1:1/v0.2.0", "--binary-hash", HASH)
BY_READINESS = ("--when-ready", "70%", "--deadline", "900", "--window", "60", "--voting-period", "600")


class Bench:
    """A network of votes in the settings, and the command line beside it."""

    def __init__(self, evm: EvmFacade, url: str, cli: RunAsync, folder: Path) -> None:
        self.url = url
        self.evm = evm
        self.cli = cli
        self.folder = folder

    def key(self, account: Any) -> str:
        return str(key_file(self.folder, account).path)

    async def json(self, *arguments: str) -> dict[str, Any]:
        """The document of a command that went well."""
        done = await self.cli(*arguments, "--json")
        assert done.code == 0, done
        document: dict[str, Any] = json.loads(done.out)
        return document

    async def propose(self, *further: str) -> dict[str, Any]:
        return await self.json("propose", *RELEASE, *(further or BY_READINESS))

    async def vote(self, number: int, choice: str = "yes", *, proposal: int = 1) -> dict[str, Any]:
        key = self.key(VALIDATORS[number - 1])
        return await self.json("vote", str(proposal), choice, "--key", key)


@asynccontextmanager
async def network(folder: Path, cli: RunAsync) -> AsyncIterator[Bench]:
    made = genesis(council=[each.address for each in COUNCIL], voting_required=True)
    async with facade(folder, made) as evm, json_rpc(evm.answer) as server:
        evm.mine()
        path = Path(os.environ["XDG_CONFIG_HOME"]) / "upgrade-console" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'[networks.testnet]\nkind = "ipc"\nchain_id = "test-1"\nevm_chain_id = {CHAIN_ID}\n'
            f'registry = "{evm.registry}"\ncometbft_rpc = ["http://127.0.0.1:1"]\nethereum_rpc = ["{server.url}"]\n'
            f'proposer_key = "{key_file(folder, ADMIN).path}"\n'
        )
        yield Bench(evm, server.url, cli, folder)


async def test_a_release_is_proposed_and_voted_for(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        made = await bench.propose()
        assert (made["id"], made["height"], made["schedule"], made["readiness_bps"]) == (1, None, "readiness", 7000)
        assert made["voting_blocks"] == 600
        first = await bench.vote(1)
        assert (first["function"], first["id"], first["status"], first["sent"]) == ("vote", 1, "voting", True)
        await bench.vote(2, "no")
        (await bench.cli("vote", "1", "no", "--key", bench.key(VALIDATORS[1]))).refused_with("has voted so")
        (await bench.cli("schedule", "1", "--key", bench.key(OPERATORS[0]))).refused_with("which is VOTING")
        # Whoever changes his mind counts once.
        await bench.vote(2)
        done = await bench.vote(3)
        assert done["status"] == "approved"
        shown = await bench.json("proposal", "1")
        assert (shown["yes_power"], shown["no_power"], shown["vote_needed"]) == (30, 0, 27)
        assert [vote["choice"] for vote in shown["votes"]] == ["yes", "yes", "yes", "none"]
        assert (shown["target_height"], shown["freeze_height"]) == (None, None)
        (await bench.cli("schedule", "1", "--key", bench.key(OPERATORS[0]))).refused_with("not enough power is ready")
        listed = await bench.json("proposals", "--status", "approved")
        assert [entry["id"] for entry in listed["proposals"]] == [1]
        assert (await bench.json("proposals", "--status", "voting"))["proposals"] == []
        text = (await bench.cli("proposal", "1")).out
        assert "Proposal 1 v0.2.0: approved" in text
        assert "waits for readiness: ready 0 of 40 power, 28 needed (70%)" in text
        assert "at 70% ready" in (await bench.cli("proposals")).out


async def test_a_vote_is_signed_by_one_and_sent_by_another(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        await bench.propose()
        file = tmp_path / "vote.json"
        signed = await bench.cli("vote", "1", "yes", "--sign-only", "--key", bench.key(VALIDATORS[3]))
        assert signed.code == 0, signed
        file.write_text(signed.out)
        document = json.loads(signed.out)
        assert document["typed_data"]["primaryType"] == "Vote"
        relay = ("--relay", str(file), "--key", bench.key(OPERATORS[0]))
        (await bench.cli("vote", "2", *relay)).refused_with("is about proposal 1, not 2")
        done = await bench.json("vote", "1", *relay)
        assert (done["function"], done["status"]) == ("voteBySig", "voting")
        (await bench.cli("vote", "1", *relay)).refused_with("nothing was changed")
        votes = (await bench.json("proposal", "1"))["votes"]
        assert [vote["choice"] for vote in votes] == ["none", "none", "none", "yes"]
        file.write_text(signed.out.replace('"support": true', '"support": false'))
        (await bench.cli("vote", "1", *relay)).refused_with("was not signed by")
        file.write_text("{}")
        (await bench.cli("vote", "1", *relay)).refused_with("is not a signed message")


async def test_readiness_is_signed_only_where_it_is_true(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        home = tmp_path / "home"
        settings = Path(os.environ["XDG_CONFIG_HOME"]) / "upgrade-console" / "config.toml"
        settings.write_text(
            settings.read_text()
            + f'[networks.testnet.nodes.node1]\nhome = "{home}"\nstate_dir = "{tmp_path / "state"}"\n'
            + f'daemon = "subnetd"\narguments = ["start"]\naddress = "{VALIDATORS[0].address}"\n'
            + f'cometbft_rpc = "http://127.0.0.1:1"\nethereum_rpc = "{bench.url}"\n'
            + f'operator_key = "{bench.key(OPERATORS[0])}"\n'
        )
        release = ("--name", "v0.2.0", "--binary-url", "http://127.0.0.1:1/v", "--binary-hash", BINARY_HASH)
        await bench.json("propose", *release, *BY_READINESS)
        for number in (1, 2, 3):
            await bench.vote(number)
        (await bench.cli("ready", "--proposal", "1", "--sign-only")).refused_with("does not have the release")
        binary = home / "cosmovisor" / "upgrades" / "v0.2.0" / "bin" / "subnetd"
        binary.parent.mkdir(parents=True)
        binary.write_bytes(BINARY)
        signed = await bench.cli("ready", "--proposal", "1", "--sign-only")
        assert signed.code == 0, signed
        file = tmp_path / "ready.json"
        file.write_text(signed.out)
        (await bench.cli("vote", "1", "--relay", str(file))).refused_with("holds no vote")
        done = await bench.json("ready", "--proposal", "1", "--relay", str(file), "--key", bench.key(OPERATORS[3]))
        assert (done["function"], done["status"]) == ("signalReadyBySig", "approved")
        shown = await bench.json("proposal", "1")
        assert shown["ready_power"] == 10
        assert [entry["address"] for entry in shown["validators"] if entry["ready_at"]] == [VALIDATORS[0].address]


async def test_the_council_cancels_an_upgrade(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        await bench.propose()

        async def halt(number: int, *further: str) -> Outcome:
            reason = ("--code", "security", "--reason", f"key {number} is stolen")
            return await bench.cli("halt", "1", *reason, "--key", bench.key(COUNCIL[number]), *further)

        (await halt(0)).refused_with("has to be confirmed for network testnet", "nothing was sent")
        (await halt(0, "--confirm", "mainnet")).refused_with("not the name of network testnet")
        assert (await bench.json("proposal", "1"))["halts"] == []
        for number in range(3):
            assert (await halt(number, "--confirm", "testnet")).code == 0
        shown = await bench.json("proposal", "1")
        assert shown["status"] == "cancelled"
        assert [entry["code"] for entry in shown["halts"]] == ["a security problem"] * 3
        assert shown["halts"][1]["text"] == "key 1 is stolen"
        stranger = ("--key", bench.key(OPERATORS[0]), "--confirm", "testnet")
        (await bench.cli("halt", "1", "--reason", "x", *stranger)).refused_with("nothing was changed on the chain")


async def test_a_call_is_exported_and_its_transaction_taken(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        await bench.propose()
        file = tmp_path / "cancel.json"
        done = await bench.json("cancel", "1", "--export", str(file), "--from", ADMIN.address)
        assert (done["sent"], done["sender"], done["exported"]) == (False, ADMIN.address, str(file))
        assert (await bench.json("proposal", "1"))["status"] == "voting"
        nonce = int(bench.evm.answer("eth_getTransactionCount", [ADMIN.address, "latest"]), 16)
        data = bytes.fromhex(done["data"][2:])
        other = sign(ADMIN, nonce, to=bench.evm.registry, data=data[:-1] + b"\x02")
        wrong = bench.evm.answer("eth_sendRawTransaction", [other])
        (await bench.cli("sent", str(file), wrong)).refused_with("makes another call than the one that was exported")
        right = bench.evm.answer("eth_sendRawTransaction", [sign(ADMIN, nonce + 1, to=bench.evm.registry, data=data)])
        taken = await bench.json("sent", str(file), right)
        assert (taken["sender"], taken["through"], taken["id"], taken["status"]) == (
            ADMIN.address,
            None,
            1,
            "cancelled",
        )
        unknown = await bench.cli("sent", str(file), "0x" + "11" * 32, "--wait", "0")
        unknown.refused_with("in no block after 0 s", "run this again later")
        (await bench.cli("cancel", "1", "--from", ADMIN.address)).refused_with("cannot be sent from here")


async def test_what_would_be_signed_is_shown_and_not_sent(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        shown = await bench.json("propose", *RELEASE, *BY_READINESS, "--dry-run")
        assert (shown["id"], shown["transaction"], shown["voting_blocks"]) == (None, None, 600)
        assert (await bench.json("proposals"))["proposals"] == []
        (await bench.cli("vote", "1", "yes")).refused_with("there is no proposal 1")
        await bench.propose()
        (await bench.cli("vote", "1", "yes")).refused_with("has no voter_key in the settings", "nothing was sent")


async def test_a_proposal_that_the_registry_would_refuse_is_refused_in_words(
    cli_beside: RunAsync, tmp_path: Path
) -> None:
    async with network(tmp_path, cli_beside) as bench:
        short = (*BY_READINESS[:-1], "1")
        (await bench.cli("propose", *RELEASE, *short)).refused_with("a vote is open for at least", "nothing was sent")
        near = ("--height", "100", "--voting-period", "600")
        (await bench.cli("propose", *RELEASE, *near)).refused_with("600 blocks of voting and 20 blocks of lead")
        late = ("--when-ready", "70", "--deadline", "500", "--window", "60", "--voting-period", "600")
        (await bench.cli("propose", *RELEASE, *late)).refused_with("the vote alone takes 600")


async def test_the_rules_are_shown_and_nobody_follows(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with network(tmp_path, cli_beside) as bench:
        rules = await bench.json("registry", "show")
        assert (rules["voting_required"], rules["council_threshold"], rules["successor"]) == (True, 3, None)
        (await bench.cli("registry", "follow", "--confirm", "testnet")).refused_with("no registry follows")


async def test_the_node_is_stopped_although_the_chain_is_silent(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with closed_port() as url:
        write_settings(url, url, node=tmp_path)
        asked: list[str] = []
        async with controller(tmp_path / "state", a_node_status(), asked):
            other = await cli_beside("halt", "--stop-node", "--confirm", "other")
            assert (other.code, other.out) == (1, "")
            assert "not the name of network testnet" in other.err
            assert "stop" not in asked
            done = await cli_beside("halt", "--stop-node", "--confirm", "testnet")
        assert (done.code, asked.count("stop")) == (0, 1), done
        assert "How much power would stay is not known here" in done.err
        assert "The proposal is not touched" in done.out


def test_what_does_not_go_together_is_a_usage_error(cli: Run, tmp_path: Path) -> None:
    for line in (
        "vote 1",
        "vote 1 yes --relay x",
        "halt",
        "halt 1",
        "halt 1 --stop-node --reason x",
        "halt --stop-node --dry-run",
        "vote 1 yes --sign-only --export f",
        "ready --proposal 1 --dry-run",
        "ready --proposal 1 --sign-only --relay f",
        "propose --name v1 --binary-url http://h/f --binary-hash x",
        "propose --name v1 --binary-url http://h/f --binary-hash x --height 9 --after-vote 9",
        "propose --name v1 --binary-url http://h/f --binary-hash x --when-ready 67",
        "propose --calls f --height 9 --name v1",
        "propose --manifest f --manifest-url u --height 9 --migration-kind wasm",
    ):
        assert cli("--network", "testnet", *line.split()).code == 2, line
