"""`propose --draft`: what a draft says stands in for what is not said; what it lacks is refused in words."""

from __future__ import annotations

import argparse

from console.cli.propose_arguments import incomplete_without_draft
from console.errors import InputError
from console.model import ChainView, ProposalDraft
from console.operations.proposal_draft import option_of, proposed_as, read_draft
from console.operations.propose import MANIFEST_KIND
from console.settings import NetworkSettings
from console.text import utc

_SAFE = "nothing was sent"


def fill_in(arguments: argparse.Namespace, network: NetworkSettings) -> ProposalDraft | None:
    """Take from the draft that the arguments name what they do not say; None where they name none.

    Raises:
        InputError: It cannot be read, is for another chain, or lacks something that only people can say.
    """
    if arguments.draft is None:
        return None
    draft = read_draft(arguments.draft, network)
    for name in arguments.settled:
        if name not in draft.questions:
            raise InputError(
                f"the draft has no question {name!r} (its questions: {', '.join(draft.questions) or 'none'})",
                safe=_SAFE,
            )
    said = _fill_in_cosmos(arguments, draft) if draft.kind == "cosmos" else _fill_in_ipc(arguments, draft)
    open_questions = {name: words for name, words in draft.questions.items() if name not in arguments.settled}
    if missing := {**draft.unfilled(said), **open_questions}:
        raise InputError(
            f"the draft waits for people: {'; '.join(missing.values())}",
            safe=_SAFE,
            next_step=f"say {' '.join(option_of(draft, name) for name in missing)}, each once it is so",
        )
    if problem := incomplete_without_draft(arguments):
        raise InputError(problem, safe=_SAFE)
    return draft


def _fill_in_ipc(arguments: argparse.Namespace, draft: ProposalDraft) -> dict[str, str]:
    fields = draft.fields
    own_binary = arguments.binary_url is not None or arguments.binary_hash is not None
    by_manifest = arguments.manifest is not None or (fields.get("kind") == MANIFEST_KIND and not own_binary)
    if by_manifest:
        # Name, hash and rules are the manifest's.
        arguments.manifest_url = arguments.manifest_url or fields.get("url") or None
    else:
        arguments.name = arguments.name or fields.get("name") or None
        arguments.binary_url = arguments.binary_url or fields.get("url") or None
        arguments.binary_hash = arguments.binary_hash or fields.get("hash") or None
        arguments.not_breaking = arguments.not_breaking or fields.get("breaking") == "no"
    timed = _fill_in_height(arguments, draft, arguments.after_vote, arguments.when_ready, arguments.window)
    manifest = "" if arguments.manifest is None else str(arguments.manifest)
    return {
        "name": arguments.name or "",
        "height": timed,
        "url": (arguments.manifest_url if by_manifest else arguments.binary_url) or "",
        "hash": manifest if by_manifest else arguments.binary_hash or "",
        # A binary in its place needs none.
        "manifest": manifest if by_manifest else "none",
    }


def _fill_in_cosmos(arguments: argparse.Namespace, draft: ProposalDraft) -> dict[str, str]:
    fields = draft.fields
    binaries = (arguments.info, arguments.manifest, arguments.binary_url)
    if all(each is None for each in binaries):
        arguments.info = fields.get("info") or None
    if arguments.manifest is None:
        arguments.name = arguments.name or fields.get("name") or None
    for name in ("title", "summary", "deposit"):
        setattr(arguments, name, getattr(arguments, name) or fields.get(name) or None)
    said = {name: getattr(arguments, name) or "" for name in ("name", "title", "summary", "deposit", "info")}
    return {**said, "height": _fill_in_height(arguments, draft, arguments.window)}


def _fill_in_height(arguments: argparse.Namespace, draft: ProposalDraft, *others: str | None) -> str:
    """Take the draft's height where the arguments say in no way when; what is said of when."""
    if arguments.height is None and all(each is None for each in others):
        typed = draft.fields.get("height", "")
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) <= 19):
            raise InputError("the draft's height is no number", safe=_SAFE, next_step="give one with --height H")
        arguments.height = int(typed) if typed else None
        return typed
    return "said"


def still_to_propose(draft: ProposalDraft, chain: ChainView | None, name: str | None) -> None:
    """Refuse a draft that somebody has proposed already. Raises InputError.

    Args:
        draft: The draft.
        chain: With the proposals that there are.
        name: Under which it would be proposed.
    """
    number = proposed_as(draft, chain)
    if number and name == draft.fields.get("name"):
        raise InputError(
            f"proposal {number} has the name {name} already",
            safe=_SAFE,
            next_step="look at that one and vote on it, or propose under another --name",
        )


def of_draft(error: InputError, draft: ProposalDraft | None, height: int | None) -> InputError:
    """The refusal of a height that stood in the draft, with what to do about it; any other as it is."""
    if draft is None or not error.what.startswith("height ") or str(height) != draft.fields.get("height"):
        return error
    return InputError(
        error.what, safe=_SAFE, next_step=f"the draft is of {utc(draft.written_at)}: give another with --height H"
    )
