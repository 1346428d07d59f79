"""A release with a WASM migration is ready only after its module was brought, and its dry run on our state passed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.devnet.migrations import SLOT_START, release_migration
from console.errors import EndpointDown, NodeError
from console.files import sha256_of
from console.model import Crossing, FailureCode, Preparation
from console.node.known_release import ReleaseTeller
from console.node.release.roles import Role
from tests.console.node.release.forge import signed
from tests.console.node.test_manifests import Desk, serving

pytestmark = pytest.mark.anyio

ACCOUNT = "0x" + "5a" * 20
MADE = release_migration("wasm", ACCOUNT)
BEFORE = {bytes.fromhex(ACCOUNT[2:]) + SLOT_START + b"\x01": (0x10).to_bytes(32, "big")}


class KeptState:
    """`StateReader` from memory; silent while it has no height."""

    def __init__(self) -> None:
        self.block: int | None = 77
        self.asked: set[int] = set()

    async def height(self) -> int:
        if self.block is None:
            raise EndpointDown("our node does not answer")
        return self.block

    async def value(self, key: bytes, height: int) -> bytes | None:
        self.asked.add(height)
        return BEFORE.get(key)


class WasmDesk(Desk):
    """A desk whose release has a WASM migration."""

    def __init__(self, folder: Path, served: dict[str, bytes], base: str) -> None:
        super().__init__(folder, served, base)
        self.reader = KeptState()
        self.state = self.reader
        self.preparer = self.a_preparer()

    def offer(self, *, audited: bool = True, url: bool = True, **changes: Any) -> bytes:
        section = {**json.loads(json.dumps(MADE.section)), **changes}
        section.pop("url", None)
        if url:
            section["url"] = f"{self.base}/migration.wasm"
            self.served["/migration.wasm"] = MADE.module
        content = self.manifest(migration=section)
        self.publish(content)
        if audited:
            self.served["/v0.2.0/manifest.json.ada.auditor.sshsig"] = signed("ada", content, Role.AUDITOR)
        self.plan(content)
        return content

    def tried(self) -> list[dict[str, Any]]:
        return [each["detail"] for each in self.journal.events() if each["kind"] == "migration-tried"]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[WasmDesk]:
    served: dict[str, bytes] = {}
    async with serving(served) as base:
        found = WasmDesk(tmp_path, served, base)
        yield found
        await found.preparer.close()


async def test_the_module_is_brought_tried_on_our_state_and_kept_beside_the_manifest(desk: WasmDesk) -> None:
    desk.offer()
    await desk.prepared()
    kept = desk.folder / "migration.wasm"
    assert kept.read_bytes() == MADE.module
    assert desk.reader.asked == {77}
    (event,) = desk.tried()
    assert (event["ok"], event["height"], event["writes"]) == (True, 77, 8)
    assert {path.name for path in (desk.settings.state_dir / "downloads").iterdir()} <= {".partial"}
    manifests = desk.preparer._manifests
    assert manifests is not None
    tried = desk.journal.newest_by_attempt("migration-tried")
    told = ReleaseTeller(manifests, desk.generations).tell(desk.journal.attempts(), tried=tried)
    assert ("passed", event["sentence"]) in {(e.outcome, e.sentence) for e in told.checks if e.check == "migration"}
    # After a restart neither the network is asked for it, nor is the generation written again.
    desk.served.clear()
    desk.book.change(preparation=Preparation.PLANNED)
    desk.preparer = desk.a_preparer()
    await desk.prepared()
    assert len(desk.tried()) == 2


async def test_a_migration_that_fails_its_dry_run_is_a_preflight_failure_said_once(desk: WasmDesk) -> None:
    desk.offer(fuel=100)
    note = await desk.prepared(Preparation.FAILED, "after block 77")
    assert desk.attempt.failure_code == FailureCode.PREFLIGHT_FAILED
    assert "fuel" in note
    (event,) = desk.tried()
    assert not event["ok"]
    assert event["sentence"] in note
    manifests = desk.preparer._manifests
    assert manifests is not None
    told = ReleaseTeller(manifests, desk.generations).tell(desk.journal.attempts(), tried={desk.attempt.id: event})
    assert not told.accepted


async def test_a_state_that_cannot_be_read_is_tried_again(desk: WasmDesk) -> None:
    desk.reader.block = None
    desk.offer()
    assert "cannot be tried: our node does not answer" in await desk.prepared(Preparation.FAILED)
    assert desk.attempt.failure_code == FailureCode.PREFLIGHT_FAILED
    assert desk.tried() == []
    desk.reader.block = 78
    await desk.prepared()
    assert desk.tried()[0]["height"] == 78


async def test_a_node_that_halted_already_goes_on_untried_and_that_is_said(desk: WasmDesk) -> None:
    desk.reader.block = None
    desk.offer()
    desk.book.change(crossing=Crossing.HALTED)
    await desk.prepared()
    (event,) = desk.tried()
    assert event["ok"] is None
    assert "cannot be tried: our node does not answer" in event["sentence"]
    manifests = desk.preparer._manifests
    assert manifests is not None
    told = ReleaseTeller(manifests, desk.generations).tell(desk.journal.attempts(), tried={desk.attempt.id: event})
    assert ("warning", event["sentence"]) in {(e.outcome, e.sentence) for e in told.checks}


async def test_a_chain_without_such_a_state_says_so(desk: WasmDesk) -> None:
    desk.state = None
    desk.preparer = desk.a_preparer()
    desk.offer()
    assert "no state that can be read" in await desk.prepared(Preparation.FAILED)


@pytest.mark.parametrize("change", ["longer", "other"])
async def test_other_bytes_of_the_module_are_refused_before_anything_is_staged(desk: WasmDesk, change: str) -> None:
    desk.offer()
    served = MADE.module + b"\0" if change == "longer" else MADE.module[:-1] + bytes([MADE.module[-1] ^ 1])
    desk.served["/migration.wasm"] = served
    await desk.prepared(Preparation.FAILED)
    assert desk.attempt.failure_code in {FailureCode.HASH_MISMATCH, FailureCode.DOWNLOAD_FAILED}
    assert not desk.folder.exists()
    assert desk.tried() == []


async def test_without_an_auditor_the_module_is_not_even_fetched(desk: WasmDesk) -> None:
    desk.offer(audited=False)
    assert "0 of 1 signed" in await desk.prepared(Preparation.FAILED)
    assert desk.attempt.failure_code == FailureCode.NOT_TRUSTED
    assert not list((desk.settings.state_dir / "downloads").glob("*migration*"))


async def test_a_module_that_has_no_place_is_given_by_hand(desk: WasmDesk) -> None:
    desk.offer(url=False)
    assert "the manifest names no place for it" in await desk.prepared(Preparation.FAILED)
    module, other = desk.home / "module.wasm", desk.home / "other.wasm"
    module.write_bytes(MADE.module)
    other.write_bytes(MADE.module + b"\0")
    with pytest.raises(NodeError, match=f"migration.wasm {sha256_of(module)}"):
        await desk.preparer.give("v0.2.0", other)
    await desk.preparer.give("v0.2.0", module)
    await desk.prepared()
    assert (desk.folder / "migration.wasm").read_bytes() == MADE.module
