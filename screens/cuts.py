"""What linked contract calls change, before anybody agrees to them: read from the chain when it is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from console.errors import ConsoleError
from console.model import LinkedReview
from screens.addresses import filecoin_form
from screens.sized import Dialog
from widgets.cut_report import linked_lines
from widgets.drawn import BAD, MUTED
from widgets.searched_text import SearchedText
from widgets.working import begin


class CutsScreen(Dialog[None]):
    """The linked calls of a proposal or of a file, selector by selector; `/` searches, n and N go on and back.

    Args:
        title: Whose calls they are.
        ask: Reads what they change.
        prefix: `f` or `t`: of the other spelling of an address.
    """

    CSS_PATH = "cuts.tcss"
    AUTO_FOCUS = "#cuts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("slash", "search", show=False),
        Binding("n", "step(1)", show=False),
        Binding("N", "step(-1)", show=False),
        Binding("a", "addresses", show=False),
    ]

    def __init__(self, title: str, ask: Callable[[], Awaitable[tuple[LinkedReview, ...]]], prefix: str = "t") -> None:
        super().__init__()
        self._title = title
        self._ask = ask
        self._prefix = prefix
        self._both_forms = False
        self._reviews: tuple[LinkedReview, ...] | None = None
        self._problem = ""

    @property
    def read(self) -> bool:
        """Whether what they change was shown."""
        return self._reviews is not None

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("/ searches · n N next, previous · a addresses · Esc closes")
            yield SearchedText(id="cuts")
            yield Input(placeholder="a function, a selector, an instruction; Enter keeps it", id="search", compact=True)
            yield Static(Content(""), markup=False, id="found")

    def on_mount(self) -> None:
        field = self.query_one("#search", Input)
        field.cursor_blink = False
        field.display = False
        self.query_one(SearchedText).show((Content.styled("The chain is asked what they change.", MUTED),))
        begin(self, self._fetch, name="cuts")

    async def _fetch(self) -> None:
        try:
            self._reviews = await self._ask()
        except ConsoleError as error:
            self._problem = str(error)
        self._draw()

    def _draw(self) -> None:
        view = self.query_one(SearchedText)
        if self._problem:
            view.show((Content.assemble(("✗ ", BAD), self._problem),))
            return
        reviews = self._reviews or ()
        form = partial(filecoin_form, prefix=self._prefix) if self._both_forms else None
        lines = [
            line for number, each in enumerate(reviews, 1) for line in linked_lines(number, len(reviews), each, form)
        ]
        view.show(tuple(lines) or (Content.styled("No call is linked.", MUTED),))

    def action_addresses(self) -> None:
        """Show each address in both forms, or in one again."""
        self._both_forms = not self._both_forms
        self._draw()

    def action_search(self) -> None:
        """Open the search."""
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def searched(self, event: Input.Changed) -> None:
        """Mark what holds the text."""
        self.query_one(SearchedText).search(event.value)
        self._say()

    @on(Input.Submitted, "#search")
    def keep(self) -> None:
        """Give the keys back to the text."""
        self.query_one(SearchedText).focus()

    def action_step(self, by: int) -> None:
        """Go to the next or the previous hit."""
        self.query_one(SearchedText).step(by)
        self._say()

    def _say(self) -> None:
        view = self.query_one(SearchedText)
        typed = self.query_one("#search", Input).value.strip()
        words = f"{view.place} of {len(view.hits)}" if view.hits else "nothing holds it"
        self.query_one("#found", Static).update(Content.styled(words if typed else "", MUTED))

    def action_back(self) -> None:
        """End the search if there is one, else close."""
        field = self.query_one("#search", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one(SearchedText).focus()
        else:
            self.dismiss(None)
