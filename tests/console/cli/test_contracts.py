"""`contracts …` and `propose-contract` against the real contracts in the real EVM process."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from console.addresses import checksummed
from console.cli.arguments import parse
from console.cli.contracts.cutting import prepared_contracts
from console.errors import InputError
from console.settings import load_network
from tests.console.chain.evm_facade import EvmFacade, facade, key_file
from tests.console.chain.servers import json_rpc
from tests.console.cli.conftest import RunAsync
from tests.console.devnet.evm.world import ADMIN, CHAIN_ID, POOR, genesis

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]
GATEWAY = checksummed(genesis().gateway)
V2 = str(resources.files("console.chain.contracts").joinpath("GatewayGetterFacetV2.json"))
FACET = f"GatewayGetterFacet={V2}"


@dataclass
class Place:
    """A devnet's folder in front of the EVM."""

    evm: EvmFacade
    folder: Path
    url: str

    @property
    def where(self) -> tuple[str, str]:
        return ("--dir", str(self.folder))


@asynccontextmanager
async def place_in(folder: Path) -> AsyncIterator[Place]:
    async with facade(folder) as evm, json_rpc(evm.answer) as server:
        evm.mine()
        document = {
            "kind": "ipc",
            "chain_id": "devnet-1",
            "evm_chain_id": CHAIN_ID,
            "registry": evm.registry,
            "cometbft_rpc": [server.url],
            "ethereum_rpc": [server.url],
            "proposer_key": str(key_file(folder, ADMIN).path),
            "contracts": {"parent_rpc": [server.url], "parent_evm_chain_id": CHAIN_ID},
        }
        (folder / "network.toml").write_text(tomlkit.dumps(document))
        yield Place(evm, folder, server.url)


async def test_a_diamond_is_shown_its_cut_shown_and_proposed(tmp_path: Path, cli_beside: RunAsync) -> None:
    async with place_in(tmp_path) as at:
        shown = await cli_beside("contracts", "show", "gateway", *at.where)
        assert shown.code == 0
        for part in (GATEWAY, "a linked call of an approved proposal", "DiamondCutFacet", "0x6ad21bb0 getCurrentMem"):
            assert part in shown.out
        verified = await cli_beside("contracts", "verify", "gateway", *at.where)
        assert (verified.code, verified.out.count("ok  ")) == (0, 5)
        registry = await cli_beside("contracts", "verify", "--json", *at.where)
        assert (registry.code, json.loads(registry.out)["good"]) == (0, True)

        diff = await cli_beside("contracts", "diff", "gateway", "--facets", FACET, *at.where)
        for part in ("not deployed yet", "add     0xb55dbd06 getNetworkVersion()", "+ ", "compiled here"):
            assert part in diff.out
        other = await cli_beside("contracts", "verify", "gateway", "--facets", FACET, *at.where)
        assert (other.code, "NO  GatewayGetterFacet" in other.out) == (1, True)

        line = ("propose-contract", "--contract", "gateway", "--facets", FACET, "--json", *at.where)
        (await cli_beside(*line)).refused_with("has to be confirmed for network devnet")
        (await cli_beside(*line, "--confirm", "mainnet")).refused_with("not the name of network devnet")
        assert at.evm.sent == []
        proposed = await cli_beside(*line, "--confirm", "devnet")
        assert proposed.code == 0, proposed.err
        found = json.loads(proposed.out)
        assert (found["id"], found["review"]["facets"][0]["deployed"]) == (1, True)
        assert len(at.evm.sent) == 2

        review = await cli_beside("contracts", "review", "1", *at.where)
        for part in ("call 1: diamondCut of", "GatewayGetterFacetV2", "getNetworkVersion()"):
            assert part in review.out
        as_json = json.loads((await cli_beside("contracts", "review", "1", "--json", *at.where)).out)
        assert as_json["calls"][0]["cut"]["codes_agree"] is True


