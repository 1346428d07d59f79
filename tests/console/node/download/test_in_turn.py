"""Several sources that nobody trusts, and the disk that they all go to."""

from __future__ import annotations

import fcntl
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import ReleaseError
from console.model import FailureCode
from console.node.download import Checksum, download
from console.node.download.partial import FOLDER, Partial
from tests.console.node.download.bodies import BODY, CHECKSUM, OWN, fetched, left, refused
from tests.console.node.download.server import Asked, serving

pytestmark = pytest.mark.anyio


async def by_path(asked: Asked) -> None:
    """`/good`, `/wrong`, `/short` (keeps a beginning) or nothing."""
    if asked.target == "/good":
        await asked.answer(BODY)
    elif asked.target == "/wrong":
        await asked.answer(BODY[::-1])
    elif asked.target == "/short":
        await asked.send(b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: %d\r\n\r\n' % len(BODY), BODY[:1000])
    else:
        await asked.answer(b"no such file", 404)


async def test_the_next_source_is_asked_when_one_fails_or_lies(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(by_path) as port:
        urls = [f"http://127.0.0.1:{port}/{name}" for name in ("gone", "short", "wrong", "good", "never-asked")]
        urls.insert(0, "ftp://127.0.0.1/x")
        found = await download(urls, CHECKSUM, tmp_path, rules=OWN)
    assert found.source.endswith("/good")
    assert found.file.read_bytes() == BODY
    # What the others left goes with it.
    assert left(tmp_path) == [CHECKSUM.digest]
    said = [record.getMessage() for record in caplog.records]
    assert [next(word for word in ("ftp", "gone", "short", "wrong") if word in line) for line in said] == [
        *("ftp", "gone", "short", "wrong"),
    ]
    assert f"not {CHECKSUM.digest}" in said[-1]


async def test_when_all_fail_each_is_said_and_wrong_bytes_weigh_most(tmp_path: Path) -> None:
    async with serving(by_path) as port:
        urls = [f"http://127.0.0.1:{port}/{name}" for name in ("wrong", "gone", "short")]
        with pytest.raises(ReleaseError) as caught:
            await download(urls, CHECKSUM, tmp_path, rules=OWN)
    assert caught.value.code == FailureCode.HASH_MISMATCH
    sentence = str(caught.value)
    assert all(word in sentence for word in ("/wrong: its bytes have", "/gone: the server answered 404", "/short: the"))


async def test_without_a_source_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no source is known"):
        await download([], CHECKSUM, tmp_path)


async def test_a_hostile_url_is_shown_safe(tmp_path: Path) -> None:
    code, sentence = await refused("https://x.example/\x1b]52;c;x\x07\u202e" + "y" * 9000, tmp_path)
    assert code is FailureCode.DOWNLOAD_FAILED
    assert "<U+001B>" in sentence
    assert len(sentence) < 1000


async def test_what_an_earlier_run_brought_is_checked_and_taken(tmp_path: Path) -> None:
    (tmp_path / CHECKSUM.digest).write_bytes(BODY)
    found = await download(["http://127.0.0.1:1/x"], CHECKSUM, tmp_path, rules=OWN)
    assert found.file.read_bytes() == BODY


@pytest.mark.parametrize("kind", ["other bytes", "a link to the right bytes"])
async def test_what_is_in_the_way_is_replaced(tmp_path: Path, kind: str) -> None:
    folder, right = tmp_path / "d", tmp_path / "right"
    folder.mkdir()
    right.write_bytes(BODY)
    if kind == "other bytes":
        (folder / CHECKSUM.digest).write_bytes(BODY[1:])
    else:
        (folder / CHECKSUM.digest).symlink_to(right)
    async with serving(by_path) as port:
        await fetched(f"http://127.0.0.1:{port}/good", folder)
    assert not (folder / CHECKSUM.digest).is_symlink()


async def test_a_file_that_another_process_fetches_is_left_to_it(tmp_path: Path) -> None:
    async with serving(by_path) as port:
        url = f"http://127.0.0.1:{port}/good"
        theirs = Partial(tmp_path, CHECKSUM, url)
        with pytest.raises(ReleaseError, match="another process is fetching it"):
            await download([url], CHECKSUM, tmp_path, rules=OWN)
        theirs.close(keep=False)
        await fetched(url, tmp_path)


# --- the disk ---


@contextmanager
def no_file_larger_than(limit: int) -> Iterator[None]:
    """As a full disk: a write beyond it is refused after the bytes that still fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_said_and_gets_its_bytes_back(tmp_path: Path) -> None:
    async with serving(by_path) as port:
        url = f"http://127.0.0.1:{port}/good"
        with no_file_larger_than(1 << 20):
            code, sentence = await refused(url, tmp_path)
        assert code is FailureCode.DISK_SPACE
        assert "cannot keep the download" in sentence
        assert "free disk space" in sentence
        await fetched(url, tmp_path)


async def test_room_is_looked_for_before_anything_is_written(tmp_path: Path) -> None:
    asked: list[str] = []

    async def handler(request: Asked) -> None:
        asked.append(request.target)
        await by_path(request)

    async with serving(handler) as port:
        rules = replace(OWN, spare_bytes=1 << 60)
        with pytest.raises(ReleaseError) as caught:
            await download(
                [f"http://127.0.0.1:{port}/{name}" for name in ("good", "wrong")], CHECKSUM, tmp_path, rules=rules
            )
    assert caught.value.code == FailureCode.DISK_SPACE
    assert "do not fit on the disk" in str(caught.value)
    # Another source would not fit either.
    assert asked == ["/good"]
    assert left(tmp_path) == []


@pytest.mark.parametrize("refusing", ["fsync", "rename"])
async def test_a_disk_that_fails_at_the_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    async with serving(by_path) as port:
        with monkeypatch.context() as patched:
            patched.setattr(os, refusing, refuse)
            code, sentence = await refused(f"http://127.0.0.1:{port}/good", tmp_path)
    assert code is FailureCode.DISK_SPACE
    assert "Input/output error" in sentence


@pytest.mark.parametrize("in_the_way", ["folder", "partial folder"])
async def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, in_the_way: str) -> None:
    folder = tmp_path / "d"
    if in_the_way == "folder":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / FOLDER).write_text("")
    with pytest.raises(ReleaseError, match="cannot keep the download") as caught:
        await download(["http://127.0.0.1:1/x"], CHECKSUM, folder, rules=OWN)
    assert caught.value.code == FailureCode.DISK_SPACE


async def test_the_bytes_are_on_the_disk_before_they_have_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(descriptor: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def noted_rename(source: str, target: str, **folders: int) -> None:
        done.append("rename")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    async with serving(by_path) as port:
        await fetched(f"http://127.0.0.1:{port}/good", tmp_path)
    assert done == ["file", "rename", "folder"]


async def test_what_nobody_goes_on_with_is_swept_away(tmp_path: Path) -> None:
    place = tmp_path / FOLDER
    place.mkdir()
    old, young = place / ("0" * 64 + ".old"), place / ("0" * 64 + ".young")
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 8 * 86400,) * 2)
    async with serving(by_path) as port:
        await download([f"http://127.0.0.1:{port}/good"], CHECKSUM, tmp_path, rules=OWN)
    assert left(tmp_path) == sorted([young.name, CHECKSUM.digest])


def test_a_partial_file_is_of_its_owner_alone_and_held(tmp_path: Path) -> None:
    held = Partial(tmp_path, CHECKSUM, "https://x.example/x")
    path = next((tmp_path / FOLDER).iterdir())
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700
    with path.open("rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    held.close(keep=False)
    assert left(tmp_path) == []


@pytest.mark.parametrize("digest", ["", "AB" * 32, "../../etc/passwd", "ab" * 31, "ab" * 64, "zz" * 32])
def test_a_checksum_is_hex_digits_and_nothing_else(digest: str) -> None:
    with pytest.raises(ValueError, match="is no checksum"):
        Checksum("sha256", digest)
    with pytest.raises(ValueError, match="is no checksum"):
        Checksum("md5", "ab" * 16)
