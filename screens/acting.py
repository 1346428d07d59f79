"""What the console's keys do: every action of the registry that a view does not carry out itself (DESIGN §2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.reactive import var
from textual.screen import Screen

from console import model
from console.actions import PALETTE
from console.actions import action as registered
from console.errors import ConsoleError
from console.model import Course
from console.network_table import DEVNET
from screens.bindings import LOCKED_REASON, absent, bindings_everywhere, refusal, refusal_of_hands
from screens.mode import ModeScreen
from screens.switching import SwitchingApp
from screens.terminal import DrawnTerminal
from widgets.status_line import named
from widgets.working import begin

if TYPE_CHECKING:
    from textual.command import Provider

    from console.console_settings import ConsoleSettings
    from console.crash import Circumstances
    from console.model import NodeVerb, Snapshot
    from console.operations.node_rules import Chosen
    from console.ports.session import Session
    from screens.emergency import EmergencyChoice
    from screens.flows import Flows
    from screens.leave import Leaving
    from screens.node import NodeScreen
    from screens.proposal import ProposalScreen
    from screens.proposals import ProposalsScreen
    from screens.proposing import Proposing
    from widgets.log_tail import LogLine
    from widgets.travel_line import Past

EXIT_KEPT = 0
"""Left; whatever runs goes on."""
EXIT_STOP_DEVNET = 10
"""Left, and the operator wants the devnet stopped: the command line does that."""


def _commands() -> type[Provider]:
    from screens.palette import ConsoleCommands

    return ConsoleCommands


class ActingApp(SwitchingApp):
    """The console without its sources: what is known, and what each key does with it.

    Args:
        session: Operations, Snapshots, logs and the clock of one network.
        settings: Theme, keys and what else the operator chose.
        theme_folders: Further folders with theme files.
    """

    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_commands}  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = PALETTE.key
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_everywhere()]

    snapshot: var[Snapshot | None] = var(None)
    """The picture of chain and node that is shown; None before the first."""
    course: var[Course] = var(Course())
    """What happened until then, as this session saw it: events and trends."""
    now: var[float] = var(0.0)
    """Unix seconds of what is shown: at present set once a second and with each Snapshot."""
    locked: var[bool] = var(False)
    """Whether changes are locked; shown by every view."""
    log_lines: var[tuple[LogLine, ...]] = var(())
    """The newest lines of both logs at what is shown, oldest first."""
    past: var[Past | None] = var(None)
    """The moment that is shown; None for the present."""
    live: var[Snapshot | None] = var(None)
    """The newest picture of chain and node, whatever is shown."""
    live_now: var[float] = var(0.0)
    """Unix seconds at present, whatever is shown."""

    def __init__(
        self,
        session: Session,
        settings: ConsoleSettings,
        theme_folders: Iterable[Path] = (),
    ) -> None:
        super().__init__(settings, theme_folders)
        self.session = session
        self.set_reactive(ActingApp.locked, session.hands.locked)
        self.keys = dict(settings.keymap)
        """Keys of the operator's own, by action."""
        self.set_keymap(self.keys)
        if session.standing.role != "none":
            at_stake = named(session.network, session.standing)
            self.badge = Content.assemble("  ", (at_stake.text, at_stake.style))
        self._abort_lines: dict[int, list[str]] = {}
        """Everybody's words for an abort, by the plan's number."""
        self._opened_at = monotonic()
        session.lend_terminal(DrawnTerminal(self))

    # What a key opens is imported when it is opened: the first frame does not wait for it.

    @cached_property
    def _flows(self) -> Flows:
        from screens.flows import Flows

        return Flows(self, self.session, self._prefix)

    @cached_property
    def proposing(self) -> Proposing:
        """How the propose form is opened."""
        from screens.proposing import Proposing

        return Proposing(self, self.session)

    def _prefix(self) -> str:
        from screens.addresses import prefix_of

        return prefix_of(self.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what is refused now; it stays visible."""
        try:
            entry = registered(action)
        except KeyError:
            return True
        if entry.everywhere:
            # It says itself why not, over dialogs as well, where no view could.
            return True
        if absent(entry, self.snapshot):
            return False
        return None if refusal(entry, self.session, self.snapshot, self.past) else True

    def action_show_overview(self) -> None:
        """Switch to the overview."""
        self.switch_mode("overview")

    def action_show_proposals(self) -> None:
        """Switch to the proposals."""
        self.switch_mode("proposals")

    def action_show_validators(self) -> None:
        """Switch to the validators and their readiness."""
        self.switch_mode("validators")

    def action_show_node(self) -> None:
        """Switch to this machine's node."""
        self.switch_mode("node")

    def action_show_logs(self) -> None:
        """Switch to the logs."""
        self.switch_mode("logs")

    def action_show_audit(self) -> None:
        """Switch to the audit."""
        self.switch_mode("audit")

    def action_show_procedures(self) -> None:
        """Switch to the procedures."""
        self.switch_mode("procedures")

    def action_show_fleet(self) -> None:
        """Switch to the fleet."""
        self.switch_mode("fleet")

    def on_proposals_screen_opened(self, event: ProposalsScreen.Opened) -> None:
        """Open one proposal in full."""
        from screens.proposal import ProposalScreen

        if self._is_open(ProposalScreen):
            return
        screen = ProposalScreen(self.session, event.proposal_id)
        screen.keymap = self.keys
        screen.data_bind(ActingApp.snapshot, ActingApp.now)
        self.push_screen(screen)

    def on_proposal_screen_wanted(self, event: ProposalScreen.Wanted) -> None:
        """Do what is wanted with a proposal: asked, reviewed, then signed."""
        from screens.cuts import CutsScreen

        if event.verb == "show_calls":
            title = f"Linked calls of proposal {event.proposal.id}: {event.proposal.name}"
            ask = partial(self.session.linked_reviews, event.proposal.id)
            self.push_screen(CutsScreen(title, ask, self._prefix()))
        else:
            self._flows.begin(event.verb, event.proposal)

    def action_advertise(self) -> None:
        """Tell the network which release this validator runs."""
        self._flows.advertise(self.snapshot)

    def action_emergency(self) -> None:
        """Open the two choices of an emergency, over whatever is open."""
        # In the application's own context, where its reactives can be bound.
        self.call_later(self._open_emergency)

    def _open_emergency(self) -> None:
        from screens.emergency import EmergencyScreen

        if self._is_open(EmergencyScreen):
            return
        if reason := refusal(registered("emergency"), self.session, self.live, self.past):
            self.tell(reason, severity="error")
            return
        # What was said before may not cover the choices.
        self.clear_notifications()
        # An emergency is one of the present, whatever is looked at.
        screen = EmergencyScreen(self.session, looking_back=self.past is not None)
        screen.data_bind(snapshot=ActingApp.live, now=ActingApp.live_now)
        self.push_screen(screen, self._emergency_chosen)

    def _emergency_chosen(self, choice: EmergencyChoice | None) -> None:
        from screens.emergency import confirm_stop
        from widgets.emergency_words import stoppable

        proposal = stoppable(self.live)
        node = self.live.node if self.live is not None else None
        if choice == "halt" and proposal is not None:
            self._flows.halt(proposal)
        elif choice == "stop" and node is not None:
            self.push_screen(confirm_stop(self.session, node, self.live))

    def action_propose(self) -> None:
        """Open the propose form."""
        # In the application's own context, where its reactives can be bound.
        self.call_later(self.proposing.open)

    def action_propose_draft(self) -> None:
        """Open the propose form with the draft of the chosen run, else with the newest that nobody has proposed."""
        from screens.procedure_list import ProcedureList

        run = self.screen.chosen_run if isinstance(self.screen, ProcedureList) else None
        self.proposing.open_draft(run)

    def action_network_abort(self) -> None:
        """Open what the abort of a halted network needs."""
        begin(self, self._open_abort, name="abort", group="abort", exclusive=True)

    async def _open_abort(self) -> None:
        from screens.abort import AbortScreen

        try:
            abort = await self.session.network_abort()
        except ConsoleError as error:
            self.tell(str(error), severity="error")
            return
        if not self._is_open(AbortScreen):
            lines = self._abort_lines.setdefault(abort.case.plan.id, [])
            await self.push_screen(AbortScreen(self.session, abort, lines))

    def action_ready(self) -> None:
        """Ask before signalling readiness by hand."""
        from screens.node_plan import ready_plan

        snapshot = self.snapshot
        if snapshot is None or snapshot.node is None or snapshot.upgrade is None:
            return
        proposal = snapshot.upgrade.proposal
        self.push_screen(ready_plan(self.session, snapshot.node, proposal.id, proposal.name))

    def action_show_release(self) -> None:
        """Show what is verified of the planned release."""
        # In the application's own context, where its reactives can be bound.
        self.call_later(self._open_release)

    def _open_release(self) -> None:
        from screens.release import ReleaseScreen

        if self._is_open(ReleaseScreen):
            return
        screen = ReleaseScreen(self.session)
        screen.data_bind(ActingApp.snapshot)
        self.push_screen(screen)

    def action_node_menu(self) -> None:
        """Open the node's menu."""
        from console.operations.node_rules import NOTHING
        from screens.node import NodeScreen
        from screens.node_menu import NodeMenuScreen

        node = self.snapshot.node if self.snapshot is not None else None
        if node is None or self._is_open(NodeMenuScreen):
            return
        at_hand = self.screen.chosen if isinstance(self.screen, NodeScreen) else NOTHING

        def wanted(verb: NodeVerb | None) -> None:
            if verb is not None:
                self._command_node(verb, at_hand)

        self.push_screen(NodeMenuScreen(node, self.keys, at_hand), wanted)

    def on_node_screen_wanted(self, event: NodeScreen.Wanted) -> None:
        """Ask before something is done with the node."""
        self._command_node(event.verb, event.chosen)

    def _command_node(self, verb: NodeVerb, chosen: Chosen) -> None:
        from screens.node_plan import node_plan
        from screens.plan import PlanScreen

        snapshot = self.snapshot
        if snapshot is None or snapshot.node is None or self._is_open(PlanScreen):
            return
        lacks = (verb is model.NodeVerb.SWAP and chosen.generation is None) or (
            verb is model.NodeVerb.RESTORE and chosen.point is None
        )
        if lacks:
            self.switch_mode("node")
            self.tell("Choose it in its table with Tab, Up and Down, then press Enter.")
            return
        self.push_screen(node_plan(self.session, snapshot, snapshot.node, verb, chosen))

    async def action_copy(self) -> None:
        """List what can be copied in this view."""
        from screens.copy import CopyScreen

        screen = self.screen
        if isinstance(screen, ModeScreen):
            entries = await screen.copyable()
            if not self._is_open(CopyScreen):
                self.push_screen(CopyScreen(entries))

    def action_help(self) -> None:
        """Explain the current view."""
        from screens.help import HelpEntry, HelpScreen

        screen = self.screen
        if not isinstance(screen, ModeScreen):
            return
        entries = (*screen.actions, PALETTE)
        self.push_screen(
            HelpScreen(
                screen.MODE.capitalize(),
                screen.explanation,
                tuple(HelpEntry(entry, screen.refusal_of(entry)) for entry in entries),
            )
        )

    def circumstances(self) -> Circumstances:
        return replace(super().circumstances(), network=self.session.network)

    def action_lock(self) -> None:
        """Lock the console against changes at once, or ask before unlocking it."""
        from screens.unlock import UnlockScreen

        hands = self.session.hands
        if hands.forbidden:
            self.tell(hands.forbidden, severity="warning")
        elif not hands.locked:
            hands.lock()
            self.locked = True
            self.tell(LOCKED_REASON)
        elif not self._is_open(UnlockScreen):
            self.push_screen(UnlockScreen(hands, self.session.network), self._unlock_answered)

    def _unlock_answered(self, _answer: bool | None) -> None:
        self.locked = self.session.hands.locked

    def lock_when_idle(self) -> None:
        """Lock once nobody has pressed anything for as long as the settings say."""
        if self.session.hands.idle_for(min(self.quiet.since(monotonic()), monotonic() - self._opened_at)):
            self.locked = True
            self.tell(f"Nobody pressed a key for a while. {LOCKED_REASON}")
        # The confirmation of an emergency unlocks as well.
        self.locked = self.session.hands.locked

    def action_quit_console(self) -> None:
        """Leave; on a devnet ask first whether it goes on."""
        from screens.bring_up import BringUpScreen
        from screens.leave import QuitScreen

        replay = self.session.recording is not None
        if replay or self._is_open(BringUpScreen) or self.session.network != DEVNET:
            self.leave(EXIT_KEPT)
        elif not self._is_open(QuitScreen):
            self.push_screen(QuitScreen(refusal_of_hands(self.session)), self._left)

    async def action_quit(self) -> None:
        """Textual's own Ctrl+Q, from any screen."""
        self.action_quit_console()

    def action_help_quit(self) -> None:
        """Ctrl+C: nothing happens but a word on how to leave."""
        self.tell("Press q, or Ctrl+Q in a form, to leave the console.")

    def _left(self, leaving: Leaving | None) -> None:
        if leaving is not None:
            self.leave(EXIT_KEPT if leaving == "keep" else EXIT_STOP_DEVNET)

    def _is_open(self, kind: type[Screen[Any]]) -> bool:
        return any(isinstance(screen, kind) for screen in self.screen_stack)
