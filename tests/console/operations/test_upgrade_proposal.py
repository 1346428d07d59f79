"""A software upgrade as a proposal of x/gov: what is refused before anybody is asked, and what is said to which SDK."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.errors import InputError
from console.model import ApplicationVersion, Coin, CosmosFacts, ProposingRules
from console.node.release.manifest import Archive, Artefact, Manifest, PlatformArtefacts, manifest_bytes
from console.operations.chain_daemon import DaemonMessages
from console.operations.upgrade_proposal import (
    UpgradeProposal,
    check_upgrade,
    fields_of_manifest,
    first_after_vote,
    info_of_binary,
    info_problem,
    legacy_message,
    manifest_file_fields,
    proposal_document,
    upgrade_message,
    upgrade_of,
)
from console.settings import NetworkSettings, parse_network
from console.text import UntrustedText
from screens.propose_upgrade import deposit_facts
from tests import chain_fakes
from tests.console.chain.servers import json_rpc
from tests.scripted_daemon import AUTHORITY, CHAIN, DaemonHome, ScriptedChain

SUM = "ab" * 32
GOOD = {
    "name": "v2.0.0",
    "height": "5000000",
    "info": "",
    "title": "Upgrade to v2.0.0",
    "summary": "What changes.\nAnd why.",
    "deposit": "10000000stake",
}
PROPOSAL = UpgradeProposal("v2.0.0", 5_000_000, "", "Upgrade", "Why", "1stake")


def network(**daemon: Any) -> NetworkSettings:
    table = {"kind": "cosmos", "chain_id": CHAIN, "cometbft_rpc": ["http://127.0.0.1:9"]}
    return parse_network("virt", table | ({"daemon": {"command": "virtengined", **daemon}} if daemon else {}), None)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "the name is missing"),
        ({"name": "../v2"}, "it is also a folder's name"),
        ({"height": ""}, "the height is missing"),
        ({"height": "0"}, "whole number of blocks"),
        ({"height": "1.5"}, "whole number of blocks"),
        ({"info": '{"binaries":{"linux/amd64":"https://x.example/a"}}'}, "has no checksum"),
        ({"info": '{"binaries":{}}'}, "lists no binaries"),
        ({"info": "a\nb"}, "line breaks"),
        ({"info": "x" * 60_001}, "60000 are allowed"),
        ({"title": ""}, "the title is missing"),
        ({"title": "x" * 141}, "140 are allowed"),
        ({"summary": "a\x1b[2J"}, "control characters"),
        ({"deposit": ""}, "the deposit is missing"),
        ({"deposit": "10"}, "an amount with its denom"),
    ],
)
def test_what_is_wrong_in_a_field_is_told(wrong: dict[str, str], told: str) -> None:
    problems = check_upgrade(GOOD | wrong, None)
    assert list(problems) == list(wrong)
    assert told in next(iter(problems.values()))
    with pytest.raises(InputError, match="nothing was sent"):
        upgrade_of(GOOD | wrong)


def test_a_height_comes_after_the_vote() -> None:
    shown = chain_fakes.shown()
    rules = ProposingRules((), (), voting_s=3600.0, expedited_voting_s=60.0)
    assert shown.chain is not None
    known = replace(shown, chain=replace(shown.chain, cosmos=CosmosFacts(proposing=rules)))
    first = first_after_vote(known, expedited=False)
    assert first == 1234 + 3600 + 1
    problem = check_upgrade(GOOD | {"height": str(first - 1)}, known)["height"]
    assert f"the vote is open for 1h 00m, so about {first} is the first possible" in problem
    assert check_upgrade(GOOD | {"height": str(first)}, known) == {}
    assert check_upgrade(GOOD | {"height": str(1234 + 62), "expedited": "yes"}, known) == {}
    # Where the chain does not tell, it decides.
    assert check_upgrade(GOOD | {"height": "1300"}, shown) == {}
    assert deposit_facts({"expedited": "no"}, shown) == ""
    coins = (Coin(UntrustedText("uve"), 10_000_000),)
    told = replace(shown, chain=replace(shown.chain, cosmos=CosmosFacts(proposing=replace(rules, min_deposit=coins))))
    assert deposit_facts({"expedited": "no"}, told) == "10,000,000 uve opens the vote; with less it waits for others"


@pytest.mark.parametrize(
    ("sdk", "told"),
    [
        ("v0.47.17", "this chain is of SDK 0.47, which has no expedited votes: they come with 0.50"),
        ("v0.50.0-rc.1", ""),
        ("", ""),
        ("main", ""),
    ],
)
def test_an_expedited_vote_is_refused_where_the_chain_has_none(sdk: str, told: str) -> None:
    shown = chain_fakes.shown()
    assert shown.chain is not None
    application = ApplicationVersion(*map(UntrustedText, ("sim", "v1", "", sdk)))
    known = replace(shown, chain=replace(shown.chain, cosmos=CosmosFacts(application=application)))
    assert check_upgrade(GOOD, known) == {}
    assert check_upgrade(GOOD | {"expedited": "yes"}, known).get("expedited", "") == told


def test_one_that_cancels_has_neither_name_nor_height() -> None:
    cancelling = upgrade_of({**GOOD, "name": "", "height": "", "cancels": "yes", "expedited": "yes"})
    assert (cancelling.name, cancelling.height, cancelling.cancels, cancelling.expedited) == ("", 0, True, True)
    document: Any = proposal_document(cancelling, AUTHORITY)
    assert document["messages"] == [{"@type": "/cosmos.upgrade.v1beta1.MsgCancelUpgrade", "authority": AUTHORITY}]


def test_the_document_is_that_of_gov_v1() -> None:
    document: Any = proposal_document(upgrade_of(GOOD), AUTHORITY)
    assert document["messages"][0]["plan"] == {"name": "v2.0.0", "height": "5000000", "info": ""}
    assert (document["deposit"], document["expedited"]) == ("10000000stake", False)


def test_an_older_sdk_is_told_by_content() -> None:
    oldest = legacy_message(PROPOSAL, (0, 45)).command
    assert oldest[:4] == ("gov", "submit-proposal", "software-upgrade", "v2.0.0")
    assert "--no-validate" not in oldest
    assert oldest[-6:] == ("--title", "Upgrade", "--description", "Why", "--deposit", "1stake")
    later = legacy_message(PROPOSAL, (0, 46)).command
    assert later[:3] == ("gov", "submit-legacy-proposal", "software-upgrade")
    assert "--no-validate" in later
    cancelling = replace(PROPOSAL, name="", height=0, cancels=True)
    assert legacy_message(cancelling, (0, 45)).command[2] == "cancel-software-upgrade"
    with pytest.raises(InputError, match="cannot be expedited"):
        legacy_message(replace(PROPOSAL, expedited=True), (0, 45))


@pytest.mark.anyio
async def test_the_daemon_s_own_sdk_decides_unless_the_settings_do(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home")
    async with json_rpc(ScriptedChain(home).answer) as server:
        for sdk, form, verb in (
            ("v0.50.9", "auto", "submit-proposal"),
            ("v0.47.1", "legacy", "submit-legacy-proposal"),
            ("v0.47.1", "auto", "submit-proposal"),
            # Its messages would have neither title nor summary.
            ("v0.46.16", "auto", "submit-legacy-proposal"),
            ("v0.45.16", "auto", "submit-proposal"),
            ("unknown", "auto", "submit-proposal"),
        ):
            home.behave(sdk=sdk)
            on = network(command=str(home.program), home=str(home.folder), proposals=form)
            messages = DaemonMessages(replace(on, cometbft_rpc=(server.url,)))
            message = await upgrade_message(PROPOSAL, messages)
            await messages.close()
            assert message.command[1] == verb
            assert bool(message.document) == (sdk in {"v0.50.9", "unknown"} or (sdk, form) == ("v0.47.1", "auto"))
            assert message.upgrade == ("v2.0.0", 5_000_000)


@pytest.mark.anyio
async def test_nothing_is_expedited_where_the_sdk_has_no_such_thing(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home")
    home.behave(sdk="v0.47.17")
    async with json_rpc(ScriptedChain(home).answer) as server:
        on = network(command=str(home.program), home=str(home.folder))
        messages = DaemonMessages(replace(on, cometbft_rpc=(server.url,)))
        with pytest.raises(InputError, match=r"of SDK 0\.47, which has no expedited proposals"):
            await upgrade_message(replace(PROPOSAL, expedited=True), messages)
        await messages.close()


def test_an_info_is_one_that_every_node_can_use() -> None:
    info = info_of_binary("https://x.example/d?v=2", f"sha256:{SUM.upper()}")
    assert json.loads(info) == {"binaries": {"any": f"https://x.example/d?v=2&checksum=sha256:{SUM}"}}
    assert info_problem(info) == info_problem("words for people") == ""
    # As in a file for people.
    assert upgrade_of(GOOD | {"info": json.dumps(json.loads(info), indent=2)}).info == info
    with pytest.raises(InputError, match="64 hex digits"):
        info_of_binary("https://x.example/d", "abc")
    with pytest.raises(InputError, match="only https, http and ipfs"):
        info_of_binary("ftp://x.example/d", SUM)


@pytest.mark.anyio
async def test_a_manifest_settles_name_and_info(tmp_path: Path) -> None:
    plain = Artefact(SUM, 10, ("https://x.example/plain",))
    packed = Artefact(SUM, 10, ("https://x.example/d.tar.gz",), Archive("cd" * 32, 5, "tar.gz", "bin/virtengined"))
    manifest = Manifest(
        name="v2.0.0",
        version="2.0.0",
        project="virtengine",
        chain=CHAIN,
        sequence=1,
        keyring=1,
        breaking=True,
        state_compatible=False,
        platforms={
            "linux/amd64": PlatformArtefacts({"virtengined": packed}, {}),
            "linux/arm64": PlatformArtefacts({"virtengined": plain}, {}),
        },
    )
    path = tmp_path / "release.json"
    path.write_bytes(manifest_bytes(manifest))
    fields = await manifest_file_fields(network(keyring_backend="test"), path)
    assert fields["name"] == "v2.0.0"
    # The checksum is of what is downloaded: the archive where there is one.
    assert json.loads(fields["info"])["binaries"] == {
        "linux/amd64": f"https://x.example/d.tar.gz?checksum=sha256:{'cd' * 32}",
        "linux/arm64": f"https://x.example/plain?checksum=sha256:{SUM}",
    }
    assert check_upgrade(GOOD | fields, None) == {}
    other = replace(manifest, chain="another-1")
    with pytest.raises(InputError, match="is for chain another-1"):
        fields_of_manifest(network(), manifest_bytes(other))
    with pytest.raises(InputError, match="a plan names one"):
        fields_of_manifest(network(), path.read_bytes(), "other-daemon")
