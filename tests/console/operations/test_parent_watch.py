"""The network above: what it says to its children is read from where it may stand, and shown, refused and warned of."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.errors import ChainError, InputError, SettingsError
from console.model import ChainView, Proposal, ProposalStatus, ReleaseKind, Snapshot
from console.model.cross_subnet import ChildWindow, ParentIntent
from console.node.parent_bound import ParentBounds
from console.node.release.manifest import Artefact, Manifest, PlatformArtefacts, manifest_bytes, peek_manifest
from console.operations.child_windows import window_for, windows_in_manifest, windows_in_texts
from console.operations.parent_watch import ParentBound, ParentWatch, held_against_parent
from console.operations.propose import check_fields
from console.operations.release_make import child_window
from console.operations.status import status_document
from console.operations.upgrade_proposal import check_upgrade, fields_of_manifest
from console.settings import load_network, parent_network, parse_network
from console.text import UntrustedText
from tests import chain_fakes, fakes
from tests.console.operations.test_upgrade_proposal import GOOD, network
from tests.scripted_daemon import CHAIN
from widgets.notice_line import notice

pytestmark = pytest.mark.anyio

CHILD = replace(network(), name="child", chain_id="child-1", parent="above")
WINDOW = {"chain": "child-1", "closes_after": 100, "release": "v0.3.0"}


def above(*proposals: Proposal, height: int = 900) -> ChainView:
    return replace(fakes.chain(height, proposals, ()), block_time_s=30.0, age_s=0.0)


def scheduled(children: object, **changes: object) -> Proposal:
    info = json.dumps({"binaries": {}, "children": children})
    plan = chain_fakes.voting(
        name=UntrustedText("v2"), status=ProposalStatus.SCHEDULED, target_height=1000, release_url=UntrustedText(info)
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


class Parent:
    """A parent that is read from memory."""

    def __init__(self, *proposals: Proposal) -> None:
        self.proposals = proposals
        self.failure: ChainError | None = None
        self.reads = 0
        self.unpaced = 0
        """Readings that do not tell how fast blocks come."""
        self.manifest: bytes | None = None
        self.fetches = 0
        self.now = 1_000_000.0

    async def view(self) -> ChainView:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        view = above(*self.proposals)
        return replace(view, block_time_s=None) if self.reads <= self.unpaced else view

    async def fetch(self, _proposal: Proposal) -> bytes | None:
        self.fetches += 1
        return self.manifest

    def watch(self) -> ParentWatch:
        return ParentWatch(CHILD, "above", self.view, self.fetch, lambda: self.now)


def manifest(*children: ChildWindow) -> Manifest:
    return Manifest(
        name="v2",
        version="2",
        project="p",
        chain=CHAIN,
        sequence=1,
        keyring=1,
        breaking=True,
        state_compatible=False,
        platforms={"linux/amd64": PlatformArtefacts({"d": Artefact("ab" * 32, 1, ("https://x.example/d",))}, {})},
        children=children,
    )


def with_intent(intent: ParentIntent | None, snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, parent=intent)


async def test_a_plan_s_info_speaks_to_the_child_and_bounds_its_height() -> None:
    parent = Parent(scheduled([{"chain": "*", "closes_after": 5}, WINDOW]))
    watch = parent.watch()
    intent = await watch.settled()
    assert intent is not None
    assert [(each.window.closes_after, each.target_height) for each in intent.upgrades] == [(100, 1000)]
    assert watch.latest() is intent
    assert parent.reads == 1
    shown = with_intent(replace(intent, read_at=fakes.NOW), fakes.idle())
    (bound,) = shown.safe_heights
    assert bound.last is not None
    # Both forms refuse it, and the overview says why.
    fields = {**GOOD, "name": "v0.3.0", "height": str(bound.last + 1)}
    assert "after the last safe one" in check_upgrade(fields, shown)["height"]
    assert "height" not in check_upgrade({**fields, "height": str(bound.last)}, shown)
    registry = {"name": "v0.3.0", "height": str(bound.last + 1), "url": fakes.URL, "hash": fakes.HASH}
    assert "after the last safe one" in check_fields(registry, shown)["height"]
    assert "Above: above goes over to v2 at its block 1,000" in notice(shown)
    document = status_document(shown)["parent"]
    assert (document["bounds"][0]["last_safe_height"], document["problem"]) == (bound.last, None)
    late = fakes.proposal(name=UntrustedText("v0.3.0"), target_height=bound.last + 5)
    upgrade = with_intent(shown.parent, fakes.snapshot(fakes.chain(1210, (late,), ()), fakes.node(1210)))
    assert notice(upgrade).startswith("Does not go with the network above: height")
    await watch.close()


async def test_a_parent_that_is_silent_holds_nothing_up_and_is_said_to_be() -> None:
    parent = Parent(scheduled([WINDOW]))
    parent.failure = ChainError("none of 2 endpoints answered")
    watch = parent.watch()
    intent = await watch.settled()
    assert intent is not None
    assert intent.problem == "what above intends is not known: none of 2 endpoints answered"
    assert check_upgrade(GOOD, with_intent(intent, fakes.idle())) == {}
    assert "Above: what above intends is not known" in notice(with_intent(intent, fakes.idle()))
    parent.failure = None
    parent.now += 31
    watch.latest()
    while not (known := watch.latest()) or known.problem:
        await asyncio.sleep(0)
    parent.failure = ChainError("gone")
    parent.now += 31
    watch.latest()
    while not (known := watch.latest()) or not known.problem:
        await asyncio.sleep(0)
    # What was known stays, with its age.
    assert known.upgrades
    await watch.close()


async def test_a_manifest_speaks_by_its_hash_and_is_fetched_once() -> None:
    content = manifest_bytes(manifest(ChildWindow("child-1", 100, 20, "v0.3.0")))
    proposal = replace(
        scheduled([]),
        release_kind=ReleaseKind.MANIFEST,
        release_hash=hashlib.sha256(content).hexdigest(),
        ballot=None,
    )
    parent = Parent(proposal)
    watch = parent.watch()
    first = await watch.settled()
    assert first is not None
    assert first.upgrades == ()
    # Silence would be taken for a parent that says nothing.
    assert first.problem == "what v2 of above says to its children is not known: its manifest cannot be had"
    assert "Above: what v2 of above says" in notice(with_intent(first, fakes.idle()))
    # It could not be had: it is tried again after some time, and once only when it was.
    parent.manifest = content
    for seconds in (31, 400, 31, 31):
        parent.now += seconds
        watch.latest()
        assert watch._task is not None
        await watch._task
    found = watch.latest()
    assert found is not None
    assert found.problem == ""
    assert found.upgrades[0].window == ChildWindow("child-1", 100, 20, "v0.3.0")
    assert parent.fetches == 2
    await watch.close()


async def test_who_proposes_once_reads_until_the_bounds_are_known_and_says_when_they_are_not() -> None:
    parent = Parent(scheduled([WINDOW]))
    watch = parent.watch()
    intent = await watch.settled()
    assert intent is not None
    whole = with_intent(replace(intent, read_at=fakes.NOW), fakes.idle())
    assert whole.chain is not None
    unpaced = replace(whole, chain=replace(whole.chain, block_time_s=None))
    child = replace(CHILD, parent="above")

    def reading(*found: Snapshot) -> Callable[[], Awaitable[Snapshot]]:
        left = [*found]

        async def read() -> Snapshot:
            return left.pop(0) if len(left) > 1 else left[0]

        return read

    assert await held_against_parent(child, reading(with_intent(None, whole), unpaced, whole)) == (whole, "")
    assert await held_against_parent(replace(child, parent=""), reading(with_intent(None, whole))) == (
        with_intent(None, whole),
        "",
    )
    _, why = await held_against_parent(child, reading(with_intent(None, whole)))
    assert why == "what above intends was not heard in time: the height was not held against it"
    _, why = await held_against_parent(child, reading(unpaced))
    assert why.startswith("above goes over to v2 at its block 1,000")
    assert why.endswith("and how fast blocks come is not known: the height was not held against it")
    silent = with_intent(replace(intent, problem="what above intends is not known: no answer."), whole)
    _, why = await held_against_parent(child, reading(silent))
    assert why == "what above intends is not known: no answer: the height was not held against it"
    await watch.close()


async def test_a_parent_that_has_just_begun_to_be_read_is_asked_again_for_its_pace() -> None:
    parent = Parent(scheduled([WINDOW]))
    parent.unpaced = 1
    watch = parent.watch()
    intent = await watch.settled()
    assert intent is not None
    assert (intent.block_time_s, parent.reads) == (30.0, 2)
    await watch.close()


async def test_the_controller_warns_and_does_nothing_else(tmp_path: Path) -> None:
    parent = Parent(scheduled([WINDOW]))
    watch = parent.watch()

    async def own() -> ChainView:
        return replace(fakes.chain(5000, (), ()), block_time_s=1.0)

    bound = ParentBound(own, watch, lambda: parent.now)
    assert await bound.judge(5100, "v0.3.0") == ""
    assert "after the last safe one" in await bound.judge(10**6, "v0.3.0")
    await watch.close()


class Book:
    """The open attempt."""

    def __init__(self, attempt: Any) -> None:
        self.open = attempt


class Records:
    """A journal that keeps what is recorded."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str]] = []

    def record(self, kind: str, _attempt: object = None, **detail: str) -> None:
        self.kept.append((kind, detail["why"]))


