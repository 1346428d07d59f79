"""Addresses against the vectors of facts/ipc.md §3.5."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as other_keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from console.addresses import (
    SubnetId,
    actor_id,
    checked_address,
    checksummed,
    ethereum_to_f410,
    f0_to_ethereum,
    f410_to_ethereum,
    keccak,
    parse_subnet_id,
    prefix_of,
    read_address,
)
from console.errors import InputError

VECTORS = [
    ("t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "0x53f91f7e2a96dcae06a16ea29724ea0a0da8daaf"),
    ("f410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "0x53f91f7e2a96dcae06a16ea29724ea0a0da8daaf"),
    ("t410fkzrz3mlkyufisiuae3scumllgalzuu3wxlxa2ly", "0x56639db16ac50a89228026e42a316b30179a5376"),
    ("t410ffumhfeppdjixhkxtgagowxkdu77j7xz5aaa52vy", "0x2d187291ef1a5173aaf3300ceb5d43a7fe9fdf3d"),
    ("f410f2oekwcmo2pueydmaq53eic2i62crtbeyuzx2gmy", "0xd388ab098ed3e84c0d808776440b48f685198498"),
]
IDS = [("f064", 64), ("f065", 65), ("f01001", 1001), ("t00", 0), ("f018446744073709551615", 2**64 - 1)]


@settings(derandomize=True, deadline=None)
@given(st.binary(min_size=20, max_size=20))
def test_checksum_as_eth_utils(raw: bytes) -> None:
    expected = str(to_checksum_address(raw))
    assert checksummed(raw) == checksummed("0x" + raw.hex()) == checksummed("0x" + raw.hex().upper()) == expected
    assert keccak(raw) == bytes(other_keccak(raw))


@pytest.mark.parametrize(
    "text", ["", "0x", "f" * 40, "0x" + "g" * 40, "0x" + "0" * 39, "0x" + "0" * 41, "0X" + "0" * 40]
)
def test_not_addresses(text: str) -> None:
    with pytest.raises(InputError, match="not an address"):
        checksummed(text)


def test_typed_addresses_keep_their_checksum() -> None:
    good = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert checked_address(good) == checked_address(good.lower()) == good
    assert checked_address("0x" + good[2:].upper()) == good
    with pytest.raises(InputError, match="checksum"):
        checked_address(good.replace("Fd6", "fd6"))


@pytest.mark.parametrize(("text", "ethereum"), VECTORS)
def test_f410_vectors(text: str, ethereum: str) -> None:
    assert f410_to_ethereum(text).lower() == ethereum
    assert f410_to_ethereum(text, prefix=text[0]) == checksummed(ethereum)
    assert ethereum_to_f410(ethereum, prefix=text[0]) == text


@settings(derandomize=True, deadline=None)
@given(st.binary(min_size=20, max_size=20).filter(lambda raw: raw[0] != 0xFF), st.sampled_from("ft"))
def test_f410_round_trip_and_every_changed_character(raw: bytes, prefix: str) -> None:
    text = ethereum_to_f410("0x" + raw.hex(), prefix=prefix)
    assert f410_to_ethereum(text) == checksummed(raw)
    for place in range(5, len(text)):
        changed = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        with pytest.raises(InputError):
            f410_to_ethereum(changed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5a", "checksum"),
        ("t410fKP4R67RKS3OK4BVBN2RJOJHKBIG2RWVP4NMOR5Q", "not an f410"),
        ("t411fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "namespace 11"),
        ("t4010fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "namespace 010"),
        ("t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5", "does not hold 20 bytes|not base32"),
        ("t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5r", "does not hold 20 bytes"),
        ("t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q=", "not an f410"),
        ("t410f", "not an f410"),
        ("x410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "not an f410"),
        ("", "not an f410"),
        ("f410f" + "a" * 39, "checksum"),
        ("f410f\x1b[2J", "not an f410"),
    ],
)
def test_f410_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        f410_to_ethereum(text)
    assert str(caught.value).isprintable()


def test_f410_of_the_other_network() -> None:
    with pytest.raises(InputError, match="another network"):
        f410_to_ethereum(VECTORS[0][0], prefix="f")


def test_f410_of_a_masked_id() -> None:
    import base64
    import hashlib

    payload = b"\xff" + bytes(11) + (64).to_bytes(8, "big")
    checksum = hashlib.blake2b(b"\x04\x0a" + payload, digest_size=4).digest()
    text = "f410f" + base64.b32encode(payload + checksum).decode().rstrip("=").lower()
    with pytest.raises(InputError, match="masked form"):
        f410_to_ethereum(text)


@pytest.mark.parametrize(("text", "number"), IDS)
def test_ids(text: str, number: int) -> None:
    address = f0_to_ethereum(text)
    assert address.lower() == "0xff" + "00" * 11 + f"{number:016x}"
    assert actor_id(address) == number
    assert ethereum_to_f410(address, prefix=text[0]) == text


@pytest.mark.parametrize("text", ["f0", "f001", "f018446744073709551616", "f0-1", "f1abc", "064", "F064", "f064 "])
def test_ids_refused(text: str) -> None:
    with pytest.raises(InputError):
        f0_to_ethereum(text)


def test_subnet_ids() -> None:
    actor = checksummed("0x53f91f7e2a96dcae06a16ea29724ea0a0da8daaf")
    subnet = parse_subnet_id("/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q")
    assert subnet == SubnetId(314159, (actor,))
    assert subnet.actor == actor
    assert subnet.parent == SubnetId(314159, ())
    assert parse_subnet_id("/r123/f01001").actor == checksummed("0xff000000000000000000000000000000000003e9")
    root = parse_subnet_id("/r314")
    assert (root.actor, root.parent) == (None, None)
    deep = parse_subnet_id("/r31337/t410fkzrz3mlkyufisiuae3scumllgalzuu3wxlxa2ly/f064")
    assert len(deep.route) == 2


@pytest.mark.parametrize("text", ["", "/r", "/r0", "r314", "/r314/", "/r314/x", "/r314//f064", "/r-1", "/r314/f064 "])
def test_subnet_ids_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_subnet_id(text)


def test_a_subnet_id_is_spelled_as_it_was_read() -> None:
    text = "/r31337/t410fkzrz3mlkyufisiuae3scumllgalzuu3wxlxa2ly/t064"
    assert parse_subnet_id(text).spelled("t") == text


@pytest.mark.parametrize(("text", "ethereum"), [*VECTORS, *((text, f0_to_ethereum(text)) for text, _ in IDS)])
def test_every_form_is_read_as_the_same_address(text: str, ethereum: str) -> None:
    assert read_address(text) == read_address(ethereum.lower()) == checksummed(ethereum)
    assert read_address(text, prefix=text[0]) == checksummed(ethereum)
    with pytest.raises(InputError, match="another network"):
        read_address(text, prefix="t" if text[0] == "f" else "f")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "wrong checksum"),
        ("t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5a", "wrong checksum"),
        ("T410FKP4R67RKS3OK4BVBN2RJOJHKBIG2RWVP4NMOR5Q", "capital letters"),
        ("f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za", "secp256k1 account"),
        ("f2a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5e6f7abc", "actor by a hash"),
        ("t3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss4a", "BLS account"),
        ("A55476015C13AFB8AFB92160329A8CDE976F1F2E", "CometBFT address"),
        ("cosmosvaloper1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu", "Cosmos chain"),
        ("0x1234", "40 hex digits"),
        ("", "not an address"),
        ("gateway", "not an address"),
        ("0x\x1b[2J", "40 hex digits"),
        ("\x1b[2J", "not an address"),
    ],
)
def test_what_is_no_address_is_told_by_its_kind(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_address(text)
    assert str(caught.value).isprintable()


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=100))
def test_any_text_is_an_address_or_one_sentence(text: str) -> None:
    try:
        told = read_address(text)
    except InputError as error:
        told = str(error)
    assert told.isprintable()


@pytest.mark.parametrize(
    ("chain_id", "letter"),
    [
        ("/r314/f410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "f"),
        ("/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q", "t"),
        ("/r314", "f"),
        ("/r314159", None),
        ("devnet-1", None),
        ("", None),
    ],
)
def test_a_subnet_says_its_letter(chain_id: str, letter: str | None) -> None:
    assert prefix_of(chain_id) == letter
