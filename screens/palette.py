"""The command palette: every action of the registry, and the themes, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType

from console.actions import ACTIONS, key_names
from console.keymap import with_key
from screens.dressed import DressedApp
from screens.mode import ModeScreen


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the palette."""

    name: str
    help: str
    run: IgnoreReturnCallbackType


class ConsoleCommands(Provider):
    """Finds actions of the view below the palette, and themes."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            # Letters strewn over a whole sentence would find anything; a name may be typed in part.
            score = matcher.match(command.name) or (0.1 if query.casefold() in command.help.casefold() else 0.0)
            if score > 0:
                shown = Content(command.name)
                yield Hit(score, shown, command.run, text=command.name, help=Content(command.help))  # type: ignore[arg-type]

    async def discover(self) -> Hits:
        for command in self._commands():
            # As Content: the palette reads a `str` as markup, and a reason may hold a stranger's words.
            shown = Content(command.name)
            yield DiscoveryHit(shown, command.run, text=command.name, help=Content(command.help))  # type: ignore[arg-type]

    def _commands(self) -> list[Command]:
        screen = self.screen
        commands = [*self._of_view(screen)] if isinstance(screen, ModeScreen) else [*self._of_dialog(screen)]
        for theme in sorted(self.app.available_themes):
            commands.append(Command(f"Theme: {theme}", "Change the colours.", self._theme(theme)))
        return commands

    def _of_dialog(self, screen: Screen[Any]) -> Iterator[Command]:
        """Over a dialog or a form only what its keys do there as well."""
        keymap = self.app.settings.keymap if isinstance(self.app, DressedApp) else {}
        for entry in ACTIONS:
            if entry.everywhere:
                name = f"{entry.label} ({key_names(with_key(entry, keymap))})"
                yield Command(name, entry.help, self._run(screen, f"app.{entry.id}"))

    def _of_view(self, screen: ModeScreen) -> Iterator[Command]:
        for entry in screen.actions:
            reason = screen.refusal_of(entry)
            name = f"{entry.label} ({key_names(entry)})"
            if reason:
                yield Command(f"{name}: not now", reason, self._refuse(screen, entry.label, reason))
            else:
                yield Command(name, entry.help, self._run(screen, entry.call))

    def _run(self, screen: Screen[Any], action: str) -> IgnoreReturnCallbackType:
        async def run() -> None:
            await screen.run_action(action)

        return run

    def _refuse(self, screen: ModeScreen, label: str, reason: str) -> Callable[[], None]:
        return lambda: screen.notify(reason, title=label, severity="warning", markup=False)

    def _theme(self, name: str) -> Callable[[], None]:
        def choose() -> None:
            self.app.theme = name

        return choose
