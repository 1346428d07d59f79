"""`propose`: an upgrade proposed from the command line, by the same checks as the console's form."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path

from console.cli.calling import calling, review_lines
from console.cli.printing import complain, print_json
from console.cli.propose_arguments import is_for_cosmos
from console.cli.propose_draft import fill_in, of_draft, still_to_propose
from console.cli.sources import Target, explained, observing
from console.errors import EndpointDown, InputError
from console.model import CallOutcome, CallReview, ProposalDraft, RegistryRules, ScheduleKind, Snapshot
from console.operations.governance import propose_call
from console.operations.propose import fields_of, notice_warning, request_of
from console.operations.propose_request import ProposeRequest
from console.settings import NetworkSettings, load_network
from console.text import duration


@dataclass(frozen=True, slots=True)
class _Proposed:
    """What was checked, and what came of it."""

    request: ProposeRequest
    snapshot: Snapshot
    review: CallReview
    outcome: CallOutcome | None
    path: Path | None
    warnings: tuple[str, ...]


def run(arguments: argparse.Namespace) -> int:
    """Check and send a proposal; print its id.

    Raises:
        ConsoleError: A field is not acceptable, or the chain does not answer or refuses.
    """
    network = load_network(arguments.network, arguments.dir)
    if network.kind == "cosmos":
        from console.cli import propose_on_cosmos

        return propose_on_cosmos.run(arguments)
    draft = fill_in(arguments, network)
    if is_for_cosmos(arguments):
        raise InputError(f"{network.name} is an IPC network: its proposals have no deposit", safe="nothing was sent")
    if arguments.contracts is not None:
        from console.cli.contracts.linking import linked_file

        arguments.calls = asyncio.run(linked_file(arguments, network))
    chosen = None
    if arguments.window is not None and arguments.when_ready is None:
        from console.cli.propose_window import height_of

        chosen = asyncio.run(height_of(arguments.window, network))
        arguments.height, arguments.window = chosen.guess.height, None
    fields = _fields(arguments, network)
    _check_without_chain(fields)
    try:
        made = asyncio.run(_propose(arguments, network, fields, draft))
    except InputError as error:
        raise of_draft(error, draft, arguments.height) from error
    for warning in made.warnings:
        complain(warning)
    if arguments.json:
        print_json(_document(made) | ({} if chosen is None else {"window": chosen.document}))
    else:
        print("\n".join([*(chosen.lines if chosen is not None else ()), *_lines(made)]))
    return 0


def _check_without_chain(fields: dict[str, str]) -> None:
    """What is wrong in itself needs no chain; a span of time waits for its block time."""
    spans = ("voting", "delay", "deadline", "window", "grace")
    # Anything that does not contradict itself.
    stand_ins = {"voting": "1", "delay": "1000", "deadline": "99999999"}
    known = {
        name: value if value.strip().isdigit() or name not in spans else stand_ins.get(name, "1")
        for name, value in fields.items()
    }
    if known.get("what", "release") != "release":
        known.setdefault("voting", "1")
    request_of(known, None, short_notice=True)


def _fields(arguments: argparse.Namespace, network: NetworkSettings) -> dict[str, str]:
    alone = arguments.calls is not None and arguments.manifest is None and arguments.binary_url is None
    fields: dict[str, str]
    if alone:
        fields = {"name": arguments.name, "what": "contracts"}
    elif arguments.manifest is None:
        fields = fields_of(
            arguments.name,
            arguments.height,
            arguments.binary_url,
            arguments.binary_hash,
            breaking=not arguments.not_breaking,
        )
    else:
        from console.operations.release_propose import manifest_fields

        fields = manifest_fields(network, arguments.manifest, arguments.manifest_url, arguments.height)
    if arguments.calls is not None and not alone:
        fields["what"] = "both"
    if arguments.after_vote is not None:
        fields |= {"schedule": "vote", "delay": arguments.after_vote}
    if arguments.when_ready is not None:
        fields |= {
            "schedule": "readiness",
            "threshold": arguments.when_ready,
            "deadline": arguments.deadline,
            "delay": arguments.window,
        }
    typed = {
        "voting": arguments.voting_period,
        "window": arguments.execution_window,
        "grace": arguments.grace,
        "migration": arguments.migration_kind,
        "migration_hash": arguments.migration_hash,
        "calls": None if arguments.calls is None else str(arguments.calls),
        "undo": None if arguments.undo is None else str(arguments.undo),
        "order": "first" if arguments.contracts_first else None,
        "init": "yes" if arguments.allow_init else None,
        "expedited": "yes" if arguments.expedited else None,
    }
    return fields | {name: value for name, value in typed.items() if value is not None}


async def _propose(
    arguments: argparse.Namespace, network: NetworkSettings, fields: dict[str, str], draft: ProposalDraft | None
) -> _Proposed:
    from console.operations.parent_watch import held_against_parent
    from console.operations.registry_call import export_call, sender_of

    target = Target(network, None)
    async with observing(target) as (chain, observer), calling(target, arguments.key) as (reader, calls):
        try:
            await chain.check()
        except EndpointDown as error:
            raise explained(error, network, None) from error
        snapshot, unheld = await held_against_parent(network, observer.snapshot)
        if snapshot.chain is None:
            raise explained(EndpointDown(snapshot.chain_problem), network, None)
        if draft is not None:
            still_to_propose(draft, snapshot.chain, fields.get("name"))
        rules: RegistryRules = await reader.rules()
        request = request_of(fields, snapshot, rules, evm_chain_id=network.evm_chain_id, short_notice=True)
        unsigned = arguments.export is not None or arguments.dry_run
        sender = sender_of(arguments.sender, network, unsigned=unsigned)
        review = await calls.review(propose_call(request), sender=sender)
        path = None if arguments.export is None else export_call(review, network, arguments.export)
        outcome = None if unsigned else await calls.send(review)
        warnings = (notice_warning(request, snapshot, rules), unheld, *review.warnings)
        return _Proposed(request, snapshot, review, outcome, path, tuple(each for each in warnings if each))


def _document(made: _Proposed) -> dict[str, object]:
    request, block_time = made.request, _block_time(made.snapshot)
    voting = request.terms.voting_blocks
    return {
        "id": None if made.outcome is None else made.outcome.proposal_id,
        "height": request.height or None,
        "schedule": request.terms.schedule_kind.name.lower(),
        "delay": request.terms.delay,
        "readiness_bps": request.terms.readiness_bps,
        "readiness_deadline": request.terms.readiness_deadline or None,
        "voting_blocks": voting,
        "voting_s": None if block_time is None else round(voting * block_time, 3),
        "expedited": request.terms.expedited,
        "linked_calls": len(request.calls),
        "transaction": None if made.outcome is None else made.outcome.transaction,
        "exported": None if made.path is None else str(made.path),
        "data": made.review.data,
        "warnings": list(made.warnings),
    }


def _lines(made: _Proposed) -> list[str]:
    if made.outcome is None:
        where = "Nothing was sent." if made.path is None else f"Written, unsigned, to {made.path}. Nothing was sent."
        return [*review_lines(made.review), *_vote_lines(made), where]
    return [_sentence(made.outcome.proposal_id, made.request, made.snapshot), *_vote_lines(made)]


def _vote_lines(made: _Proposed) -> list[str]:
    blocks, block_time = made.request.terms.voting_blocks, _block_time(made.snapshot)
    if not blocks:
        return []
    kind = "An EXPEDITED vote" if made.request.terms.expedited else "The vote"
    time = "" if block_time is None else f", about {duration(blocks * block_time)} at {block_time:.2f} s a block"
    return [f"{kind} is open for {blocks} blocks{time}."]


def _sentence(number: int, request: ProposeRequest, snapshot: Snapshot) -> str:
    block_time = _block_time(snapshot)

    def span(blocks: int) -> str:
        return f"{blocks} blocks" + ("" if block_time is None else f" (about {duration(blocks * block_time)})")

    terms = request.terms
    head = f"Proposed upgrade #{number} {request.name}"
    if terms.schedule_kind is ScheduleKind.READINESS:
        left = terms.readiness_deadline - (snapshot.height or 0)
        share = f"{terms.readiness_bps / 100:g} %"
        return f"{head}: {span(terms.delay)} after {share} of the power is ready, which it has {span(left)} for."
    if terms.schedule_kind is ScheduleKind.AFTER_VOTE:
        return f"{head}: {span(terms.delay)} after the vote is won."
    if not request.height:
        return f"{head}: {len(request.calls)} contract calls, made once the vote is won; no node stops."
    ahead = request.height - (snapshot.height or 0)
    eta = "" if block_time is None else f", in about {duration(ahead * block_time)}"
    return f"{head} (target height: {request.height}): {ahead} blocks ahead{eta}."


def _block_time(snapshot: Snapshot) -> float | None:
    return None if snapshot.chain is None else snapshot.chain.block_time_s
