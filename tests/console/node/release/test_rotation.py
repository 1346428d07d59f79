"""One keyring follows another when enough of both have signed it, and no number is left out."""

from __future__ import annotations

import pytest

from console.errors import KeyringRefused
from console.node.release.keyring import Keyring, make_keyring
from console.node.release.roles import Role
from console.node.release.rotation import check_rotation, count_rotation
from tests.console.node.release.forge import ring, ring_key, signed

FIRST = ring(
    ring_key("alice"), ring_key("bob"), ring_key("carol"), ring_key("gone", last=9), ring_key("ed", Role.AUDITOR)
)
SECOND = ring(ring_key("alice"), ring_key("dora"), ring_key("eve"), version=2, developer=3)


def signatures(new: Keyring, *words: str, role: Role = Role.KEYRING) -> dict[str, bytes]:
    return {f"{word}.sshsig": signed(word, new.content, role) for word in words}


def test_enough_of_both_are_enough() -> None:
    found = check_rotation(FIRST, SECOND, signatures(SECOND, "alice", "bob", "dora", "eve"))
    assert [signer.name for signer in found.by_old.signers] == ["alice", "bob"]
    assert [signer.name for signer in found.by_new.signers] == ["alice", "dora", "eve"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "needs 2 signatures of developers of keyring 1 and has 0"),
        ("alice dora eve", "needs 2 signatures of developers of keyring 1 and has 1"),
        ("alice bob carol dora", "needs 3 signatures of developers of keyring 2 and has 2"),
        ("bob carol", "needs 3 signatures of developers of keyring 2 and has 0"),
        ("alice gone dora eve", "needs 2 signatures of developers of keyring 1 and has 1"),
        ("alice ed dora eve", "needs 2 signatures of developers of keyring 1 and has 1"),
    ],
)
def test_too_few_of_either_are_too_few(words: str, why: str) -> None:
    files = signatures(SECOND, *words.split())
    assert not count_rotation(FIRST, SECOND, files).reached
    with pytest.raises(KeyringRefused, match=why) as refused:
        check_rotation(FIRST, SECOND, files)
    assert "keyring 1 stays trusted" in str(refused.value)


def test_a_retired_key_is_named_and_counts_for_no_keyring() -> None:
    found = count_rotation(FIRST, SECOND, signatures(SECOND, "gone"))
    assert "the key of gone ends with sequence 9, and signs no keyring any more" in found.by_old.refused[0].why


def test_a_signature_of_a_release_is_none_of_a_keyring() -> None:
    files = signatures(SECOND, "alice", "bob", "dora", "eve", role=Role.DEVELOPER)
    assert not count_rotation(FIRST, SECOND, files).by_old.signers


def test_signatures_are_of_the_exact_bytes() -> None:
    files = signatures(ring(ring_key("mallory"), version=2, developer=1), "alice", "bob", "dora", "eve")
    assert not count_rotation(FIRST, SECOND, files).by_new.signers


@pytest.mark.parametrize(
    ("version", "why"), [(1, "no way back"), (3, "take keyring 2 first"), (4, "take keyring 2 first")]
)
def test_no_number_is_left_out_and_none_comes_twice(version: int, why: str) -> None:
    new = ring(ring_key("alice"), ring_key("bob"), version=version)
    with pytest.raises(KeyringRefused, match=why):
        check_rotation(FIRST, new, signatures(new, "alice", "bob"))


def test_the_keyring_of_another_project_does_not_follow() -> None:
    new = make_keyring("other", 2, {Role.DEVELOPER: 1}, [ring_key("alice")])
    with pytest.raises(KeyringRefused, match="is for other, and demo is trusted here"):
        check_rotation(FIRST, new, signatures(new, "alice", "bob"))
