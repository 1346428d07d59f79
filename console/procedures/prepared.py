"""What a run prepared and only people start: the network's abort, and the draft of a proposal."""

from __future__ import annotations

from pathlib import Path

from console.errors import InputError
from console.files import write_durably
from console.model import ChainView, Progress, ProposalDraft
from console.operations.proposal_draft import draft_text, proposed_as, read_draft
from console.procedures.desk import Desk
from console.procedures.run_context import FILES
from console.procedures.run_journal import run_folder
from console.procedures.step import StepContext
from console.text import untrusted

DRAFT = "revert-proposal.json"
"""In the folder of a run's files."""
REMEMBERED = "proposal-draft"
"""Under this a run remembers that it wrote one."""
ABORT_REMEMBERED = "network-abort"
"""Under this a run remembers whether an abort of the network can be gone through on this machine."""


def keep(context: StepContext, draft: ProposalDraft) -> Path:
    """Write a draft into the run's folder, and have the run remember it; where it lies.

    Raises:
        InputError: It cannot be written.
        JournalError: It cannot be remembered.
    """
    path = context.folder / DRAFT
    try:
        write_durably(path, draft_text(draft).encode(), 0o600)
    except OSError as error:
        raise InputError(f"the draft cannot be written to {untrusted(path)}: {error.strerror or error}") from error
    context.remember(REMEMBERED, DRAFT)
    return path


def has_abort(progress: Progress) -> bool:
    """Whether a run prepared the network's abort."""
    return bool(progress.remembered.get(ABORT_REMEMBERED))


def has_draft(progress: Progress) -> bool:
    """Whether a run wrote a draft."""
    return bool(progress.remembered.get(REMEMBERED))


def draft_of(desk: Desk, progress: Progress) -> ProposalDraft:
    """The draft of a run.

    Raises:
        InputError: It has none, or the file cannot be used any more.
    """
    run = progress.run.id
    if not has_draft(progress):
        raise InputError(f"run {run} prepared no proposal", safe="nothing was sent")
    return read_draft(run_folder(desk.place.folder, run) / FILES / DRAFT, desk.place.network)


def newest_draft(desk: Desk, chain: ChainView | None) -> ProposalDraft | None:
    """The newest draft of all runs that nobody has proposed yet; None where there is none.

    Args:
        desk: With the runs.
        chain: With the proposals that there are; None while they are not known.

    Raises:
        InputError: The newest one cannot be used any more.
    """
    readings, _ = desk.runs()
    for reading in readings:
        if has_draft(reading.progress):
            draft = draft_of(desk, reading.progress)
            return None if proposed_as(draft, chain) else draft
    return None
