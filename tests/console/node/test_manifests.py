"""A plan that names a manifest: fetched with its signatures, verified, and staged as one generation."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from console.errors import NodeError, ReleaseError
from console.files import sha256_of
from console.model import FailureCode, MigrationKind, Preparation, ProposalStatus, ReleaseKind, Verdict
from console.node.attempts import AttemptBook
from console.node.generation import Generations
from console.node.given_manifests import given_manifest, keep_bundle
from console.node.journal import Journal
from console.node.manifests import Manifests, NetworkDemands
from console.node.migration import kind_of, migration_hash
from console.node.preparation import Preparer
from console.node.release.attestation import keep_attestation, make_attestation
from console.node.release.bundle import Bundle
from console.node.release.manifest import peek_manifest
from console.node.release.roles import Role
from console.node.release.trust import Trust
from console.node.releases import BinaryReleases
from console.node.shape import Companion, NodeShape
from console.ports.chain import PlanReading, StateReader
from console.release_settings import ReleaseSettings
from console.settings import NodeSettings
from console.text import untrusted
from tests.console.node import nodes
from tests.console.node.fakes import proposal
from tests.console.node.release.forge import Recipe, TestKey, signed
from tests.console.node.release.manifests import encoded, whole
from tests.console.node.release.release_cases import CHAIN, RING
from tests.console.node.test_preparation import SETTINGS

pytestmark = pytest.mark.anyio

SIDE = "sidecar"


class Desk:
    """A preparer of a node with one companion, and a server of the release's files."""

    def __init__(self, folder: Path, served: dict[str, bytes], base: str) -> None:
        self.served = served
        self.base = base
        self.home = nodes.make_home(folder / "home")
        side = self.home / "cosmovisor" / "genesis" / "bin" / SIDE
        side.write_text("#!/bin/sh\n# the old sidecar\n")
        side.chmod(0o755)
        self.old_side = sha256_of(side)
        self.app = folder / "given"
        self.app_sha256 = nodes.write_binary(self.app, self.home)
        self.side = b"#!/bin/sh\n# the new sidecar\n"
        self.settings = dataclasses.replace(SETTINGS, home=self.home, state_dir=folder / "state", local_downloads=True)
        self.shape = NodeShape(self.home, (), companions=(Companion(SIDE, SIDE, ()),))
        self.trust = folder / "trust"
        self.demands = ReleaseSettings("required", self.trust)
        self.generations = Generations(self.home, nodes.DAEMON, companions=(SIDE,))
        self.journal = Journal(folder / "journal.db")
        self.book = AttemptBook(self.journal, lambda: None)
        self.state: StateReader | None = None
        Trust(self.trust).pin(RING.content, RING.sha256)
        self.preparer = self.a_preparer()

    def a_preparer(self) -> Preparer:
        settings: Callable[[], NodeSettings] = lambda: self.settings  # noqa: E731
        releases = BinaryReleases(settings, self.shape)
        manifests = Manifests(NetworkDemands(CHAIN, self.demands), settings, self.shape, releases, self.state)
        downloads = self.settings.state_dir / "downloads"
        return Preparer(self.book, self.generations, downloads, settings, self.shape, releases, manifests=manifests)

    def manifest(self, *, side: bool = True, **changes: Any) -> bytes:
        binaries = {nodes.DAEMON: self._binary("app", self.app.read_bytes())}
        if side:
            binaries[SIDE] = self._binary("side", self.side)
        fields = {"project": "demo", "keyring": 3, "migration": None, "min_height": None, "max_height": None, **changes}
        return encoded(whole(**{"platforms": {"any": {"binaries": binaries}}, **fields}))

    def _binary(self, name: str, content: bytes) -> dict[str, Any]:
        self.served[f"/{name}"] = content
        return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "sources": [f"{self.base}/{name}"]}

    def publish(self, content: bytes, signers: str = "alice bob", builder: str = "bea") -> None:
        self.served["/v0.2.0/manifest.json"] = content
        for name in signers.split():
            self.served[f"/v0.2.0/manifest.json.{name}.developer.sshsig"] = signed(name, content)
        if builder:
            self.served[f"/v0.2.0/manifest.json.{builder}.builder.sshsig"] = signed(builder, content, Role.BUILDER)

    def plan(self, content: bytes, **changes: Any) -> None:
        """The chain has a plan for a manifest, voted on as what it is where `changes` do not say otherwise."""
        migration = peek_manifest(content).migration
        kind = kind_of(migration)
        voted = {"migration_kind": kind, "migration_hash": migration_hash(migration) if kind else ""}
        plan = proposal(
            release_kind=ReleaseKind.MANIFEST,
            release_hash=hashlib.sha256(content).hexdigest(),
            release_url=untrusted(f"{self.base}/v0.2.0/manifest.json"),
            **{**voted, **changes},
        )
        self.book.follow(PlanReading(60, (plan,), None), "", None)

    async def prepared(self, state: Preparation = Preparation.READY, words: str = "") -> str:
        """Prepare until the state is reached, with these words in its note; the note."""
        self.preparer.ensure()
        async with asyncio.timeout(20):
            while self.attempt.preparation is not state or words not in self.attempt.note:
                await asyncio.sleep(0.01)
        await self.preparer.close()
        return str(self.attempt.note)

    @property
    def attempt(self) -> Any:
        assert self.book.open is not None
        return self.book.open

    @property
    def folder(self) -> Path:
        return self.home / "cosmovisor" / "upgrades" / "v0.2.0"


