"""The validator set that the subnet's gateway names (facts/ipc.md §3.4), read from what its getter answers.

As in Fendermint the gateway is the one place where power is kept: what it says after a block is what the consensus
gets as the validators to come, so that the two cannot come to differ.
"""

from __future__ import annotations

from .consensus import Validator
from .errors import MalformedError
from .keys import address_of

GET_CURRENT_MEMBERSHIP = bytes.fromhex("6ad21bb0")
"""Selector of getCurrentMembership(), which returns ((uint256 weight, address, bytes publicKey)[], uint64)."""
MAX_TOTAL_POWER = 2**60
"""CometBFT's own bound is of this order; a set beyond it would end its process."""
_WORD = 32
_MAX_MEMBERS = 256


def read_membership(answer: bytes) -> tuple[Validator, ...]:
    """The set in an answer of the getter; members without power are no members.

    Raises:
        MalformedError: It is not such an answer, or no consensus can run with this set: nobody in it, somebody twice,
            a key that is none, or more power than the consensus counts.
    """
    membership = _offset(answer, 0, 0)
    listed = _offset(answer, membership, 0)
    count = _number(answer, listed)
    if count > _MAX_MEMBERS:
        raise MalformedError(f"the gateway names {count} validators, at most {_MAX_MEMBERS} are possible")
    first = listed + _WORD
    members = [_member(answer, _offset(answer, first, index)) for index in range(count)]
    found = tuple(each for each in members if each.power)
    if not found or len({each.address for each in members}) != len(members):
        raise MalformedError("the gateway names no validators, or one of them twice")
    if sum(each.power for each in found) > MAX_TOTAL_POWER:
        raise MalformedError("the gateway names more power than the consensus can count")
    return found


def _member(answer: bytes, at: int) -> Validator:
    power = _number(answer, at)
    key = _offset(answer, at, 2)
    size = _number(answer, key)
    public = answer[key + _WORD : key + _WORD + size]
    if size != 65 or len(public) != 65 or public[0] != 4:
        raise MalformedError("the gateway names a validator without a public key")
    # Compressed: the parity of y, then x.
    compressed = bytes([2 + public[64] % 2]) + public[1:33]
    return Validator(address_of(compressed), power, compressed)


def _number(answer: bytes, at: int) -> int:
    word = answer[at : at + _WORD]
    if len(word) != _WORD:
        raise MalformedError("the gateway's answer ends early")
    return int.from_bytes(word)


def _offset(answer: bytes, start: int, index: int) -> int:
    """Where a dynamic part begins whose offset, from `start`, is in the word `index` after it."""
    at = start + _number(answer, start + index * _WORD)
    if at > len(answer):
        raise MalformedError("the gateway's answer points behind its end")
    return at
