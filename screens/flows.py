"""From a key to a signature: what is asked first, then the one review that everything is signed on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.app import App
from textual.content import Content

from console.errors import InputError
from console.model import HaltCode, Proposal, RegistryCall, Said, Snapshot
from console.operations import chain_messages, governance
from console.ports.session import Session
from screens.details import Detail, DetailsScreen
from screens.review import ReviewScreen
from screens.vote import VoteScreen
from widgets.drawn import BAD, STRONG, WARN, stacked

_SIMPLE: dict[str, Callable[[Proposal], RegistryCall]] = {
    "finalize": governance.finalize_call,
    "schedule": governance.schedule_call,
    "execute": governance.execute_call,
    "undo": governance.undo_call,
    "cancel": governance.cancel_call,
    "expire": governance.expire_call,
}
"""Verbs that need to be told nothing but the proposal."""

_REASON = Detail("text", "Why", "your own words, stored on the chain for everybody", 200)


class Flows:
    """The ways from a key to the review, for one application.

    Args:
        app: Shows the screens.
        session: Reviews and sends.
        prefix: Tells `f` or `t`, of the other spelling of an address.
    """

    def __init__(self, app: App[Any], session: Session, prefix: Callable[[], str]) -> None:
        self._app = app
        self._session = session
        self._prefix = prefix
        self._drafts: dict[str, dict[str, str]] = {}

    def begin(self, verb: str, proposal: Proposal) -> None:
        """Ask what a verb needs, then review it.

        Raises:
            KeyError: There is no such verb: a mistake in the code.
        """
        if proposal.ballot is not None:
            self._begin_on_cosmos(verb, proposal)
        elif verb == "vote":
            self._vote(proposal)
        elif verb == "replace":
            self._replace(proposal)
        elif verb == "rollback":
            self._rollback(proposal)
        else:
            # With an initialiser foreign code runs with all rights of the diamond.
            dangerous = verb == "execute" and proposal.init_allowed
            self.review(partial(_SIMPLE[verb], proposal), dangerous=dangerous)

    def _begin_on_cosmos(self, verb: str, proposal: Proposal) -> None:
        about = str(proposal.ballot.title if proposal.ballot is not None else "") or str(proposal.name)
        if verb == "vote":
            # In the application's own context, where its reactives can be bound.
            self._app.call_later(self._choose_side, proposal, about)
        elif verb == "deposit":
            self._deposit(proposal, about)
        elif verb == "cancel":
            make = partial(chain_messages.cancel_proposal_message, proposal.id, about=about)
            self.review(make, dangerous=True)
        else:
            raise KeyError(verb)

    def _choose_side(self, proposal: Proposal, about: str) -> None:
        from screens.acting import ActingApp
        from screens.ballot import SPLIT, BallotScreen

        def chosen(choice: str | None) -> None:
            if choice == SPLIT:
                self._split(proposal, about)
            elif choice is not None:
                self.review(partial(chain_messages.vote_message, proposal.id, choice, about=about))

        screen = BallotScreen(proposal)
        screen.data_bind(ActingApp.snapshot, ActingApp.now)
        self._app.push_screen(screen, chosen)

    def _split(self, proposal: Proposal, about: str) -> None:
        body = stacked(
            Content.assemble("Split this validator's vote on ", (about, STRONG), f" (proposal {proposal.id})"),
            "Sides are yes, no, abstain and no-with-veto; their shares come to 1.",
            "",
        )
        details = (Detail("shares", "Shares", "as yes=0.7,no=0.3", 200),)

        def make(typed: dict[str, str]) -> Said:
            return chain_messages.split_vote_message(proposal.id, typed["shares"], about=about)

        self._ask(f"split {proposal.id}", "Split the vote", body, details, make, dangerous=False)

    def _deposit(self, proposal: Proposal, about: str) -> None:
        from widgets.ballot_words import deposit_words

        assert proposal.ballot is not None  # asked before
        body = stacked(
            Content.assemble("Add to the deposit of ", (about, STRONG), f" (proposal {proposal.id})"),
            f"It has {deposit_words(proposal.ballot)}.",
            "",
        )
        missing = proposal.ballot.deposit_missing()
        draft = self._drafts.setdefault(f"deposit {proposal.id}", {})
        if missing and not draft.get("amount"):
            draft["amount"] = ",".join(f"{coin.amount}{coin.denom}" for coin in missing)
        details = (Detail("amount", "Amount", "with its denom, as 10000000stake", 200),)

        def make(typed: dict[str, str]) -> Said:
            return chain_messages.deposit_message(proposal.id, typed["amount"], about=about)

        self._ask(f"deposit {proposal.id}", "Deposit", body, details, make, dangerous=False)

    def review(self, make: Callable[[], Said], *, dangerous: bool = False, emergency: bool = False) -> None:
        """Open the one screen on which things are signed."""
        review = ReviewScreen(self._session, make, dangerous=dangerous, emergency=emergency, prefix=self._prefix())
        self._app.push_screen(review)

    def _vote(self, proposal: Proposal) -> None:
        def chosen(support: bool | None) -> None:
            if support is not None:
                self.review(partial(governance.vote_call, proposal, support=support))

        self._app.push_screen(VoteScreen(proposal), chosen)

    def _replace(self, proposal: Proposal) -> None:
        body = stacked(
            Content.assemble("Other bytes for ", (proposal.name, STRONG), f" (proposal {proposal.id})"),
            "More than 2/3 of the power has to agree on the same hash and URL. Then everybody's readiness starts again;"
            " arming stays.",
            "",
        )
        details = (
            Detail("hash", "sha256", "64 hex digits of the new binary or manifest", 71),
            Detail("url", "URL", "http or https; every node downloads from here"),
        )

        def make(typed: dict[str, str]) -> RegistryCall:
            return governance.replace_call(proposal, typed["hash"], typed["url"])

        self._ask(f"replace {proposal.id}", "Replace the release", body, details, make)

    def _rollback(self, proposal: Proposal) -> None:
        body = stacked(
            Content.assemble("Roll ", (proposal.name, STRONG), f" (proposal {proposal.id}) back"),
            "More than 2/3 of the frozen power has to say so. It stores that the network went on with the old release,"
            " and lets the next upgrade be proposed.",
            Content.assemble(("! ", BAD), ("It moves no node: each goes back with `node abort` first.", WARN)),
            "",
        )

        def make(typed: dict[str, str]) -> RegistryCall:
            return governance.rollback_call(proposal, typed["text"])

        self._ask(f"rollback {proposal.id}", "Roll back", body, (_REASON,), make)

    def halt(self, proposal: Proposal) -> None:
        """Ask why the council stops an upgrade, then review the approval."""
        codes = [Content(f"  {code.value}  {code.words}") for code in HaltCode]
        body = stacked(
            Content.assemble("Approve that ", (proposal.name, STRONG), f" (proposal {proposal.id}) is cancelled"),
            "One approval of the emergency council. With enough of them it is cancelled for everybody, and the old"
            " release goes on. Each member has a reason of its own:",
            *codes,
            "",
        )
        details = (Detail("code", "Code", f"1 to {len(HaltCode)}, from above", 1), _REASON)

        def make(typed: dict[str, str]) -> RegistryCall:
            return governance.halt_call(proposal, _code(typed["code"]), typed["text"])

        self._ask(f"halt {proposal.id}", "Cancel the upgrade", body, details, make, emergency=True)

    def _ask(
        self,
        draft: str,
        title: str,
        body: Content,
        details: tuple[Detail, ...],
        make: Callable[[dict[str, str]], Said],
        *,
        dangerous: bool = True,
        emergency: bool = False,
    ) -> None:
        def answered(typed: dict[str, str] | None) -> None:
            if typed is not None:
                self.review(partial(make, typed), dangerous=dangerous, emergency=emergency)

        screen = DetailsScreen(title, body, details, make, self._drafts.setdefault(draft, {}))
        self._app.push_screen(screen, answered)

    def advertise(self, snapshot: Snapshot | None) -> None:
        """Ask which release this validator runs, with what its node answers filled in, then review it."""
        node = snapshot.node if snapshot is not None else None
        body = stacked(
            "Tells the network which release this validator runs: others see it in their readiness. It changes nothing"
            " else; the controller does it by itself after each crossing.",
            "",
        )
        details = (
            Detail("version", "Version", "as the release is called, at most 32 letters", 32),
            Detail("protocol", "Protocol", "its number, 0 where it has none", 19),
            Detail("hash", "sha256", "of the release; empty where it is not known", 71),
        )
        draft = self._drafts.setdefault("advertise", {"protocol": "0"})
        if node is not None and not draft.get("version"):
            draft.update({"version": str(node.version), "hash": node.exe_sha256})

        def make(typed: dict[str, str]) -> RegistryCall:
            return governance.advertise_call(typed["version"], _number(typed["protocol"]), typed["hash"])

        self._ask("advertise", "Advertise a release", body, details, make, dangerous=False)


def _code(typed: str) -> int:
    """Raises InputError when it is none of the codes."""
    if typed not in {str(code.value) for code in HaltCode}:
        raise InputError(f"the code must be a number from 1 to {len(HaltCode)}", safe="nothing was sent")
    return int(typed)


def _number(typed: str) -> int:
    """Raises InputError when it is no number."""
    if not typed.isascii() or not typed.isdigit():
        raise InputError("the protocol must be a whole number", safe="nothing was sent")
    return int(typed)
