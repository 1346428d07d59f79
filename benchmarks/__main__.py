"""`python -m benchmarks [--json] [NAME …]`: measure one after the other, and print figures with the machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

from benchmarks import (
    at_rest,
    called_off,
    download,
    downtime,
    first_frame,
    hand_over,
    idle_bytes,
    idle_cpu,
    keys,
    long_log,
    machine,
    many_validators,
    recording,
    rollback_point,
    scrape,
    signatures,
    status_time,
)
from benchmarks.devnet import BenchmarkError


class Result(Protocol):
    """A frozen dataclass of figures in seconds, bytes per second or blocks."""

    def lines(self) -> list[str]:
        """For a person."""
        ...


TITLES = {
    "at-rest": "A controller at rest, a block every second",
    "called-off": "A plan that the council cancels, until every journal says ABORT",
    "download": "A download over loopback, 256 MiB, and the check of a binary",
    "downtime": "Downtime of an upgrade, four validators",
    "first-frame": "Start-up to the first frame, 80x24",
    "hand-over": "Hand-over, plan file written to new process started",
    "idle-bytes": "Written to an idle terminal",
    "idle-cpu": "CPU of an idle console",
    "keys": "From a key to its answer, and leaving",
    "long-log": "A log of a million lines",
    "many-validators": "Ten thousand validators on the screen",
    "recording": "A session kept, moment by moment",
    "rollback-point": "A rollback point of 2,000 tables, 4 GiB",
    "scrape": "A scrape of a controller's metrics",
    "signatures": "Signatures of a release, 2 of 3",
    "status-time": "A headless status",
}
MEASURES: dict[str, Callable[[], Result]] = {
    "at-rest": at_rest.measure,
    "called-off": called_off.measure,
    "download": download.measure,
    "downtime": downtime.measure,
    "first-frame": first_frame.measure,
    "hand-over": hand_over.measure,
    "idle-bytes": idle_bytes.measure,
    "idle-cpu": idle_cpu.measure,
    "keys": keys.measure,
    "long-log": long_log.measure,
    "many-validators": many_validators.measure,
    "recording": recording.measure,
    "rollback-point": rollback_point.measure,
    "scrape": scrape.measure,
    "signatures": signatures.measure,
    "status-time": status_time.measure,
}


def main() -> int:
    """Run the benchmarks that the arguments name, all without arguments. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Figures of the real program on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in MEASURES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}")

    described = machine.describe()
    document: dict[str, object] = {"machine": asdict(described)}
    # With --json a person still sees what goes on, beside the object.
    told = sys.stderr if arguments.json else sys.stdout
    print(*described.lines(), sep="\n", file=told, flush=True)
    for name in arguments.names or MEASURES:
        print(f"\n{TITLES[name]}", file=told, flush=True)
        try:
            result = MEASURES[name]()
        except BenchmarkError as error:
            print(f"benchmarks: {name}: {error}", file=sys.stderr)
            return 1
        print(*(f"  {line}" for line in result.lines()), sep="\n", file=told, flush=True)
        document[name] = asdict(result)  # type: ignore[call-overload]
    if arguments.json:
        print(json.dumps(document, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
