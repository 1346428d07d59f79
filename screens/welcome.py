"""The welcome: what is on this machine, what can be opened, and which settings would fit; nothing is set up yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.actions import WELCOME
from console.node.discovery import Level
from console.operations.first_look import FirstLook
from console.operations.networks import ProposedTable, lines_of
from console.settings import DEVNET
from screens.bindings import bindings_for
from screens.plan import PlanScreen
from screens.sized import SizedScreen
from widgets.drawn import BAD, MUTED, STRONG, WARN, Grown, stacked
from widgets.key_line import KeyLine
from widgets.plan_rows import Plan
from widgets.working import begin


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be done from the welcome."""

    kind: Literal["open", "devnet", "add"]
    words: str
    detail: Content
    network: str = ""
    folder: Path | None = None
    """Of a devnet that is not in its usual place."""
    table: ProposedTable | None = None


class _Choices(OptionList, inherit_bindings=False):
    """Leaves Enter to the screen, whose footer shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]


class WelcomeScreen(SizedScreen[None]):
    """Lists what can be opened or added, with what each means.

    Args:
        look: Looks at this machine; blocks for up to some seconds, so it is called in a thread.
        write: Writes proposed settings; returns the file. Raises SettingsError.
    """

    class Opened(Message):
        """A network was chosen."""

        def __init__(self, network: str, folder: Path | None) -> None:
            super().__init__()
            self.network = network
            self.folder = folder

    CSS_PATH = "welcome.tcss"
    AUTO_FOCUS = "#choices"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings_for(WELCOME))

    def __init__(self, look: Callable[[], FirstLook], write: Callable[[ProposedTable], Path]) -> None:
        super().__init__()
        self._look = look
        self._write = write
        self._choices: tuple[Choice, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(Content.styled("upgrade-console", STRONG), markup=False, id="title")
        yield Grown(id="summary")
        yield _Choices(id="choices", markup=False)
        with VerticalScroll(id="pane", can_focus=False):
            yield Static(Content(""), markup=False, id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        self.action_look_again()

    def action_look_again(self) -> None:
        """Look at this machine again."""
        self.query_one("#summary", Grown).draw(Content.styled("Looking at what is on this machine…", MUTED))
        begin(self, self._look_around, exclusive=True)

    async def _look_around(self) -> None:
        found = await asyncio.to_thread(self._look)
        if not self.query("#choices"):
            # Left meanwhile: the screen is being taken down.
            return
        self._choices = choices_of(found)
        options = self.query_one("#choices", OptionList)
        options.clear_options()
        options.add_options([Option(Content(choice.words)) for choice in self._choices])
        self.query_one("#summary", Grown).draw(summary(found))
        if self._choices:
            options.highlighted = 0
        else:
            self._show(self._nothing(found))

    def _nothing(self, found: FirstLook) -> Content:
        return Content(
            f"Nothing was found that could be opened or proposed. Name a network in {found.settings}, and look again."
        )

    @on(OptionList.OptionHighlighted, "#choices")
    def highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what it means."""
        if event.option_index < len(self._choices):
            self._show(self._choices[event.option_index].detail)

    def _show(self, detail: Content) -> None:
        self.query_one("#detail", Static).update(detail)
        self.query_one("#pane", VerticalScroll).scroll_home(animate=False)

    @on(OptionList.OptionSelected, "#choices")
    def selected(self, event: OptionList.OptionSelected) -> None:
        """Do it: open, or show what would be written and ask."""
        if event.option_index >= len(self._choices):
            return
        choice = self._choices[event.option_index]
        if choice.table is not None:
            self.app.push_screen(self._confirm(choice.table), self._written)
        else:
            self.post_message(self.Opened(choice.network, choice.folder))

    def action_choose(self) -> None:
        """Choose what is under the cursor."""
        self.query_one("#choices", OptionList).action_select()

    def _confirm(self, table: ProposedTable) -> PlanScreen:
        async def operation(_reason: str) -> str:
            path = await asyncio.to_thread(self._write, table)
            return f"Written into {path}."

        plan = Plan(
            title=f"Add {table.network} to the settings",
            effect=("Write this into the settings; what is there stays:", "", *lines_of(table)),
            label="Write",
            network=table.network,
            undo="Take these lines out of the settings again.",
        )
        return PlanScreen(plan, operation)

    def _written(self, done: bool | None) -> None:
        if done:
            self.action_look_again()


def summary(found: FirstLook) -> Content:
    """What was found, in two lines; what is wrong stands first."""
    bad = [each for each in found.findings if each.level is not Level.OK]
    names = ", ".join(found.usable) or "none yet"
    lines: list[Content | str] = [
        f"Networks: {names} · node homes: {len(found.homes)} · controllers running: {len(found.controllers)}"
    ]
    if bad:
        tone = BAD if bad[0].level is Level.FAIL else WARN
        word = "✗ " if bad[0].level is Level.FAIL else "! "
        more = f" ({len(bad) - 1} more: `upgrade-console doctor`)" if len(bad) > 1 else ""
        lines.append(Content.assemble((word, tone), f"{bad[0].topic}: {bad[0].what}{more}"))
    elif not found.usable and not found.proposals:
        lines.append("No network is set up yet. The devnet shows the whole story of an upgrade on this machine.")
    else:
        lines.append("Choose a network, or see what could be added to the settings.")
    return stacked(*lines)


def choices_of(found: FirstLook) -> tuple[Choice, ...]:
    """What can be done, what is most likely wanted first."""
    choices = [Choice("open", f"Open {name}", _network_detail(found, name), network=name) for name in found.usable]
    choices += [
        Choice(
            "open",
            f"Open the devnet in {folder}",
            Content(f"A devnet runs there: a controller of it is process {_pid_of(found, folder)}."),
            network=DEVNET,
            folder=folder,
        )
        for folder in found.devnets
    ]
    choices += [
        Choice("add", _proposal_words(table), stacked(*lines_of(table)), network=table.network, table=table)
        for table in found.proposals
    ]
    if found.devnet_possible:
        words = "Open the devnet that runs here" if found.devnet_runs else "Try it: a devnet of four validators"
        detail = (
            "Four validators with their controllers, a registry and two releases, on this machine alone: no internet "
            "is needed, nothing outside its folder is touched. Propose an upgrade there, and watch it being crossed."
        )
        choices.append(Choice("devnet", words, Content(detail), network=DEVNET))
    return tuple(choices)


def _proposal_words(table: ProposedTable) -> str:
    if table.nodes:
        return f"Add node {', '.join(table.nodes)} to network {table.network}: its home is {table.subnet}"
    return f"Add network {table.network}: ipc-cli knows it as {table.subnet}"


def _network_detail(found: FirstLook, name: str) -> Content:
    network = next(each for each in found.networks if each.name == name)
    lines = [f"{value.key:<18} {value.value}  ({value.origin})" for value in network.values]
    return stacked(Content.styled(f"Network {name}", STRONG), *lines)


def _pid_of(found: FirstLook, folder: Path) -> int:
    return next(each.pid for each in found.controllers if each.devnet == folder)
