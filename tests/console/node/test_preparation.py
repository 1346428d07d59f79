"""Preparation: one attempt at a time, whatever still runs for the one before."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from console.errors import NodeError, ReleaseError
from console.model import Crossing, FailureCode, Fetching, Preparation
from console.node import preparation as module
from console.node import releases as releases_module
from console.node.attempts import AttemptBook
from console.node.download import Checksum, Downloaded, DownloadRules
from console.node.generation import Generations
from console.node.journal import Journal
from console.node.preparation import Preparer
from console.node.shape import NodeShape
from console.ports.chain import PlanReading
from console.settings import NodeSettings
from console.text import UntrustedText
from tests.console.node import nodes
from tests.console.node.fakes import proposal

pytestmark = pytest.mark.anyio


SETTINGS = NodeSettings(
    name="node1",
    home=Path("/nowhere"),
    state_dir=Path("/nowhere"),
    daemon=nodes.DAEMON,
    arguments=(),
    address="",
    cometbft_rpc="",
    ethereum_rpc="",
    operator_key=None,
    allow_scripts=True,
)


HALF = Fetching(50, 100, 10.0, 5.0, UntrustedText("releases.example"))


class Desk:
    """A preparer with its book, and downloads that the test answers by sha256."""

    def __init__(self, folder: Path) -> None:
        self.home = nodes.make_home(folder / "home")
        self.given = folder / "given"
        self.sha256 = nodes.write_binary(self.given, self.home)
        self.other = folder / "other"
        self.other_sha256 = nodes.write_binary(self.other, self.home, version="v0.3.0")
        self.journal = Journal(folder / "journal.db")
        self.book = AttemptBook(self.journal, lambda: None)
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        self.asked: dict[str, asyncio.Future[Path]] = {}
        self.news: list[Fetching | None] = []
        generations, shape = Generations(self.home, nodes.DAEMON), NodeShape(self.home, ())
        self.preparer = Preparer(
            self.book,
            generations,
            self.downloads,
            lambda: SETTINGS,
            shape,
            changed=lambda: self.news.append(self.preparer.fetching),
        )

    async def download(
        self,
        sources: Sequence[str],
        checksum: Checksum,
        folder: Path,
        *,
        size: int | None,
        rules: DownloadRules,
        progress: Callable[[Fetching], None],
    ) -> Downloaded:
        self.asked[checksum.digest] = asyncio.get_running_loop().create_future()
        progress(HALF)
        return Downloaded(await self.asked[checksum.digest], sources[0])

    def plan(self, number: int, sha256: str, name: str) -> None:
        plan = proposal(id=number, release_hash=sha256, name=name)
        self.book.follow(PlanReading(60, (plan,), None), "", None)

    def deliver(self, source: Path, sha256: str) -> None:
        self.asked[sha256].set_result(Path(shutil.copyfile(source, self.downloads / sha256)))

    def preparations(self) -> list[str]:
        return [event["kind"] for event in self.journal.events()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.setattr(releases_module, "download", desk.download)
    return desk


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_what_was_prepared_for_an_ended_plan_is_nothing_for_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncio.to_thread
    held = asyncio.Event()
    in_preflight = asyncio.Event()

    async def slow(function: Callable[..., object], /, *args: object) -> object:
        if getattr(function, "__name__", "") == "preflight" and args[1:] == (desk.sha256,):
            in_preflight.set()
            await held.wait()
        return await real(function, *args)

    monkeypatch.setattr(asyncio, "to_thread", slow)
    desk.plan(1, desk.sha256, "v0.2.0")
    desk.preparer.ensure()
    await until(lambda: desk.sha256 in desk.asked)
    desk.deliver(desk.given, desk.sha256)
    await in_preflight.wait()
    desk.book.change(crossing=Crossing.RESUMED_OLD)
    desk.plan(2, desk.other_sha256, "v0.3.0")
    held.set()
    desk.preparer.ensure()
    await until(lambda: desk.other_sha256 in desk.asked)
    assert desk.book.attempt is not None
    assert desk.book.attempt.preparation is Preparation.FETCHING
    assert "ready" not in desk.preparations()
    desk.deliver(desk.other, desk.other_sha256)
    await until(lambda: desk.book.attempt is not None and desk.book.attempt.preparation is Preparation.READY)
    await desk.preparer.close()


async def test_an_ended_plan_is_not_prepared_on(desk: Desk) -> None:
    desk.plan(1, desk.sha256, "v0.2.0")
    desk.preparer.ensure()
    await until(lambda: desk.sha256 in desk.asked)
    desk.book.change(crossing=Crossing.MISSED_HALT)
    desk.asked[desk.sha256].set_exception(ReleaseError("no such file", code=FailureCode.DOWNLOAD_FAILED))
    task = desk.preparer._task
    assert task is not None
    await asyncio.wait({task}, timeout=5)
    assert task.done()
    assert desk.book.attempt is not None
    assert desk.book.attempt.preparation is Preparation.FETCHING


async def test_bytes_given_by_hand_are_not_overtaken_by_a_download(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.plan(1, desk.sha256, "v0.2.0")
    real = asyncio.to_thread

    async def meddled(function: Callable[..., object], /, *args: object) -> object:
        # As the drive loop does, at whatever moment; and whatever is downloaded fails.
        desk.preparer.ensure()
        await asyncio.sleep(0)
        for future in desk.asked.values():
            if not future.done():
                future.set_exception(ReleaseError("no such file", code=FailureCode.DOWNLOAD_FAILED))
        done = await real(function, *args)
        await asyncio.sleep(0)
        return done

    monkeypatch.setattr(asyncio, "to_thread", meddled)
    await desk.preparer.give("v0.2.0", desk.given)
    assert desk.preparations()[-3:] == ["verified", "staged", "ready"]
    await desk.preparer.close()


async def test_a_failure_that_nobody_foresaw_is_said_and_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_FIRST_S", 0.0)
    desk.plan(1, desk.sha256, "v0.2.0")
    desk.preparer.ensure()
    await until(lambda: desk.sha256 in desk.asked)
    first = desk.asked.pop(desk.sha256)
    first.set_exception(RuntimeError("a bug"))
    await until(lambda: desk.sha256 in desk.asked)
    assert desk.book.attempt is not None
    assert desk.book.attempt.failure_code == FailureCode.INTERNAL
    await desk.preparer.close()


async def test_the_newest_word_of_a_download_is_kept_while_it_lasts(desk: Desk) -> None:
    desk.plan(1, desk.sha256, "v0.2.0")
    desk.preparer.ensure()
    await until(lambda: desk.sha256 in desk.asked)
    assert desk.preparer.fetching == HALF
    desk.deliver(desk.given, desk.sha256)
    await until(lambda: desk.book.attempt is not None and desk.book.attempt.preparation is Preparation.READY)
    assert desk.news == [HALF, None]
    assert not any("50" in str(event) and "releases.example" in str(event) for event in desk.journal.events())
    await desk.preparer.close()


async def test_a_stopped_download_is_not_shown_any_more(desk: Desk) -> None:
    desk.plan(1, desk.sha256, "v0.2.0")
    desk.preparer.ensure()
    await until(lambda: desk.sha256 in desk.asked)
    await desk.preparer.close()
    assert desk.news == [HALF, None]


async def test_only_a_file_is_read(desk: Desk) -> None:
    desk.plan(1, desk.sha256, "v0.2.0")
    with pytest.raises(NodeError, match="no such file"):
        await desk.preparer.give("v0.2.0", Path("/dev/zero"))
