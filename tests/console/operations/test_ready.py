"""Readiness by hand: only what is true here is said, and only while the registry would hear it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from console.errors import ConsoleError, EndpointDown, InputError, NodeError
from console.model import Proposal, ProposalStatus, Readiness, ReleaseKind, Verdict
from console.node.generation import Generations
from console.node.release_record import MANIFEST
from console.operations.ready import signal_ready
from console.ports.chain import PlanReading
from tests.console.operations.examples import a_node_settings, a_proposal, a_readiness

pytestmark = pytest.mark.anyio

BINARY = b"the new binary"
HASH = hashlib.sha256(BINARY).hexdigest()


@dataclass
class FakePlans:
    reading: PlanReading | None
    own_only: list[bool] = field(default_factory=list)

    async def read(self, *, own_node_only: bool) -> PlanReading:
        self.own_only.append(own_node_only)
        if self.reading is None:
            raise EndpointDown("no endpoint answered")
        return self.reading


@dataclass
class FakeSignals:
    said: list[tuple[int, str]] = field(default_factory=list)

    async def prepare(self) -> None:
        raise AssertionError

    async def ready(self, proposal_id: int, release_hash: str) -> None:
        self.said.append((proposal_id, release_hash))

    async def armed(self, proposal_id: int, height: int) -> None:
        raise AssertionError

    async def failure(self, proposal_id: int, code: int) -> None:
        raise AssertionError

    async def freeze(self, proposal_id: int) -> Verdict:
        raise AssertionError

    async def confirm(self, proposal_id: int, exe_hash: str, app_hash: str) -> None:
        raise AssertionError

    async def withdraw(self, proposal_id: int) -> None:
        raise AssertionError

    async def schedule(self, proposal_id: int) -> None:
        raise AssertionError

    async def execute(self, proposal_id: int) -> None:
        raise AssertionError

    async def undo(self, proposal_id: int) -> None:
        raise AssertionError

    async def advertise(self, version: str, protocol: int, release_hash: str) -> None:
        raise AssertionError


def stage(folder: Path, content: bytes = BINARY) -> None:
    binary = a_node_settings(folder).home / "cosmovisor" / "upgrades" / "v0.2.0" / "bin" / "subnetd"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(content)


def a_reading(height: int = 120, proposal: Proposal | None = None, readiness: Readiness | None = None) -> PlanReading:
    return PlanReading(
        height, (proposal or a_proposal(release_hash=HASH),), readiness or a_readiness(failures={0: 1}, armed=0)
    )


async def signal(folder: Path, reading: PlanReading | None, proposal_id: int = 7) -> FakeSignals:
    signals = FakeSignals()
    await signal_ready(a_node_settings(folder), proposal_id, FakePlans(reading), signals)
    return signals


async def refused(
    kind: type[ConsoleError], part: str, folder: Path, reading: PlanReading | None, number: int = 7
) -> None:
    signals = FakeSignals()
    with pytest.raises(kind, match=part):
        await signal_ready(a_node_settings(folder), number, FakePlans(reading), signals)
    assert signals.said == []


async def test_what_is_staged_is_said(tmp_path: Path) -> None:
    stage(tmp_path)
    assert (await signal(tmp_path, a_reading())).said == [(7, HASH)]


async def test_the_address_may_be_written_otherwise_than_the_chain_writes_it(tmp_path: Path) -> None:
    stage(tmp_path)
    readiness = a_readiness(failures={0: 1})
    lower = tuple(replace(entry, address=entry.address.lower()) for entry in readiness.validators)
    assert (await signal(tmp_path, a_reading(readiness=Readiness(7, lower)))).said == [(7, HASH)]


async def test_what_is_not_staged_is_not_said(tmp_path: Path) -> None:
    await refused(NodeError, "does not have the release of proposal 7", tmp_path, a_reading())
    stage(tmp_path, b"other bytes")
    await refused(NodeError, "node add-upgrade v0.2.0 FILE", tmp_path, a_reading())


async def test_too_late_is_told_before_the_registry_says_so(tmp_path: Path) -> None:
    stage(tmp_path)
    assert (await signal(tmp_path, a_reading(143))).said
    await refused(InputError, "it is frozen from height 145 on and the chain is at 144", tmp_path, a_reading(144))


async def test_other_proposals_are_refused(tmp_path: Path) -> None:
    stage(tmp_path)
    await refused(InputError, "there is no proposal 8", tmp_path, a_reading(), 8)
    aborted = a_proposal(status=ProposalStatus.ABORTED, verdict=Verdict.ABORT, release_hash=HASH)
    await refused(InputError, "proposal 7 is aborted", tmp_path, a_reading(proposal=aborted))
    calls = a_proposal(release_kind=ReleaseKind.NONE)
    await refused(InputError, "there is no release", tmp_path, a_reading(proposal=calls))


async def test_what_was_staged_from_the_manifest_is_said(tmp_path: Path) -> None:
    content = b"the manifest"
    sha256 = hashlib.sha256(content).hexdigest()
    reading = a_reading(proposal=a_proposal(release_kind=ReleaseKind.MANIFEST, release_hash=sha256))
    stage(tmp_path)
    # The right bytes without the manifest are not the release: nobody checked them against it.
    await refused(NodeError, "node add-upgrade v0.2.0 --manifest FILE", tmp_path, reading)
    home = a_node_settings(tmp_path).home
    shutil.rmtree(home / "cosmovisor")
    (home / "cosmovisor" / "genesis" / "bin").mkdir(parents=True)
    (home / "cosmovisor" / "genesis" / "bin" / "subnetd").write_bytes(b"the old binary")
    (home / "cosmovisor" / "current").symlink_to("genesis")
    generations = Generations(home, "subnetd")

    def staged(*, documents: dict[str, bytes]) -> None:
        binary, other = tmp_path / "binary", tmp_path / "companion"
        binary.write_bytes(BINARY)
        other.write_bytes(b"companion")
        companions = {"cometbft": (other, hashlib.sha256(b"companion").hexdigest())}
        generations.stage("v0.2.0", binary, HASH, "a test", companions=companions, documents=documents)

    staged(documents={MANIFEST: b"another manifest"})
    await refused(NodeError, "does not have the release", tmp_path, reading)
    staged(documents={MANIFEST: content})
    assert (await signal(tmp_path, reading)).said == [(7, sha256)]
    for name, right in (("cometbft", b"companion"), ("subnetd", BINARY)):
        path = home / "cosmovisor" / "upgrades" / "v0.2.0" / "bin" / name
        path.chmod(0o755)
        path.write_bytes(b"changed since")
        await refused(NodeError, "does not have the release", tmp_path, reading)
        path.write_bytes(right)
    assert (await signal(tmp_path, reading)).said == [(7, sha256)]


async def test_twice_is_refused(tmp_path: Path) -> None:
    stage(tmp_path)
    await refused(InputError, "is ready for proposal 7 since height 105", tmp_path, a_reading(readiness=a_readiness()))


async def test_a_stranger_is_refused(tmp_path: Path) -> None:
    stage(tmp_path)
    others = Readiness(7, a_readiness(failures={0: 1}).validators[1:])
    await refused(InputError, "is not a validator of this network", tmp_path, a_reading(readiness=others))


async def test_a_chain_that_is_down_is_told(tmp_path: Path) -> None:
    stage(tmp_path)
    await refused(EndpointDown, "no endpoint answered", tmp_path, None)
