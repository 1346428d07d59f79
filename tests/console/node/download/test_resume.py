"""Going on after a cut: only with a strong ETag and an exact range, else from the beginning; then all is hashed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from console.errors import ReleaseError
from console.model import FailureCode
from console.node.download import download
from console.node.download.partial import FOLDER, strong
from tests.console.node.download.bodies import BODY, CHECKSUM, OWN, fetched, kept, refused
from tests.console.node.download.server import Asked, serving

pytestmark = pytest.mark.anyio

CUT = 1_000_000
ETAG = '"v2-1"'


class Flaky:
    """A server that cuts the first answer after CUT bytes, and answers the second as the test says."""

    def __init__(self, then: Callable[[Asked], tuple[int, bytes, dict[str, str]]] | None = None) -> None:
        self.then = then or good
        self.asked: list[Asked] = []
        self.etag = ETAG
        self.first = BODY

    async def __call__(self, asked: Asked) -> None:
        self.asked.append(asked)
        if len(self.asked) == 1:
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.first)}\r\nETag: {self.etag}\r\n\r\n"
            await asked.send(head.encode(), self.first[:CUT])
            # All of it has to arrive before the reset, which would throw it away.
            while asked.writer.transport.get_write_buffer_size():
                await asked.writer.drain()
            return
        status, body, headers = self.then(asked)
        await asked.answer(body, status, **headers)

    @property
    def ranges(self) -> list[tuple[str | None, str | None]]:
        return [(asked.headers.get("range"), asked.headers.get("if-range")) for asked in self.asked]


def good(asked: Asked) -> tuple[int, bytes, dict[str, str]]:
    return 206, BODY[CUT:], {"Content_Range": f"bytes {CUT}-{len(BODY) - 1}/{len(BODY)}", "ETag": ETAG}


def odd(
    *, status: int = 206, body: bytes = BODY[CUT:], **headers: str
) -> Callable[[Asked], tuple[int, bytes, dict[str, str]]]:
    """A second answer that is not the rest; any later one is whole."""
    used: list[None] = []

    def then(asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        if "range" not in asked.headers or used:
            return 200, BODY, {"ETag": ETAG}
        used.append(None)
        return status, body, headers

    return then


async def begun(server: Flaky, url: str, folder: Path) -> None:
    code, sentence = await refused(url, folder, keeps=CUT)
    assert code is FailureCode.DOWNLOAD_FAILED
    assert f"after {CUT} of {len(BODY)} bytes" in sentence
    assert kept(folder)[0].stat().st_mode & 0o777 == 0o600


async def test_a_cut_download_goes_on_where_it_was(tmp_path: Path) -> None:
    server = Flaky()
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await begun(server, url, tmp_path)
        told = await fetched(url, tmp_path, size=len(BODY))
    assert server.ranges == [(None, None), (f"bytes={CUT}-", ETAG.lower())]
    assert told[-1].received == told[-1].total == len(BODY)


@pytest.mark.parametrize(
    ("then", "requests"),
    [
        # If-Range does its work: the file changed, and all of it comes.
        (lambda _: (200, BODY, {"ETag": '"v2-2"'}), 2),
        (odd(Content_Range=f"bytes {CUT - 1}-{len(BODY) - 1}/{len(BODY)}"), 3),
        (odd(Content_Range=f"bytes {CUT + 1}-{len(BODY) - 1}/{len(BODY)}"), 3),
        (odd(Content_Range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}", body=BODY), 3),
        (odd(Content_Range=f"bytes {CUT}-{len(BODY) - 1}/{len(BODY) + 1}"), 3),
        (odd(Content_Range=f"bytes {CUT}-{len(BODY) - 2}/{len(BODY)}"), 3),
        (odd(Content_Range=f"bytes {CUT}-{len(BODY) - 1}/*"), 3),
        (odd(Content_Range="bytes */5"), 3),
        (odd(Content_Range=f"octets {CUT}-{len(BODY) - 1}/{len(BODY)}"), 3),
        (odd(Content_Range=f"bytes {CUT}-{len(BODY) - 1}/{len(BODY)}", body=BODY[CUT:] + b"x"), 3),
        (odd(Content_Range=f"bytes {CUT}-{len(BODY) - 1}/{len(BODY)}", ETag='"v2-2"'), 3),
        (odd(Content_Range=f"bytes {CUT}-{len(BODY) - 1}/{len(BODY)}", ETag=f"W/{ETAG}"), 3),
        (odd(), 3),
        (odd(Content_Type="multipart/byteranges; boundary=x"), 3),
        (odd(status=416, body=b""), 3),
        (odd(status=412, body=b""), 3),
    ],
)
async def test_anything_but_the_exact_rest_means_the_beginning(
    tmp_path: Path, then: Callable[[Asked], tuple[int, bytes, dict[str, str]]], requests: int
) -> None:
    server = Flaky(then)
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await begun(server, url, tmp_path)
        await fetched(url, tmp_path)
    assert len(server.asked) == requests
    assert all(found == (None, None) for found in server.ranges[2:])


@pytest.mark.parametrize("etag", [f"W/{ETAG}", "v2", '"a"b"', '""', '"\x7f"', '"' + "x" * 300 + '"'])
async def test_without_a_strong_etag_nothing_is_kept(tmp_path: Path, etag: str) -> None:
    server = Flaky(lambda _: (200, BODY, {}))
    server.etag = etag
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await refused(url, tmp_path)
        await fetched(url, tmp_path)
    assert server.ranges == [(None, None)] * 2
    assert not strong(etag)


@pytest.mark.parametrize("whole_is_right", [True, False])
async def test_a_beginning_that_was_wrong_is_found_by_the_hash_of_all_and_costs_no_alarm(
    tmp_path: Path, whole_is_right: bool
) -> None:
    def then(asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        return good(asked) if "range" in asked.headers else (200, BODY if whole_is_right else BODY[::-1], {})

    server = Flaky(then)
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await begun(server, url, tmp_path)
        partial = kept(tmp_path)[0]
        partial.write_bytes(b"\0" + BODY[1:CUT])
        if whole_is_right:
            await fetched(url, tmp_path)
        else:
            assert (await refused(url, tmp_path))[0] is FailureCode.HASH_MISMATCH
    assert server.ranges[1:] == [(f"bytes={CUT}-", ETAG.lower()), (None, None)]


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_a_server_in_trouble_costs_nothing_of_what_came(tmp_path: Path, status: int) -> None:
    server = Flaky(lambda _: (status, b"", {}))
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await begun(server, url, tmp_path)
        await refused(url, tmp_path, keeps=CUT)
        server.then = good
        await fetched(url, tmp_path)


async def test_another_signed_size_than_the_noted_one_means_the_beginning(tmp_path: Path) -> None:
    server = Flaky(lambda _: (200, BODY, {}))
    server.first = BODY + b"x"
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await refused(url, tmp_path, keeps=CUT)
        await fetched(url, tmp_path, size=len(BODY))
    assert server.ranges == [(None, None)] * 2


async def test_when_all_came_and_only_the_check_was_cut_nothing_is_asked(tmp_path: Path) -> None:
    server = Flaky()
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await begun(server, url, tmp_path)
        with kept(tmp_path)[0].open("ab") as stream:
            stream.write(BODY[CUT:])
        await fetched(url, tmp_path)
    assert len(server.asked) == 1


def _changed(**values: object) -> Callable[[Path, Path], None]:
    def meddle(_: Path, note: Path) -> None:
        note.write_text(json.dumps(json.loads(note.read_text()) | values))

    return meddle


def _linked(partial: Path, _: Path) -> None:
    elsewhere = partial.parent.parent.parent / "elsewhere"
    elsewhere.write_bytes(b"precious")
    partial.unlink()
    partial.symlink_to(elsewhere)


def _hard_linked(partial: Path, _: Path) -> None:
    elsewhere = partial.parent.parent.parent / "elsewhere"
    elsewhere.write_bytes(b"precious")
    partial.unlink()
    os.link(elsewhere, partial)


def _fifo(partial: Path, _: Path) -> None:
    partial.unlink()
    os.mkfifo(partial)


def _note_linked(partial: Path, note: Path) -> None:
    elsewhere = partial.parent.parent.parent / "elsewhere"
    elsewhere.write_bytes(b"precious")
    note.unlink()
    note.symlink_to(elsewhere)


def _longer(partial: Path, _: Path) -> None:
    with partial.open("ab") as stream:
        stream.write(BODY + b"x")


@pytest.mark.parametrize(
    "meddle",
    [
        _changed(etag="v2"),
        _changed(etag=5),
        _changed(etag='"x\r\nHost: evil"'),
        _changed(total="9"),
        _changed(total=True),
        _changed(total=5),
        lambda _, note: note.write_text("{"),
        lambda _, note: note.write_text("[]"),
        lambda _, note: note.write_text("[" * 3000),
        lambda _, note: note.write_bytes(b"\xff"),
        lambda _, note: note.unlink(),
        _longer,
        _linked,
        _hard_linked,
        _fifo,
        _note_linked,
    ],
)
async def test_whoever_meddled_with_what_is_kept_only_costs_the_beginning(
    tmp_path: Path, meddle: Callable[[Path, Path], object]
) -> None:
    folder = tmp_path / "downloads"
    server = Flaky(lambda _: (200, BODY, {}))
    async with serving(server) as port:
        url = f"http://127.0.0.1:{port}/x"
        await begun(server, url, folder)
        partial = kept(folder)[0]
        meddle(partial, partial.with_name(f"{partial.name}.from"))
        await fetched(url, folder)
    assert server.ranges == [(None, None)] * 2
    elsewhere = tmp_path / "elsewhere"
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"precious"


async def test_however_often_it_is_reset_it_comes_in_the_end(tmp_path: Path) -> None:
    requests: list[int] = []

    async def handler(asked: Asked) -> None:
        first = int(asked.headers.get("range", "bytes=0-")[len("bytes=") : -1])
        requests.append(first)
        rest = BODY[first:]
        span = f"Content-Range: bytes {first}-{len(BODY) - 1}/{len(BODY)}\r\n" if first else ""
        status = 206 if first else 200
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(rest)}\r\nETag: {ETAG}\r\n{span}\r\n"
        await asked.send(head.encode(), rest if len(requests) > 5 else rest[: len(BODY) // 7])
        if len(requests) <= 5:
            # Give what was sent a chance: a reset throws away what the other side has not read.
            await asyncio.sleep(0.01)
            asked.cut()

    async with serving(handler) as port:
        for _ in range(5):
            with pytest.raises(ReleaseError):
                await download([f"http://127.0.0.1:{port}/x"], CHECKSUM, tmp_path, rules=OWN)
            assert all(BODY.startswith(path.read_bytes()) for path in kept(tmp_path))
        await fetched(f"http://127.0.0.1:{port}/x", tmp_path)
    assert requests == sorted(requests)


async def test_two_sources_never_mix_in_one_file(tmp_path: Path) -> None:
    server = Flaky(lambda _: (200, BODY, {}))
    async with serving(server) as port:
        await begun(server, f"http://127.0.0.1:{port}/x", tmp_path)
        await fetched(f"http://127.0.0.1:{port}/y", tmp_path)
    assert server.ranges == [(None, None)] * 2


async def test_a_folder_of_partial_files_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReleaseError, match="cannot keep the download"):
        await download(["http://127.0.0.1:1/x"], CHECKSUM, tmp_path / "d", rules=OWN)
    assert list((tmp_path / "elsewhere").iterdir()) == []