async def test_what_does_not_go_with_the_network_above_is_noted_and_journalled_once() -> None:
    said = ["too late", "too late by more", ""]

    class Source:
        async def judge(self, target_height: int, release: str) -> str:
            assert (target_height, release) == (1400, "v0.2.0")
            if len(said) == 1:
                done.set()
            return said[0] if len(said) == 1 else said.pop(0)

    done = asyncio.Event()
    records, rung = Records(), []
    attempt = replace(fakes.attempt(), name=UntrustedText("v0.2.0"), target_height=1400)
    book = Book(attempt)
    bounds = ParentBounds(Source(), book, records, lambda: rung.append(1), look_s=0.0)  # type: ignore[arg-type]
    task = asyncio.create_task(bounds.watch())
    await asyncio.wait_for(done.wait(), 30)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    assert records.kept == [("above", "too late"), ("above", "the height goes with the network above again")]
    assert len(rung) == 2
    assert bounds.note() == ""
    book.open = None
    assert bounds.note() == ""
    none = ParentBounds(None, book, records, lambda: None)  # type: ignore[arg-type]
    await none.watch()


def test_what_is_no_window_says_nothing() -> None:
    assert windows_in_texts(scheduled([WINDOW]))[0].release == "v0.3.0"
    for children in (
        "x",
        [{"chain": "c"}],
        [{**WINDOW, "closes_after": -1}],
        [{**WINDOW, "more": 1}],
        [WINDOW, WINDOW],
    ):
        assert windows_in_texts(scheduled(children)) == ()
    for text in ("", "words", "{", '{"children":[]}', "https://x.example/releases"):
        assert windows_in_texts(scheduled([], release_url=UntrustedText(text))) == ()
    told = json.dumps({"children": [{"chain": "*", "closes_after": 9}]})
    by_metadata = scheduled([], release_url=UntrustedText(""), ballot=chain_fakes.ballot(metadata=UntrustedText(told)))
    assert window_for("any", windows_in_texts(by_metadata)) == ChildWindow("*", 9)
    assert window_for("other", (ChildWindow("child-1", 1),)) is None


