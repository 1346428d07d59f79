"""Artefacts from files, from outside and from sources compiled again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from aiohttp import web

from console.addresses import ethereum_to_f410
from console.chain.artefact_file import shipped
from console.chain.contracts import artefact
from console.errors import InputError, ReleaseError
from console.operations.artefact_sources import FacetOption, facet_option, load_compiled, proposed_facets, recompile
from console.settings import NetworkSettings
from tests.console.chain.servers import http
from tests.console.operations.examples import ADDRESSES, a_network

pytestmark = pytest.mark.anyio
SHIPPED = resources.files("console.chain.contracts").joinpath("OwnershipFacet.json")
CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"


def with_gateway(network: NetworkSettings, *gateways: str, local: bool = True) -> NetworkSettings:
    node = replace(network.nodes[0], ipfs_gateways=gateways, local_downloads=local)
    return replace(network, nodes=(node, *network.nodes[1:]))


def test_a_facet_is_typed(tmp_path: Path) -> None:
    network = a_network(tmp_path)
    assert facet_option("A=b.json", network) == FacetOption("A", "b.json")
    typed = f"A=dir@home/b.json@{ethereum_to_f410(ADDRESSES[0])}"
    assert facet_option(typed, network) == FacetOption("A", "dir@home/b.json", ADDRESSES[0])
    for text in ("", "A", "A=", "=b", "A b=c", "Ä=b", "A=b@0x12"):
        with pytest.raises(InputError):
            facet_option(text, network)


async def test_files_and_urls_give_the_same(tmp_path: Path) -> None:
    async def served(request: web.Request) -> web.Response:
        known = request.path in {"/OwnershipFacet.json", f"/ipfs/{CID}/OwnershipFacet.json"}
        return web.Response(body=SHIPPED.read_bytes()) if known else web.Response(status=404)

    wanted = shipped(artefact("OwnershipFacet"))
    async with http(served) as url:
        network = with_gateway(a_network(tmp_path), url)
        path = tmp_path / "facet.json"
        path.write_bytes(SHIPPED.read_bytes())
        for where in (str(path), f"{url}/OwnershipFacet.json", f"ipfs://{CID}/OwnershipFacet.json"):
            assert await load_compiled(network, where) == wanted
        (facet,) = await proposed_facets(network, [FacetOption("Own", str(path), ADDRESSES[0])])
        assert (facet.name, facet.compiled, facet.address) == ("Own", wanted, ADDRESSES[0])
        with pytest.raises(InputError, match="cannot be fetched"):
            await load_compiled(network, f"{url}/nothing.json")
        # Nobody said that a plan may lead to this machine.
        with pytest.raises(InputError, match="cannot be fetched"):
            await load_compiled(with_gateway(network, local=False), f"{url}/OwnershipFacet.json")
        with pytest.raises(ReleaseError, match="no gateway is set"):
            await load_compiled(with_gateway(network), f"ipfs://{CID}/OwnershipFacet.json")


CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"


async def test_what_cannot_be_compiled_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"has no npm solc|no Node\.js"):
        await recompile(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"no Node\.js here"):
        await recompile(tmp_path)


@pytest.mark.peer
@pytest.mark.skipif(
    shutil.which("node") is None or not (CONTRACTS / "node_modules" / "solc").is_dir(), reason="needs `npm ci`"
)
async def test_our_own_sources_compile_to_what_is_shipped(tmp_path: Path) -> None:
    """The diamond's: the registry takes a minute, and tests/contracts compiles all of them."""
    (tmp_path / "node_modules").symlink_to(CONTRACTS / "node_modules")
    for source in CONTRACTS.glob("*.sol"):
        if "Registry" not in source.name:
            shutil.copy(source, tmp_path)
    found = await recompile(tmp_path)
    for name in ("OwnershipFacet", "GatewayGetterFacetV2"):
        assert found[name].deployed == artefact(name).deployed_bytecode
