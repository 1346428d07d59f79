"""A keyring's file: what is checked when it is read, and that it is read as it is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import KeyringRefused
from console.node.release.keyring import MAX_BYTES, MAX_KEYS, Keyring, RingKey, make_keyring, parse_keyring
from console.node.release.public_key import KeyKind, PublicKey
from console.node.release.roles import Role
from tests.console.node.release.forge import TestKey, ring, ring_key, token_key

THREE = ring(
    ring_key("alice"),
    ring_key("bob", Role.DEVELOPER, Role.BUILDER),
    ring_key("carol", first=3),
    ring_key("dora", Role.AUDITOR, last=9),
    builder=1,
    auditor=1,
)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(THREE.content)
    change(document)
    return json.dumps(document).encode()


def test_a_keyring_is_read_as_it_is_written() -> None:
    assert parse_keyring(THREE.content) == THREE
    assert THREE.file_name == "keyring.1.json"
    assert [THREE.threshold(role) for role in Role if role is not Role.ATTESTER] == [2, 1, 1, 2]
    found = THREE.find(TestKey("bob").public)
    assert found is not None
    assert found.name == "bob"
    assert found.may(Role.BUILDER)
    assert not found.may(Role.AUDITOR)
    assert THREE.find(TestKey("nobody").public) is None


def test_a_key_covers_its_sequences() -> None:
    carol, dora = THREE.keys[2:]
    assert [carol.covers(sequence) for sequence in (2, 3, 10**9)] == [False, True, True]
    assert [dora.covers(sequence) for sequence in (0, 9, 10)] == [True, True, False]


def test_the_fingerprint_is_of_the_exact_bytes() -> None:
    again = parse_keyring(THREE.content + b"\n")
    assert again.keys == THREE.keys
    assert again.sha256 != THREE.sha256


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda ring: ring.pop("project"), "does not say its 'project'"),
        (lambda ring: ring.update(threshold=1), "says 'threshold', which is not known"),
        (lambda ring: ring.update(format=2), "this program knows format 1"),
        (lambda ring: ring.update(format=True), "not a whole number"),
        (lambda ring: ring.update(project="a b"), "is not a name"),
        (lambda ring: ring.update(project="x" * 65), "is not a name"),
        (lambda ring: ring.update(version=0), "1 or more"),
        (lambda ring: ring.update(version=1.0), "not a whole number"),
        (lambda ring: ring.update(version=2**63), "not a whole number"),
        (lambda ring: ring.update(version="1"), "not a whole number"),
        (lambda ring: ring.update(keys=[]), "1 to 64 keys"),
        (lambda ring: ring.update(keys={}), "1 to 64 keys"),
        (lambda ring: ring.update(keys=[7]), "key 1 is no JSON object"),
        (lambda ring: ring.update(thresholds=[2, 0, 0]), "thresholds is no JSON object"),
        (lambda ring: ring["thresholds"].pop("auditor"), "does not say its 'auditor'"),
        (lambda ring: ring["thresholds"].update(keyring=1), "says 'keyring'"),
        (lambda ring: ring["thresholds"].update(developer=0), "at least one developer"),
        (lambda ring: ring["thresholds"].update(developer=-1), "not a whole number"),
        (lambda ring: ring["thresholds"].update(developer=4), "4 signatures of role developer are wanted, and 3 keys"),
        (lambda ring: ring["thresholds"].update(builder=2), "2 signatures of role builder are wanted, and 1 keys"),
        (lambda ring: ring["thresholds"].update(auditor=2), "role auditor"),
        (lambda ring: ring["keys"][0].pop("roles"), "key 1 does not say its 'roles'"),
        (lambda ring: ring["keys"][0].update(role="x"), "says 'role'"),
        (lambda ring: ring["keys"][0].update(name="bob"), "two keys are called bob and bob"),
        (lambda ring: ring["keys"][0].update(name="BOB"), "two keys are called BOB and bob"),
        (lambda ring: ring["keys"][0].update(name="../x"), "up to 32 letters"),
        (lambda ring: ring["keys"][0].update(name="a,b"), "up to 32 letters"),
        (lambda ring: ring["keys"][0].update(name="*"), "up to 32 letters"),
        (lambda ring: ring["keys"][0].update(name="аlice"), "up to 32 letters"),  # a Cyrillic a
        (lambda ring: ring["keys"][0].update(key=7), "is no text"),
        (lambda ring: ring["keys"][0].update(key="ssh-rsa AAAA"), "key of alice is refused: keys of kind 'ssh-rsa'"),
        (lambda ring: ring["keys"][0].update(key=ring["keys"][1]["key"]), "alice and bob have the same key"),
        (lambda ring: ring["keys"][3].update(key=ring["keys"][0]["key"] + " x"), "alice and dora have the same key"),
        (lambda ring: ring["keys"][0].update(roles=[]), "roles of alice"),
        (lambda ring: ring["keys"][0].update(roles="developer"), "roles of alice"),
        (lambda ring: ring["keys"][0].update(roles=["keyring"]), "roles of alice"),
        (lambda ring: ring["keys"][0].update(roles=["attester"]), "roles of alice"),
        (lambda ring: ring["keys"][0].update(roles=["developer", "developer"]), "roles of alice"),
        (lambda ring: ring["keys"][0].update(roles=[["developer"]]), "roles of alice"),
        (lambda ring: ring["keys"][0].update(valid_from_sequence=None), "first sequence of alice"),
        (lambda ring: ring["keys"][0].update(valid_from_sequence=True), "first sequence of alice"),
        (lambda ring: ring["keys"][2].update(valid_to_sequence=2), "ends at sequence 2, before it begins at 3"),
        (lambda ring: [key.update(valid_to_sequence=99) for key in ring["keys"][:2]], "no last sequence"),
    ],
)
def test_a_keyring_that_contradicts_itself_is_refused_with_a_sentence(
    change: Callable[[dict[str, Any]], object], why: str
) -> None:
    with pytest.raises(KeyringRefused, match=why):
        parse_keyring(changed(change))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "no JSON object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 10_000, "nested deeper"),
        (b" " * (MAX_BYTES + 1), "at most"),
        (THREE.content.replace(b'"version": 1', b'"version": 1, "version": 2'), "a key twice"),
        (THREE.content.replace(b'"version": 1', b'"version": NaN'), "NaN"),
        (THREE.content.replace(b'"version": 1', b'"version": ' + b"9" * 5000), "too long"),
    ],
)
def test_what_is_no_strict_json_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(KeyringRefused, match=why):
        parse_keyring(content)


def test_one_raw_key_counts_once_under_any_kind_and_application() -> None:
    """Whoever holds the secret of an Ed25519 key can write signatures as a token's key, for any application."""
    tokens = [token_key("eve", application=name).public for name in ("ssh:", "ssh:second")]
    for one, other in ((TestKey("eve").public, tokens[0]), (tokens[0], tokens[1])):
        assert one != other
        with pytest.raises(KeyringRefused, match="same key"):
            ring(_named("a", one), _named("b", other))


