"""What can be asked of the benchmarks, and what is written of a run; nothing is measured."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import arguments_of
from benchmarks.figures import FIGURES, Compared
from benchmarks.hand_over import HandOver
from benchmarks.idle_beside import Idle, IdleBeside
from benchmarks.machine import Machine
from benchmarks.observer import Look, Observed
from benchmarks.ratio import Ratio, said
from benchmarks.real_downtime import RealDowntime
from benchmarks.report import Section, markdown

MACHINE = Machine("2026-11-29 12:00", "A processor", 2, "Linux 6.18", "3.11.7", 0.25)
REPORT = {
    "emergency-halt",
    "first-frame",
    "hand-over",
    "idle-beside",
    "many-validators",
    "observer",
    "real-downtime",
}


def test_all_figures_without_a_name_and_those_of_the_report_in_brief() -> None:
    assert arguments_of([]).names == list(FIGURES)
    assert set(arguments_of(["--brief"]).names) == REPORT
    assert arguments_of(["--brief", "at-rest", "observer"]).names == ["at-rest", "observer"]


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        arguments_of(["first-fame"])
    assert refused.value.code == 2
    assert "no benchmark is called first-fame" in capsys.readouterr().err


def test_the_report_begins_with_the_machine_and_every_ratio() -> None:
    sections = [
        Section("Hand-over", ["ours 20 ms", "theirs 190 ms"], [Ratio("theirs by ours", 9.5)]),
        Section("Alone", ["3 ms"], []),
    ]
    text = markdown(MACHINE, "benchmarks/run", sections, load_after=1.5, took_s=300.4)
    assert text.splitlines()[2:8] == [
        "`benchmarks/run`: 2026-11-29 12:00 UTC, A processor, 2 cores, Linux 6.18, Python 3.11.7; "
        "one-minute load 0.25 at the start and 1.50 at the end, 300 s.",
        "",
        "| what by what | ratio |",
        "|---|---|",
        "| theirs by ours | 9.50 |",
        "",
    ]
    assert text.endswith("## Alone\n\n```\n3 ms\n```\n")


@pytest.mark.parametrize(("value", "text"), [(0.684, "0.68"), (9.994, "9.99"), (10.04, "10.0"), (123.6, "124")])
def test_a_ratio_has_the_digits_that_say_something(value: float, text: str) -> None:
    assert said(value) == text


def test_hand_overs_are_compared_by_their_medians() -> None:
    found = HandOver((0.02, 0.01, 0.9), (0.02,), (0.03,), (0.1,), (0.2,), "v1.5.0", (0.1, 0.2, 0.3), (5.0,))
    assert [ratio.value for ratio in found.ratios()] == pytest.approx([10, 10, 50])
    assert "cosmovisor v1.5.0 by ours" in found.ratios()[1].what


def test_what_is_not_here_is_said_and_not_compared() -> None:
    alone = HandOver((0.02,), (0.02,), (0.03,), (0.1,), (0.2,), "", (), ())
    assert len(alone.ratios()) == 1
    assert "not measured" in alone.lines()[-1]
    without_comet = RealDowntime("", 0.5)
    assert without_comet.ratios() == []
    assert "not measured" in without_comet.lines()[0]
    idle = IdleBeside(20.0, (Idle("console", 1.0, 200.0), Idle("top", 0.0, 400.0)), ("htop",))
    assert idle.lines()[-1] == "htop is not installed: not measured"
    # A program that took less than a tick is compared by what it wrote alone.
    assert [(ratio.what, ratio.value) for ratio in idle.ratios()] == [("idle bytes to the terminal: ours by top", 0.5)]


def test_many_validators_are_compared_with_few() -> None:
    observed = Observed((Look(4, 0.1, 0.002, 0.003), Look(256, 0.5, 0.016, 0.03)))
    assert isinstance(observed, Compared)
    assert [ratio.value for ratio in observed.ratios()] == [8.0]
