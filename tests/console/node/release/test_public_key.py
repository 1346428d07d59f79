"""Which public keys count, and how they are written."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import KeyRefused
from console.node.release.public_key import KeyKind, PublicKey, parse_blob, parse_public_key
from console.node.release.wire import string
from tests.console.node.release.forge import TestKey, token_key

P = 2**255 - 19
ALL_KINDS = [
    TestKey("alice"),
    TestKey("carol", KeyKind.ECDSA),
    token_key("dave"),
    token_key("erin", KeyKind.SK_ECDSA),
]


def line(blob: bytes, kind: str = "ssh-ed25519") -> str:
    return f"{kind} {base64.b64encode(blob).decode()}"


def edwards(point: bytes) -> str:
    return line(string(b"ssh-ed25519") + string(point))


@pytest.mark.parametrize("key", ALL_KINDS, ids=lambda key: key.kind.value)
def test_each_kind_is_read_as_it_is_written(key: TestKey) -> None:
    public = key.public
    assert parse_public_key(public.text) == public
    assert parse_public_key(f"{public.text} alice@laptop (work)\n") == public
    assert parse_blob(public.blob) == public


def test_a_key_of_ssh_keygen_has_the_fingerprint_that_ssh_keygen_prints() -> None:
    # The host key of github.com and its published fingerprint.
    key = parse_public_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl")
    assert key.fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


SMALL_ORDER = [
    0,
    1,
    P - 1,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
]


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", SMALL_ORDER)
def test_a_key_of_small_order_is_refused_with_either_sign(y: int, sign: int) -> None:
    with pytest.raises(KeyRefused, match="small order"):
        parse_public_key(edwards((y | sign << 255).to_bytes(32, "little")))


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [P, P + 1, P + 2, P + 18])
def test_a_y_beyond_the_field_is_refused(y: int, sign: int) -> None:
    with pytest.raises(KeyRefused, match="one form"):
        parse_public_key(edwards((y | sign << 255).to_bytes(32, "little")))


def test_a_point_off_its_curve_is_refused() -> None:
    with pytest.raises(KeyRefused, match="not on its curve"):
        parse_public_key(edwards((2).to_bytes(32, "little")))
    good = TestKey("carol", KeyKind.ECDSA).public
    wrong = PublicKey(KeyKind.ECDSA, good.point[:-1] + bytes([good.point[-1] ^ 1]))
    with pytest.raises(KeyRefused, match="not on its curve"):
        parse_public_key(wrong.text)
    with pytest.raises(KeyRefused, match="not on its curve"):
        parse_public_key(PublicKey(KeyKind.ECDSA, b"\x04" + bytes(64)).text)


def test_what_is_called_a_point_has_a_root_for_its_x() -> None:
    """The first 200 y, by taking the root itself instead of asking whether there is one."""
    d = -121665 * pow(121666, -1, P) % P
    for y in range(2, 202):
        x2 = (y * y - 1) * pow(d * y * y + 1, P - 2, P) % P
        root = pow(x2, (P + 3) // 8, P)
        is_point = x2 in (root * root % P, -root * root % P)
        try:
            parse_public_key(edwards(y.to_bytes(32, "little")))
        except KeyRefused:
            assert not is_point
        else:
            assert is_point


BLOB = TestKey("alice").public.blob
TOKEN = token_key("dave").public


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no public key"),
        ("ssh-ed25519", "no public key"),
        ("ssh-rsa AAAA", "do not count"),
        ("ssh-dss AAAA", "do not count"),
        ("ecdsa-sha2-nistp384 AAAA", "do not count"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "do not count"),
        ("ssh-ed25519  " + line(BLOB).split()[1], "base64"),
        ("ssh-ed25519 " + line(BLOB).split()[1] + "=", "base64"),
        ("ssh-ed25519 " + line(BLOB).split()[1][:-1] + "é", "base64"),
        (line(BLOB) + "\n" + line(BLOB), "one line"),
        (line(BLOB) + "\r\n", "one line"),
        (line(BLOB) + " " + "x" * 5000, "one line"),
        (line(BLOB + b"\0"), "bytes follow"),
        (line(BLOB[:-1]), "longer than what holds it"),
        (line(string(b"ssh-ed25519") + string(b"x" * 31)), "32 bytes, not 31"),
        (line(string(b"ssh-rsa") + string(b"x" * 32)), "do not count"),
        (line(string(b"ssh-\x00rsa") + string(b"x" * 32)), "no name has"),
        (line(BLOB, "sk-ssh-ed25519@openssh.com"), "is called sk-ssh-ed25519@openssh.com and is ssh-ed25519"),
        (PublicKey(KeyKind.SK_ED25519, TOKEN.point, "").text, "what it is for"),
        (PublicKey(KeyKind.SK_ED25519, TOKEN.point, "x" * 256).text, "what it is for"),
        (PublicKey(KeyKind.ECDSA, b"\x02" + b"x" * 32).text, "uncompressed"),
        (
            line(
                string(b"ecdsa-sha2-nistp256") + string(b"nistp384") + string(ALL_KINDS[1].public.point),
                "ecdsa-sha2-nistp256",
            ),
            "another curve",
        ),
        ("\x1b[2Jssh-ed25519 AAAA", "<U\\+001B>"),
    ],
)
def test_what_is_no_key_of_ours_is_refused_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(KeyRefused, match=why):
        parse_public_key(text)


@given(st.text() | st.binary().map(lambda content: line(content)))
def test_anything_else_is_refused_with_the_one_error(text: str) -> None:
    with pytest.raises(KeyRefused):
        parse_public_key(text)
