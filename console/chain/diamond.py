"""Diamonds (EIP-2535) read from the chain: loupe, owner and the code of every facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.addresses import ZERO_ADDRESS, checksummed, keccak
from console.chain.abi import AbiError, decode
from console.chain.address import system_owned
from console.chain.cuts import MOST_CUTS, MOST_SELECTORS
from console.chain.disassembly import MOST_CODE
from console.chain.fields import data as read_data
from console.chain.fields import quantity
from console.chain.first_answer import first_answer
from console.chain.interface import first_array_length
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.chain.selectors import facet_name, named, selector_of
from console.errors import BadAnswer
from console.model import DiamondView, Facet, Upgradable

DEADLINE_S = 10.0
"""Seconds per request: the code of a dozen facets over a slow line."""

_MOST_ANSWER = 256 * 1024
_HEIGHT_MAX = (1 << 63) - 1
_FACETS = "(address,bytes4[])[]"


class NotADiamond(BadAnswer):
    """What is at the address has no loupe: the same on every endpoint, so asking another is no use."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contract is."""

    name: str
    """As the operator calls it: `gateway`, or an address."""
    address: str
    """Checksummed."""
    endpoints: tuple[str, ...]
    chain_id: int
    """What `eth_chainId` must say."""
    registry: str = ZERO_ADDRESS
    """The UpgradeRegistry that could own it: of this network, and none for a contract on its parent."""
    on_parent: bool = False


@dataclass(frozen=True, slots=True)
class Diamond:
    """A diamond and the code of its facets."""

    view: DiamondView
    codes: Mapping[str, bytes]
    """By facet."""


async def read_diamond(rpc: JsonRpc, place: Place) -> Diamond:
    """Read a diamond from the first endpoint that answers: two requests.

    Raises:
        EndpointDown: None answers.
        NotADiamond: There is no diamond.
        BadAnswer: Another chain, or an answer that contradicts itself.
    """
    return await first_answer(place.endpoints, lambda url: _read(rpc, url, place), final=(NotADiamond,))


async def read_codes(rpc: JsonRpc, place: Place, addresses: Sequence[str]) -> dict[str, bytes]:
    """The code at each address, from the first endpoint that answers. Raises ChainError."""
    return await first_answer(place.endpoints, lambda url: _codes(rpc, url, place, addresses))


async def read_owner(rpc: JsonRpc, place: Place) -> str:
    """Checksummed owner of a contract that has one, from the first endpoint that answers. Raises ChainError."""

    async def ask(url: str) -> str:
        where = endpoint_name(url)
        calls = [Call("eth_chainId"), _view(place, selector_of("owner()"))]
        chain, reply = await rpc.batch(url, calls, deadline_s=DEADLINE_S)
        check_chain_id(chain, place.chain_id, where)
        return _owner(reply, where)

    return await first_answer(place.endpoints, ask)


def upgradable(owner: str, registry: str) -> Upgradable:
    """Who can upgrade what this account owns.

    Args:
        owner: Checksummed.
        registry: The UpgradeRegistry on the same chain; `ZERO_ADDRESS` where there is none.
    """
    if system_owned(owner):
        return Upgradable.NOBODY
    return Upgradable.REGISTRY if owner == checksummed(registry) else Upgradable.OTHER


def check_chain_id(reply: Reply, expected: int, where: str) -> None:
    """Check the answer to `eth_chainId`. Raises BadAnswer."""
    found = quantity(reply.value(f"eth_chainId of {where}"), "eth_chainId")
    if found != expected:
        raise BadAnswer(
            f"{where} belongs to chain {found}, not to chain {expected}", next_step="check the URL in the settings"
        )


