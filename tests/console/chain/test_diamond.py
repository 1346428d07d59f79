"""A diamond read from a real EVM, and readings that contradict themselves."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from console.addresses import ZERO_ADDRESS, checksummed, f0_to_ethereum, keccak
from console.chain.diamond import NotADiamond, Place, read_codes, read_diamond, read_owner, upgradable
from console.devnet.evm.genesis import GATEWAY_FACETS
from console.errors import BadAnswer, EndpointDown
from console.model import Upgradable
from tests.console.chain.evm_chain import CHAIN_ID, REGISTRY, URL, Bench

pytestmark = pytest.mark.anyio
A, B = "0x" + "a1" * 20, "0x" + "b2" * 20


def loupe(*rows: tuple[str, list[str]]) -> str:
    facets = [(address, [bytes.fromhex(each[2:]) for each in selectors]) for address, selectors in rows]
    return "0x" + encode(["(address,bytes4[])[]"], [facets]).hex()


async def test_everything_is_read_in_two_requests() -> None:
    bench = Bench()
    diamond = await bench.read()
    assert bench.rpc.requests == 2
    assert tuple(facet.name for facet in diamond.view.facets) == GATEWAY_FACETS
    assert (diamond.view.owner, diamond.view.upgradable) == (REGISTRY, Upgradable.REGISTRY)
    for facet in diamond.view.facets:
        code = bench.chain.code(facet.address)
        assert (facet.code_hash, facet.code_size) == (keccak(code).hex(), len(code))
        assert diamond.codes[facet.address] == code
        assert all(selector.name for selector in facet.selectors)


async def test_who_can_upgrade_it() -> None:
    assert upgradable(REGISTRY, REGISTRY.lower()) is Upgradable.REGISTRY
    assert upgradable(REGISTRY, ZERO_ADDRESS) is Upgradable.OTHER
    assert upgradable(ZERO_ADDRESS, ZERO_ADDRESS) is Upgradable.NOBODY
    assert upgradable(f0_to_ethereum("f00"), REGISTRY) is Upgradable.NOBODY


async def test_what_is_no_diamond_says_so() -> None:
    bench = Bench()
    nothing = Place("gateway", checksummed("0x" + "11" * 20), (URL,), CHAIN_ID)
    with pytest.raises(NotADiamond, match="no contract at"):
        await read_diamond(bench.rpc, nothing)
    plain = Place("it", bench.deploy("OwnershipFacet"), (URL, URL), CHAIN_ID)
    bench.rpc.requests = 0
    with pytest.raises(NotADiamond, match="has no loupe"):
        await read_diamond(bench.rpc, plain)
    assert bench.rpc.requests == 1  # the chain's own word: nobody else is asked


async def test_another_chain_is_refused() -> None:
    bench = Bench()
    bench.rpc.answers["eth_chainId"] = "0x1"
    with pytest.raises(BadAnswer, match="belongs to chain 1, not to chain 31337"):
        await bench.read()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (loupe((A, ["0x00000001"]), (A, ["0x00000002"])), "twice"),
        (loupe((A, ["0x00000001"]), (B, ["0x00000001"])), "twice"),
        (loupe((ZERO_ADDRESS, ["0x00000001"])), "zero address"),
        (loupe(*((f"0x{number:040x}", []) for number in range(1, 66))), "more than 64 facets"),
        (loupe((A, [f"0x{number:08x}" for number in range(1025)])), "more than 1024 functions"),
        ("0x" + "ff" * 64, "array was expected"),
        ("0x" + "00" * 31 + "20" + "00" * 31 + "01", "does not fit"),
        ("0x1234", "no loupe"),
        ("zz", "not what it should be"),
        ("0x" + "00" * 300_000, "not what it should be"),
    ],
)
async def test_a_hostile_loupe_is_refused(answer: str, says: str) -> None:
    bench = Bench()
    bench.rpc.answers["eth_call"] = answer
    with pytest.raises(BadAnswer, match=says):
        await bench.read()


async def test_codes_and_owner_alone() -> None:
    bench = Bench()
    facet = (await bench.read()).view.facets[0].address
    assert await read_codes(bench.rpc, bench.place, [facet, A]) == {facet: bench.chain.code(facet), A: b""}
    assert await read_owner(bench.rpc, bench.place) == REGISTRY
    # A contract without owner() belongs to nobody who could sign.
    assert await read_owner(bench.rpc, Place("it", bench.deploy("DiamondLoupeFacet"), (URL,), CHAIN_ID)) == ZERO_ADDRESS


async def test_no_endpoint_is_told() -> None:
    with pytest.raises(EndpointDown):
        await read_diamond(Bench().rpc, Place("gateway", checksummed(A), (), CHAIN_ID))
