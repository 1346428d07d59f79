"""SSHSIG read strictly: what is good verifies, and everything else is refused with one error."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import SignatureRefused
from console.node.release.public_key import KeyKind
from console.node.release.roles import RING_ROLES, Role, role_of
from console.node.release.sshsig import MAX_FILE, TokenUse, armoured, check, parse, verify
from console.node.release.wire import string
from tests.console.node.release.forge import Recipe, TestKey, token_key

MESSAGE = b'{"name": "v2"}\n'
ALICE = TestKey("alice")
KINDS = [ALICE, TestKey("carol", KeyKind.ECDSA), token_key("dave"), token_key("erin", KeyKind.SK_ECDSA)]
GOOD = Recipe(ALICE, MESSAGE)
TOKEN = Recipe(token_key("dave"), MESSAGE)
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind.value)
def test_a_good_signature_is_read_and_verified(key: TestKey, role: Role, hash_name: str) -> None:
    found = verify(Recipe(key, MESSAGE, role.namespace, hash_name).file, MESSAGE, role)
    assert (found.key, found.role, found.hash_name) == (key.public, role, hash_name)
    assert found.token == (TokenUse(verified=False, counter=7) if key.kind.in_token else None)


def test_a_signature_counts_for_its_role_its_bytes_and_its_key_alone() -> None:
    for role in Role:
        if role is not Role.DEVELOPER:
            with pytest.raises(SignatureRefused, match=f"not for '{role.namespace}'"):
                verify(GOOD.file, MESSAGE, role)
    with pytest.raises(SignatureRefused, match="not one of these bytes"):
        verify(GOOD.file, MESSAGE + b" ", Role.DEVELOPER)
    with pytest.raises(SignatureRefused, match="not one of these bytes"):
        verify(GOOD.but(public_blob=TestKey("bob").public.blob).file, MESSAGE, Role.DEVELOPER)


def test_the_namespaces_are_five_different_ones() -> None:
    assert len({role.namespace for role in Role}) == len(Role) == 5
    assert all(role_of(role.namespace) is role for role in Role)
    assert set(RING_ROLES) < set(Role)


def test_a_token_says_whether_it_knew_who_touched_it() -> None:
    found = verify(TOKEN.but(flags=0x05, counter=2**32 - 1).file, MESSAGE, Role.DEVELOPER)
    assert found.token == TokenUse(verified=True, counter=2**32 - 1)


def with_more_of_s() -> bytes:
    body = ALICE.sign(GOOD.signed)
    return body[:32] + (int.from_bytes(body[32:], "little") + ED25519_ORDER).to_bytes(32, "little")


def padded_p256() -> bytes:
    reader = TestKey("carol", KeyKind.ECDSA).sign(Recipe(KINDS[1], MESSAGE).signed)
    first = reader[4 : 4 + int.from_bytes(reader[:4], "big")]
    return string(b"\0" + first if first[0] < 0x80 else b"\0\0" + first) + reader[4 + len(first) :]


P256 = Recipe(KINDS[1], MESSAGE)
RAW = base64.b64encode(GOOD.blob)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not one SSH signature"),
        (GOOD.file[:-1], "not one SSH signature"),
        (GOOD.file + b"\n", "not one SSH signature"),
        (b"\n" + GOOD.file, "not one SSH signature"),
        (b"\xef\xbb\xbf" + GOOD.file, "not one SSH signature"),
        (GOOD.file * 2, "base64"),
        (GOOD.file.replace(b"\n", b"\r\n"), "not one SSH signature"),
        (GOOD.file.replace(RAW[70:90], RAW[70:80] + b"\n" + RAW[80:90]), "not exactly"),
        (GOOD.file.replace(RAW[70:90], RAW[70:80] + b" " + RAW[80:90]), "base64"),
        (b"-----BEGIN SSH SIGNATURE-----\n" + RAW + b"\n-----END SSH SIGNATURE-----\n", "not exactly"),
        (b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", "malformed"),
        (b"-----BEGIN SSH SIGNATURE-----\n", "not one SSH signature"),
        (GOOD.file + b"x" * MAX_FILE, "at most 8192 bytes"),
        (GOOD.but(magic=b"SSHSIX").file, "something else"),
        (GOOD.but(version=0).file, "version 0"),
        (GOOD.but(version=2).file, "version 2"),
        (GOOD.but(namespace="git").file, "'git', which is nothing of ours"),
        (GOOD.but(namespace="").file, "nothing of ours"),
        (GOOD.but(namespace="release@upgrade-console\n").file, "no name has"),
        (GOOD.but(namespace="Release@upgrade-console").file, "nothing of ours"),
        (GOOD.but(reserved=b"x").file, "reserved"),
        (GOOD.but(hash_name="sha1").file, "'sha1'"),
        (GOOD.but(hash_name="md5").file, "'md5'"),
        (GOOD.but(hash_name="sha384").file, "'sha384'"),
        (GOOD.but(after_all=b"\0").file, "bytes follow"),
        (GOOD.but(after_body=b"\0").file, "bytes follow"),
        (GOOD.but(kind_name="ssh-rsa").file, "is called 'ssh-rsa'"),
        (GOOD.but(kind_name=KeyKind.SK_ED25519.value).file, "is called 'sk-ssh-ed25519@openssh.com'"),
        (GOOD.but(body=b"x" * 63).file, "64 bytes, not 63"),
        (GOOD.but(body=with_more_of_s()).file, "one form"),
        (GOOD.but(public_blob=string(b"ssh-rsa") + string(b"\1") + string(b"\1")).file, "'ssh-rsa' do not count"),
        (GOOD.but(public_blob=string(b"ssh-ed25519") + string((1).to_bytes(32, "little"))).file, "small order"),
        (GOOD.but(public_blob=ALICE.public.blob + b"\0").file, "bytes follow"),
        (TOKEN.but(flags=0x00).file, "without anybody touching"),
        (TOKEN.but(flags=0x04).file, "without anybody touching"),
        (TOKEN.but(flags=0x81).file, "0x81"),
        (TOKEN.but(after_body=b"\0").file, "bytes follow"),
        (P256.but(body=padded_p256()).file, "one form"),
        (P256.but(body=string(b"") + string(b"\1")).file, "one form"),
        (P256.but(body=string(b"\1") + string(b"\xff")).file, "one form"),
        (P256.but(body=string(b"\1") + string(b"\0" + b"\xff" * 32)).file, "out of its range"),
        (P256.but(body=string(b"\1") + string(b"\1") + b"\0").file, "bytes follow"),
        (P256.but(body=b"").file, "longer than what holds it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_exactly_a_signature_is_refused_with_a_sentence(content: bytes, why: str) -> None:
    with pytest.raises(SignatureRefused, match=why):
        parse(content)


def test_a_key_of_small_order_signs_nothing_here_though_the_library_takes_it() -> None:
    """Why the point is checked by us: for these keys, cryptography accepts one signature for any message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    identity = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"anything")
    forged = GOOD.but(public_blob=string(b"ssh-ed25519") + string(identity), body=identity + bytes(32)).file
    with pytest.raises(SignatureRefused, match="small order"):
        verify(forged, MESSAGE, Role.DEVELOPER)


