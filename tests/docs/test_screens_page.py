"""Every view, key and dialog is on its page."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import screens
from console.actions import ACTIONS, key_names
from screens.guide import DIALOGS, screens_markdown
from screens.propose_form import ProposeForm
from screens.sized import Dialog

PAGE = (Path(__file__).parents[2] / "docs" / "screens.md").read_text("utf-8")


def test_the_page_is_printed_from_the_screens() -> None:
    assert PAGE.endswith(f"## Views\n\n{screens_markdown()}")


BASES = {Dialog, ProposeForm}
"""Never opened themselves."""


def test_every_dialog_and_key_is_on_it() -> None:
    dialogs = set()
    for module in pkgutil.iter_modules(screens.__path__, "screens."):
        for each in vars(import_module(module.name)).values():
            if isinstance(each, type) and issubclass(each, Dialog) and each not in BASES:
                dialogs.add(each.__name__)
    assert {each.screen for each in DIALOGS} == dialogs, "screens/guide.py lists every dialog"
    missing = [entry.id for entry in ACTIONS if f"| {key_names(entry)} | {entry.label} |" not in PAGE]
    assert missing == []
