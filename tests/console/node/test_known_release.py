"""What the controller tells of a plan's release: every check as it stands now, and the migration in words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.errors import NodeError
from console.files import sha256_of
from console.model import KnownRelease, Preparation
from console.node import protocol
from console.node.known_release import ReleaseTeller
from console.node.manifests import Manifests, NetworkDemands
from console.node.release.attestation import keep_attestation, make_attestation
from console.node.releases import BinaryReleases
from console.ports.chain import PlanReading
from tests.console.node import nodes
from tests.console.node.fakes import proposal
from tests.console.node.release.manifests import whole
from tests.console.node.release.release_cases import CHAIN
from tests.console.node.test_manifests import Desk, serving

pytestmark = pytest.mark.anyio


class Told(Desk):
    """A desk whose release is told."""

    def __init__(self, folder: Path, served: dict[str, bytes], base: str) -> None:
        super().__init__(folder, served, base)
        self.manifests = self.some_manifests()

    def some_manifests(self) -> Manifests:
        settings = lambda: self.settings  # noqa: E731
        demands = NetworkDemands(CHAIN, self.demands)
        return Manifests(demands, settings, self.shape, BinaryReleases(settings, self.shape))

    def told(self, name: str = "", *, after_restart: bool = False) -> KnownRelease:
        manifests = self.some_manifests() if after_restart else self.preparer._manifests
        assert manifests is not None
        found = ReleaseTeller(manifests, self.generations).tell(self.journal.attempts(), name)
        line = protocol.encode({"jsonrpc": "2.0", "id": 1, "result": protocol.release_to_json(found)})
        assert len(line) < protocol.MAX_LINE
        return protocol.release_from_json(protocol.decode(line)["result"])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Told]:
    served: dict[str, bytes] = {}
    async with serving(served) as base:
        found = Told(tmp_path, served, base)
        yield found
        await found.preparer.close()


def outcomes(release: KnownRelease) -> dict[str, str]:
    return {each.check: each.outcome for each in release.checks}


async def test_a_staged_release_is_told_whole_also_after_a_restart(desk: Told) -> None:
    assert desk.told().reason == "no plan was taken up here yet, so there is no release to verify"
    content = desk.manifest(not_after="2020-01-31T12:00:00Z")
    desk.publish(content)
    desk.plan(content)
    await desk.prepared()
    told = desk.told(after_restart=True)
    assert told.accepted
    assert told.sha256 == hashlib.sha256(content).hexdigest()
    assert sha256_of(Path(told.path)) == told.sha256
    assert {each.role: each.words for each in told.counts} == {
        "developer": "2 of 2: alice, bob",
        "builder": "1 of 1: bea",
        "auditor": "0, none is asked for",
    }
    found = outcomes(told)
    assert (found["hash"], found["developers"], found["sequence"], found["not after"]) == (
        "passed",
        "passed",
        "passed",
        "warning",
    )
    facts = dict(told.facts)
    assert facts["release"] == "v0.2.0, version 0.2.0-rc.1"
    assert facts["grace"] == "100 blocks for late nodes"
    assert facts["breaking"].startswith("yes")
    assert facts["notes"] == "https://releases.example/v0.2.0/notes.md"
    assert facts["notes hash"] == "sha256 " + "f" * 64
    assert told.migration == ("No migration: only the binary changes.",)
    assert desk.told("v0.2.0") == told


async def test_a_refused_release_is_told_with_what_failed(desk: Told) -> None:
    content = desk.manifest()
    desk.publish(content, "alice")
    desk.plan(content)
    assert "is not here yet" in desk.told().reason
    await desk.prepared(Preparation.FAILED)
    told = desk.told()
    assert (told.accepted, told.path) == (False, "")
    assert outcomes(told)["developers"] == "failed"
    assert told.counts[0].words == "1 of 2: alice"
    assert dict(told.facts)["release"] == "v0.2.0, version 0.2.0-rc.1"  # the chain's hash vouches for the bytes
    # What was fetched and refused is kept nowhere.
    assert "1 of 2 signed (alice)" in desk.told(after_restart=True).reason


async def test_a_raw_plan_is_said_to_be_one(desk: Told) -> None:
    desk.book.follow(PlanReading(60, (proposal(release_hash=desk.app_sha256),), None), "", None)
    assert "v0.2.0 is a raw binary without a manifest" in desk.told().reason
    assert "no manifest is kept with this generation" in desk.told("genesis").reason
    with pytest.raises(NodeError, match="there is no generation v9"):
        desk.told("v9")


@pytest.mark.parametrize(
    ("migration", "words"),
    [
        ({"kind": "compiled", "id": "v2-to-v3"}, "Compiled into the binary, as v2-to-v3."),
        (whole()["migration"], "A WebAssembly module that comes with the release."),
        (
            {
                "kind": "standard",
                "operations": [
                    {
                        "operation": "patch_state",
                        "address": "0x" + "5a" * 20,
                        "slot": f"0x{slot:064x}",
                        "expected": "0x" + "00" * 32,
                        "value": "0x" + "f1" * 32,
                    }
                    for slot in range(250)
                ],
            },
            "250 standard operations, all or none, before the block's own:",
        ),
    ],
)
async def test_each_kind_of_migration_is_decoded(desk: Told, migration: dict[str, Any], words: str) -> None:
    content = desk.manifest(migration=migration)
    desk.publish(content, "alice")  # refused all the same, so that nothing is run
    desk.plan(content)
    await desk.prepared(Preparation.FAILED)
    told = desk.told()
    assert told.migration[0] == words
    assert len(dict(told.facts)["migration"]) > 64
    if len(migration.get("operations", ())) > 100:
        assert told.migration[-1].endswith("more lines: `upgrade-console release show MANIFEST`")


async def test_an_own_build_is_told(desk: Told) -> None:
    content = desk.manifest(side=False)
    desk.publish(content)
    own = desk.home / "own"
    nodes.write_binary(own, desk.home, version="v0.2.0-own")
    release = hashlib.sha256(content).hexdigest()
    keep_attestation(desk.trust, make_attestation(release, CHAIN, "operator", "musl", {nodes.DAEMON: own}))
    desk.demands = dataclasses.replace(desk.demands, own_builds=True)
    desk.preparer = desk.a_preparer()
    desk.plan(content)
    await desk.preparer.give("v0.2.0", own)
    await desk.prepared()
    assert dict(desk.told().facts)["own build"] == "own build, attested by operator: musl"
    own_build_is_recorded = json.loads((desk.folder / "release.json").read_bytes())["origin"]
    assert "musl" in own_build_is_recorded


def test_an_answer_of_another_kind_is_not_understood() -> None:
    good = protocol.release_to_json(KnownRelease("v1", "why"))
    for changes in ({"checks": 1}, {"counts": [1]}, {"facts": [["a"]]}, {"migration": None}):
        with pytest.raises(NodeError, match="not understood"):
            protocol.release_from_json({**good, **changes})
