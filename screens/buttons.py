"""Buttons of dialogs."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Button


def button(label: str, id: str, *, disabled: bool = False) -> Button:
    """A one-line button whose brackets stay visible without colour."""
    return Button(Content(f"[ {label} ]"), id=id, compact=True, disabled=disabled)
