"""The footer: what the keys do now, in one line of text. What is refused stays there, dim; a click is its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.binding import ActiveBinding
from textual.content import Content
from textual.screen import Screen

from console.actions import ACTIONS
from widgets.drawn import Drawn

_ORDER = {entry.id: place for place, entry in enumerate(ACTIONS)}
_NEEDED = frozenset({"emergency", "help"})
"""What no line is too narrow for: the way to safety, and the way to every other key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key with its word."""

    id: str
    """Of its action."""
    key: str
    """In Textual's spelling."""
    name: str
    """As an operator reads it."""
    label: str
    possible: bool
    """Whether it does something now; else it says why not."""
    help: str = ""
    """One sentence, for the mouse that rests on it."""

    @property
    def width(self) -> int:
        """Columns, with the blanks around both words."""
        return cell_len(self.name) + cell_len(self.label) + 3


def keys_of(bindings: Iterable[ActiveBinding], names: Mapping[str, str]) -> tuple[Key, ...]:
    """The keys that a footer shows, in the registry's order whatever has the focus: first HALT.

    Args:
        bindings: Those that are active.
        names: Their keys as an operator reads them, by Textual's spelling.
    """
    found: dict[str, Key] = {}
    for _node, binding, enabled, tooltip in bindings:
        if binding.show and binding.action not in found:
            id = binding.id or binding.action
            found[binding.action] = Key(id, binding.key, names[binding.key], binding.description, enabled, tooltip)
    return tuple(sorted(found.values(), key=lambda key: _ORDER.get(key.id, len(_ORDER))))


def fitting(keys: Iterable[Key], width: int) -> tuple[Key, ...]:
    """Those that are whole in a line of so many columns; the last ones go first, HALT and help never."""
    kept = list(keys)
    while sum(key.width for key in kept) > width:
        spare = [key for key in kept if key.id not in _NEEDED]
        if not spare:
            break
        kept.remove(spare[-1])
    return tuple(kept)


class KeyLine(Drawn):
    """Follows the bindings of its screen.

    Textual's own footer is a widget for each key, which it takes away and mounts anew with each change of focus, screen
    or binding: three quarters of the time from a key to another view.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        text-wrap: nowrap;
        text-overflow: clip;
        &:hover { pointer: pointer; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[Key, ...] = ()
        self._shown: tuple[Key, ...] = ()
        self._pointed: Key | None = None
        """What the mouse rests on."""

    @property
    def keys(self) -> tuple[Key, ...]:
        """What stands there, from left to right."""
        return self._shown

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen.is_current and self.app.app_focus:
            self.look()

    def look(self) -> None:
        """Draw the bindings of now."""
        active = self.screen.active_bindings
        names = {each.binding.key: self.app.get_key_display(each.binding) for each in active.values()}
        keys = keys_of(active.values(), names)
        if keys != self._keys:
            self._keys = keys
            self._redraw()

    def _redraw(self) -> None:
        self._shown = fitting(self._keys, self.size.width)
        self.draw(Content("").join(_piece(key) for key in self._shown))

    def key_at(self, column: int) -> Key | None:
        """What stands in a column of the line."""
        right = 0
        for key in self._shown:
            right += key.width
            if column < right:
                return key
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if (key := self.key_at(event.x)) is not None:
            # One that is refused says why, as it does for the keyboard.
            self.app.simulate_key(key.key)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        key = self.key_at(event.x)
        if key != self._pointed:
            self._pointed = key
            if key is None:
                self.tooltip = None
            else:
                self.tooltip = Content(key.help)


def _piece(key: Key) -> Content:
    dim = "" if key.possible else " dim"
    return Content.assemble(
        (f" {key.name} ", f"bold $footer-key-foreground on $footer-key-background{dim}"),
        (f"{key.label} ", f"$footer-description-foreground on $footer-description-background{dim}"),
    )