def _named(name: str, key: PublicKey) -> RingKey:
    return RingKey(name, key, frozenset({Role.DEVELOPER}))


def test_64_keys_are_taken_and_65_are_not() -> None:
    keys = [ring_key(f"key{number}") for number in range(MAX_KEYS + 1)]
    assert len(ring(*keys[:-1], developer=MAX_KEYS).keys) == MAX_KEYS
    with pytest.raises(KeyringRefused, match="1 to 64 keys"):
        ring(*keys, developer=2)


def test_all_four_kinds_of_key_may_be_in_a_ring() -> None:
    kinds = [TestKey("a"), TestKey("b", KeyKind.ECDSA), token_key("c"), token_key("d", KeyKind.SK_ECDSA)]
    made = make_keyring("demo", 7, {Role.DEVELOPER: 4}, [_named(key.word, key.public) for key in kinds])
    assert [each.key for each in made.keys] == [key.public for key in kinds]
    assert made.file_name == "keyring.7.json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(THREE.content))), JSON)
def test_any_value_in_any_field_is_read_or_refused_with_the_one_error(name: str, value: object) -> None:
    try:
        found = parse_keyring(changed(lambda ring: ring.update({name: value})))
    except KeyringRefused:
        return
    assert isinstance(found, Keyring)


@given(st.sampled_from(sorted(json.loads(THREE.content)["keys"][0])), JSON)
def test_any_value_in_any_field_of_a_key_is_read_or_refused_with_the_one_error(name: str, value: object) -> None:
    try:
        found = parse_keyring(changed(lambda ring: ring["keys"][1].update({name: value})))
    except KeyringRefused:
        return
    assert isinstance(found, Keyring)
