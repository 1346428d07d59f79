"""Distinct keys are counted once each, and what does not count spoils nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.node.release.counting import Count, count
from console.node.release.keyring import RingKey
from console.node.release.roles import Role
from tests.console.node.release.forge import Recipe, TestKey, ring, ring_key, signed, token_key

MESSAGE = b'{"name": "v2", "sequence": 5}\n'
RING = ring(
    ring_key("alice", Role.DEVELOPER, Role.BUILDER),
    ring_key("bob"),
    ring_key("carol", first=6),
    ring_key("dora", Role.DEVELOPER, last=4),
    ring_key("ed", Role.AUDITOR),
    builder=1,
    auditor=1,
)
BOTH = {"a.sshsig": signed("alice", MESSAGE), "b.sshsig": signed("bob", MESSAGE)}


def counted(files: dict[str, bytes], role: Role = Role.DEVELOPER) -> Count:
    return count(MESSAGE, files, RING, role, 5)


def test_two_of_three_are_enough_and_one_is_not() -> None:
    found = counted(BOTH)
    assert found.reached
    assert [(signer.name, signer.file) for signer in found.signers] == [("alice", "a.sshsig"), ("bob", "b.sshsig")]
    assert found.signers[0].fingerprint == TestKey("alice").public.fingerprint
    assert str(found) == "developer: 2 of 2 signed (alice, bob)"
    assert not found.refused
    for name in BOTH:
        alone = counted({name: BOTH[name]})
        assert not alone.reached
        assert len(alone.signers) == 1
    assert not counted({}).reached
    assert str(counted({})) == "developer: 0 of 2 signed (nobody)"


def test_junk_next_to_good_ones_is_named_and_spoils_nothing() -> None:
    junk = {
        "!empty": b"",
        "aa-again.sshsig": BOTH["a.sshsig"],
        "bytes": bytes(range(256)),
        "carol.sshsig": signed("carol", MESSAGE),
        "dora.sshsig": signed("dora", MESSAGE),
        "ed.sshsig": signed("ed", MESSAGE),
        "git.sshsig": Recipe(TestKey("alice"), MESSAGE, "git").file,
        "mallory.sshsig": signed("mallory", MESSAGE),
        "other-bytes.sshsig": signed("bob", MESSAGE + b" "),
        "build.sshsig": signed("alice", MESSAGE, Role.BUILDER),
        "\x1b[2J.sshsig": b"x",
    }
    found = counted({**junk, **BOTH})
    assert [signer.name for signer in found.signers] == ["alice", "bob"]
    why = {str(refused.file): refused.why for refused in found.refused}
    assert len(why) == len(junk)
    assert "has signed already, in a.sshsig" in why["aa-again.sshsig"]
    assert "counts from sequence 6 on, and this is 5" in why["carol.sshsig"]
    assert "counts from sequence 0 to 4, and this is 5" in why["dora.sshsig"]
    assert why["ed.sshsig"] == "ed is no developer in keyring 1"
    assert "'git', which is nothing of ours" in why["git.sshsig"]
    assert "is not in keyring 1" in why["mallory.sshsig"]
    assert "not one of these bytes" in why["other-bytes.sshsig"]
    assert why["build.sshsig"] == "it is made for 'build@upgrade-console' and not for 'release@upgrade-console'"
    assert "<U+001B>[2J.sshsig" in why
    assert [each.made_for for each in found.refused if each.file == "build.sshsig"] == [Role.BUILDER]


def test_a_file_that_is_junk_does_not_use_its_key_up() -> None:
    """A wrong signature of alice that sorts before her right one, as an attacker would name it."""
    found = counted({"0.sshsig": signed("alice", b"other"), **BOTH})
    assert found.reached
    assert [each.file for each in found.refused] == ["0.sshsig"]


def test_the_same_key_in_many_files_counts_once() -> None:
    again = Recipe(TestKey("alice"), MESSAGE, hash_name="sha256").file
    assert again != BOTH["a.sshsig"]
    found = counted({"1": BOTH["a.sshsig"], "2": again, "3": BOTH["a.sshsig"]})
    assert not found.reached
    assert [signer.name for signer in found.signers] == ["alice"]
    assert len(found.refused) == 2


def test_each_role_is_counted_by_its_own_signatures() -> None:
    files = {
        **BOTH,
        "build": signed("alice", MESSAGE, Role.BUILDER),
        "audit": signed("ed", MESSAGE, Role.AUDITOR),
    }
    for role, names in ((Role.DEVELOPER, ["alice", "bob"]), (Role.BUILDER, ["alice"]), (Role.AUDITOR, ["ed"])):
        found = counted(files, role)
        assert found.reached
        assert [signer.name for signer in found.signers] == names
    assert not counted({**BOTH, "build": signed("bob", MESSAGE, Role.BUILDER)}, Role.BUILDER).reached


def test_a_role_that_is_not_asked_for_is_reached_by_nobody() -> None:
    found = count(MESSAGE, {}, ring(ring_key("alice"), developer=1), Role.AUDITOR, 5)
    assert (found.needed, found.reached) == (0, True)


def test_a_token_of_another_application_is_another_key() -> None:
    dave = token_key("dave")
    one = ring(RingKey("dave", dave.public, frozenset({Role.DEVELOPER})), developer=1)
    assert count(MESSAGE, {"d": Recipe(dave, MESSAGE).file}, one, Role.DEVELOPER, 5).reached
    for other in (token_key("dave", application="ssh:other"), TestKey("dave")):
        found = count(MESSAGE, {"d": Recipe(other, MESSAGE).file}, one, Role.DEVELOPER, 5)
        assert not found.reached
        assert "is not in keyring 1" in found.refused[0].why


@given(st.dictionaries(st.text(max_size=8), st.binary(max_size=60) | st.sampled_from(list(BOTH.values())), max_size=6))
def test_no_set_of_files_makes_more_of_two_keys_than_two(files: dict[str, bytes]) -> None:
    found = counted(files)
    assert len(found.signers) == len(set(files.values()) & set(BOTH.values()))
    assert len(found.signers) + len(found.refused) == len(files)
