"""What was measured in one run, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.machine import Machine
from benchmarks.ratio import Ratio, said


@dataclass(frozen=True, slots=True)
class Section:
    """One figure."""

    title: str
    lines: Sequence[str]
    ratios: Sequence[Ratio]


def markdown(machine: Machine, command: str, sections: Sequence[Section], *, load_after: float, took_s: float) -> str:
    """The report: the machine, all ratios in one table, and what each is made of.

    Args:
        machine: As it was before the first measurement.
        command: What a reader runs for the same.
        sections: In the order in which they were measured.
        load_after: Mean number of runnable processes over the last minute.
        took_s: Seconds of the whole run.
    """
    told = [
        "# One run on one machine",
        "",
        f"`{command}`: {machine.date} UTC, {machine.cpu}, {machine.cores} cores, {machine.kernel}, "
        f"Python {machine.python}; one-minute load {machine.load:.2f} at the start and {load_after:.2f} at the end, "
        f"{took_s:.0f} s.",
        "",
    ]
    ratios = [ratio for section in sections for ratio in section.ratios]
    if ratios:
        told += ["| what by what | ratio |", "|---|---|"]
        told += [f"| {ratio.what.replace('|', '/')} | {said(ratio.value)} |" for ratio in ratios]
        told.append("")
    for section in sections:
        told += [f"## {section.title}", "", "```", *section.lines, "```", ""]
    return "\n".join(told).rstrip() + "\n"