@asynccontextmanager
async def serving(served: dict[str, bytes]) -> AsyncIterator[str]:
    async def handler(request: web.Request) -> web.Response:
        if request.path not in served:
            raise web.HTTPNotFound
        return web.Response(body=served[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await runner.cleanup()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    served: dict[str, bytes] = {}
    async with serving(served) as base:
        found = Desk(tmp_path, served, base)
        yield found
        await found.preparer.close()


async def test_a_signed_release_becomes_one_generation(desk: Desk) -> None:
    content = desk.manifest()
    desk.publish(content)
    desk.plan(content)
    assert desk.attempt.generation_hash == ""
    await desk.prepared()
    assert desk.attempt.generation_hash == desk.app_sha256
    assert desk.attempt.release_hash == hashlib.sha256(content).hexdigest()  # what `signalReady` says
    assert desk.attempt.grace_blocks == 100
    generation = desk.generations.generation("v0.2.0")
    assert generation.verified
    assert generation.sha256 == desk.app_sha256
    assert [(each.daemon, each.sha256) for each in generation.companions] == [
        (SIDE, hashlib.sha256(desk.side).hexdigest())
    ]
    assert (desk.folder / "manifest.json").read_bytes() == content
    assert len(list(desk.folder.glob("manifest.json.*.sshsig"))) == 3
    assert "manifest sha256" in json.loads((desk.folder / "release.json").read_bytes())["origin"]
    trusted = Trust(desk.trust).read()
    assert trusted is not None
    assert trusted.releases[CHAIN].sequence == 7
    assert generation.manifest == desk.attempt.release_hash
    assert {path.name for path in (desk.settings.state_dir / "downloads").iterdir()} <= {".partial"}
    assert "own-build" not in {each["kind"] for each in desk.journal.events()}


async def test_what_does_not_change_comes_from_the_current_generation(desk: Desk) -> None:
    content = desk.manifest(side=False)
    desk.publish(content)
    desk.plan(content)
    await desk.prepared()
    assert [each.sha256 for each in desk.generations.generation("v0.2.0").companions] == [desk.old_side]


async def test_signatures_that_come_later_are_found(desk: Desk) -> None:
    content = desk.manifest()
    desk.publish(content, "alice")
    desk.plan(content)
    note = await desk.prepared(Preparation.FAILED)
    assert "1 of 2 signed (alice)" in note
    assert desk.attempt.failure_code == FailureCode.NOT_TRUSTED
    assert not desk.folder.exists()
    desk.publish(content, "bob")
    await desk.prepared()
    assert desk.folder.is_dir()


@pytest.mark.parametrize(
    ("changes", "plan", "words", "code"),
    [
        ({"chain": "other-1"}, {}, "it is for chain other-1", FailureCode.NOT_TRUSTED),
        ({"max_height": 99, "min_height": None}, {}, "the plan is for height 100", FailureCode.NOT_TRUSTED),
        ({}, {"breaking": False}, "lets nodes go on with the old binary", FailureCode.NOT_TRUSTED),
        ({"keyring": 4}, {}, "rotate it first", FailureCode.NOT_TRUSTED),
        (
            {},
            {"migration_kind": MigrationKind.WASM, "migration_hash": "5" * 64},
            "of kind wasm was voted on",
            FailureCode.NOT_TRUSTED,
        ),
        (
            {"migration": whole()["migration"]},
            {"migration_kind": MigrationKind.NONE, "migration_hash": ""},
            "of kind none was voted on",
            FailureCode.NOT_TRUSTED,
        ),
    ],
)
async def test_a_release_that_does_not_fit_is_not_staged(
    desk: Desk, changes: dict[str, Any], plan: dict[str, Any], words: str, code: FailureCode
) -> None:
    content = desk.manifest(**changes)
    desk.publish(content)
    desk.plan(content, **plan)
    assert words in await desk.prepared(Preparation.FAILED)
    assert desk.attempt.failure_code == code
    assert not desk.folder.exists()


async def test_there_is_no_way_back_behind_a_trusted_release(desk: Desk) -> None:
    Trust(desk.trust).accept_release(CHAIN, 8, "a" * 64)
    content = desk.manifest()
    desk.publish(content)
    desk.plan(content)
    assert "8 was trusted here already" in await desk.prepared(Preparation.FAILED)


async def test_other_bytes_at_the_source_are_not_staged(desk: Desk) -> None:
    content = desk.manifest()
    desk.publish(content)
    desk.served["/side"] = b"#!/bin/sh\n# another sidecar\n"
    desk.plan(content)
    assert "its bytes have sha256" in await desk.prepared(Preparation.FAILED)
    assert desk.attempt.failure_code == FailureCode.HASH_MISMATCH
    assert not desk.folder.exists()


async def test_a_size_that_lies_is_refused(desk: Desk) -> None:
    platforms = json.loads(desk.manifest())["platforms"]
    platforms["any"]["binaries"][SIDE]["size"] += 1
    content = desk.manifest(platforms=platforms)
    desk.publish(content)
    desk.plan(content)
    assert "that were promised" in await desk.prepared(Preparation.FAILED)
    assert not desk.folder.exists()


def packed(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        (packed("dist/side", b"#!/bin/sh\n# the new sidecar\n"), ""),
        (packed("dist/side", b"#!/bin/sh\n# the bad sidecar\n"), "in its archive has sha256"),
        (packed("dist/side", b"#!/bin/sh\n# longer than it may be\n"), "a binary of more than"),
        (packed("other/side", b"#!/bin/sh\n# the new sidecar\n"), "dist/side"),
    ],
    ids=["right", "wrong-bytes", "too-large", "not-there"],
)
async def test_a_binary_in_an_archive_is_taken_out_and_checked(desk: Desk, inside: bytes, problem: str) -> None:
    platforms = json.loads(desk.manifest())["platforms"]
    desk.served["/side"] = inside
    platforms["any"]["binaries"][SIDE]["archive"] = {
        "sha256": hashlib.sha256(inside).hexdigest(),
        "size": len(inside),
        "packing": "tar.gz",
        "member": "dist/side",
    }
    content = desk.manifest(platforms=platforms)
    desk.served["/side"] = inside
    desk.publish(content)
    desk.plan(content)
    if problem:
        assert problem in await desk.prepared(Preparation.FAILED)
        assert not desk.folder.exists()
    else:
        await desk.prepared()
        assert desk.generations.generation("v0.2.0").companions[0].path.read_bytes() == desk.side
    left = sorted(path.name for path in (desk.settings.state_dir / "downloads").iterdir() if path.name != ".partial")
    assert left == ([desk.app_sha256] if problem else [])  # what was right is taken by the next try


async def test_a_mirror_is_asked_for_manifest_signatures_and_binaries(desk: Desk) -> None:
    content = desk.manifest()
    desk.publish(content)
    mirrored = {f"/mirror/{path.rsplit('/', 1)[-1]}": body for path, body in desk.served.items()}
    desk.served.clear()
    desk.served.update(mirrored)
    desk.settings = dataclasses.replace(desk.settings, mirror=(f"{desk.base}/mirror",))
    desk.plan(content)
    await desk.prepared()


async def test_a_raw_binary_is_not_downloaded_where_signatures_are_demanded(desk: Desk) -> None:
    desk.served["/app"] = desk.app.read_bytes()
    desk.shape, desk.generations = NodeShape(desk.home, ()), Generations(desk.home, nodes.DAEMON)
    desk.preparer = desk.a_preparer()
    plan = proposal(release_hash=desk.app_sha256, release_url=untrusted(f"{desk.base}/app"))
    desk.book.follow(PlanReading(60, (plan,), None), "", None)
    assert "demands signed releases" in await desk.prepared(Preparation.FAILED)
    assert desk.attempt.failure_code == FailureCode.NOT_TRUSTED
    await desk.preparer.give("v0.2.0", desk.app)  # the operator's own word, and the chain's hash all the same
    assert desk.attempt.preparation is Preparation.READY


async def test_a_manifest_and_programs_given_by_hand_need_no_network(desk: Desk) -> None:
    desk.settings = dataclasses.replace(desk.settings, auto_download=False)
    content = desk.manifest()
    desk.plan(content)
    assert "auto_download is off" in await desk.prepared(Preparation.FAILED)
    with pytest.raises(ReleaseError, match="auto_download is off"):
        await desk.preparer.give("v0.2.0", desk.app)
    signatures = {str(n): signed(name, content) for n, name in enumerate(("alice", "carol"))}
    signatures["b"] = signed("bea", content, Role.BUILDER)
    keep_bundle(given_manifest(desk.settings.state_dir, "v0.2.0"), Bundle(content, signatures, "given"))
    stranger = desk.home / "stranger"
    stranger.write_bytes(b"x")
    with pytest.raises(NodeError, match="the release holds"):
        await desk.preparer.give("v0.2.0", stranger)
    await desk.preparer.give("v0.2.0", desk.app)
    await desk.prepared(Preparation.FAILED, f"{SIDE} of v0.2.0 is not here")
    side = desk.home / "side"
    side.write_bytes(desk.side)
    await desk.preparer.give("v0.2.0", side)
    await desk.prepared()
    assert desk.attempt.generation_hash == desk.app_sha256


async def test_an_attested_own_build_runs_only_where_the_settings_allow_it(desk: Desk) -> None:
    content = desk.manifest(side=False)
    desk.publish(content)
    own = desk.home / "own"
    own_sha256 = nodes.write_binary(own, desk.home, version="v0.2.0-own")
    release = hashlib.sha256(content).hexdigest()
    made = make_attestation(release, CHAIN, "operator", "musl", {nodes.DAEMON: own})
    path = keep_attestation(desk.trust, made)
    desk.demands = dataclasses.replace(desk.demands, own_builds=True, attest_keys=(TestKey("operator").public.text,))
    desk.preparer = desk.a_preparer()
    desk.plan(content)
    assert "the attestation is not signed" in await desk.prepared(Preparation.FAILED)
    signature = path.with_name(f"{path.name}.sshsig")
    signature.write_bytes(Recipe(TestKey("stranger"), made.content, Role.ATTESTER.namespace).file)
    with pytest.raises(NodeError, match="which the settings do not name"):
        await desk.preparer.give("v0.2.0", own)
    signature.write_bytes(Recipe(TestKey("operator"), made.content, Role.ATTESTER.namespace).file)
    with pytest.raises(NodeError, match="the release holds"):
        await desk.preparer.give("v0.2.0", desk.app)
    await desk.preparer.give("v0.2.0", own)
    await desk.prepared()
    assert desk.attempt.generation_hash == own_sha256
    record = json.loads((desk.folder / "release.json").read_bytes())
    assert "own build, attested by operator" in record["origin"]
    assert "musl" in record["origin"]
    (event,) = [each for each in desk.journal.events() if each["kind"] == "own-build"]
    assert event["attempt"] == desk.attempt.id
    assert event["detail"] == {
        "said": record["origin"],
        "release": release,
        "binaries": {nodes.DAEMON: own_sha256},
    }


async def test_what_is_staged_already_is_kept_after_a_restart(desk: Desk) -> None:
    content = desk.manifest()
    desk.publish(content)
    desk.plan(content)
    await desk.prepared()
    before = (desk.folder / "release.json").stat().st_mtime_ns
    desk.book.change(preparation=Preparation.PLANNED)
    desk.served.clear()  # nothing is asked again: manifest and signatures are kept
    desk.preparer = desk.a_preparer()
    await desk.prepared()
    assert (desk.folder / "release.json").stat().st_mtime_ns == before


async def test_a_crossed_manifest_that_runs_already_is_no_plan(desk: Desk) -> None:
    digest = hashlib.sha256(desk.manifest()).hexdigest()
    crossed = proposal(
        release_kind=ReleaseKind.MANIFEST, release_hash=digest, status=ProposalStatus.EXECUTED, verdict=Verdict.CROSS
    )
    reading = PlanReading(200, (crossed,), None)
    assert desk.book.follow(reading, desk.app_sha256, 150, digest) is None
    assert desk.book.open is None
    assert desk.book.follow(reading, desk.app_sha256, 50) is not None


@pytest.mark.parametrize("right", [True, False])
async def test_a_manifest_given_for_a_raw_plan_does_not_replace_the_chains_hash(desk: Desk, right: bool) -> None:
    content = desk.manifest()
    signatures = {name: signed(name, content) for name in ("alice", "bob")}
    signatures["bea"] = signed("bea", content, Role.BUILDER)
    keep_bundle(given_manifest(desk.settings.state_dir, "v0.2.0"), Bundle(content, signatures, "given"))
    plan = proposal(release_hash=desk.app_sha256 if right else "1" * 64)
    desk.book.follow(PlanReading(60, (plan,), None), "", None)
    if right:
        await desk.prepared()
    else:
        assert "the chain says 1111" in await desk.prepared(Preparation.FAILED)
        assert desk.attempt.failure_code == FailureCode.HASH_MISMATCH
        assert not desk.folder.exists()