def test_the_signature_of_a_token_binds_application_flags_and_counter() -> None:
    body = TOKEN.key.sign(TOKEN.signed)
    other = token_key("dave", application="ssh:other")
    assert other.public.point == TOKEN.key.public.point
    for changed in (
        TOKEN.but(body=body, counter=8),
        TOKEN.but(body=body, flags=0x05),
        TOKEN.but(body=body, key=other),
        TOKEN.but(body=TestKey("dave").sign(Recipe(TestKey("dave"), MESSAGE).signed)),
    ):
        with pytest.raises(SignatureRefused, match="not one of these bytes"):
            verify(changed.file, MESSAGE, Role.DEVELOPER)


def mutations(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Different files that a good one can be turned into by one edit: of bits, ends, lengths and armour."""
    chosen = random.Random(seed)
    files = [Recipe(key, MESSAGE) for key in KINDS]
    blobs, armours = [recipe.blob for recipe in files], [recipe.file for recipe in files]
    # Where lengths stand in the blob: every aligned or unaligned run of four bytes that begins with two zeros.
    lengths = [[at for at in range(len(blob) - 4) if blob[at : at + 2] == b"\0\0"] for blob in blobs]
    for _ in range(count):
        which = chosen.randrange(len(blobs))
        blob, armour = blobs[which], armours[which]
        at = chosen.randrange(len(blob))
        match chosen.randrange(8):
            case 0 | 1:
                changed = bytearray(blob)
                changed[at] ^= 1 << chosen.randrange(8)
                yield "bit", armoured(bytes(changed))
            case 2:
                yield "cut", armoured(blob[:at])
            case 3:
                yield "insertion", armoured(blob[:at] + chosen.randbytes(chosen.randint(1, 9)) + blob[at:])
            case 4:
                at = chosen.choice(lengths[which])
                value = int.from_bytes(blob[at : at + 4], "big")
                other = chosen.choice([value + 1, max(value - 1, 0), value + 256, 2**32 - 1, 2**31, 0, len(blob)])
                yield "length", armoured(blob[:at] + other.to_bytes(4, "big") + blob[at + 4 :])
            case 5:
                start, end = sorted((at, chosen.randrange(len(blob))))
                yield "twice", armoured(blob[:end] + blob[start:])
            case 6:
                place = chosen.randrange(len(armour))
                changed = bytearray(armour)
                changed[place] ^= 1 << chosen.randrange(8)
                yield "armour bit", bytes(changed)
            case _:
                place = chosen.randrange(len(armour))
                added = chosen.choice([b"\n", b"\r", b" ", b"=", b"\0", b"-", b"A", b"\xc2\xa0", b"-----"])
                yield "armour", chosen.choice([armour[:place] + added + armour[place:], armour[:place]])


@pytest.mark.parametrize("seed", range(4))
def test_every_mutation_is_refused_with_the_one_error(seed: int) -> None:
    """24,000 edits of signatures of all four kinds; an edit that leaves the bytes as they were is none."""
    originals = {Recipe(key, MESSAGE).file for key in KINDS}
    tried = 0
    for what, content in mutations(6_100, seed):
        if content in originals:
            continue
        tried += 1
        try:
            verify(content, MESSAGE, Role.DEVELOPER)
        except SignatureRefused:
            continue
        else:
            pytest.fail(f"a signature with another {what} was accepted: {content!r}")
    assert tried >= 6_000


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind.value)
def test_every_single_bit_of_a_signature_matters(key: TestKey) -> None:
    blob = Recipe(key, MESSAGE).blob
    for at in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(SignatureRefused):
            verify(armoured(bytes(changed)), MESSAGE, Role.DEVELOPER)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_the_one_error(content: bytes) -> None:
    for file in (content, armoured(content), armoured(b"SSHSIG\0\0\0\1" + content)):
        with pytest.raises(SignatureRefused):
            parse(file)


@given(
    st.binary(max_size=80),
    st.sampled_from(list(Role)),
    st.sampled_from(["sha256", "sha512"]),
    st.sampled_from(KINDS),
    st.integers(0, 2**32 - 1),
)
def test_what_is_well_formed_is_read_back(
    message: bytes, role: Role, hash_name: str, key: TestKey, counter: int
) -> None:
    recipe = Recipe(key, message, role.namespace, hash_name, counter=counter)
    found = parse(recipe.file)
    assert (found.role, found.hash_name, found.key) == (role, hash_name, key.public)
    check(found, message)
    with pytest.raises(SignatureRefused):
        check(found, message + b"x")
