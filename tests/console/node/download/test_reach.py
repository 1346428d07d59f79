"""Addresses: what is never connected to, and what only the operator may name."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.download.failure import SourceFailed
from console.node.download.reach import Reach, Road, reach_of
from console.node.download.urls import parse_url

PUBLIC = ("1.1.1.1",)


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("1.1.1.1", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("::ffff:1.1.1.1", Reach.PUBLIC),
        ("127.0.0.1", Reach.THIS_MACHINE),
        ("127.255.255.254", Reach.THIS_MACHINE),
        ("::1", Reach.THIS_MACHINE),
        ("::ffff:127.0.0.1", Reach.THIS_MACHINE),
        ("10.1.2.3", Reach.OWN_NETWORK),
        ("172.16.0.1", Reach.OWN_NETWORK),
        ("192.168.1.1", Reach.OWN_NETWORK),
        ("100.64.0.1", Reach.OWN_NETWORK),
        ("fd00::1", Reach.OWN_NETWORK),
        ("::ffff:10.0.0.1", Reach.OWN_NETWORK),
        *(
            (address, Reach.NOWHERE)
            for address in (
                *("0.0.0.0", "0.1.2.3", "169.254.169.254", "::ffff:169.254.169.254", "224.0.0.1", "255.255.255.255"),
                *("192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.1", "240.0.0.1", "::", "fe80::1", "fe80::1%eth0"),
                *("ff02::1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "2001:0:1::1", "::7f00:1"),
                *("::ffff:0:7f00:1", "2001:db8::1", "100::1", "fec0::1", "4000::1", "x", ""),
            )
        ),
    ],
)
def test_where_an_address_is(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


@given(st.ip_addresses(v=4))
def test_an_address_inside_an_address_reaches_no_farther(inside: ipaddress.IPv4Address) -> None:
    assert reach_of(f"::ffff:{inside}") is reach_of(str(inside))
    assert reach_of(f"64:ff9b::{inside}") is Reach.NOWHERE
    number = int(inside)
    assert reach_of(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1") is Reach.NOWHERE


@given(st.ip_addresses())
def test_what_counts_as_public_is_public_to_the_library_too(address: ipaddress.IPv4Address) -> None:
    if reach_of(str(address)) is Reach.PUBLIC:
        assert address.is_global
        assert not address.is_multicast


def hop(road: Road, url: str, *addresses: str) -> None:
    road.check(parse_url(url), addresses)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    ("addresses", "why"),
    [
        ((), "no address"),
        (("169.254.169.254",), "never fetched from"),
        (("1.1.1.1", "169.254.169.254"), "never fetched from"),
        (("64:ff9b::a9fe:a9fe",), "never fetched from"),
        (("127.0.0.1",), "this machine under another name"),
        (("::ffff:127.0.0.1",), "this machine under another name"),
        (("1.1.1.1", "10.0.0.1"), "both near and far"),
    ],
)
def test_a_name_that_leads_inside_is_refused(own: bool, addresses: tuple[str, ...], why: str) -> None:
    with pytest.raises(SourceFailed, match=why):
        hop(Road(own=own), "https://x.example/", *addresses)


def test_only_the_operator_names_this_machine_or_his_network() -> None:
    for url, address in (("http://127.0.0.1:80/", "127.0.0.1"), ("https://mirror.lan.example/", "10.0.0.1")):
        with pytest.raises(SourceFailed, match="only a setting of the operator"):
            hop(Road(own=False), url, address)
        hop(Road(own=True), url, address)


@pytest.mark.parametrize(
    ("start", "start_address", "onward", "onward_address"),
    [
        ("https://x.example/", "1.1.1.1", "http://127.0.0.1/", "127.0.0.1"),
        ("https://x.example/", "1.1.1.1", "https://localhost/", "127.0.0.1"),
        ("https://x.example/", "1.1.1.1", "https://10.0.0.1/", "10.0.0.1"),
        ("https://mirror.example/", "10.0.0.1", "http://127.0.0.1/", "127.0.0.1"),
        ("https://mirror.example/", "10.0.0.1", "https://other.example/", "10.0.0.2"),
        ("http://127.0.0.1/", "127.0.0.1", "https://10.0.0.1/", "10.0.0.1"),
    ],
)
def test_no_road_leads_inside_from_elsewhere(start: str, start_address: str, onward: str, onward_address: str) -> None:
    road = Road(own=True)
    hop(road, start, start_address)
    with pytest.raises(SourceFailed, match="where it did not begin"):
        hop(road, onward, onward_address)


def test_a_road_goes_on_where_it_began_and_outward() -> None:
    road = Road(own=True)
    hop(road, "http://127.0.0.1:8080/ipfs/bafy", "127.0.0.1")
    hop(road, "http://bafy.ipfs.localhost:8080/", "127.0.0.1")
    hop(road, "https://x.example/", "1.1.1.1")
    road = Road(own=True)
    hop(road, "https://mirror.example/a", "10.0.0.1")
    hop(road, "https://mirror.example/b", "10.0.0.1")
    road = Road(own=False)
    hop(road, "https://x.example/", "1.1.1.1", "2606:4700::1111")
    hop(road, "https://cdn.example/", "8.8.8.8")
