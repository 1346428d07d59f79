"""The propose form opened: empty, as it was left, or filled in from a draft."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from console.errors import ConsoleError
from console.model import Progress, ProposalDraft
from console.ports.session import Session
from console.procedures.prepared import draft_of, has_draft, newest_draft
from screens.propose import ProposeScreen
from screens.propose_draft import chain_of
from screens.propose_form import ProposeForm
from screens.propose_rows import Fields
from screens.propose_upgrade import ProposeUpgradeScreen
from widgets.working import begin

if TYPE_CHECKING:
    from screens.acting import ActingApp

NO_DRAFT = "No draft waits to be proposed. `run verify-network` prepares one where an upgrade has to be taken back."


class Proposing:
    """Opens the form of the network's kind, for one application.

    Args:
        app: Shows the form.
        session: Checks, reviews and sends.
    """

    def __init__(self, app: ActingApp, session: Session) -> None:
        self._app = app
        self._session = session
        self._typed: dict[str, Fields] = {}
        """What was typed, by the path of the draft that the form was filled in from; empty for none."""

    def open(self, draft: ProposalDraft | None = None) -> None:
        """Open the form, in the application's own context; nothing where one is open.

        Args:
            draft: What it is filled in from, where it was not changed since by hand.
        """
        from screens.acting import ActingApp

        if any(isinstance(screen, ProposeForm) for screen in self._app.screen_stack):
            return
        path = "" if draft is None else draft.path
        typed = self._typed[path] = self._typed.get(path) or ({} if draft is None else dict(draft.fields))
        snapshot = self._app.snapshot
        on_cosmos = snapshot is not None and snapshot.network.kind == "cosmos"
        form = (ProposeUpgradeScreen if on_cosmos else ProposeScreen)(self._session, typed, draft)
        form.data_bind(ActingApp.snapshot, ActingApp.now)
        self._app.push_screen(form)

    def open_draft(self, run: Progress | None) -> None:
        """Read a draft and open the form with it; a sentence where there is none that can be used.

        Args:
            run: The run whose draft is meant; None, or one that wrote none: the newest that nobody has proposed.
        """
        begin(self._app, partial(self._read_and_open, run), name="draft", group="draft", exclusive=True)

    async def _read_and_open(self, run: Progress | None) -> None:
        try:
            desk = await self._session.procedures()
            if run is not None and has_draft(run):
                draft: ProposalDraft | None = await asyncio.to_thread(draft_of, desk, run)
            else:
                draft = await asyncio.to_thread(newest_draft, desk, chain_of(self._app.snapshot))
        except ConsoleError as error:
            self._app.tell(str(error), severity="error")
            return
        if draft is None:
            self._app.tell(NO_DRAFT)
        else:
            self._app.call_later(self.open, draft)
