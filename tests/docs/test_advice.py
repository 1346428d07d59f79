"""Every command that a sentence of the program tells somebody to run is one, with the options that it names."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from console.cli.verbs import build_parser
from console.procedures.built_in import BUILT_IN

ROOT = Path(__file__).parents[2]
PARTED = re.compile(r'"\s*\n\s*f?"')
COMMAND = re.compile(r"`(?:upgrade-console |(?=(?:node|run) ))([^`\[]*)`")
OWN = {each.name: {f"--{parameter.name}" for parameter in each.parameters} for each in BUILT_IN}


def told() -> Iterator[tuple[str, list[str]]]:
    """Every command with the file that tells it: what begins with the program's name, `node` or `run`."""
    for file in sorted(path for root in ("console", "screens", "widgets") for path in (ROOT / root).rglob("*.py")):
        # Texts that follow each other are one; what is put into them stays in its braces.
        whole = PARTED.sub("", file.read_text("utf-8"))
        for found in COMMAND.finditer(whole):
            words = found[1].split()
            if words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
                yield str(file.relative_to(ROOT)), words


def choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for each in parser._actions:
        if isinstance(each, argparse._SubParsersAction):
            return dict(each.choices)
    return {}


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for each in parser._actions for option in each.option_strings}


def wrong_with(words: list[str], parser: argparse.ArgumentParser) -> str:
    """What of a command is not there; empty for nothing."""
    known = options(parser)
    rest = list(words)
    while rest and (below := choices(parser)) and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        if rest[0] not in below:
            return rest[0]
        parser = below[rest.pop(0)]
        known |= options(parser)
    if words[0] == "run" and rest and re.fullmatch(r"[a-z][a-z0-9-]*", rest[0]):
        if rest[0] not in OWN:
            return rest[0]
        known |= OWN[rest[0]]
    given = (re.match(r"--[a-z0-9-]+", word) for word in rest)
    return next((option[0] for option in given if option is not None and option[0] not in known), "")


def test_every_command_that_is_told_is_one() -> None:
    parser = build_parser()
    commands = list(told())
    assert len(commands) > 150
    wrong = [
        f"{where}: {name} in `{' '.join(words)}`" for where, words in commands if (name := wrong_with(words, parser))
    ]
    assert wrong == []


def test_a_command_that_is_none_would_be_seen() -> None:
    parser = build_parser()
    assert wrong_with(["node", "plan-ahead"], parser) == "plan-ahead"
    assert wrong_with(["node", "swap", "X", "--why", "TEXT"], parser) == "--why"
    assert wrong_with(["run", "roling"], parser) == "roling"
    assert wrong_with(["run", "hotfix", "--severity", "high", "--network", "X"], parser) == ""
