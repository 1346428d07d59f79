"""The page on Cosmos chains: its settings are taken, its commands understood, its words those of the program."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from console.cli.verbs import build_parser
from console.model import Crossing, Preparation
from console.settings import parse_network

PAGE = (Path(__file__).parents[2] / "docs" / "cosmos.md").read_text("utf-8")


def test_the_settings_are_accepted() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    network = parse_network("mychain", tomllib.loads(block)["networks"]["mychain"], None)
    assert (network.kind, network.node("val1").shape) == ("cosmos", "cosmos")


@pytest.mark.parametrize("line", re.findall(r"^upgrade-console .*$", PAGE, re.MULTILINE))
def test_every_command_shown_is_understood(line: str) -> None:
    words = line.split("#")[0].split()[1:]
    assert build_parser().parse_args(words).verb == words[0]


def test_every_state_named_is_one() -> None:
    known = {each.value for each in (*Crossing, *Preparation)}
    named = set(re.findall(r"\b[A-Z]{5,}(?:_[A-Z]+)*\b", PAGE)) - {"BINARY", "UPDATED", "BEFORE", "TRIGGER"}
    assert named <= known | {"NAME", "NETWORK"}, named - known


def test_every_test_named_is_there() -> None:
    root = Path(__file__).parents[2]
    for name in re.findall(r"`(test_cosmos\w+\.py)`", PAGE):
        assert (root / "tests" / "e2e" / name).is_file()
