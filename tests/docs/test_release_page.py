"""The page on releases: its tables are the code's, and every command on it is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from console.cli.verbs import build_parser
from console.node.release.checks import exit_codes_markdown
from console.release_settings import releases_markdown

PAGE = (Path(__file__).parents[2] / "docs" / "releases.md").read_text("utf-8")


def _commands() -> list[list[str]]:
    blocks = [text for kind, text in re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) if not kind]
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    shown = [re.sub(r" > \S+", "", line) for line in lines if line.startswith("upgrade-console ")]
    return [shlex.split(line.replace(" H #", " 7 #"), comments=True)[1:] for line in shown]


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    assert build_parser().parse_args(words).verb in {"release", "propose"}


def test_its_tables_are_those_of_the_code() -> None:
    assert exit_codes_markdown() in PAGE, "run `make tables`"
    assert releases_markdown() in PAGE, "run `make tables`"


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).is_file(), target
