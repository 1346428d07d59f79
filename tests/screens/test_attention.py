"""What a terminal is told so that somebody looks: once each, and nothing of a chain obeyed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from console.console_settings import ConsoleSettings
from console.model import Verdict
from console.notify.presence import GONE_S
from console.text import untrusted
from screens.attention import MOST_SHOWN, Attention, notification, through_tmux, title_of
from tests import fakes

pytestmark = pytest.mark.anyio


@dataclass
class Outlet:
    """What was written, and the titles."""

    written: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def write(self, data: str) -> None:
        self.written.append(data)

    def set_title(self, title: str) -> None:
        self.titles.append(title)


@dataclass
class Bench:
    settings: ConsoleSettings = field(default_factory=ConsoleSettings)
    outlet: Outlet = field(default_factory=Outlet)
    now: float = 0.0

    def attention(self) -> Attention:
        return Attention(self.settings, "calibration", self.outlet, lambda: self.now)


async def test_one_bell_for_each_event_of_its_weight() -> None:
    bench = Bench()
    attention = bench.attention()
    for snapshot in (fakes.chain_down(), fakes.go(), fakes.frozen(), fakes.halted()):
        await attention.look(snapshot)
    assert bench.outlet.written == [], "what stands on the screen at first, and what does not weigh enough"
    for _ in range(3):
        await attention.look(fakes.called())
    assert bench.outlet.written == ["\a"]
    bench.now += GONE_S
    for snapshot in (fakes.frozen(), fakes.frozen(), fakes.called()):
        await attention.look(snapshot)
        bench.now += GONE_S
    assert bench.outlet.written == ["\a", "\a"]
    assert bench.outlet.titles[:4] == [
        "calibration ARMED - upgrade-console",
        "calibration ARMED GO - upgrade-console",
        "calibration ARMED CROSS - upgrade-console",
        "calibration HALTED CROSS - upgrade-console",
    ]
    assert len(bench.outlet.titles) == 7, "only when it changes"


async def test_silence_where_it_is_wanted() -> None:
    bench = Bench(ConsoleSettings(bell="none", osc_notifications="osc9", title=False))
    attention = bench.attention()
    for snapshot in (fakes.go(), fakes.called(), fakes.parked()):
        await attention.look(snapshot)
    assert bench.outlet == Outlet()


async def test_a_notification_that_a_chain_would_like_to_end() -> None:
    bench = Bench(ConsoleSettings(bell="info", osc_notifications="osc777"))
    attention = bench.attention()
    await attention.look(fakes.idle())
    name = untrusted("v1\x1b\\\x07\x9c;\u202e" + "x" * 200)
    plan = fakes.proposal(fakes.ALL_READY, name=name, verdict=Verdict.CROSS, frozen_at=1295)
    await attention.look(fakes.snapshot(fakes.chain(1297, (plan,), fakes.ALL_READY), fakes.node(1297)))
    bell, sequence = bench.outlet.written
    assert bell == "\a"
    text = sequence.removeprefix("\x1b]777;notify;upgrade-console;").removesuffix("\x1b\\")
    assert text.isprintable()
    assert ";" not in text
    assert len(text) <= MOST_SHOWN


def test_the_sequences() -> None:
    assert notification("osc9", "a;b") == "\x1b]9;a;b\x1b\\"
    assert notification("osc777", "a;b") == "\x1b]777;notify;upgrade-console;a,b\x1b\\"
    assert through_tmux("\x1b]9;a\x1b\\") == "\x1bPtmux;\x1b\x1b]9;a\x1b\x1b\\\x1b\\"


def test_a_title_that_says_what_is_known() -> None:
    assert title_of("n", fakes.node_down()) == "n GO - upgrade-console"
    assert title_of("n", fakes.idle()) == "n IDLE - upgrade-console"
    assert title_of("n", fakes.called()) == "n NEEDS YOU CROSS - upgrade-console"
    assert title_of("n\x1b]0;x", replace(fakes.idle(), node=None)).isprintable()
