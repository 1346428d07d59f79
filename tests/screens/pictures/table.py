"""The whole table, and what it has to hold."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

from textual.command import CommandPalette
from textual.screen import Screen

import screens
from screens.filtered import FilteredScreen
from screens.mode import ModeScreen
from screens.procedure_list import ProcedureList
from screens.propose_form import ProposeForm
from screens.sized import Dialog, SizedScreen
from tests.screens.pictures import aborting, cosmos_views, dialogs, on_cosmos, proposals, views
from tests.screens.pictures.scene import Scene

SCENES: tuple[Scene, ...] = (
    *views.SCENES,
    *aborting.SCENES,
    *dialogs.SCENES,
    *proposals.SCENES,
    *cosmos_views.SCENES,
    *on_cosmos.SCENES,
)
"""Every picture that is kept."""

BASES: frozenset[type[Screen[Any]]] = frozenset(
    {ModeScreen, FilteredScreen, ProcedureList, ProposeForm, SizedScreen, Dialog}
)
"""Never opened themselves."""


def screen_classes() -> frozenset[type[Screen[Any]]]:
    """Every screen that can be opened: those of `screens/`, whatever is added there, and Textual's palette."""
    found: set[type[Screen[Any]]] = {CommandPalette}
    for module in pkgutil.iter_modules(screens.__path__, "screens."):
        for _name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, Screen) and value.__module__ == module.name:
                found.add(value)
    return frozenset(found - BASES)