async def test_a_diamond_of_another_owner_is_exported_and_checked(tmp_path: Path, cli_beside: RunAsync) -> None:
    async with place_in(tmp_path) as at:
        out = tmp_path / "cut.json"
        first = ("contracts", "deploy-facets", "gateway", "--facets", FACET, "--confirm", "devnet", "--json")
        address = json.loads((await cli_beside(*first, *at.where)).out)["facets"]["GatewayGetterFacet"]
        again = await cli_beside(*first, *at.where)
        assert json.loads(again.out)["facets"] == {"GatewayGetterFacet": address}
        assert len(at.evm.sent) == 1  # found by the journal
        named = ("contracts", "deploy-facets", "gateway", "--facets", f"{FACET}@{address}")
        (await cli_beside(*named, *at.where)).refused_with("every facet is deployed already")
        line = ("propose-contract", "--contract", f"parent:{GATEWAY}", "--facets", f"{FACET}@{address}", *at.where)
        (await cli_beside(*line)).refused_with("pass --out FILE")
        written = await cli_beside(*line, "--out", str(out))
        assert (written.code, "its owner has to make the cut" in written.out) == (0, True)
        assert (tmp_path / "cut.safe.json").is_file()
        checked = await cli_beside("contracts", "check", str(out), *at.where)
        assert (checked.code, "is answered by nobody" in checked.out) == (1, True)
        line = ("contracts", "check", str(out), "--transaction", "0x" + "11" * 32, *at.where)
        (await cli_beside(*line)).refused_with("is in no block yet")

        # The registry owns it: only a vote gives it away.
        give = ("contracts", "hand-over", "gateway", "--to", POOR.address, "--confirm", "devnet", "--json", *at.where)
        (await cli_beside(*give)).refused_with("a proposal of its own", "propose-contract")
        line = ("propose-contract", "--contract", "gateway", "--give-to", POOR.address, "--confirm", "devnet")
        proposed = await cli_beside(*line, "--json", *at.where)
        assert json.loads(proposed.out)["new_owner"] == POOR.address
        (await cli_beside("contracts", "hand-over", "gateway", "--to", "f00", *at.where)).refused_with("would be lost")


async def test_a_registry_is_deployed_after_a_dry_run(tmp_path: Path, cli_beside: RunAsync) -> None:
    def status(method: str, params: Any) -> Any:
        assert method == "status"
        return {"node_info": {"network": "/r31337/t410fabc"}}

    async with place_in(tmp_path) as at, json_rpc(status) as comet:
        key = str(key_file(tmp_path, ADMIN).path)
        line: tuple[str, ...]
        line = ("contracts", "deploy", "--network", "calib", "--gateway", GATEWAY, "--key", key, "--target", GATEWAY)
        (await cli_beside(*line)).refused_with("unknown network 'calib'")
        line = (*line, "--ethereum-rpc", at.url, "--cometbft-rpc", comet.url)
        dry = await cli_beside(*line, "--dry-run")
        assert dry.code == 0, dry.err
        for part in ("GatewayPowerSource: to be deployed, at most", "freeze 5 blocks", f"targets: {GATEWAY}"):
            assert part in dry.out
        assert at.evm.sent == []
        done = await cli_beside(*line, "--confirm", "calib", "--json")
        assert done.code == 0, done.err
        network = load_network("calib")
        assert network.registry == json.loads(done.out)["registry"]
        assert (network.chain_id, network.evm_chain_id) == ("/r31337/t410fabc", CHAIN_ID)
        again = await cli_beside("contracts", "verify", "--network", "calib")
        assert (again.code, again.out.count("ok  ")) == (0, 3)


async def test_facets_of_several_contracts_say_whose_they_are(tmp_path: Path) -> None:
    async with place_in(tmp_path) as at:
        network = load_network("devnet", at.folder)

        def typed(*facets: str) -> argparse.Namespace:
            options = [part for each in facets for part in ("--facets", each)]
            return parse(["contracts", "diff", "gateway", *options, *at.where])

        for facets, says in (
            ([FACET], "does not say of which contract"),
            ([f"gateway:{FACET}"], "no facet of subnet-actor"),
            ([f"registry:{FACET}"], "does not say of which contract"),
        ):
            with pytest.raises(InputError, match=says):
                await prepared_contracts(typed(*facets), network, ["gateway", "subnet-actor"])
        (found,) = await prepared_contracts(typed(f"gateway:{FACET}"), network, ["gateway"])
        assert found.place.address == GATEWAY


async def test_a_proposal_links_the_cuts_that_it_names(tmp_path: Path, cli_beside: RunAsync) -> None:
    async with place_in(tmp_path) as at:
        what = (
            "--contracts",
            "gateway",
            "--facets",
            f"gateway:{FACET}",
            "--name",
            "gateway-v2",
            "--voting-period",
            "60",
        )
        (await cli_beside("propose", *what, "--json", *at.where)).refused_with("confirmed for network devnet")
        done = await cli_beside("propose", *what, "--confirm", "devnet", *at.where)
        assert done.code == 0, done.err
        assert "add     0xb55dbd06 getNetworkVersion()" in done.out
        assert "1 contract calls, made once the vote is won" in done.out
        review = json.loads((await cli_beside("contracts", "review", "1", "--json", *at.where)).out)
        assert review["calls"][0]["cut"]["codes_agree"] is True
        for wrong in (["--contracts", "gateway"], ["--facets", FACET], ["--contracts", "g", "--calls", "f"]):
            assert (await cli_beside("propose", "--name", "a", *wrong, *at.where)).code == 2
