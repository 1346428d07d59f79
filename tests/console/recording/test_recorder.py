"""What a session shows is kept in bounded memory, and in a file that survives what files meet."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import RecordingError
from console.model import AuditReading, InsideReading, Scene, Snapshot, Standing, upgrade_of
from console.recording.file import RecordingFile, load
from console.recording.format import (
    FORMAT,
    STRETCH,
    Header,
    audit_lines,
    audit_of,
    full_line,
    header_line,
    inside_line,
    log_line,
    log_of,
)
from console.recording.history import MAX_STRETCHES, History, snapshot_line, tidied
from console.recording.recorder import Recorder
from console.recording.timeline import Timeline
from tests import fakes, node_fakes
from tests.hostile import HOSTILE
from tests.widgets.test_second_wall import harmless

pytestmark = pytest.mark.anyio
HEADER = Header("devnet", fakes.ADDRESSES[0], Standing("devnet"))


def at(second: int, base: Snapshot | None = None) -> Snapshot:
    """A Snapshot of a moment; heights and ages move on."""
    shown = base or fakes.go()
    height = 1200 + second
    upgrade = upgrade_of(shown.chain, shown.node, height)
    return replace(shown, taken_at=fakes.NOW + second, height=height, upgrade=upgrade)


QUIET = STRETCH + 80


def story() -> list[Snapshot]:
    """An upgrade, Snapshot by Snapshot, in two stretches."""
    quiet = [at(second) for second in range(QUIET)]
    stations = (fakes.frozen(), fakes.halted(), fakes.waiting_for_quorum(), fakes.committed())
    return [*quiet, *(at(QUIET + 20 + index, base) for index, base in enumerate(stations))]


def scenes(timeline: Timeline, most: int = 1000) -> list[Scene]:
    """The scenes, from the first on."""
    found: list[Scene] = []
    moment = timeline.first
    while moment is not None and len(found) < most:
        found.append(timeline.scene(moment.number))
        moment = timeline.after(moment.number)
    return found


async def recorded(recorder: Recorder, snapshots: list[Snapshot]) -> None:
    """Have a recorder take these, with a log line before each."""
    running = asyncio.create_task(recorder.run())
    for snapshot in snapshots:
        recorder.lines(snapshot.taken_at, (("node", f"executed block height={snapshot.height}"),))
        recorder.snapshot(snapshot)
        await recorder.caught_up()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_story_is_found_again_in_memory_and_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "upgrade.jsonl"
    file = RecordingFile(path)
    recorder = Recorder(file, pytest.fail, lambda: HEADER)
    await recorded(recorder, story())
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    recording = load(path)
    assert recording.header == HEADER
    for timeline in (recorder.history, recording.timeline):
        found = scenes(timeline)
        assert [each.snapshot for each in found] == story()
        assert [each.moment.number for each in found] == list(range(1, len(story()) + 1))
        assert len(timeline) == timeline.place(len(story())) == len(story())
        assert found[0].lines == (("node", "executed block height=1200"),)
        late = STRETCH + 6
        assert found[late].lines[-9:] == tuple(("node", f"executed block height={1192 + late + n}") for n in range(9))
        last = timeline.last
        assert last is not None
        assert timeline.after(last.number) is None
        assert timeline.before(1) is None
        # From the end back: every station is an event, the quiet time is none.
        places = [last.number]
        while (moment := timeline.before(places[-1], event=True)) is not None:
            places.append(moment.number)
        assert places == [QUIET + 4, QUIET + 3, QUIET + 2, QUIET + 1, 1]
        assert timeline.after(1, event=True) == timeline.scene(QUIET + 1).moment
    recording.close()
    with pytest.raises(RecordingError, match="can no longer be read"):
        recording.timeline.scene(1)


def hours(events: Callable[[int], bool]) -> tuple[History, Snapshot]:
    """A history with more than it keeps whole, and its last Snapshot."""
    history, base = History(), fakes.go()
    before = base
    for second in range(STRETCH * (MAX_STRETCHES + 10)):
        shown = at(second, base)
        history.add_beside(log_line(shown.taken_at, [("node", f"block {second}")]))
        history.add_snapshot(snapshot_line(None if history.wants_whole else before, shown, event=events(second)))
        before = shown
        while untidy := history.untidy():
            history.take(tidied(untidy))
    assert len(history) <= STRETCH * (MAX_STRETCHES + 3)
    return history, before


async def test_where_everything_is_an_event_memory_is_bounded_all_the_same() -> None:
    hours(lambda _second: True)


async def test_hours_need_little_memory_and_lose_no_event() -> None:
    history, before = hours(lambda second: second == 5)
    first, last = history.first, history.last
    assert first is not None
    assert last is not None
    assert first.number == 1
    assert history.scene(6).snapshot.height == 1205
    assert history.after(1, event=True) == history.scene(6).moment
    assert history.scene(last.number).snapshot == before
    # The newest hour is whole; of the first minutes little is left, and each of it is what it was.
    assert history.before(last.number - 3000) == history.scene(last.number - 3001).moment
    early = scenes(history, 40)
    assert early[-1].moment.number > 60
    assert all(each.snapshot.height == 1199 + each.moment.number for each in early)
    assert early[-1].lines[-1] == ("node", f"block {early[-1].moment.number - 1}")
    # A place that was thinned out shows the moment before it.
    assert history.scene(early[-1].moment.number + 1).moment == early[-1].moment
    with pytest.raises(RecordingError, match="nothing is recorded"):
        history.scene(0)


def inside(second: int) -> InsideReading:
    """The node as somebody saw it, a little busier each time."""
    tree = node_fakes.a_tree(cpu_percent=float(second))
    return InsideReading(replace(tree, taken_at=fakes.NOW + second), node_fakes.a_storage())


async def test_the_node_from_inside_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "upgrade.jsonl"
    file = RecordingFile(path)
    recorder = Recorder(file, pytest.fail, lambda: HEADER)
    running = asyncio.create_task(recorder.run())
    for second in range(STRETCH + 40):
        recorder.snapshot(at(second))
        if second in {3, 10}:
            await recorder.inside(fakes.NOW + second, inside(second))
        await recorder.caught_up()
    await recorder.inside(fakes.NOW, replace(inside(11), processes=node_fakes.a_tree(cpu_percent=float("nan"))))
    await recorder.caught_up()
    running.cancel()
    file.close()
    for timeline in (recorder.history, load(path).timeline):
        found = [each.inside for each in scenes(timeline)]
        # Whole again where a stretch begins.
        assert found == [None] * 3 + [inside(3)] * 7 + [inside(10)] * (STRETCH + 30)


async def test_what_is_thinned_out_keeps_the_node_as_it_was() -> None:
    history = History()
    before, seen = at(0), None
    for second in range(STRETCH * (MAX_STRETCHES + 4)):
        shown, first = at(second), history.wants_whole
        history.add_snapshot(snapshot_line(None if first else before, shown, event=False))
        if second % 100 == 0 or first:
            looked = inside(second // 100 * 100)
            history.add_beside(inside_line(shown.taken_at, None if first else seen, looked))
            seen = looked
        before = shown
        while untidy := history.untidy():
            history.take(tidied(untidy))
    early = scenes(history, 200)
    assert early[-1].moment.number > 300
    for each in early:
        # A reading may be one that was thinned out with its moment, and no later one.
        assert each.inside == inside((each.moment.number - 1) // 100 * 100)


async def test_what_was_done_is_in_the_file_as_it_was_known_last(tmp_path: Path) -> None:
    path = tmp_path / "upgrade.jsonl"
    file = RecordingFile(path)
    recorder = Recorder(file, pytest.fail, lambda: HEADER)
    running = asyncio.create_task(recorder.run())
    entries = [replace(fakes.audit_entries()[0], key=f"j{number}", at=fakes.NOW + number) for number in range(450)]
    recorder.snapshot(at(0))
    await recorder.done(fakes.NOW, entries)
    await recorder.done(fakes.NOW + 1, [replace(entries[7], good=False), replace(entries[8], at=float("inf"))])
    await recorder.done(fakes.NOW + 1, [replace(entries[7], good=False)])
    recorder.snapshot(at(1))
    await recorder.caught_up()
    running.cancel()
    file.close()
    recording = load(path)
    assert [each.snapshot for each in scenes(recording.timeline)] == [at(0), at(1)]
    assert recording.audit() == AuditReading((*entries[:7], replace(entries[7], good=False), *entries[8:]), ())
    broken = header_line(HEADER) + full_line(at(0)) + b'{"t":1,"audit":{"a":1}}\n' + full_line(at(1))
    path.unlink()
    path.write_bytes(broken)
    reading = load(path).audit()
    assert reading.entries == ()
    assert "is no list in the recording" in reading.problems[0]
    (hostile,) = audit_lines(1.0, [replace(entries[0], words="\x1b[2J" + "x" * 9000)])
    assert all(harmless(each.words) for each in audit_of(hostile))


async def test_no_file_is_ever_replaced(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("kept", "link"):
        with pytest.raises(RecordingError, match=r"overwrites|cannot record"):
            RecordingFile(tmp_path / name)
    with pytest.raises(RecordingError, match="No such file"):
        RecordingFile(tmp_path / "no" / "folder")
    assert path.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


async def test_a_session_that_showed_nothing_leaves_no_file(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "r")
    file.close()
    file.close()
    assert not (tmp_path / "r").exists()


async def test_a_full_disk_is_told_once_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    path = tmp_path / "r"
    file = RecordingFile(path)
    recorder = Recorder(file, told.append, lambda: HEADER)
    written = 0
    write = os.write

    def filling(descriptor: int, body: bytes) -> int:
        nonlocal written
        if descriptor != file._descriptor:
            return write(descriptor, body)
        if written > 30_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        written += len(body)
        # A disk that fills takes a part of the last line.
        return write(descriptor, body[:-5] if written > 30_000 else body)

    monkeypatch.setattr(os, "write", filling)
    await recorded(recorder, story())
    assert len(told) == 1
    assert "No space left" in told[0]
    assert "the console goes on" in told[0]
    assert not recorder.to_file
    assert len(recorder.history) == len(story())
    kept = scenes(load(path).timeline)
    assert 3 < len(kept) < len(story())
    assert [each.snapshot for each in kept] == story()[: len(kept)]


async def test_a_picture_that_cannot_be_written_is_left_out() -> None:
    recorder = Recorder(None, pytest.fail, lambda: HEADER)
    await recorded(recorder, [at(0), replace(at(1), age_s=float("nan")), at(2)])
    assert [each.snapshot.height for each in scenes(recorder.history)] == [1200, 1202]


def written(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / "r"
    path.write_bytes(body)
    return path


WHOLE = header_line(HEADER) + full_line(at(0)) + full_line(at(1))


@pytest.mark.parametrize("torn", [1, 2, 100, 3000])
async def test_a_torn_last_line_is_left_out(tmp_path: Path, torn: int) -> None:
    recording = load(written(tmp_path, WHOLE[:-torn]))
    assert [each.snapshot for each in scenes(recording.timeline)] == [at(0)]


async def test_lines_of_later_versions_are_skipped(tmp_path: Path) -> None:
    later = b'{"t":1760000000.5,"mood":{"calm":true}}\n'
    body = header_line(HEADER)[:-2] + b',"host":"x"}\n' + later + full_line(at(0)) + later + full_line(at(1))
    assert [each.snapshot for each in scenes(load(written(tmp_path, body)).timeline)] == [at(0), at(1)]


HEAD = header_line(HEADER)
HOSTILE_FILES = {
    "empty": (b"", "/r is not a recording"),
    "no json": (b"\x7fELF\x00\x00\n", "not a recording"),
    "other json": (b'{"format": "tape"}\n', "not a recording"),
    "deep": (b"[" * 100_000 + b"\n", "not a recording"),
    "no version": (f'{{"format": "{FORMAT}"}}\n'.encode(), "does not say its version"),
    "true version": (f'{{"format": "{FORMAT}", "version": true}}\n'.encode(), "does not say its version"),
    "later": (HEAD.replace(b'"version":1', b'"version":2'), "reads up to 1"),
    "no network": (f'{{"format": "{FORMAT}", "version": 1}}\n'.encode(), "network is missing"),
    "nothing": (HEAD, "holds no Snapshot"),
    "garbage line": (HEAD + full_line(at(0)) + b"garbage\n" + full_line(at(1)), "line 3 of the recording is broken"),
    "binary middle": (HEAD + b"\xff\xfe" + full_line(at(1)) + full_line(at(2)), "line 2 of the recording is broken"),
    "no such time": (HEAD + b'{"t":999999999999,"full":{}}\n', "line 2 of the recording is broken"),
    "before all time": (HEAD + b'{"t":-1,"full":{}}\n', "line 2 of the recording is broken"),
    "change of nothing": (HEAD + b'{"t":1,"delta":{"~":{}}}\n', "line 2 of the recording changes"),
}


@pytest.mark.parametrize("name", HOSTILE_FILES)
async def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    body, words = HOSTILE_FILES[name]
    with pytest.raises(RecordingError) as caught:
        load(written(tmp_path, body))
    assert words in str(caught.value)
    assert harmless(str(caught.value))


async def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "none"):
        with pytest.raises(RecordingError):
            load(tmp_path / name)


BROKEN_BODIES = [
    b'{"t":1,"full":{}}',
    b'{"t":1,"full":null}',
    b'{"t":1,"full":[1,2]}',
    b'{"t":1,"full":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    b'{"t":1,"full":{"height":' + b"9" * 5000 + b"}}",
    b'{"t":1,"full":{"a":1,"a":2}}',
    b'{"t":1,"full":NaN}',
    b'{"t":1,"full":"\xff"}',
    b'{"t":1,"full":{}',
]


@pytest.mark.parametrize("body", BROKEN_BODIES, ids=lambda body: body[:30].decode("latin-1"))
async def test_a_scene_that_cannot_be_read_says_so(tmp_path: Path, body: bytes) -> None:
    path = written(tmp_path, HEAD + full_line(at(0)) + body + b"}\n"[body.endswith(b"}") :] + full_line(at(2)))
    timeline = load(path).timeline
    assert timeline.scene(1).snapshot == at(0)
    with pytest.raises(RecordingError):
        timeline.scene(2)
    assert timeline.scene(3).snapshot == at(2)


async def test_log_lines_of_a_file_pass_the_first_wall(tmp_path: Path) -> None:
    batch = log_line(1.0, [("node\x1b[2J", text) for text in HOSTILE])
    for source, text in log_of(batch):
        assert harmless(source)
        assert harmless(text)
    for broken in (b'{"t":1,"log":{}}\n', b'{"t":1,"log":[["a"]]}\n', b'{"t":1,"log":[[1,"a"]]}\n'):
        with pytest.raises(RecordingError):
            log_of(broken)


async def test_a_file_that_is_cut_while_it_is_shown_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    timeline = load(path).timeline
    os.truncate(path, len(HEAD) + 50)
    with pytest.raises(RecordingError, match="was cut"):
        timeline.scene(2)


async def test_what_happened_is_an_event_and_a_block_is_none() -> None:
    recorder = Recorder(None, pytest.fail, lambda: HEADER)
    quiet = fakes.go()
    await recorded(recorder, [at(0, quiet), at(1, quiet), at(2, fakes.frozen()), at(3, fakes.halted())])
    assert [each.moment.event for each in scenes(recorder.history)] == [True, False, True, True]
