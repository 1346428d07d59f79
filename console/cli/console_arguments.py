"""What every command takes, and what the console itself takes, which is what runs without a verb."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from console.cli.groups import Run

SLOWEST, FASTEST = 0.1, 1000.0
"""Seconds of a recording in a second of now."""


def add_console(parser: argparse.ArgumentParser) -> None:
    """What the console itself takes, which is what runs without a verb."""
    parser.add_argument("--read-only", action="store_true", help="the console shows everything and changes nothing")
    parser.add_argument("--theme", metavar="T", help="the console's theme")
    parser.add_argument("--ascii", action="store_true", help="the console draws with ASCII alone")
    _add_recording(parser)


def open_by_default(parser: argparse.ArgumentParser) -> None:
    """Have the console open where no verb is named; after the verbs, whose own default is none."""
    parser.set_defaults(network=None, node=None, dir=None, json=False, verb="open", run=run_of("console.cli.open"))


def _add_recording(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recordings of the console")
    group.add_argument("--record", type=folder, metavar="FILE", help="write what the console shows to a new file")
    group.add_argument("--replay", type=folder, metavar="FILE", help="show a recording again; no network is needed")
    group.add_argument("--speed", type=_speed, metavar="N", help="how fast a recording runs (default: 1, as it was)")


def shared_options() -> argparse.ArgumentParser:
    """Options that stand before or after the verb.

    They have no defaults here: a verb's parser would overwrite what stood before the verb with them.
    """
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group("where")
    group.add_argument("--network", metavar="NAME", help="the network, as named in the settings; `devnet` is built in")
    group.add_argument("--node", metavar="NAME", help="this machine's node (default: the network's first)")
    group.add_argument("--dir", metavar="D", type=folder, help="the devnet's folder")
    group.add_argument("--json", action="store_true", help="print one JSON object")
    return shared


def run_of(module: str, function: str = "run") -> Run:
    """A verb whose module is imported when it runs: `--version` and a refused argument cost nothing."""

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(module), function)(arguments))

    return run


def _speed(value: str) -> float:
    speed = float(value)
    if not SLOWEST <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"must be {SLOWEST:g} to {FASTEST:g}")
    return speed


def folder(value: str) -> Path:
    """A path as an argument; `~` is the user's own folder."""
    return Path(value).expanduser()
