"""The devnet comes up: a determinate bar with the names of its steps, or the reason why not and a choice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar, Protocol, runtime_checkable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button

from console.errors import ConsoleError
from screens.buttons import button
from screens.sized import Dialog
from widgets.drawn import BAD, GOOD, MUTED, Drawn, Grown, stacked
from widgets.progress_line import ProgressLine
from widgets.working import begin


@runtime_checkable
class BringUp(Protocol):
    """A session that can bring its devnet up."""

    def bring_up(self) -> AsyncIterator[tuple[int, int, str]]:
        """Yield (steps done, steps in all, the step that begins now); ends when the network makes blocks.

        Raises:
            ConsoleError: It did not come up; called again, it tries again.
        """
        ...


class BringUpScreen(Dialog[bool]):
    """Shows the start of a devnet. Dismissed with True when it is up, False when the operator gives up.

    Args:
        session: Brings it up.
        network: The network's name.
    """

    CSS_PATH = "modal.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+q,escape", "give_up", "Quit", show=False)]

    def __init__(self, session: BringUp, network: str) -> None:
        super().__init__()
        self._session = session
        self._network = network
        self._steps: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content(f"Bringing up {self._network}")
            yield ProgressLine(id="progress")
            yield Drawn(id="steps")
            yield Grown(id="trouble")
            with Horizontal(classes="buttons"):
                yield button("Quit", "quit")
                yield button("Try again", "retry")

    def on_mount(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._steps.clear()
        self.query_one("#retry", Button).display = False
        self.query_one("#trouble", Grown).draw(Content(""))
        self.query_one(ProgressLine).show(0, 0)
        self.query_one("#steps", Drawn).draw(Content(""))
        begin(self, self._follow, exclusive=True)

    async def _follow(self) -> None:
        try:
            async for done, total, text in self._session.bring_up():
                self.query_one(ProgressLine).show(done, total)
                self._steps.append(text)
                self._draw_steps()
        except ConsoleError as error:
            self.query_one("#trouble", Grown).draw(Content.assemble(("✗ ", BAD), str(error)))
            retry = self.query_one("#retry", Button)
            retry.display = True
            retry.focus()
            return
        self.dismiss(True)

    def _draw_steps(self) -> None:
        rows = self.query_one("#steps", Drawn).size.height or 10
        shown = self._steps[-rows:]
        lines = [Content.assemble(("✓ ", GOOD), (text, MUTED)) for text in shown[:-1]]
        self.query_one("#steps", Drawn).draw(stacked(*lines, Content.assemble("▸ ", shown[-1])))

    @on(Button.Pressed, "#retry")
    def retry(self) -> None:
        """Try again from where it stopped."""
        self._begin()

    @on(Button.Pressed, "#quit")
    def action_give_up(self) -> None:
        """Leave; what is up stays up."""
        self.dismiss(False)
