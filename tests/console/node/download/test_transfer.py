"""One source: hops, heads and bodies, of servers that lie."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from console.model import FailureCode
from console.node.download import Checksum, DownloadRules, PaceLimits, download
from console.node.download import transfer as module
from console.node.download.exchange import Exchange
from tests.console.node.download.bodies import BODY, CHECKSUM, OWN, fetched, kept, left, refused
from tests.console.node.download.server import Asked, Names, serving

pytestmark = pytest.mark.anyio

FAILED, WRONG = FailureCode.DOWNLOAD_FAILED, FailureCode.HASH_MISMATCH
QUICK = PaceLimits(deadline_s=3600, answer_s=0.3, minimum_rate=1 << 40, window_s=0.3)
"""So strict that no server of a test keeps to it; nothing is measured."""


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.02)


async def whole(asked: Asked) -> None:
    await asked.answer(BODY)


# --- what is right ---


async def test_the_promised_bytes_are_kept(tmp_path: Path) -> None:
    seen: list[Asked] = []

    async def handler(asked: Asked) -> None:
        seen.append(asked)
        await asked.answer(BODY)

    async with serving(handler) as port:
        told = await fetched(f"http://127.0.0.1:{port}/v2/node?x=1", tmp_path / "d", size=len(BODY))
    assert seen[0].target == "/v2/node?x=1"
    assert seen[0].headers["host"] == f"127.0.0.1:{port}"
    assert seen[0].headers["accept-encoding"] == "identity"
    assert "cookie" not in seen[0].headers
    assert "authorization" not in seen[0].headers
    assert (told[-1].received, told[-1].total, told[-1].source) == (len(BODY), len(BODY), f"127.0.0.1:{port}")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_without_a_length_is_read_to_its_end(tmp_path: Path, chunked: bool) -> None:
    async def handler(asked: Asked) -> None:
        if chunked:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            await asked.send(head, b"%x\r\n%s\r\n" % (1000, BODY[:1000]))
            await asked.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY) - 1000, BODY[1000:]))
        else:
            await asked.send(b"HTTP/1.1 200 OK\r\n\r\n", BODY)

    async with serving(handler) as port:
        told = await fetched(f"http://127.0.0.1:{port}/x", tmp_path)
        assert told[-1].total is None
        told = await fetched(f"http://127.0.0.1:{port}/x", tmp_path / "sized", size=len(BODY))
        assert told[-1].total == len(BODY)


async def test_sha512_is_a_checksum_too(tmp_path: Path) -> None:
    import hashlib

    async with serving(whole) as port:
        checksum = Checksum("sha512", hashlib.sha512(BODY).hexdigest())
        await fetched(f"http://127.0.0.1:{port}/x", tmp_path, checksum=checksum)


# --- TLS, names and redirects ---


async def test_a_name_is_connected_to_at_its_checked_address_under_its_own_name(
    tmp_path: Path, server_tls: ssl.SSLContext, certificate: str
) -> None:
    hosts: list[str] = []
    said: list[str] = []
    server_tls.sni_callback = lambda _, name, __: said.append(name or "")

    async def handler(asked: Asked) -> None:
        hosts.append(asked.headers["host"])
        await asked.answer(BODY)

    async with serving(handler, server_tls) as port:
        names = Names({"releases.example": [("1.1.1.1", "8.8.8.8")]}, port, certificate)
        await fetched("https://releases.example/x", tmp_path, rules=DownloadRules(network=names))
    assert (said, hosts, names.connected) == (["releases.example"], ["releases.example"], ["1.1.1.1"])


async def test_a_certificate_of_nobody_known_or_of_somebody_else_is_refused(
    tmp_path: Path, server_tls: ssl.SSLContext, certificate: str
) -> None:
    async with serving(whole, server_tls) as port:
        for host, trusted, why in (
            ("releases.example", None, "self-signed"),
            ("evil.example", certificate, "not valid for 'evil.example'"),
        ):
            rules = DownloadRules(network=Names({host: [("1.1.1.1",)]}, port, trusted))
            code, sentence = await refused(f"https://{host}/x", tmp_path, rules=rules)
            assert code is FAILED
            assert why in sentence


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_old_tls_is_refused(tmp_path: Path, server_tls: ssl.SSLContext, certificate: str) -> None:
    server_tls.minimum_version = ssl.TLSVersion.TLSv1
    server_tls.maximum_version = ssl.TLSVersion.TLSv1_1
    server_tls.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(whole, server_tls) as port:
        rules = DownloadRules(network=Names({"releases.example": [("1.1.1.1",)]}, port, certificate))
        code, sentence = await refused("https://releases.example/x", tmp_path, rules=rules)
    assert code is FAILED
    assert "protocol" in sentence


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_and_checked_anew(
    tmp_path: Path, server_tls: ssl.SSLContext, certificate: str, code: int
) -> None:
    hosts: list[str] = []

    async def handler(asked: Asked) -> None:
        hosts.append(asked.headers["host"] + asked.target)
        if asked.target == "/a":
            await asked.answer(b"", code, Location="https://other.example/b?key=1")
        elif asked.target == "/b?key=1":
            await asked.answer(b"", code, Location="c")
        else:
            await asked.answer(BODY)

    async with serving(handler, server_tls) as port:
        names = Names({"releases.example": [("1.1.1.1",)], "other.example": [("8.8.8.8",)]}, port, certificate)
        told = await fetched("https://releases.example/a", tmp_path, rules=DownloadRules(network=names))
    assert hosts == ["releases.example/a", "other.example/b?key=1", "other.example/c"]
    assert names.connected == ["1.1.1.1", "8.8.8.8", "8.8.8.8"]
    assert told[-1].source == "other.example"


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://127.0.0.1:1/x", "only a setting of the operator may name"),
        ("https://localhost/x", "only a setting of the operator may name"),
        ("https://169.254.169.254/latest/meta-data", "never fetched from"),
        ("http://169.254.169.254/latest/meta-data", "only https"),
        ("https://metadata.example/x", "never fetched from"),
        ("https://inside.example/x", "under another name"),
        ("https://lan.example/x", "only a setting of the operator may name"),
        ("https://nat64.example/x", "never fetched from"),
        ("https://2852039166/x", "not a plain address"),
        ("http://other.example/x", "only https"),
        ("file:///etc/passwd", "only https"),
        ("https://a:b@other.example/x", "user name"),
        ("https://[/", "no URL"),
        ("", "does not say where"),
    ],
)
async def test_no_redirect_leads_inside(
    tmp_path: Path, server_tls: ssl.SSLContext, certificate: str, location: str, why: str
) -> None:
    async def handler(asked: Asked) -> None:
        await asked.answer(b"", 302, Location=location)

    async with serving(handler, server_tls) as port:
        known: dict[str, list[tuple[str, ...]]] = {
            "releases.example": [("1.1.1.1",)],
            "metadata.example": [("169.254.169.254",)],
            "inside.example": [("127.0.0.1",)],
            "lan.example": [("10.0.0.1",)],
            "nat64.example": [("64:ff9b::a9fe:a9fe",)],
        }
        names = Names(known, port, certificate)
        code, sentence = await refused("https://releases.example/x", tmp_path, rules=DownloadRules(network=names))
    assert code is FAILED
    assert why in sentence
    # Nothing was connected to but the first host.
    assert names.connected == ["1.1.1.1"]


async def test_a_name_that_changes_its_address_between_two_looks_is_checked_at_each(
    tmp_path: Path, server_tls: ssl.SSLContext, certificate: str
) -> None:
    async def handler(asked: Asked) -> None:
        await asked.answer(b"", 302, Location="https://releases.example/again")

    async with serving(handler, server_tls) as port:
        names = Names({"releases.example": [("1.1.1.1",), ("127.0.0.1",)]}, port, certificate)
        code, sentence = await refused("https://releases.example/x", tmp_path, rules=DownloadRules(network=names))
    assert (code, names.connected) == (FAILED, ["1.1.1.1"])
    assert "under another name" in sentence


async def test_a_loop_of_redirects_ends(tmp_path: Path) -> None:
    asked_for: list[str] = []

    async def handler(asked: Asked) -> None:
        asked_for.append(asked.target)
        await asked.answer(b"", 302, Location="/x")

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path)
    assert code is FAILED
    assert "more than 5 times" in sentence
    assert len(asked_for) == 6


async def test_a_plans_url_does_not_lead_to_this_machine_unless_the_operator_lets_it(tmp_path: Path) -> None:
    async with serving(whole) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, rules=DownloadRules())
        assert code is FAILED
        assert "only a setting of the operator" in sentence
        await fetched(f"http://127.0.0.1:{port}/x", tmp_path, rules=OWN)
        await fetched(f"http://localhost:{port}/x", tmp_path / "other", rules=OWN)


async def test_the_environment_names_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(whole) as port:
        await fetched(f"http://127.0.0.1:{port}/x", tmp_path)


# --- heads ---


@pytest.mark.parametrize("status", [204, 206, 300, 304, 401, 404, 416, 500])
async def test_any_other_answer_is_a_failed_download(tmp_path: Path, status: int) -> None:
    async def handler(asked: Asked) -> None:
        await asked.answer(BODY if status == 206 else b"", status)

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path)
    assert code is FAILED
    assert f"answered {status}" in sentence


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 9\r\n", "compressed"),
        (b"Content-Encoding: identity, br\r\nContent-Length: 9\r\n", "compressed"),
        (b"Transfer-Encoding: gzip, chunked\r\n", "transfer encoding"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", "length in two ways"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "length in two ways"),
        (b"Content-Length: -5\r\n", "a length of -5"),
        (b"Content-Length: 5e9\r\n", "a length of 5e9"),
        (b"Content-Length: 99999999999\r\n", "more than 1073741824"),
        (b"X: " + b"x" * 70_000 + b"\r\n", "got more than"),
        (b"X: y\r\n" * 200, "got more than 100 headers"),
    ],
)
async def test_a_head_that_cannot_be_trusted_is_refused(tmp_path: Path, head: bytes, why: str) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path)
    assert code is FAILED
    assert why in sentence


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 \r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28", b"HTTP/1.1 200"]
)
async def test_what_does_not_speak_http_is_refused(tmp_path: Path, answer: bytes) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(answer)

    async with serving(handler) as port:
        assert (await refused(f"http://127.0.0.1:{port}/x", tmp_path))[0] is FAILED


async def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def handler(asked: Asked) -> None:
        await over.wait()

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, rules=replace(OWN, pace=QUICK))
        over.set()
    assert code is FAILED
    assert "did not answer within 0.3 seconds" in sentence


async def test_a_head_that_drips_for_ever_is_given_up(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def handler(asked: Asked) -> None:
        while not over.is_set():
            await asked.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0)

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, rules=replace(OWN, pace=QUICK))
        over.set()
    assert code is FAILED
    assert "did not answer" in sentence


# --- bodies ---


async def test_a_gzip_bomb_is_never_expanded(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20))

    async def handler(asked: Asked) -> None:
        # Without saying so: then it is what it is, and has another hash.
        await asked.answer(bomb)

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path)
    assert code is WRONG
    assert "not " + CHECKSUM.digest in sentence


@pytest.mark.parametrize("said", [True, False])
async def test_an_endless_body_is_cut_at_the_cap(tmp_path: Path, said: bool) -> None:
    async def handler(asked: Asked) -> None:
        length = b"Content-Length: 1048576\r\n" if said else b""
        await asked.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        while True:
            await asked.send(bytes(1 << 16))

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, rules=replace(OWN, max_bytes=1 << 20))
        # Where a length was said no more than that is read, and its bytes are wrong.
        assert (code, "more than 1048576 bytes" in sentence) == ((WRONG, False) if said else (FAILED, True))


@pytest.mark.parametrize("length", [len(BODY) - 1, len(BODY) + 1])
async def test_another_size_than_the_signed_one_is_refused_before_a_byte_is_read(tmp_path: Path, length: int) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, size=len(BODY))
    assert code is WRONG
    assert f"it has {length} bytes, not the {len(BODY)} that were promised" in sentence


async def test_more_than_the_signed_size_is_cut_off(tmp_path: Path) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 200 OK\r\n\r\n", BODY, b"x")

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, size=len(BODY))
    assert code is FAILED
    assert f"more than {len(BODY)} bytes" in sentence


@pytest.mark.parametrize("how", ["says more", "chunk is cut", "signed size"])
async def test_a_body_that_ends_early_is_no_body(tmp_path: Path, how: str) -> None:
    async def handler(asked: Asked) -> None:
        head = {
            "says more": b"Content-Length: %d\r\n" % (len(BODY) + 5),
            "chunk is cut": b"Transfer-Encoding: chunked\r\n",
            "signed size": b"",
        }[how]
        body = b"%x\r\n%s" % (len(BODY) + 5, BODY) if how == "chunk is cut" else BODY
        await asked.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", body)

    size = len(BODY) + 5 if how == "signed size" else None
    async with serving(handler) as port:
        code, _ = await refused(f"http://127.0.0.1:{port}/x", tmp_path, size=size)
    assert code is FAILED


async def test_one_flipped_bit_is_another_file(tmp_path: Path) -> None:
    async def handler(asked: Asked) -> None:
        await asked.answer(BODY[:99] + bytes([BODY[99] ^ 1]) + BODY[100:], ETag='"a"')

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, size=len(BODY))
    assert code is WRONG
    assert "nothing was started" in sentence
    assert "add-upgrade" in sentence


async def test_a_reset_in_the_middle_leaves_nothing_that_cannot_be_gone_on_with(tmp_path: Path) -> None:
    async def handler(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY[:1000])
        asked.cut()

    async with serving(handler) as port:
        assert (await refused(f"http://127.0.0.1:{port}/x", tmp_path))[0] is FAILED


async def test_a_drip_is_given_up_and_its_thread_ends(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def handler(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        while not over.is_set():
            await asked.send(b"x")
            await asyncio.sleep(0.01)

    async with serving(handler) as port:
        code, sentence = await refused(f"http://127.0.0.1:{port}/x", tmp_path, rules=replace(OWN, pace=QUICK))
        over.set()
    assert code is FAILED
    assert "per second came" in sentence


async def test_a_cancelled_download_ends_its_thread_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over, inside = asyncio.Event(), asyncio.Event(), threading.Event()
    real = Exchange.receive

    def receive(self: Exchange, *arguments: object) -> None:
        inside.set()
        try:
            real(self, *arguments)  # type: ignore[arg-type]
        finally:
            inside.clear()

    monkeypatch.setattr(Exchange, "receive", receive)

    async def handler(asked: Asked) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "a"\r\n\r\n' % len(BODY)
        await asked.send(head, BODY[:1000])
        begun.set()
        await over.wait()

    async with serving(handler) as port:
        work = asyncio.create_task(download([f"http://127.0.0.1:{port}/x"], CHECKSUM, tmp_path, rules=OWN))
        await begun.wait()
        while not (kept(tmp_path) and kept(tmp_path)[0].stat().st_size):
            await asyncio.sleep(0.001)
        assert inside.is_set()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not inside.is_set()
        over.set()
    # And what came is there to go on with.
    assert kept(tmp_path)[0].read_bytes() == BODY[:1000]
    assert len(left(tmp_path)) == 2


async def test_nobody_listens(tmp_path: Path) -> None:
    code, sentence = await refused("http://127.0.0.1:1/x", tmp_path)
    assert code is FAILED
    assert "127.0.0.1:1" in sentence


async def test_a_name_that_is_none_is_said(tmp_path: Path) -> None:
    class Nothing(Names):
        async def resolve(self, host: str, port: int) -> tuple[str, ...]:
            raise OSError("Name or service not known")

    rules = DownloadRules(network=Nothing({}, 1))
    code, sentence = await refused("https://nothing.example/x", tmp_path, rules=rules)
    assert code is FAILED
    assert "cannot be looked up" in sentence
