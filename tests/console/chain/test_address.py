"""Addresses with the keys behind them, against the vectors of facts/ipc.md §3.4 and §3.5."""

from __future__ import annotations

import base64
import json

import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.address import (
    AddressForms,
    address_forms,
    checksummed,
    consensus_address,
    ethereum_address,
    f0_to_ethereum,
    parse_address,
    system_owned,
)
from console.errors import InputError

ANVIL_0 = bytes.fromhex("038318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75")
ANVIL_0_BASE64 = base64.b64encode(ANVIL_0).decode()
ANVIL_0_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SUBNET = "/r314159/t410fkp4r67rks3ok4bvbn2rjojhkbig2rwvp4nmor5q"


def test_validator_key_vector() -> None:
    assert consensus_address(ANVIL_0) == "A55476015C13AFB8AFB92160329A8CDE976F1F2E"
    assert ethereum_address(ANVIL_0) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 2**255))
def test_every_spelling_of_a_key_gives_one_address(secret: int) -> None:
    public = PrivateKey.from_int(secret).public_key
    long = public.format(compressed=False)
    assert ethereum_address(public.format()) == ethereum_address(long) == ethereum_address(long[1:])


@pytest.mark.parametrize(
    "key", [b"", b"\x02" * 32, b"\x05" + b"\x01" * 32, b"\x02" + b"\xff" * 32, b"\x03" + b"\x01" * 64]
)
def test_keys_refused(key: bytes) -> None:
    with pytest.raises(InputError):
        ethereum_address(key)


def test_a_validator_key_in_every_spelling() -> None:
    whole = PrivateKey.from_int(7).public_key
    comet = json.dumps({"type": "tendermint/PubKeySecp256k1", "value": ANVIL_0_BASE64})
    for spelling in (ANVIL_0.hex(), "0x" + ANVIL_0.hex().upper(), ANVIL_0_BASE64, comet, f"  {ANVIL_0.hex()}\n"):
        assert address_forms(spelling) == AddressForms(
            ethereum=ANVIL_0_ADDRESS,
            f410="f410f6op5nzi2vwepn5gonk4ie4tzz773sitggxp4hiy",
            t410="t410f6op5nzi2vwepn5gonk4ie4tzz773sitggxp4hiy",
            actor_id=None,
            public_key=ANVIL_0.hex(),
            public_key_base64=ANVIL_0_BASE64,
            consensus="A55476015C13AFB8AFB92160329A8CDE976F1F2E",
        )
    long = whole.format(compressed=False)
    for spelling in (long.hex(), base64.b64encode(long).decode()):
        assert address_forms(spelling).public_key == whole.format().hex()


def test_a_subnet_id_means_its_actor() -> None:
    forms = address_forms(SUBNET)
    assert forms.ethereum == checksummed("0x53f91f7e2a96dcae06a16ea29724ea0a0da8daaf")
    assert forms.t410 == SUBNET.rsplit("/", 1)[1]
    assert (forms.subnet, forms.network_name) == (SUBNET, SUBNET[1:].replace("/", "-"))
    with pytest.raises(InputError, match="root network"):
        address_forms("/r314159")


def test_an_actor_id_is_told() -> None:
    forms = address_forms("t064")
    assert (forms.actor_id, forms.f410, forms.t410) == (64, "f064", "t064")
    assert forms.ethereum.lower() == "0xff00000000000000000000000000000000000040"


def test_what_may_be_a_secret_is_not_repeated() -> None:
    secret = bytes(range(1, 33))
    for spelling in (secret.hex(), "0x" + secret.hex(), base64.b64encode(secret).decode()):
        with pytest.raises(InputError, match="private key") as caught:
            parse_address(spelling)
        assert spelling not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "02" + "ff" * 32,
        "{}",
        '{"type": "tendermint/PubKeyEd25519", "value": "AAAA"}',
        '{"type": "tendermint/PubKeySecp256k1", "value": 3}',
        '{"type": "tendermint/PubKeySecp256k1", "value": "AAAA"}',
        "{",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_address(text)


@settings(derandomize=True, deadline=None)
@given(st.binary(min_size=20, max_size=20), st.integers(1, 2**255))
def test_every_form_leads_back_to_the_same_address(raw: bytes, secret: int) -> None:
    key = PrivateKey.from_int(secret).public_key
    for given_ in (checksummed(raw), "0x" + raw.hex(), key.format().hex()):
        forms = address_forms(given_)
        for form in (forms.ethereum, forms.f410, forms.t410, forms.public_key, forms.public_key_base64):
            assert not form or parse_address(form) == forms.ethereum


def test_nobody_signs_for_the_system() -> None:
    assert system_owned("0x" + "0" * 40)
    assert system_owned(f0_to_ethereum("f00"))
    assert not system_owned(ANVIL_0_ADDRESS)
