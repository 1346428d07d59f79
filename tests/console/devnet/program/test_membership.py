"""The gateway's answer, read; and who decides which height."""

from __future__ import annotations

import sqlite3

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from console.devnet.program.consensus import Validator, ValidatorSet
from console.devnet.program.errors import MalformedError, NodeError
from console.devnet.program.history import KeptValidators, ValidatorHistory
from console.devnet.program.keys import address_of
from console.devnet.program.membership import MAX_TOTAL_POWER, read_membership

from .fake_evm import membership
from .network import key_of


def test_powers_and_keys_are_the_gateways() -> None:
    found = read_membership(membership("node1=10,node2=25"))
    keys = [key_of(name).public_key.format(compressed=True) for name in ("node1", "node2")]
    assert found == (Validator(address_of(keys[0]), 10, keys[0]), Validator(address_of(keys[1]), 25, keys[1]))


def test_a_member_without_power_is_none() -> None:
    assert [each.power for each in read_membership(membership("node1=10,node2=0"))] == [10]


def _answer(*members: tuple[int, bytes]) -> bytes:
    listed = [(power, "0x" + "00" * 20, key) for power, key in members]
    return encode(["((uint256,address,bytes)[],uint64)"], [(listed, 1)])


_KEY = key_of("node1").public_key.format(compressed=False)
_OTHER = key_of("node2").public_key.format(compressed=False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        _answer(),
        _answer((0, _KEY)),
        _answer((1, _KEY), (1, _KEY)),
        _answer((1, _KEY[1:])),
        _answer((1, b"\x02" + _KEY[1:])),
        _answer((1, b"")),
        _answer((MAX_TOTAL_POWER, _KEY), (1, _OTHER)),
        _answer((1, _KEY))[:-64],
    ],
)
def test_no_consensus_runs_with_it(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        read_membership(answer)


@given(st.binary(max_size=400))
def test_other_bytes_are_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        read_membership(answer)


@given(st.integers(0, len(_answer((7, _KEY), (9, _OTHER))) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(at: int, value: int) -> None:
    answer = bytearray(_answer((7, _KEY), (9, _OTHER)))
    answer[at] = value
    try:
        assert 1 <= len(read_membership(bytes(answer))) <= 2
    except MalformedError:
        pass


def _set(*powers: int) -> ValidatorSet:
    return ValidatorSet(Validator(f"{number:040X}", power, b"k") for number, power in enumerate(powers))


def test_a_change_holds_from_its_height_on() -> None:
    history = ValidatorHistory(_set(1))
    history.set(5, _set(1, 2))
    history.set(6, _set(1, 2))
    history.set(9, _set(3))
    assert [history.at(height).total for height in (1, 4, 5, 8, 9, 99)] == [1, 1, 3, 3, 3, 3]
    assert [len(history.at(height).members) for height in (4, 5, 9)] == [1, 2, 1]


def test_what_is_executed_again_may_come_to_another_end() -> None:
    history = ValidatorHistory(_set(1))
    history.set(5, _set(1, 2))
    history.set(9, _set(3))
    history.set(5, _set(1))
    assert history.at(99).members == _set(1).members


def test_it_is_kept_beside_the_blocks() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    first = KeptValidators(database, _set(1))
    first.set(5, _set(1, 2))
    first.set(9, _set(3))
    first.set(9, _set(4))
    again = KeptValidators(database, _set(1))
    assert [again.at(height).members for height in (4, 5, 9)] == [_set(1).members, _set(1, 2).members, _set(4).members]
    database.execute("UPDATE validators SET members = '[[1]]' WHERE first = 5")
    with pytest.raises(NodeError, match="damaged"):
        KeptValidators(database, _set(1))
