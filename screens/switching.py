"""One view in the place of another within a few milliseconds: what is styled and laid out stays so.

Textual 8.2.8 holds every change of view back for 50 ms, then styles, lays out and draws the whole of it anew; what is
opened for the first time makes it parse every style again. The same steps are taken here, each where it is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import UnknownModeError
from textual.cache import LRUCache
from textual.screen import Screen
from textual.widget import AwaitMount

from screens.dressed import DressedApp
from screens.mode import ModeScreen

if TYPE_CHECKING:
    from console.console_settings import ConsoleSettings

_STYLE_SOURCES = 512
"""Most classes and files with styles that are parsed once; with more than that, each new one parses all of them."""
_REST_S = 0.02
"""Seconds between two views that are made before anybody asked for them."""


class SwitchingApp(DressedApp):
    """An application of views.

    Args:
        settings: The theme, and what else the operator chose.
        theme_folders: Further folders with theme files.
    """

    def __init__(self, settings: ConsoleSettings, theme_folders: Iterable[Path] = ()) -> None:
        super().__init__(settings, theme_folders)
        # Textual keeps 64, which the views and dialogs exceed.
        self.stylesheet._parse_cache = LRUCache(_STYLE_SOURCES)

    def switch_mode(self, mode: str) -> AwaitMount:
        """Show another view; it is drawn once it has its turn, and not at all when a later key has led on by then.

        Returns:
            Waits until all of it is there.

        Raises:
            UnknownModeError: There is no such view.
        """
        if mode == self.current_mode:
            return AwaitMount(self.screen, [])
        if mode not in self._modes:
            raise UnknownModeError(f"No known mode {mode!r}")
        self.screen.post_message(events.ScreenSuspend())
        mounted = self._made(mode)
        self._current_mode = mode
        self.mode_change_signal.publish(mode)
        self.screen_change_signal.publish(self.screen)
        self.screen.post_message(events.ScreenResume())
        return mounted

    async def make_views(self) -> None:
        """Make every view that nobody has opened yet, so that its first key is as quick as all others.

        In small steps: whatever else is to be done has its turn between them.
        """
        for mode in tuple(self._modes):
            if self._exit:
                # What is left is taken apart already.
                return
            if not self._screen_stacks.get(mode):
                await self._made(mode)
                screen = self._screen_stacks[mode][0]
                if isinstance(screen, ModeScreen) and not screen.is_current:
                    screen.lay_out()
                await asyncio.sleep(_REST_S)

    def _init_mode(self, mode: str) -> AwaitMount:
        # What the application starts with.
        mounted = self._made(mode)
        self._screen_stacks[mode][-1].post_message(events.ScreenResume())
        return mounted

    def _made(self, mode: str) -> AwaitMount:
        """Make a view that is not there yet; shows nothing."""
        if self._screen_stacks.get(mode):
            return AwaitMount(self._screen_stacks[mode][-1], [])
        # In the application's own context, where its reactives can be bound: a view is first opened by a screen's key.
        with self._context():
            made = self._modes[mode]
            screen = self.get_screen(made() if callable(made) else made)
            # What its style depends on comes before it is styled for the first time.
            self._load_screen_css(screen)
            if isinstance(screen, ModeScreen):
                screen.fit(self.size)
            screen, mounted = self._get_screen(screen)
        screen._css_update_count = self._css_update_count
        self._screen_stacks[mode] = [screen]
        return mounted

    def _load_screen_css(self, screen: Screen[object]) -> None:
        if screen.CSS:
            super()._load_screen_css(screen)
            return
        # Its rules are about itself: nothing that stands has to be parsed or styled again for them.
        missing = [path for path in screen.css_path if not self.stylesheet.has_source(str(path), "")]
        for path in missing:
            self.stylesheet.read(path)
        if missing:
            self.stylesheet.parse()
