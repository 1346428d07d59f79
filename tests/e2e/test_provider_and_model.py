"""A provider paused, a model in force and a vote split on a real Cosmos SDK chain, by the chain's own daemon."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.chain.cosmos import votes
from console.chain.cosmos.votes import CosmosVotes
from console.chain.cosmos_delivery import FailedInBlock
from console.files import sha256_of
from console.model import Choice
from console.operations.chain_daemon import DaemonMessages
from console.operations.chain_messages import provider_status_message
from console.settings import NetworkSettings, parse_network
from tests.console.node.cosmos_nodes import served
from tests.cosmos_network import KEY, CosmosNetwork, model_update, patience, quick
from tests.e2e.controlled_cosmos import NETWORK, Controlled, controlled, settings_of
from tests.provider_program import ProviderProgram, write_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

OPERATOR = "val2"
"""Whose procedures run: with 3 of 11 power its node may restart; val1 has more than a third."""
LOADS = "import sys; assert open(sys.argv[1], 'rb').read(5) == b'model', 'no model'"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controlled]:
    # What is not expedited is only voted on while a test looks.
    periods = replace(quick(), voting_s=90.0 * patience())
    with controlled(tmp_path_factory.mktemp("network") / "net", periods) as found:
        yield found


def daemon_of(network: CosmosNetwork, moniker: str) -> str:
    """The table of the chain's own daemon, with the key of one validator."""
    node = network.validators[moniker]
    return f"""
[networks.{NETWORK}.daemon]
command = "{node.binary.resolve()}"
home = "{node.home}"
keyring_backend = "test"
from = "{KEY}"
"""


def outcomes(
    nodes: Controlled, procedure: str, *given: str, yes: tuple[str, ...] = (), expect: int = 0
) -> dict[str, dict[str, Any]]:
    """Run a procedure on the operator's node; how each step ended."""
    answers = [word for step in yes for word in ("--answer", f"{step}:jane")]
    ran = nodes.call("run", procedure, *given, "--json", *answers, node=OPERATOR, deadline_s=400.0)
    assert ran.code == expect, ran.out + ran.err
    events = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    return {each["step"]: each for each in events if each["event"] == "ended"}


def give_up(nodes: Controlled, done: dict[str, dict[str, Any]]) -> None:
    """End a run that failed: another of its procedure may begin."""
    run = next(iter(done.values()))["run"]
    assert nodes.call("run", "--give-up", run, "--reason", "seen", node=OPERATOR).code == 0


