"""Verbs under a verb, as in `node start`; imported by every command, so it imports nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

Run = Callable[[argparse.Namespace], int]
"""Carries a verb out; returns the exit code."""
MakeRun = Callable[[str, str], Run]
"""What runs, of a module's and a function's name; nothing is imported before it runs."""
AddVerb = Callable[[str, str, str, str], argparse.ArgumentParser]
"""Adds a verb: its name, the module under the group's package and the function that run it, and its help."""
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where verbs are added."""


def adder(
    group: Verbs, shared: argparse.ArgumentParser, make_run: MakeRun, package: str, **defaults: object
) -> AddVerb:
    """What adds verbs to a group.

    Args:
        group: Where they are added.
        shared: Options that every verb has.
        make_run: Makes what runs.
        package: Name of the package whose modules run them.
        defaults: What is set beside `run`.
    """

    def add(name: str, module: str, function: str, help_: str) -> argparse.ArgumentParser:
        parser = group.add_parser(name, parents=[shared], help=help_, description=help_, allow_abbrev=False)
        parser.set_defaults(run=make_run(f"{package}.{module}", function), **defaults)
        return parser

    return add


def count(value: str) -> int:
    """A number of things as an argument; 0 is none or all."""
    number = int(value)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number
