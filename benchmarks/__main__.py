"""`python -m benchmarks [--brief] [--json] [--report FILE] [NAME …]`: one figure after the other, and the machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import machine
from benchmarks.devnet import BenchmarkError
from benchmarks.figures import FIGURES, Compared
from benchmarks.report import Section, markdown


def main(words: Sequence[str] | None = None) -> int:
    """Measure what the arguments name, all without arguments. Returns the exit code."""
    arguments = arguments_of(words)
    described = machine.describe()
    began = time.monotonic()
    document: dict[str, object] = {"machine": asdict(described)}
    # With --json a person still sees what goes on, beside the object.
    told = sys.stderr if arguments.json else sys.stdout
    print(*described.lines(), sep="\n", file=told, flush=True)
    sections = []
    for name in arguments.names:
        figure = FIGURES[name]
        print(f"\n{figure.title}", file=told, flush=True)
        try:
            result = (figure.brief or figure.measure)() if arguments.brief else figure.measure()
        except BenchmarkError as error:
            print(f"benchmarks: {name}: {error}", file=sys.stderr)
            return 1
        ratios = result.ratios() if isinstance(result, Compared) else []
        sections.append(Section(figure.title, result.lines(), ratios))
        print(*(f"  {line}" for line in (*result.lines(), *(ratio.line() for ratio in ratios))), sep="\n", file=told)
        document[name] = asdict(result)  # type: ignore[call-overload]
        document["ratios"] = {ratio.what: ratio.value for section in sections for ratio in section.ratios}
    took, load = time.monotonic() - began, os.getloadavg()[0]
    print(f"\n{took:.0f} s, load {load:.2f} at the end", file=told)
    if arguments.report is not None:
        command = "benchmarks/run" if arguments.brief else "python -m benchmarks"
        arguments.report.write_text(markdown(described, command, sections, load_after=load, took_s=took))
    if arguments.json:
        print(json.dumps(document, indent=2))
    return 0


def arguments_of(words: Sequence[str] | None) -> argparse.Namespace:
    """What is asked: `names` in order, `brief`, `json` and `report`. Exits with 2 for a name that is not known."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Figures of the real program on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)} (default: all)")
    parser.add_argument(
        "--brief", action="store_true", help="few runs; without names, those of the report: under six minutes"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write Markdown too")
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.names if name not in FIGURES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}")
    arguments.names = arguments.names or [name for name, each in FIGURES.items() if each.brief or not arguments.brief]
    return arguments


if __name__ == "__main__":
    sys.exit(main())