def failures(done: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {step: each["words"] for step, each in done.items() if each["outcome"] == "fail"}


# --- the provider ---


@pytest.fixture
def program(tmp_path: Path) -> Iterator[ProviderProgram]:
    found = ProviderProgram(tmp_path / "provider")
    yield found
    found.end()


def provider_table(program: ProviderProgram) -> str:
    control, folder = str(program.control), str(program.folder)
    rows: dict[str, object] = {
        "binary": str(program.binary),
        "config": str(program.config),
        "start_command": [control, "start", "{binary}", folder],
        "stop_command": [control, "stop", folder],
        "state_command": [control, "state", folder],
        "health_url": f"https://127.0.0.1:{program.port}/health",
        "health_ca": str(program.authority),
        "migrate_command": ["{binary}", "migrate-config", "--config", "{config}"],
        "in_flight_command": ["echo", "0"],
        "allow_scripts": True,
    }
    return f"\n[networks.{NETWORK}.provider]\n" + "".join(f"{key} = {json.dumps(rows[key])}\n" for key in rows)


def test_a_provider_is_paused_upgraded_and_resumed(nodes: Controlled, program: ProviderProgram, tmp_path: Path) -> None:
    network = nodes.network
    nodes.write_settings(daemon_of(network, OPERATOR) + provider_table(program))
    address = account_of(network, OPERATOR)
    asked = ("provider", "set-status", "PAUSED", "--reason", "Upgrade to v1.1.0")
    unknown = nodes.call(*asked)
    assert unknown.code == 1
    refusal = unknown.err.splitlines()[-1]
    known = f"upgrade-console: testchaind refused: the chain has no such provider ({address}: provider not found); "
    assert refusal.startswith(known)
    network.transact(OPERATOR, "provider", "create", "https://provider.example:8443")

    new = tmp_path / "new"
    sha256 = write_daemon(new, "v1.1.0")
    with served(new.read_bytes()) as (url, _):
        done = outcomes(
            nodes,
            "provider",
            *("--url", f"{url}/provider-daemon", "--checksum", f"sha256:{sha256}", "--version", "v1.1.0"),
            *("--pause-reason", "Upgrade to v1.1.0"),
            yes=("provider.pause=yes", "provider.stop=yes", "provider.resume=yes"),
        )
    assert failures(done) == {}
    assert sha256_of(program.binary) == sha256
    shown = done["provider.pause-shown"]["evidence"]
    assert "status: PROVIDER_STATUS_PAUSED" in shown
    pause, resume = (height_in(done[f"provider.{step}"]["words"]) for step in ("pause", "resume"))
    paused, resumed = provider_at(network, address, pause), provider_at(network, address, resume)
    assert (paused["status"], paused["reason"]) == ("PROVIDER_STATUS_PAUSED", "Upgrade to v1.1.0")
    assert (resumed["status"], resumed["reason"]) == ("PROVIDER_STATUS_ACTIVE", "")
    assert (paused["status_height"], resumed["status_height"]) == (str(pause), str(resume))

    failed = asyncio.run(fails_in_its_block(nodes))
    assert f"{address}: provider not found" in str(failed)
    assert "it changed nothing; its fee is paid" in str(failed)


async def fails_in_its_block(nodes: Controlled) -> FailedInBlock:
    """Reviewed while there is a provider, and sent when there is none any more."""
    messages = DaemonMessages(network_settings(nodes, daemon_of(nodes.network, OPERATOR)))
    try:
        review = await messages.review(provider_status_message("PAUSED", "too late"))
        await asyncio.to_thread(nodes.network.transact, OPERATOR, "provider", "delete")
        with pytest.raises(FailedInBlock) as caught:
            await messages.send(review)
    finally:
        await messages.close()
    return caught.value


def network_settings(nodes: Controlled, of_network: str) -> NetworkSettings:
    """The settings as the program reads them."""
    table = tomllib.loads(settings_of(nodes.network, "", of_network))["networks"][NETWORK]
    return parse_network(NETWORK, table, nodes.network.folder / "own")


def account_of(network: CosmosNetwork, moniker: str) -> str:
    return network.daemon(moniker, "keys", "show", KEY, "--address", "--keyring-backend", "test").stdout.strip()


def provider_at(network: CosmosNetwork, address: str, height: int) -> dict[str, Any]:
    """What the chain had of a provider after a block."""
    told = network.rest("val1", f"virtengine/provider/v1/providers/{address}", height=height)
    found: dict[str, Any] = told["provider"]
    return found


def height_in(sentence: str) -> int:
    return int(sentence.rsplit("block ", 1)[1])


# --- the model ---


class Model:
    """The model's files and the configuration that names one, as an operator has them."""

    def __init__(self, folder: Path, nodes: Controlled) -> None:
        self.folder = folder
        self.nodes = nodes
        folder.mkdir()
        self.config = folder / "identity.toml"
        self.old = self.file("v1.0.0")
        self.old.write_bytes(b"model v1.0.0")
        self.config.write_text(f'# scoring of identities\nmodel_path = "{self.old}"  # set by ops\nthreshold = 0.5\n')

    def file(self, version: str) -> Path:
        return self.folder / f"veid_scorer_{version}.h5"

    @property
    def named(self) -> str:
        """What the configuration names; its comments have to be there."""
        text = self.config.read_text()
        assert "# scoring of identities" in text
        assert "# set by ops" in text
        return str(tomllib.loads(text)["model_path"])

    def settings(self, url: str, *, gated: bool) -> str:
        """The network's tables."""
        network = self.nodes.network
        node = network.validators[OPERATOR]
        daemon = [str(node.binary.resolve()), "--home", str(node.home)]
        # Where the chain does not take it up itself, only the configuration tells.
        status = [daemon[0], "query", "veid", "model-status", *daemon[1:]] if gated else ["cat", str(self.config)]
        rows: dict[str, object] = {
            "folder": str(self.folder),
            "config": str(self.config),
            "message_type": "/virtengine.veid.v1.MsgUpdateModel",
            "file_name": "veid_scorer_{version}.h5",
            "url": f"{url}/{{version}}.h5",
            "load_command": [sys.executable, "-I", "-c", LOADS, "{model}"],
            "status_command": status,
            "confirm": ["veid", "confirm-model", "{version}", "{hash}"] if gated else [],
            "gated": gated,
        }
        endpoints = json.dumps([each.rest for each in network.validators.values()])
        table = "".join(f"{key} = {json.dumps(rows[key])}\n" for key in rows)
        return f"rest = {endpoints}\n{daemon_of(network, OPERATOR)}\n[networks.{NETWORK}.model]\n{table}"


def test_a_model_is_in_force_from_the_height_that_was_voted_and_goes_back(nodes: Controlled, tmp_path: Path) -> None:
    network, model = nodes.network, Model(tmp_path / "models", nodes)
    content = b"model v1.1.0"
    before = {name: nodes.status(name)["pid"] for name in nodes.names}
    with served(content) as (url, _):
        nodes.write_settings(model.settings(url, gated=True))
        height = network.height() + int(50 * patience())
        update = model_update("v1.1.0", hashlib.sha256(content).hexdigest(), height)
        number = network.propose(update, title="Model v1.1.0", deposit=500, expedited=True)
        early = outcomes(nodes, "model", yes=("model.agreed=yes",), expect=1)
        assert early["model.proposal"]["outcome"] == "warn"
        assert f"proposal {number} is not decided yet (deposit period)" in early["model.proposal"]["words"]
        assert early["model.load"]["outcome"] == "pass"
        assert early["model.decided"]["outcome"] == "fail"
        assert model.named == str(model.old)
        network.transact("val1", "gov", "deposit", str(number), "4500stake")
        network.passes(number)
        done = outcomes(nodes, "--resume", yes=("model.confirm=yes", "model.restart=yes"))
    assert failures(done) == {}
    assert {step for step, each in done.items() if each["outcome"] == "skip"} == {
        "model.plan",
        "model.cross",
        "model.unhook",
    }
    assert done["model.decided"]["words"].startswith(f"proposal {number} passed: v1.1.0 from height {height:,} on")
    assert model.named == str(model.file("v1.1.0"))
    assert any('"model_version": "v1.1.0"' in line for line in done["model.status"]["evidence"])
    confirmed = network.rest("val1", "virtengine/veid/v1/confirmations/v1.1.0")["confirmations"]
    assert [int(each["height"]) for each in confirmed] == [height_in(done["model.confirm"]["words"])]
    assert "@type: /virtengine.veid.v1.MsgConfirmModel" in done["model.confirm-shown"]["evidence"]
    told = network.rest("val1", "virtengine/veid/v1/model_status")
    assert (told["active"]["model_version"], told["pending"]) == ("v1.1.0", None)
    after = {name: nodes.status(name)["pid"] for name in nodes.names}
    assert {name for name in nodes.names if after[name] != before[name]} == {OPERATOR}

    back = outcomes(
        nodes,
        "rollback-model",
        *("--why", "scores differ"),
        yes=(f"model-back.configure={NETWORK}", "model-back.restart=yes"),
    )
    assert failures(back) == {}
    assert model.named == str(model.old)
    assert nodes.status(OPERATOR)["pid"] not in {before[OPERATOR], after[OPERATOR]}


def test_a_proposal_that_failed_is_no_model(nodes: Controlled, tmp_path: Path) -> None:
    """It passed its vote, and the chain refused what it says: its height was over by then."""
    network, model = nodes.network, Model(tmp_path / "models", nodes)
    nodes.write_settings(model.settings("http://127.0.0.1:9", gated=True))
    late = network.propose(model_update("v9.0.0", "ab" * 32, 5), title="Too late", deposit=5000, expedited=True)
    network.vote(late, "val1", "val2", "val3")
    network.eventually("its vote ends", lambda: network.proposal(late)["status"] == "PROPOSAL_STATUS_FAILED")
    done = outcomes(nodes, "model", "--proposal", str(late), expect=1)
    told = f"proposal {late} passed its vote and was not carried out: 5 at height "
    assert failures(done)["model.proposal"].startswith(told)
    give_up(nodes, done)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_model_without_a_gate_is_changed_at_one_halt_of_all(tmp_path: Path) -> None:
    """Nobody but its controller stops a node before that height, so that blocks come as slowly as on a live chain."""
    slow = patience()
    periods = replace(quick(), block_s=3.0, expedited_s=20.0 * slow, voting_s=60.0 * slow)
    with controlled(tmp_path / "net", periods) as nodes:
        network, model = nodes.network, Model(tmp_path / "models", nodes)
        content = b"model v1.2.0"
        copy = tmp_path / "same-binary"
        shutil.copyfile(network.validators[OPERATOR].binary.resolve(), copy)
        with copy.open("ab") as stream:
            stream.write(b"\n# the others' own name for it\n")
        copy.chmod(0o755)
        with served(content) as (url, _):
            nodes.write_settings(model.settings(url, gated=False))
            height = network.height() + int(14 * patience()) + 16
            number = network.propose(
                model_update("v1.2.0", hashlib.sha256(content).hexdigest(), height),
                title="Model v1.2.0", deposit=5000, expedited=True,
            )  # fmt: skip
            network.passes(number)
            for name in (each for each in nodes.names if each != OPERATOR):
                nodes.does(name, "add-upgrade", "model-v1.2.0", str(copy), "--height", str(height))
            done = outcomes(nodes, "model", yes=("model.agreed=yes", f"model.plan={NETWORK}"))
        assert failures(done) == {}
        assert {step for step, each in done.items() if each["outcome"] == "skip"} == {
            "model.confirm-shown",
            "model.confirm",
            "model.height",
            "model.power",
            "model.configure",
            "model.restart",
        }
        assert model.named == str(model.file("v1.2.0"))
        network.eventually("all cross", nodes.all_are("COMMITTED"), 240)
        network.reaches(height + 2)
        refused = outcomes(nodes, "rollback-model", "--why", "scores differ", expect=1)
        assert "only the network goes back" in failures(refused)["model-back.allowed"]
        give_up(nodes, refused)
        assert model.named == str(model.file("v1.2.0"))


# --- votes ---


def test_a_split_vote_is_cast_and_every_page_of_votes_is_read(
    nodes: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = nodes.network
    nodes.write_settings(daemon_of(network, "val2"))
    number = network.propose_upgrade("v7", network.height() + 100_000)
    network.vote(number, "val3", option="no_with_veto")
    cast = nodes.call("vote", str(number), "--weighted", "yes=0.7,no=0.3", "--json")
    assert cast.code == 0, cast.err
    told = network.rest("val1", f"cosmos/gov/v1/proposals/{number}/votes/{account_of(network, 'val2')}")["vote"]
    assert told["options"] == [
        {"option": "VOTE_OPTION_YES", "weight": "0.700000000000000000"},
        {"option": "VOTE_OPTION_NO", "weight": "0.300000000000000000"},
    ]
    shown = nodes.call("proposal", str(number))
    assert shown.code == 0, shown.err
    rows = {line.split()[0]: line.split()[-1] for line in shown.out.splitlines() if line.startswith("  val")}
    assert rows == {"val1": "—", "val2": "split", "val3": "veto", "val4": "—"}

    # Two votes are more than one page of one; the validators that the pages do not tell are asked for by name.
    monkeypatch.setattr(votes, "PAGE", 1)
    monkeypatch.setattr(votes, "MOST_PAGES", 1)
    by_rpc = network_settings(nodes, "")
    by_rest = replace(by_rpc, cometbft_rpc=(), rest=tuple(each.rest for each in network.validators.values()))
    for settings in (by_rpc, by_rest):
        said = asyncio.run(votes_of(settings, number))
        assert sorted(said) == sorted([Choice.NONE, Choice.SPLIT, Choice.VETO, Choice.NONE])


async def votes_of(settings: NetworkSettings, number: int) -> list[Choice]:
    reader = CosmosVotes(settings)
    try:
        return [each.choice for each in (await reader.read(number)).votes]
    finally:
        await reader.close()
