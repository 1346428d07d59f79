"""Once each, durably, across restarts, and no service in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.errors import SettingsError
from console.model import Snapshot
from console.monitoring.rules import Severity
from console.notify.message import Message
from console.notify.outbox import GIVEN_UP, GIVEN_UP_S, LONGEST_PAUSE_S, SENT, WAITING, News, Outbox
from console.notify.presence import GONE_S
from console.notify.sending import NotSent
from console.notify.watch import Addressed, FreshSettings, Watch
from console.notify_settings import NotifySettings, Service
from tests import fakes

pytestmark = pytest.mark.anyio

NO_REST = dict.fromkeys(Severity, 0.0)


@dataclass
class Clock:
    now: float = fakes.NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Recorder:
    """Takes messages, or does not."""

    taken: list[tuple[str, Message]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    hangs: set[str] = field(default_factory=set)
    tries: int = 0

    async def send(self, settings: NotifySettings, service: str, message: Message) -> None:
        self.tries += 1
        if service in self.hangs:
            await asyncio.Event().wait()
        if service in self.down:
            raise NotSent("the service cannot be reached")
        self.taken.append((service, message))

    def events(self, service: str = "ops") -> list[str]:
        return [
            message.subject.split(": ")[0].removeprefix("devnet, ") for name, message in self.taken if name == service
        ]


@dataclass
class Bench:
    """One outbox, watched by one process after the other."""

    folder: Path
    services: tuple[Service, ...] = (Service("ops", networks=frozenset({"devnet"})),)
    clock: Clock = field(default_factory=Clock)
    recorder: Recorder = field(default_factory=Recorder)
    rest_s: dict[Severity, float] = field(default_factory=lambda: NO_REST)
    busy: Callable[[], bool] = lambda: False

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.folder / "notify.db", self.clock)

    def watch(self) -> Watch:
        settings = NotifySettings(self.folder / "urls", "", self.services)
        return Watch(
            self.outbox,
            Addressed("devnet", "devnet-1", "--network devnet"),
            FreshSettings(lambda: settings, self.clock),
            self.recorder,
            clock=self.clock,
            monotonic=self.clock,
            busy=self.busy,
            rest_s=self.rest_s,
        )

    def states(self) -> list[tuple[str, str]]:
        return [(letter.event, letter.state) for letter in reversed(self.outbox.newest(100))]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@asynccontextmanager
async def delivering(watch: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.deliver())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def told(bench: Bench, watch: Watch, *snapshots: Snapshot) -> None:
    """Look at these, and wait until nothing waits any more."""
    async with delivering(watch):
        for snapshot in snapshots:
            await watch.look(snapshot)
            await eventually(lambda: all(state != WAITING for _, state in bench.states()))


async def test_each_thing_is_told_once_over_a_whole_upgrade_and_a_restart(bench: Bench) -> None:
    watch = bench.watch()
    await told(bench, watch, fakes.idle(), fakes.go(), fakes.go(), fakes.frozen())
    again = bench.watch()
    await told(bench, again, fakes.frozen(), fakes.halted(), fakes.waiting_for_quorum(), fakes.committed())
    assert sorted(event for event, _ in bench.states()) == sorted(
        ["proposal-created", "scheduled", "halt-imminent", "verdict", "halted", "halted", "resumed", "resumed"]
    )
    assert {state for _, state in bench.states()} == {SENT}


async def test_the_past_is_not_told_to_who_looks_for_the_first_time(bench: Bench) -> None:
    watch = bench.watch()
    await told(bench, watch, fakes.chain_down())
    await told(bench, watch, fakes.committed())
    assert bench.states() == []
    await told(bench, watch, fakes.parked())
    assert {event for event, _ in bench.states()} == {"scheduled", "rolled-back", "needs-operator"}


async def test_a_crash_between_the_row_and_the_sending_costs_nothing(bench: Bench) -> None:
    await bench.watch().look(fakes.go())
    assert {state for _, state in bench.states()} == {WAITING}
    await told(bench, bench.watch(), fakes.go())
    assert {state for _, state in bench.states()} == {SENT}
    (only,) = bench.recorder.taken
    assert only[1].subject.startswith("3 events; devnet, halt-imminent: ")


async def test_a_crash_between_the_sending_and_its_row_sends_a_second_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "sent", crash)
        watch = bench.watch()
        async with delivering(watch):
            await watch.look(fakes.go())
            await eventually(lambda: len(bench.recorder.taken) == 1)
    await told(bench, bench.watch(), fakes.go())
    assert len(bench.recorder.taken) == 2


async def test_a_service_that_hangs_is_in_nobodys_way(bench: Bench) -> None:
    everywhere = frozenset({"devnet"})
    bench.services = (Service("pager", Severity.CRITICAL, networks=everywhere), Service("ops", networks=everywhere))
    bench.recorder.hangs = {"pager"}
    watch = bench.watch()
    async with delivering(watch):
        await watch.look(fakes.called())
        await eventually(lambda: bool(bench.recorder.events()))
        bench.recorder.taken.clear()
        await watch.look(fakes.parked())
        await eventually(lambda: bool(bench.recorder.events()))
    assert ("needs-operator", WAITING) in bench.states()


async def test_a_service_that_is_down_is_tried_again_ever_more_seldom_and_given_up_after_a_day(bench: Bench) -> None:
    bench.recorder.down = {"ops"}
    watch = bench.watch()
    pauses = []
    for tries in range(1, 12):
        async with delivering(watch):
            await watch.look(fakes.go())
            await eventually(lambda tries=tries: bench.outbox.newest(1)[0].tries == tries)  # type: ignore[misc]
        due, pause = bench.outbox.due()
        assert not due
        pauses.append(pause)
        bench.clock.now += pause + 0.001
    assert pauses[:3] == pytest.approx([5, 10, 20])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S)
    assert bench.outbox.newest(1)[0].problem == "the service cannot be reached"
    bench.clock.now += GIVEN_UP_S
    await told(bench, bench.watch(), fakes.go())
    assert {state for _, state in bench.states()} == {GIVEN_UP}
    bench.recorder.down.clear()
    await told(bench, bench.watch(), fakes.frozen())
    assert bench.recorder.events() == ["verdict"], "it is told of what is new"


async def test_what_comes_while_a_service_rests_goes_together(bench: Bench) -> None:
    bench.rest_s = dict.fromkeys(Severity, 20.0)
    watch = bench.watch()
    async with delivering(watch):
        await watch.look(fakes.go())
        await eventually(lambda: len(bench.recorder.taken) == 1)
        await watch.look(fakes.frozen())
        await watch.look(fakes.halted())
        await asyncio.sleep(0)
        assert len(bench.recorder.taken) == 1
        bench.clock.now += 21
        watch.wake()
        await eventually(lambda: len(bench.recorder.taken) == 2)
    assert bench.recorder.taken[1][1].subject.startswith("3 events; ")


async def test_an_alarm_is_told_again_when_it_was_gone_for_a_while(bench: Bench) -> None:
    watch = bench.watch()
    calm = fakes.snapshot(fakes.chain(1210), fakes.node(1210))
    alarmed = fakes.snapshot(fakes.chain(1210), fakes.node(1210, alarm="the disk is full"))
    for snapshot in (alarmed, calm, alarmed, calm):
        await told(bench, watch, snapshot)
    assert bench.recorder.events() == ["needs-operator"], "it flickers"
    bench.clock.now += GONE_S
    await told(bench, watch, calm, alarmed)
    assert bench.recorder.events() == ["needs-operator"] * 2


async def test_what_has_to_last_is_not_told_before(bench: Bench) -> None:
    watch = bench.watch()
    await told(bench, watch, fakes.parked())
    assert "behind-after-upgrade" not in {event for event, _ in bench.states()}
    bench.clock.now += 121
    await told(bench, watch, fakes.parked())
    assert "behind-after-upgrade" in {event for event, _ in bench.states()}


async def test_nothing_is_sent_while_the_machine_has_something_more_urgent_to_do(bench: Bench) -> None:
    urgent = [True]
    bench.busy = lambda: urgent[0]
    watch = bench.watch()
    async with delivering(watch):
        await watch.look(fakes.go())
        await asyncio.sleep(0.01)
        assert not bench.recorder.tries
        urgent[0] = False
        watch.wake()
        await eventually(lambda: bool(bench.recorder.taken))


async def test_who_wants_what(bench: Bench) -> None:
    bench.services = (
        Service("ops"),
        Service("pager", Severity.CRITICAL, networks=frozenset({"devnet"})),
        Service("chat", events=frozenset({"verdict"}), networks=frozenset({"devnet", "mainnet"})),
    )
    await told(bench, bench.watch(), fakes.frozen(), fakes.called())
    assert bench.recorder.events("ops") == [], "a devnet wakes nobody who did not ask for it"
    assert bench.recorder.events("pager") == ["needs-operator"]
    assert bench.recorder.events("chat") == ["verdict"]


async def test_settings_that_break_keep_what_they_were(bench: Bench) -> None:
    answers: list[NotifySettings | Exception] = [
        NotifySettings(None, "", (Service("ops"),)),
        SettingsError("notify: no"),
    ]

    def load() -> NotifySettings:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    fresh = FreshSettings(load, bench.clock)
    first = await fresh.now()
    assert await fresh.now() is first
    bench.clock.now += 60
    assert await fresh.now() is first
    assert not answers


def test_a_clock_that_is_set_back_holds_nothing_for_long(bench: Bench) -> None:
    message = Message(Severity.INFO, "s", "b")
    bench.outbox.take([News("k", "halted", message, ("ops",))], begun=True)
    ((letter,), _) = bench.outbox.due()
    bench.outbox.failed([letter], "down")
    assert not bench.outbox.due()[0]
    bench.clock.now -= 1e6
    assert bench.outbox.due()[0]
