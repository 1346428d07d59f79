"""Addresses of Cosmos chains: what BIP 173 accepts is read, every slip of a digit is seen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.bech32 import bech32_bytes, bech32_text

GOV = "cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn"
"""The gov module's account on every chain with that prefix: the first 20 bytes of sha256("gov")."""
DIGITS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.binary(min_size=1, max_size=32))
def test_what_is_written_is_read(raw: bytes) -> None:
    assert bech32_bytes(bech32_text("cosmos", raw)) == raw


def test_an_account_is_read_whatever_its_prefix() -> None:
    expected = "7b5fe22b5446f7c62ea27b8bd71cef94e03f3df2"
    assert (bech32_bytes(GOV) or b"").hex() == expected
    assert bech32_text("cosmos", bytes.fromhex(expected)) == GOV
    assert (bech32_bytes("virtengine10d07y265gmmuvt4z0w9aw880jnsr700juej5a8") or b"").hex() == expected


@pytest.mark.parametrize(
    "text",
    ["", "1", "cosmos1", GOV.upper(), GOV[:-1], GOV + "q", "cosmos" + GOV, GOV.replace("1", ""), "é1" + GOV, "x" * 500],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert bech32_bytes(text) is None


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(7, len(GOV) - 1), st.sampled_from(DIGITS))
def test_one_wrong_digit_is_seen(place: int, digit: str) -> None:
    if GOV[place] != digit:
        assert bech32_bytes(GOV[:place] + digit + GOV[place + 1 :]) is None
