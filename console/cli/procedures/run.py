"""`run`: begins a procedure, goes on with it, shows it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from console.cli.printing import complain, print_json
from console.cli.procedures.person import CommandLine, Given
from console.cli.procedures.printing import listing, print_procedure, print_run, runs_document, timeline_text
from console.cli.sources import Target, load_target, observing, procedure_desk
from console.errors import InputError, SettingsError
from console.model import Outcome, Progress, RunState, coordination_of
from console.model.coordination import coordination_document
from console.procedures.desk import Desk
from console.procedures.run_record import write_record
from console.this_user import this_user

_WATCH_S = 0.5

EXIT_CODES = {RunState.DONE: 0, RunState.WAITING: 3}
"""Every other state is 1."""


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say.

    Returns:
        0 done, 1 failed or stopped, 2 usage, 3 waiting for a person.

    Raises:
        ConsoleError: It cannot be done.
    """
    try:
        return asyncio.run(_run(arguments))
    except (InputError, SettingsError) as error:
        complain(str(error))
        return 2


async def _run(arguments: argparse.Namespace) -> int:
    from console.chain.signing import PlainTerminal

    if arguments.timeline:
        return await _timeline(load_target(arguments), as_json=arguments.json)
    desk = procedure_desk(load_target(arguments), PlainTerminal())
    if arguments.list:
        print_json(runs_document(desk)) if arguments.json else print(listing(desk))
        return 0
    if arguments.show is not None:
        return _show(desk, arguments)
    if arguments.watch is not None:
        return await _watch(desk, arguments)
    who = arguments.by or this_user()
    answers = _answers(arguments.answer)
    person = CommandLine(who, answers, as_json=arguments.json)
    if arguments.give_up is not None:
        desk.give_up(arguments.give_up, arguments.reason, person.name)
        reading = desk.reading(arguments.give_up)
        print_run(reading, as_json=arguments.json)
        return 0
    reasons = _reasons(arguments.skip)
    if arguments.resume is not None:
        chosen = arguments.resume or _only_left(desk, arguments.procedure)
        return await _driven(
            person,
            lambda: desk.go_on(chosen, person, replan=arguments.replan, leave_out=reasons, answered=answers),
        )
    given = _given(desk, arguments.procedure, arguments.given)
    return await _driven(
        person,
        lambda: desk.start(
            arguments.procedure, given, person, dry=arguments.dry_run, leave_out=reasons, answered=answers
        ),
    )


async def _driven(person: CommandLine, drive: Callable[[], Awaitable[Progress]]) -> int:
    """Drive a run; a signal that ends this process, or a terminal that is gone, leaves it stopped."""
    task = asyncio.ensure_future(drive())
    person.lost = lambda why: _leave(task, why)
    loop = asyncio.get_running_loop()
    for name, why in (
        ("SIGHUP", "the terminal was lost"),
        ("SIGTERM", "it was told to end"),
        ("SIGINT", "it was interrupted"),
    ):
        number = getattr(signal, name)
        # Who runs it under nohup wants it to outlive the terminal.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, _leave, task, why)
    try:
        progress = await task
    except asyncio.CancelledError as left:
        complain(f"the run was left: {left}; go on with `upgrade-console run --resume`.")
        return 1
    run = progress.run
    if run.state is RunState.WAITING:
        complain(f"run {run.id} waits for a person: go on in a terminal (--resume {run.id}), or give --answer.")
    elif run.state is not RunState.DONE:
        node = f" --node {progress.node}" if progress.node else ""
        again = f"upgrade-console run --resume {run.id} --network {run.network}{node}"
        failed = next((step for step in progress.steps if step.id == progress.failed), None)
        skip = f", or without this step: `--skip {failed.id}=REASON`" if failed is not None and failed.optional else ""
        complain(f"run {run.id} stopped: {run.reason.rstrip('.')}; go on with `{again}`{skip}.")
    if run.dry and any(record.finding.outcome is Outcome.FAIL for record in run.records):
        return 1
    return EXIT_CODES.get(run.state, 1)


def _leave(task: asyncio.Future[Progress], why: str) -> None:
    task.cancel(why)


def _given(desk: Desk, procedure: str, rest: list[str]) -> dict[str, str]:
    """The procedure's own parameters. Raises SystemExit as argparse does."""
    definition = desk.procedure(procedure)
    parser = argparse.ArgumentParser(prog=f"upgrade-console run {procedure}", add_help=False, allow_abbrev=False)
    for parameter in definition.parameters:
        parser.add_argument(
            f"--{parameter.name}",
            metavar="VALUE",
            help=parameter.meaning,
            default=argparse.SUPPRESS,
            dest=parameter.name,
        )
    return dict(vars(parser.parse_args(rest)))


def _only_left(desk: Desk, procedure: str | None) -> str:
    left = desk.unfinished(procedure or "")
    if len(left) == 1:
        return left[0].run.id
    if not left:
        raise InputError("no run was left that could be gone on with", safe="nothing was done")
    raise InputError(
        f"{len(left)} runs were left: {', '.join(each.run.id for each in left[:5])}",
        safe="nothing was done",
        next_step="say which: --resume RUN",
    )


def _answers(texts: list[str]) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for text in texts:
        step, equals, said = text.partition("=")
        word, _, rest = said.partition(":")
        by, _, reason = rest.partition(":")
        if not equals or not step or not word:
            raise InputError(f"--answer {text!r} must be STEP=yes, STEP=yes:NAME or STEP=no:NAME:REASON")
        found[step] = Given(word, by, reason)
    return found


def _reasons(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        step, equals, reason = text.partition("=")
        if not equals or not step or not reason.strip():
            raise InputError(f"--skip {text!r} must be STEP=REASON")
        found[step] = reason
    return found


def _show(desk: Desk, arguments: argparse.Namespace) -> int:
    if arguments.show in {each.name for each in desk.procedures}:
        if arguments.export is not None:
            raise InputError(
                f"{arguments.show} is a procedure: the record of a run is exported", safe="nothing was written"
            )
        print_procedure(desk.procedure(arguments.show), as_json=arguments.json)
        return 0
    reading = desk.reading(arguments.show)
    if arguments.export is not None:
        write_record(arguments.export, reading)
    print_run(reading, as_json=arguments.json)
    if reading.problem:
        complain(reading.problem)
    return 1 if reading.problem else 0


async def _timeline(target: Target, *, as_json: bool) -> int:
    """Print what is due; 1 when neither chain nor controller tells anything."""
    async with observing(target) as (_, observer):
        snapshot = await observer.snapshot()
    told = coordination_of(snapshot, time.time())
    print_json(coordination_document(told)) if as_json else print(timeline_text(told))
    return 1 if snapshot.chain is None else 0


async def _watch(desk: Desk, arguments: argparse.Namespace) -> int:
    """Follow a run until nobody drives it any more."""
    from console.cli.procedures.printing import Follower

    follower = Follower(as_json=arguments.json)
    while True:
        reading = await asyncio.to_thread(desk.reading, arguments.watch)
        follower.show(reading)
        if not reading.held:
            return EXIT_CODES.get(reading.progress.run.state, 1)
        await asyncio.sleep(_WATCH_S)