async def _read(rpc: JsonRpc, url: str, place: Place) -> Diamond:
    where = endpoint_name(url)
    chain, height, code, loupe, owner = await rpc.batch(
        url,
        [
            Call("eth_chainId"),
            Call("eth_blockNumber"),
            Call("eth_getCode", [place.address, "latest"]),
            _view(place, selector_of("facets()")),
            _view(place, selector_of("owner()")),
        ],
        deadline_s=DEADLINE_S,
    )
    check_chain_id(chain, place.chain_id, where)
    if not read_data(code.value(f"eth_getCode of {where}"), "the diamond's code", most=MOST_CODE):
        raise NotADiamond(f"there is no contract at {place.address} on {where}", next_step="check the address")
    found = _facets(loupe, place, where)
    codes = await _codes(rpc, url, place, [address for address, _ in found])
    owned = _owner(owner, where)
    view = DiamondView(
        name=place.name,
        address=place.address,
        owner=owned,
        upgradable=upgradable(owned, place.registry),
        facets=tuple(_facet(address, selectors, codes[address]) for address, selectors in found),
        height=quantity(height.value(f"eth_blockNumber of {where}"), "eth_blockNumber", high=_HEIGHT_MAX),
        chain_id=place.chain_id,
        on_parent=place.on_parent,
    )
    return Diamond(view, codes)


def _facet(address: str, selectors: tuple[str, ...], code: bytes) -> Facet:
    digest = keccak(code).hex() if code else ""
    return Facet(address, facet_name(selectors, digest), named(selectors), digest, len(code))


def _facets(reply: Reply, place: Place, where: str) -> list[tuple[str, tuple[str, ...]]]:
    not_one = NotADiamond(
        f"{place.name} at {place.address} on {where} has no loupe: it is not a diamond that can be read",
        next_step="check the address",
    )
    if reply.error is not None:
        raise not_one
    data = read_data(reply.result, f"the loupe on {where}", most=_MOST_ANSWER)
    if len(data) < 64:
        raise not_one
    if first_array_length(data) > MOST_CUTS:
        raise BadAnswer(f"the loupe on {where} tells of more than {MOST_CUTS} facets")
    try:
        (rows,) = decode((_FACETS,), data)
    except AbiError:
        raise BadAnswer(f"the loupe on {where} does not fit the interface of a diamond") from None
    found = [(checksummed(address), tuple("0x" + each.hex() for each in selectors)) for address, selectors in rows]
    every = [selector for _, selectors in found for selector in selectors]
    if len(every) > MOST_SELECTORS:
        raise BadAnswer(f"the loupe on {where} tells of more than {MOST_SELECTORS} functions")
    if len(set(every)) != len(every) or len({address for address, _ in found}) != len(found):
        raise BadAnswer(f"the loupe on {where} names a facet or a function twice")
    if any(address == ZERO_ADDRESS for address, _ in found):
        raise BadAnswer(f"the loupe on {where} names the zero address as a facet")
    return found


def _owner(reply: Reply, where: str) -> str:
    if reply.error is not None:
        # No owner() at all: nobody can call what only an owner may.
        return ZERO_ADDRESS
    data = read_data(reply.result, f"the owner on {where}", most=_MOST_ANSWER)
    try:
        (owner,) = decode(("address",), data)
    except AbiError:
        raise BadAnswer(f"the owner that {where} tells is not an address") from None
    return checksummed(owner)


async def _codes(rpc: JsonRpc, url: str, place: Place, addresses: Sequence[str]) -> dict[str, bytes]:
    where = endpoint_name(url)
    asked = list(dict.fromkeys(addresses))
    chain, *replies = await rpc.batch(
        url,
        [Call("eth_chainId"), *(Call("eth_getCode", [address, "latest"]) for address in asked)],
        deadline_s=DEADLINE_S,
    )
    check_chain_id(chain, place.chain_id, where)
    return {
        address: read_data(reply.value(f"eth_getCode of {where}"), f"the code of {address}", most=MOST_CODE)
        for address, reply in zip(asked, replies, strict=True)
    }


def _view(place: Place, data: str) -> Call:
    return Call("eth_call", [{"to": place.address, "data": data}, "latest"])
