"""What README and guide say is what the program does: settings, document, states, codes, verbs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from console.actions import ACTIONS, key_names
from console.cli.verbs import build_parser
from console.operations.status import status_document
from console.settings import parse_network
from tests import fakes
from themes import load_themes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_settings_example_is_accepted() -> None:
    networks = tomllib.loads(_block("toml"))["networks"]
    network = parse_network("calib", networks["calib"], None)
    assert network.node(None).name == "val1"
    assert network.node(None).automatic
    assert network.proposer_key is not None


def _keys(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _keys(value) for key, value in document.items()}
    return [_keys(value) for value in document[:1]] if isinstance(document, list) and document else None


def test_the_status_example_has_exactly_the_documents_keys() -> None:
    assert _keys(json.loads(_block("json"))) == _keys(status_document(fakes.go()))


def _verbs(language: str = "") -> list[list[str]]:
    """Every command of the README's plain blocks, without options in brackets and with one choice of several."""
    lines = []
    for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL):
        text = re.sub(r"\\\n\s*", "", block)
        lines += [line for line in text.splitlines() if line.startswith("upgrade-console ")]
    shown = [re.sub(r"\[[^]]*\]|#.*$", "", line) for line in lines]
    return [[word.split("|")[0] for word in line.split()[1:]] for line in shown]


@pytest.mark.parametrize("words", _verbs(), ids=" ".join)
def test_every_command_shown_is_understood(words: list[str]) -> None:
    assert build_parser().parse_args(words).verb != "open"


def test_the_readme_names_every_key_and_theme() -> None:
    keys = {name for action in ACTIONS if not action.local for name in key_names(action).split()[:1]}
    assert {key for key in keys if f"`{key}`" not in README} == set()
    assert {name for name in load_themes(()).themes if name not in README} == set()


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("operator-guide", "runbook", "alerting"))]
    for page, text in ((page, page.read_text("utf-8")) for page in pages):
        # Our own files: what stands elsewhere is not for a test to fetch.
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
            path, _hash, anchor = target.partition("#")
            aimed = (page.parent / path) if path else page
            assert aimed.is_file(), target
            headings = re.findall(r"^#+ (.+)$", aimed.read_text("utf-8"), re.MULTILINE) if anchor else []
            # As the usual renderers make them: punctuation is dropped, blanks are dashes.
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, target
