"""What this node's controller verified of the planned release, asked when it is opened and when the plan changes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from console.errors import ConsoleError
from console.model import KnownRelease, Snapshot
from console.ports.session import Session
from screens.sized import Dialog
from widgets.drawn import BAD, MUTED
from widgets.known_release import release_content
from widgets.working import begin


class ReleaseScreen(Dialog[None]):
    """The release of the plan that this node took up; Up and Down scroll, Esc closes.

    Args:
        session: Asks the controller.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = "#release-box"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,v", "close", show=False)]

    snapshot: var[Snapshot | None] = var(None)
    """The newest picture of chain and node; bound by the application."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._asked_for: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", id="release-box") as box:
            box.border_title = Content("Release")
            box.border_subtitle = Content("Esc closes")
            yield Static(Content.styled("The controller looks at it.", MUTED), markup=False, classes="body")

    def on_mount(self) -> None:
        self._ask_soon()

    def watch_snapshot(self) -> None:
        if self.is_mounted:
            self._ask_soon()

    def _ask_soon(self) -> None:
        # An answer that is here before the first layout would keep the height of the line that it replaces.
        self.call_after_refresh(self._ask)

    def _ask(self) -> None:
        """Ask where it is not known yet, or where the attempt moved on since; never for a mere new height."""
        if self.snapshot is None:
            return
        node = self.snapshot.node
        attempt = node.attempt if node is not None else None
        wanted = () if attempt is None else (attempt.id, attempt.preparation, attempt.crossing, attempt.note)
        if wanted != self._asked_for:
            self._asked_for = wanted
            begin(self, self._fetch, name="release", exclusive=True)

    async def _fetch(self) -> None:
        try:
            release = await self._session.release()
        except ConsoleError as error:
            self._draw("Release", Content.styled(str(error), BAD))
            return
        self._draw(_title(release), release_content(release))

    def _draw(self, heading: str, body: Content) -> None:
        box = self.query_one("#release-box")
        box.border_title = Content(heading)
        self.query_one(".body", Static).update(body)

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)


def _title(release: KnownRelease) -> str:
    return f"Release {release.generation}" if release.generation else "Release"
