"""The base of the views: what they are given and how a refused key answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.geometry import Size
from textual.reactive import var
from textual.screen import Screen
from textual.widget import AwaitMount, Widget

from console.actions import Action, action, actions_of, key_names
from console.keymap import with_key
from console.model import Course
from screens.bindings import refusal
from screens.sized import SizedScreen
from widgets.status_line import StatusLine
from widgets.too_small import TooSmall, too_small

if TYPE_CHECKING:
    from console.model import Snapshot
    from console.ports.session import Session
    from widgets.copyable import Copyable
    from widgets.log_tail import LogLine
    from widgets.travel_line import Past

_TURNS_TO_DRAW = 2
"""Turns of the loop in which a widget has its size and draws itself for it."""

_WAYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("emergency",), "HALT"),
    (("travel_back", "travel_forward"), "step"),
    (("travel_previous", "travel_next"), "event"),
    (("travel_hold",), "hold/run"),
    (("travel_slower", "travel_faster"), "speed"),
    (("travel_live",), "now"),
    (("help",), "help"),
    (("quit_console",), "quit"),
)
"""Keys below a view that shows the past, each group with its word."""


class ModeScreen(SizedScreen[None]):
    """A top-level view. The application binds `snapshot`, `course`, `now` and `log_lines`; the view draws them.

    While the application shows the past, every view says so in place of its status line and footer.

    Args:
        session: Operations, read-only flag and clock.
    """

    DEFAULT_CSS = """
    ModeScreen { layers: default above; }
    ModeScreen.-past {
        StatusLine, KeyLine { display: none; }
        TravelLine, TravelKeys { display: block; }
    }
    """

    MODE: ClassVar[str] = ""
    EXPLANATION: ClassVar[str] = ""
    """What this screen shows, for help."""
    ON_COSMOS: ClassVar[str] = ""
    """The same of a Cosmos chain, where other things stand there; empty where it is the same."""

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture of chain and node."""
    now: var[float] = var(0.0)
    """Unix seconds, once a second."""
    log_lines: var[tuple[LogLine, ...]] = var(())
    """The newest lines of both logs, oldest first."""
    course: var[Course] = var(Course())
    """What happened until then, as this session saw it: events and trends."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.keymap: Mapping[str, str] = {}
        """Keys of the operator's own, by action; set by the application."""
        self._past: Past | None = None
        self._fitted = Size()
        """For which it has its classes."""
        self._behind = False
        """Whether something came while this was not shown."""
        self._due = False
        """Whether something came that is drawn in the next turn of the loop."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done here, with the keys as the operator has them."""
        return tuple(with_key(entry, self.keymap) for entry in actions_of(self.MODE))

    @property
    def explanation(self) -> str:
        """What this screen shows on this kind of chain, for help."""
        on_cosmos = self.snapshot is not None and self.snapshot.network.kind == "cosmos"
        return (on_cosmos and self.ON_COSMOS) or self.EXPLANATION

    @property
    def answering(self) -> Session:
        """Who answers what is not in a Snapshot; of the past what was recorded does, and all else is refused."""
        if self._past is None:
            return self.session
        from console.operations.replay_session import PastSession

        return PastSession(self.session, self._past.time, self._past.inside)

    @property
    def past(self) -> Past | None:
        """The moment that is shown; None for the present."""
        return self._past

    def on_mount(self) -> None:
        self.watch(self.app, "locked", self._lock_changed)
        # Watched, not bound: no view may show the past and not say so because somebody forgot to bind it.
        if hasattr(self.app, "past"):
            self.watch(self.app, "past", self._past_changed)
        self.cover_when_small()
        self.redraw()

    @on(events.Resize)
    def resized(self) -> None:
        """Cover what does not fit; what is drawn may depend on sizes and classes, which come after this."""
        # A busy machine tells the size before the view is there.
        if self.is_mounted:
            self.cover_when_small()
            self.call_after_refresh(self.redraw)

    def cover_when_small(self) -> None:
        """Say how much room is needed rather than hide what matters."""
        small = too_small(*self.app.size)
        if small and not self.query(TooSmall):
            self.mount(TooSmall(self._keys_everywhere()))
        for cover in self.query(TooSmall):
            cover.display = small

    def _keys_everywhere(self) -> str:
        entries = (with_key(entry, self.keymap) for entry in self.actions if entry.id in {"emergency", "quit_console"})
        return " · ".join(f"{key_names(entry).split()[0]} {entry.label}" for entry in entries)

    def fit(self, size: Size) -> None:
        """Take the classes of this size; nothing is styled for it."""
        across = self.app.HORIZONTAL_BREAKPOINTS if self.HORIZONTAL_BREAKPOINTS is None else self.HORIZONTAL_BREAKPOINTS
        along = self.app.VERTICAL_BREAKPOINTS if self.VERTICAL_BREAKPOINTS is None else self.VERTICAL_BREAKPOINTS
        fitting: dict[str, bool] = {}
        for cells, breakpoints in ((size.width, across or []), (size.height, along or [])):
            taken = self._get_breakpoint_classes(cells, breakpoints)
            fitting |= {name: name in taken for _, name in breakpoints}
        self.update_classes(fitting, update=False)
        self._fitted = size

    def lay_out(self) -> None:
        """Lay it out and draw it, though it is not shown yet."""
        self._refresh_layout(self.app.size)

    async def mount_composed_widgets(self, widgets: list[Widget]) -> None:
        """Mount what it is composed of; unseen, one widget in a turn of the loop."""
        if self.is_current:
            await super().mount_composed_widgets(widgets)
            return
        for widget in widgets:
            await self.mount(widget)

    async def _on_resize(self, event: events.Resize) -> None:
        if event.size != self.app.size:
            return
        # Textual's own handler takes the classes of this size.
        self._fitted = event.size
        if self._size:
            return
        event.prevent_default()
        # The first frame is whole, and drawn once: when everything has drawn itself for the room that it got.
        with self.app.batch_update():
            await Screen._on_resize(self, event)
            for _ in range(_TURNS_TO_DRAW):
                await asyncio.sleep(0)

    async def _on_screen_resume(self, event: events.ScreenResume) -> None:  # type: ignore[override]
        # In the place of Textual's own, which styles, lays out and draws all of it again, in several turns.
        event.prevent_default()
        if not self.is_active:
            # A later key has led on already.
            return
        self.app._refresh_notifications()
        self._update_auto_focus()
        if self._fitted != self.app.size:
            self.fit(self.app.size)
            self._css_update_count = -1
        if self._css_update_count != self.app._css_update_count:
            self.app.stylesheet.update(self)
            self._css_update_count = self.app._css_update_count
        await self._catch_up()
        self.stack_updates += 1
        if self.is_active:
            self._paint()

    def _paint(self) -> None:
        """Write the whole view to the terminal, now."""
        if self.app._batch_count or not self.is_attached:
            self.refresh()
            return
        compositor, size = self._compositor, self.app.size
        # What has changed is in the frame: nobody needs to write it a second time.
        compositor.update_widgets(set(compositor.visible_widgets))
        compositor._dirty_regions.add(size.region)
        laid_out = self._size == size and not self._layout_required
        self._layout_required = self._repaint_required = False
        self._dirty_widgets.clear()
        if laid_out:
            self._compositor_refresh()
        else:
            self._refresh_layout(size)

    async def _catch_up(self) -> None:
        """Draw what came while something else was shown."""
        if self._behind:
            self._behind = False
            for mounted in self._dress_for_time():
                await mounted
            self.redraw()
            self.draw_log()

    def _lock_changed(self, locked: bool) -> None:
        for line in self.query(StatusLine):
            line.mark_locked(locked)
        self.redraw_shown()
        self.refresh_bindings()

    def _past_changed(self, past: Past | None) -> None:
        if past is None and self._past is None:
            return
        before, self._past = self._past, past
        if self.is_current:
            self._dress_for_time()
        else:
            self._behind = True
        if (before is None) != (past is None):
            self.turned()
        elif before is not None and past is not None and before.place != past.place:
            self.moved_in_time()

    def _dress_for_time(self) -> list[AwaitMount]:
        """Say over the past, instead of what stands there at present, which moment it is and how to move on."""
        past, mounted = self._past, []
        if past is not None and not self.query("#travel-line"):
            from widgets.travel_line import TravelKeys, TravelLine

            ways = [(tuple(with_key(action(name), self.keymap) for name in group), word) for group, word in _WAYS]
            keys = TravelKeys(id="travel-keys")
            mounted = [self.mount(TravelLine(id="travel-line"), before=0), self.mount(keys)]
            keys.show(ways)
        if self.has_class("-past") != (past is not None):
            self.set_class(past is not None, "-past")
            # In the very next frame: none may show the past and not say so.
            self._clear_arrangement_cache()
            self._layout_updates += 1
            self._layout_required = True
            self.refresh_bindings()
        self._draw_past()
        return mounted

    def watch_snapshot(self) -> None:
        self.redraw_shown()

    def watch_now(self) -> None:
        self.redraw_shown()

    def watch_log_lines(self) -> None:
        if not self.is_current:
            self._behind = True
        elif self.is_mounted:
            self.draw_log()

    def redraw_shown(self) -> None:
        """Draw snapshot and time where this is shown, once for both; else it is done when it is."""
        if not self.is_current:
            self._behind = True
        elif not self._due:
            self._due = True
            self.call_next(self._redraw_due)

    def _redraw_due(self) -> None:
        if self._due:
            self._due = False
            self.redraw()

    async def nearest(self) -> tuple[Copyable, ...]:
        """What can be copied of what is under the cursor; some of it may have to be read."""
        return ()

    async def copyable(self) -> tuple[Copyable, ...]:
        """What can be copied here, the nearest first."""
        from widgets.copyable import copyable_of

        return copyable_of(self.snapshot, self.session.network, self.session.own_address, await self.nearest())

    def status_line(self) -> StatusLine:
        """The line at the top, which every view composes first."""
        return StatusLine(self.session.network, self.session.standing, read_only=self.session.read_only, id="status")

    def refusal_of(self, entry: Action) -> str:
        """Why this action cannot be done now in this view; empty when it can."""
        return refusal(entry, self.session, self.snapshot, self._past)

    def _draw_past(self) -> None:
        if self._past is not None and self.has_class("-past"):
            from widgets.travel_line import TravelLine

            self.query_one(TravelLine).show(self._past, self.snapshot)

    def redraw(self) -> None:
        """Draw snapshot and time; widgets write only what changed."""
        # What is read elsewhere may come when the view has been taken down already.
        if self.is_mounted and self.children:
            self._due = False
            self.draw()
            self._draw_past()

    def draw(self) -> None:
        """Give every widget its values."""
        raise NotImplementedError

    def turned(self) -> None:
        """The view went into the past, or came back: what was asked for is of the other time."""

    def moved_in_time(self) -> None:
        """Another moment of the past is shown."""

    def draw_log(self) -> None:
        """Give log widgets their lines."""

    def redraw_theme(self) -> None:
        """Draw what holds colours of its own again, after the theme changed."""

    def action_back(self) -> None:
        """Go back to the overview."""
        if self.MODE != "overview":
            self.app.switch_mode("overview")

    def on_key(self, event: events.Key) -> None:
        if not self.is_active and self.app.screen.is_modal:
            # Pressed for this view while it was busy, and overtaken by a key that waits for nobody, such as the
            # emergency's: it is none for what that opened.
            event.stop()
            return
        # Before any binding has its turn: a refused action says why instead of staying mute.
        for entry in self.actions:
            # A firm key that is refused is the list's or the log's own.
            if event.key in entry.key.split(",") and not entry.firm:
                reason = self.refusal_of(entry)
                if reason:
                    self.notify(reason, title=entry.label, severity="warning", markup=False)
                    event.stop()
