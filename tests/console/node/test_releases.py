"""A plan's binary in every form that a plan has: fetched, checked, unpacked, recorded, or refused with a reason."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from console.model import Attempt, FailureCode, Preparation, ProposalStatus
from console.node.attempts import AttemptBook
from console.node.chain_halt import chain_plan
from console.node.cosmovisor.plan_info import this_platform
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.preparation import Preparer
from console.node.shape import shape_of
from console.ports.chain import PlanReading
from console.settings import NodeSettings
from console.text import untrusted
from tests.console.node import cosmos_nodes, nodes
from tests.console.node.download.server import Asked, serving

pytestmark = pytest.mark.anyio

CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tarred(binary: bytes, name: str = f"bin/{nodes.DAEMON}") -> bytes:
    found = io.BytesIO()
    with gzip.GzipFile(fileobj=found, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for member, content in (("README", b"read me"), (name, binary)):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return found.getvalue()


def zipped(binary: bytes) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(nodes.DAEMON, binary)
    return found.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "noded.tar.gz": tarred,
    "noded.tgz": lambda binary: tarred(binary, nodes.DAEMON),
    "noded.zip": zipped,
    "noded.gz": gzip.compress,
}


@contextmanager
def files(content: Mapping[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A file server on loopback: its URL, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = content.get(self.path.removeprefix("/"))
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


class Desk:
    """A preparer at work for one plan of a chain, and no node: what is not prepared here is never run."""

    def __init__(self, folder: Path) -> None:
        self.home = cosmos_nodes.make_home(folder / "home")
        self.given = folder / "v2"
        self.sha256 = cosmos_nodes.write_daemon(self.given, self.home, "v2")
        self.downloads = folder / "state" / "downloads"
        self.node = NodeSettings(
            name="node1",
            home=self.home,
            state_dir=folder / "state",
            daemon=nodes.DAEMON,
            arguments=(),
            address="",
            cometbft_rpc="",
            ethereum_rpc="",
            operator_key=None,
            shape="cosmos",
            allow_scripts=True,
            local_downloads=True,
        )
        (folder / "state").mkdir()
        self.journal = Journal(folder / "state" / "journal.db")
        self.book = AttemptBook(self.journal, lambda: None)
        generations = Generations(self.home, nodes.DAEMON)
        self.preparer = Preparer(self.book, generations, self.downloads, lambda: self.node, shape_of(self.node))

    def set(self, **settings: object) -> None:
        self.node = dataclasses.replace(self.node, **settings)  # type: ignore[arg-type]

    def tells(self, info: str) -> None:
        """Let the chain plan `v2` with this info, and begin."""
        plan = chain_plan(untrusted("v2"), 100, untrusted(info, 1 << 21), ProposalStatus.SCHEDULED)
        self.book.follow(PlanReading(60, (plan,), None), "", None)
        self.preparer.ensure()

    async def until(self, preparation: Preparation) -> Attempt:
        async with asyncio.timeout(60):
            while (attempt := self.book.attempt) is None or attempt.preparation is not preparation:
                await asyncio.sleep(0.01)
        return attempt


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.preparer.close()
    desk.journal.close()


def listing(url: str, platform: str = "any") -> str:
    return json.dumps({"binaries": {platform: url}})


async def made_ready(desk: Desk) -> dict[str, str]:
    """Prepare the plan; the record of what was staged."""
    attempt = await desk.until(Preparation.READY)
    assert attempt.generation_hash == desk.sha256
    assert desk.preparer.fetching is None
    folder = desk.home / "cosmovisor" / "upgrades" / "v2"
    assert (folder / "bin" / nodes.DAEMON).read_bytes() == desk.given.read_bytes()
    # Nothing of the way is left.
    assert not any(path.is_file() for path in desk.downloads.rglob("*"))
    record: dict[str, str] = json.loads((folder / "release.json").read_text())
    assert record["sha256"] == desk.sha256
    return record


async def failed(desk: Desk) -> tuple[int, str]:
    """Fail to prepare the plan: the code, and why, as the journal has it; nothing is there that could be started."""
    await desk.until(Preparation.FAILED)
    await desk.preparer.close()
    (attempt,) = desk.journal.attempts()
    assert attempt.preparation is Preparation.FAILED
    assert not (desk.home / "cosmovisor" / "upgrades" / "v2").exists()
    assert attempt.note.isprintable()
    return attempt.failure_code, attempt.note


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_the_binary_in_a_verified_archive_is_staged_under_its_own_hash(
    desk: Desk, name: str, algorithm: str
) -> None:
    archive = PACKED[name](desk.given.read_bytes())
    digest = hashlib.new(algorithm, archive).hexdigest()
    with files({name: archive}) as (url, asked):
        desk.tells(listing(f"{url}/{name}?checksum={algorithm}:{digest}"))
        record = await made_ready(desk)
    assert asked == [f"/{name}"]
    assert record["origin"] == f"{url}/{name} ({algorithm} {digest})"


@pytest.mark.parametrize("platform", ["any", this_platform()])
async def test_a_binary_with_a_sha512_is_staged_under_its_sha256(desk: Desk, platform: str) -> None:
    binary = desk.given.read_bytes()
    with files({"noded": binary}) as (url, _):
        address = f"{url}/noded?checksum=sha512:{hashlib.sha512(binary).hexdigest()}"
        desk.tells(listing(address, platform))
        await made_ready(desk)


async def test_a_list_elsewhere_is_fetched_checked_and_followed(desk: Desk) -> None:
    archive = tarred(desk.given.read_bytes())
    content = {"noded.tar.gz": archive}
    with files(content) as (url, asked):
        listed = listing(f"{url}/noded.tar.gz?checksum=sha256:{sha256(archive)}").encode()
        content["v2.json"] = listed
        desk.tells(f"{url}/v2.json?checksum=sha256:{sha256(listed)}")
        await made_ready(desk)
    assert asked == ["/v2.json", "/noded.tar.gz"]


async def test_bytes_that_are_there_after_a_crash_are_not_fetched_again(desk: Desk) -> None:
    binary = desk.given.read_bytes()
    desk.downloads.mkdir()
    (desk.downloads / sha256(binary)).write_bytes(binary)
    desk.tells(listing(f"http://127.0.0.1:1/noded?checksum=sha256:{sha256(binary)}"))
    await made_ready(desk)


async def test_mirrors_are_asked_in_order_and_a_lying_one_is_passed_over(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    binary = desk.given.read_bytes()
    with files({"a/noded": binary + b"x", "b/noded": binary}) as (url, asked):
        desk.set(mirror=(f"{url}/none", f"{url}/a", f"{url}/b"), local_downloads=False)
        desk.tells(listing(f"https://releases.example/v2/noded?checksum=sha256:{sha256(binary)}"))
        record = await made_ready(desk)
    assert asked == ["/none/noded", "/a/noded", "/b/noded"]
    assert record["origin"] == f"{url}/b/noded"
    assert any("/a/noded: its bytes have sha256" in entry.getMessage() for entry in caplog.records)


async def test_content_on_ipfs_comes_through_the_operators_gateway(desk: Desk) -> None:
    binary = desk.given.read_bytes()
    with files({f"ipfs/{CID}/v2/noded": binary}) as (url, _):
        desk.set(ipfs_gateways=(url,), local_downloads=False)
        desk.tells(listing(f"ipfs://{CID}/v2/noded?checksum=sha256:{sha256(binary)}"))
        record = await made_ready(desk)
    assert record["origin"] == f"{url}/ipfs/{CID}/v2/noded"


async def test_how_far_it_is_is_known_while_it_lasts(desk: Desk) -> None:
    binary = desk.given.read_bytes()
    go_on = asyncio.Event()

    async def handler(asked: Asked) -> None:
        await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(binary), binary[:100])
        await go_on.wait()
        await asked.send(binary[100:])

    async with serving(handler) as port:
        desk.tells(listing(f"http://127.0.0.1:{port}/noded?checksum=sha256:{sha256(binary)}"))
        async with asyncio.timeout(60):
            while desk.preparer.fetching is None:
                await asyncio.sleep(0.01)
        seen = desk.preparer.fetching
        assert (seen.received, seen.total, seen.source) == (100, len(binary), f"127.0.0.1:{port}")
        go_on.set()
        await made_ready(desk)


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ("https://github.example/chain/releases/tag/v2", "looks like a release page"),
        ("see the forum", "says nothing about binaries"),
        ("", "says nothing about binaries"),
        ("https://x.example/v2.json", "has no checksum, and nothing unverified is run"),
        (listing("https://x.example/noded"), "has no checksum, and nothing unverified is run"),
        (listing("https://x.example/noded?checksum="), "has no checksum, and nothing unverified is run"),
        (listing("https://x.example/noded?checksum=md5:" + "a" * 32), "can be forged"),
        (listing("s3::https://x.example/noded?checksum=sha256:" + "a" * 64), "another way of fetching"),
        (listing("https://x.example/noded?checksum=sha256:" + "a" * 64, "plan9/mips"), "no binary for"),
        ("https://x.example/noded.tar.gz?checksum=sha256:" + "a" * 64, "is an archive and no list"),
        ('{"binaries": {}}', "lists no binaries"),
        ("{", "not JSON"),
    ],
)
async def test_a_plan_that_promises_nothing_is_said_to_and_nothing_is_asked_of_anybody(
    desk: Desk, info: str, why: str
) -> None:
    desk.tells(info)
    code, note = await failed(desk)
    assert code == FailureCode.DOWNLOAD_FAILED
    assert why in note
    assert "add-upgrade v2 FILE" in note


@pytest.mark.parametrize(
    ("name", "content", "code", "why"),
    [
        ("noded", None, FailureCode.DOWNLOAD_FAILED, "answered 404"),
        ("noded.tar.gz", tarred(b"#!/bin/sh\n", "elsewhere/noded"), FailureCode.UNSUPPORTED_RELEASE, "does not hold"),
        ("noded.tar.zst", b"\x28\xb5\x2f\xfd", FailureCode.UNSUPPORTED_RELEASE, "not unpacked here"),
        ("noded.zip", b"PK", FailureCode.UNSUPPORTED_RELEASE, "no zip"),
        ("v2.json", b"[]", FailureCode.DOWNLOAD_FAILED, "is no list"),
        ("v2.json", b'{"binaries": {"any": "https://x.example/noded"}}', FailureCode.DOWNLOAD_FAILED, "no checksum"),
        ("v2.json", b"{%1048576s}" % b"", FailureCode.DOWNLOAD_FAILED, "more than 1048576"),
    ],
    ids=["gone", "no binary in it", "zstd", "damaged", "no list", "list without checksums", "huge list"],
)
async def test_what_comes_and_is_not_right_is_thrown_away(
    desk: Desk, name: str, content: bytes | None, code: FailureCode, why: str
) -> None:
    with files({} if content is None else {name: content}) as (url, _):
        address = f"{url}/{name}?checksum=sha256:{sha256(content or b'')}"
        desk.tells(address if name.endswith(".json") else listing(address))
        found, note = await failed(desk)
    assert found == code
    assert why in note
    assert not any(path.is_file() for path in (desk.downloads).rglob("*"))


async def test_an_archive_with_another_checksum_is_never_opened(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr("console.node.unpack.take_member", lambda *arguments: opened.append(arguments))
    with files({"noded.tar.gz": tarred(desk.given.read_bytes())}) as (url, _):
        desk.tells(listing(f"{url}/noded.tar.gz?checksum=sha256:{'0' * 64}"))
        code, note = await failed(desk)
    assert code == FailureCode.HASH_MISMATCH
    assert "its bytes have sha256" in note
    assert opened == []


async def test_a_plans_own_url_does_not_lead_to_this_machine_unless_it_is_let(desk: Desk) -> None:
    binary = desk.given.read_bytes()
    with files({"noded": binary}) as (url, asked):
        desk.set(local_downloads=False)
        desk.tells(listing(f"{url}/noded?checksum=sha256:{sha256(binary)}"))
        _, note = await failed(desk)
    assert "only a setting of the operator" in note
    assert asked == []
