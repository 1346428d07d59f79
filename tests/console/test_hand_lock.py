"""The lock of the hands: forbidden, locked, free; and what idleness does."""

from __future__ import annotations

import pytest

from console.errors import InputError
from console.hand_lock import READ_ONLY, HandLock


def test_free_until_locked_and_again_when_unlocked() -> None:
    hands = HandLock()
    assert hands.free
    hands.require_free()
    hands.lock()
    assert (hands.free, hands.locked) == (False, True)
    with pytest.raises(InputError, match="locked"):
        hands.require_free()
    hands.require_possible()
    hands.unlock()
    hands.require_free()


def test_nothing_unlocks_what_is_forbidden() -> None:
    hands = HandLock(READ_ONLY, locked=True, after_s=60)
    hands.unlock()
    assert not hands.free
    for ask in (hands.require_free, hands.require_possible):
        with pytest.raises(InputError, match="read-only"):
            ask()
    assert not hands.idle_for(3600)


def test_it_locks_itself_once_when_nobody_is_there() -> None:
    hands = HandLock(after_s=900)
    assert not hands.idle_for(899.9)
    assert hands.free
    assert hands.idle_for(900)
    assert hands.locked
    assert not hands.idle_for(901)
    assert not HandLock().idle_for(1e9)
