"""A draft in the propose form: what it is, what people still have to say, and its questions as rows. Pure."""

from __future__ import annotations

from textual.content import Content

from console.model import ChainView, ProposalDraft, Snapshot
from console.text import utc
from screens.propose_rows import Row
from widgets.drawn import MUTED, STRONG, WARN, stacked
from widgets.moments import count

MISSING = ("! missing: ", WARN)
"""Before what only people can fill in or settle."""


def asked(question: str) -> str:
    """Name of the row of a draft's question."""
    return f"settled-{question}"


def question_rows(draft: ProposalDraft | None) -> tuple[Row, ...]:
    """A row for each question of a draft."""
    questions = {} if draft is None else draft.questions
    return tuple(
        Row(asked(name), "To settle", words, start="no", switch="settled") for name, words in questions.items()
    )


def draft_words(draft: ProposalDraft) -> Content:
    """What a draft is, for the top of the form."""
    taken, height = (str(draft.takes_back), STRONG), f" (H {count(draft.taken_height)}) back"
    return stacked(
        Content.assemble("Filled in from a draft that takes ", taken, height, f". Before it ran: {draft.before}."),
        Content.styled(f"Prepared {utc(draft.written_at)}. Nothing of it is sent by itself.", MUTED),
        "",
    )


def chain_of(snapshot: Snapshot | None) -> ChainView | None:
    """The chain of a Snapshot; None while it is not known."""
    return None if snapshot is None else snapshot.chain