def test_a_manifest_holds_it_and_hands_it_to_a_plan() -> None:
    made = manifest(child_window("child-1=100:20:v0.3.0"), child_window("*=5000"))
    content = manifest_bytes(made)
    assert peek_manifest(content) == made
    assert windows_in_manifest(content, hashlib.sha256(content).hexdigest()) == made.children
    info = json.loads(fields_of_manifest(network(), content)["info"])
    assert info["children"][0] == {"chain": "child-1", "closes_after": 100, "opens_before": 20, "release": "v0.3.0"}
    assert windows_in_texts(scheduled(info["children"])) == made.children
    for wrong in ("child-1", "=5", "c=x", "c=1:y", "c=-1"):
        with pytest.raises(InputError, match="no window of a child"):
            child_window(wrong)


def test_a_parent_is_another_network_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    table = {"kind": "cosmos", "chain_id": "c", "cometbft_rpc": ["http://127.0.0.1:9"]}
    with pytest.raises(SettingsError, match="names the network itself"):
        parse_network("n", table | {"parent": "n"}, None)
    child = parse_network("n", table | {"parent": "nowhere"}, None)
    with pytest.raises(SettingsError, match="nowhere"):
        parent_network(child)
    path = tmp_path / "upgrade-console" / "config.toml"
    path.parent.mkdir()
    path.write_text('[networks.above]\nkind = "cosmos"\nchain_id = "a"\ncometbft_rpc = ["http://127.0.0.1:9"]\n')
    assert parent_network(replace(child, parent="above")) == load_network("above")
