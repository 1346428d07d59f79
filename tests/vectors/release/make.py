"""Makes the vectors again, the same to the byte: `python -m tests.vectors.release.make`.

One folder is one test. Its name ends in `_ok` or `_fail`, its `case.json` says what is asked and which words the answer
must hold, and the other files are as an operator would have them. The keys are made of words (`forge.py`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.node.release.keyring import Keyring, RingKey
from console.node.release.public_key import KeyKind
from console.node.release.roles import Role
from console.node.release.sshsig import armoured
from console.node.release.wire import string
from tests.console.node.release.forge import Recipe, TestKey, ring, ring_key, signed, token_key

FOLDER = Path(__file__).parent
MANIFEST = b'{"name": "v0.2.0", "sequence": 5}\n'
OTHER_MANIFEST = b'{"name": "v0.2.1", "sequence": 5}\n'
SEQUENCE = 5
RING = ring(
    ring_key("alice", Role.DEVELOPER, Role.BUILDER),
    ring_key("bob"),
    ring_key("carol"),
    ring_key("late", first=6),
    ring_key("retired", last=4),
    ring_key("ed", Role.AUDITOR),
    builder=1,
    auditor=1,
)
ALICE, BOB = Recipe(TestKey("alice"), MANIFEST), Recipe(TestKey("bob"), MANIFEST)
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = (1).to_bytes(32, "little")


@dataclass(frozen=True, slots=True)
class Vector:
    """One folder."""

    name: str
    """Ends in `_ok` or `_fail`."""
    case: Mapping[str, object]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def content(self) -> dict[str, bytes]:
        """File by name."""
        return {"case.json": (json.dumps(self.case, indent=2) + "\n").encode(), **self.files}


def vectors() -> list[Vector]:
    """All of them."""
    return [*counts(), *keyrings(), *rotations(), *histories()]


def counts() -> Iterator[Vector]:
    """Signatures of one manifest, two developers of three being needed."""

    def vector(
        name: str,
        signers: str,
        *says: str,
        keyring: Keyring = RING,
        role: Role = Role.DEVELOPER,
        beside: Mapping[str, bytes] | None = None,
        **files: bytes,
    ) -> Vector:
        case = {"ask": "count", "role": role.value, "sequence": SEQUENCE, "signers": signers.split(), "says": says}
        named = {f"{file}.sshsig": content for file, content in {**(beside or {}), **files}.items()}
        return Vector(name, case, {"manifest.json": MANIFEST, "keyring.json": keyring.content, **named})

    two = {"alice": ALICE.file, "bob": BOB.file}
    yield vector("two_of_three_ok", "alice bob", beside=two)
    yield vector("three_of_three_ok", "alice bob carol", beside=two, carol=signed("carol", MANIFEST))
    yield vector("sha256_hash_ok", "alice bob", alice=ALICE.but(hash_name="sha256").file, bob=BOB.file)
    yield vector(
        "all_kinds_of_keys_ok",
        "alice dave erin frank",
        keyring=ring(
            ring_key("alice"),
            *(
                RingKey(key.word, key.public, frozenset({Role.DEVELOPER}))
                for key in (token_key("dave"), token_key("erin", KeyKind.SK_ECDSA), TestKey("frank", KeyKind.ECDSA))
            ),
            developer=4,
        ),
        alice=ALICE.file,
        dave=Recipe(token_key("dave"), MANIFEST).file,
        erin=Recipe(token_key("erin", KeyKind.SK_ECDSA), MANIFEST).file,
        frank=Recipe(TestKey("frank", KeyKind.ECDSA), MANIFEST).file,
    )
    yield vector(
        "junk_beside_good_ones_ok",
        "alice bob",
        "not one SSH signature",
        "is not in keyring 1",
        "which is nothing of ours",
        "has signed already",
        beside=two,
        a_copy=ALICE.but(hash_name="sha256").file,
        empty=b"",
        git=ALICE.but(namespace="git").file,
        mallory=signed("mallory", MANIFEST),
        noise=bytes(range(256)),
    )
    yield vector(
        "a_wrong_one_before_the_right_one_ok", "alice bob", "not one of these bytes", a=signed("alice", b""), beside=two
    )
    yield vector("builder_ok", "alice", role=Role.BUILDER, a=signed("alice", MANIFEST, Role.BUILDER))
    yield vector("auditor_ok", "ed", role=Role.AUDITOR, a=signed("ed", MANIFEST, Role.AUDITOR))

    yield vector("nobody_fail", "")
    yield vector("one_of_three_fail", "alice", alice=ALICE.file)
    yield vector("one_key_twice_fail", "alice", "counts once", a=ALICE.file, b=ALICE.but(hash_name="sha256").file)
    for name, why, file in (
        ("other_bytes", "not one of these bytes", signed("bob", OTHER_MANIFEST)),
        ("unknown_key", "is not in keyring 1", signed("mallory", MANIFEST)),
        (
            "stolen_name",
            "not one of these bytes",
            Recipe(TestKey("mallory"), MANIFEST, public_blob=BOB.key.public.blob).file,
        ),
        ("namespace_of_builder", "is made for 'build@upgrade-console'", signed("bob", MANIFEST, Role.BUILDER)),
        ("namespace_of_keyring", "is made for 'keyring@upgrade-console'", signed("bob", MANIFEST, Role.KEYRING)),
        ("namespace_of_attester", "is made for 'attest@upgrade-console'", signed("bob", MANIFEST, Role.ATTESTER)),
        ("namespace_of_git", "'git', which is nothing of ours", BOB.but(namespace="git").file),
        ("key_not_yet_valid", "from sequence 6 on, and this is 5", signed("late", MANIFEST)),
        ("key_no_longer_valid", "from sequence 0 to 4, and this is 5", signed("retired", MANIFEST)),
        ("auditor_as_developer", "ed is no developer", signed("ed", MANIFEST)),
        ("version_2", "version 2", BOB.but(version=2).file),
        ("reserved_used", "reserved", BOB.but(reserved=b"x").file),
        ("hash_sha1", "'sha1'", BOB.but(hash_name="sha1").file),
        ("trailing_bytes", "bytes follow its end", BOB.but(after_all=b"\0").file),
        ("trailing_bytes_inside", "bytes follow its end", BOB.but(after_body=b"\0").file),
        ("length_too_long", "longer than what holds it", armoured(BOB.blob[:10] + b"\xff\xff\xff\xff" + BOB.blob[14:])),
        ("truncated", "longer than what holds it", armoured(BOB.blob[:-1])),
        ("two_in_one_file", "base64 cannot be read", BOB.file + ALICE.file),
        ("armour_with_crlf", "not one SSH signature", BOB.file.replace(b"\n", b"\r\n")),
        ("armour_in_one_line", "not exactly as ssh-keygen", _in_one_line(BOB)),
        ("s_plus_order", "not written in its one form", BOB.but(body=_more_of_s(BOB)).file),
        ("small_order_key", "small order", _small_order()),
        ("rsa_key", "'ssh-rsa' do not count", BOB.but(public_blob=string(b"ssh-rsa") + string(b"\1") * 2).file),
    ):
        yield vector(f"{name}_fail", "alice", why, a=ALICE.file, b=file)
    dave = token_key("dave")
    tokens = ring(ring_key("alice"), RingKey("dave", dave.public, frozenset({Role.DEVELOPER})))
    token = Recipe(dave, MANIFEST)
    body = dave.sign(token.signed)
    for name, why, file in (
        ("token_not_touched", "without anybody touching it", token.but(flags=0).file),
        ("token_unknown_flag", "flags that are not known", token.but(flags=0x41).file),
        ("token_other_counter", "not one of these bytes", token.but(body=body, counter=8).file),
        (
            "token_other_application",
            "is not in keyring 1",
            Recipe(token_key("dave", application="ssh:x"), MANIFEST).file,
        ),
        ("token_key_as_plain_key", "is not in keyring 1", signed("dave", MANIFEST)),
    ):
        yield vector(f"{name}_fail", "alice", why, keyring=tokens, a=ALICE.file, b=file)


def keyrings() -> Iterator[Vector]:
    """Keyring files that are read, or not."""

    def vector(name: str, says: str, content: bytes) -> Vector:
        return Vector(name, {"ask": "keyring", "says": [says] if says else []}, {"keyring.json": content})

    def edited(old: bytes, new: bytes) -> bytes:
        assert RING.content.count(old) >= 1
        return RING.content.replace(old, new, 1)

    alice, bob = (TestKey(word).public.text.encode() for word in ("alice", "bob"))
    weak = b"ssh-ed25519 " + _base64(string(b"ssh-ed25519") + string(IDENTITY))
    yield vector("keyring_ok", "", RING.content)
    yield vector("keyring_key_with_comment_ok", "", edited(alice, alice + b" alice@laptop"))
    yield vector("keyring_one_key_two_names_fail", "alice and bob have the same key", edited(bob, alice))
    yield vector(
        "keyring_one_key_other_comment_fail", "alice and bob have the same key", edited(bob, alice + b" bob@desk")
    )
    yield vector("keyring_one_name_two_keys_fail", "two keys are called", edited(b'"bob"', b'"Alice"'))
    yield vector("keyring_small_order_key_fail", "small order", edited(bob, weak))
    yield vector("keyring_threshold_0_fail", "at least one developer", edited(b'"developer": 2', b'"developer": 0'))
    yield vector("keyring_threshold_too_high_fail", "6 signatures", edited(b'"developer": 2', b'"developer": 6'))
    yield vector(
        "keyring_key_twice_in_json_fail", "a key twice", edited(b'"version": 1,', b'"version": 1, "version": 1,')
    )
    yield vector(
        "keyring_unknown_field_fail", "'expires', which is not known", edited(b'"version"', b'"expires": 1, "version"')
    )
    yield vector("keyring_no_json_fail", "not JSON", RING.content[:-3] + b"\n")


def rotations() -> Iterator[Vector]:
    """A keyring that follows another, or not."""
    old = ring(ring_key("alice"), ring_key("bob"), ring_key("carol"))
    new = ring(ring_key("alice"), ring_key("dora"), ring_key("eve"), version=2, developer=3)

    def vector(name: str, says: str, words: str, following: Keyring = new, role: Role = Role.KEYRING) -> Vector:
        files = {f"{word}.sshsig": signed(word, following.content, role) for word in words.split()}
        case = {"ask": "rotation", "says": [says] if says else []}
        return Vector(name, case, {"old.json": old.content, "new.json": following.content, **files})

    yield vector("rotation_ok", "", "alice bob dora eve")
    yield vector("rotation_too_few_old_fail", "developers of keyring 1 and has 1", "alice dora eve")
    yield vector("rotation_too_few_new_fail", "developers of keyring 2 and has 2", "alice bob carol dora")
    yield vector("rotation_by_release_signatures_fail", "has 0", "alice bob dora eve", role=Role.DEVELOPER)
    third = ring(ring_key("alice"), ring_key("bob"), version=3)
    yield vector("rotation_skips_a_number_fail", "does not follow keyring 1 directly", "alice bob", third)
    again = ring(ring_key("alice"), ring_key("bob"))
    yield vector("rotation_same_number_fail", "there is no way back", "alice bob", again)


def histories() -> Iterator[Vector]:
    """What one machine is offered, step by step; the last step is the one that is asked about."""
    first = ring(ring_key("alice"), ring_key("bob"), ring_key("carol"))
    second, other = (ring(ring_key("alice"), ring_key("bob"), ring_key(word), version=2) for word in ("dora", "eve"))
    files = {"keyring.1.json": first.content, "keyring.2.json": second.content, "other.2.json": other.content}
    files |= {"a.json": MANIFEST, "b.json": OTHER_MANIFEST}
    for name, made in (("keyring.1.json", first), ("keyring.2.json", second), ("other.2.json", other)):
        files |= {
            f"{name}.{word}.keyring.sshsig": signed(word, made.content, Role.KEYRING) for word in ("alice", "bob")
        }
    pin, rotate = ["pin", "keyring.1.json"], ["rotate", "keyring.2.json"]

    def vector(name: str, says: str, *steps: list[object]) -> Vector:
        return Vector(name, {"ask": "trust", "says": [says] if says else [], "steps": steps}, files)

    yield vector("trust_ok", "", [*pin], ["accept", 4, "b.json"], [*rotate], ["accept", 5, "a.json"])
    yield vector("trust_same_release_again_ok", "", [*pin], ["accept", 5, "a.json"], ["accept", 5, "a.json"])
    yield vector(
        "trust_release_rolled_back_fail", "no way back", [*pin], ["accept", 5, "a.json"], ["accept", 4, "b.json"]
    )
    yield vector(
        "trust_sequence_twice_fail", "another release", [*pin], ["accept", 5, "a.json"], ["accept", 5, "b.json"]
    )
    yield vector("trust_keyring_rolled_back_fail", "is older", [*pin], [*rotate], ["rotate", "keyring.1.json"])
    yield vector(
        "trust_other_keyring_same_number_fail", "another keyring 2", [*pin], [*rotate], ["rotate", "other.2.json"]
    )
    yield vector("trust_pinned_twice_fail", "trusted here already", [*pin], ["pin", "keyring.2.json"])
    yield vector("trust_not_pinned_fail", "no keyring is pinned", ["accept", 5, "a.json"])


def main() -> None:
    """Write all folders anew."""
    for folder in FOLDER.iterdir():
        if folder.name.endswith(("_ok", "_fail")):
            shutil.rmtree(folder)
    for vector in vectors():
        folder = FOLDER / vector.name
        folder.mkdir()
        for name, content in vector.content().items():
            (folder / name).write_bytes(content)


def _more_of_s(recipe: Recipe) -> bytes:
    body = recipe.key.sign(recipe.signed)
    return body[:32] + (int.from_bytes(body[32:], "little") + ED25519_ORDER).to_bytes(32, "little")


def _small_order() -> bytes:
    return BOB.but(public_blob=string(b"ssh-ed25519") + string(IDENTITY), body=IDENTITY + bytes(32)).file


def _in_one_line(recipe: Recipe) -> bytes:
    first, *middle, last, _ = recipe.file.split(b"\n")
    return b"\n".join((first, b"".join(middle), last, b""))


def _base64(content: bytes) -> bytes:
    return b"".join(armoured(content).split(b"\n")[1:-2])


if __name__ == "__main__":
    main()
