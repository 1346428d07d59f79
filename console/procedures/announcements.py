"""Announcements as steps: the text is drafted and shown, a person lets it go, and exactly that is sent and recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from console.checks.notices import announce
from console.errors import NodeError
from console.files import write_durably
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed, warned
from console.monitoring.rules import Severity
from console.notify.announcing import Announcement, Occasion, announced_to, announcement
from console.notify.message import Message
from console.notify_settings import load_notify
from console.procedures.step import Parameter, Procedure, Step, StepContext

NOTE = Parameter("note", "a sentence of yours in the announcement, as what users will notice", "")
CONTACT = Parameter("contact", "where questions go, as #validators or a telephone number", "")


def steps_of(prefix: str, occasion: Occasion, box: str = "") -> tuple[Step, ...]:
    """The two steps of an announcement.

    Args:
        prefix: Of the ids, as `24h`.
        occasion: What is announced.
        box: The box of the operators' document that they stand for; empty for none.
    """

    async def draft(context: StepContext) -> Finding:
        return await _drafted(context, occasion)

    async def send(context: StepContext) -> Finding:
        return await _sent(context, occasion)

    async def done(context: StepContext) -> Finding:
        if to := context.remembered(f"announced-{occasion.value}"):
            return passed(f"the announcement was handed to {to}")
        if to := context.remembered(f"announcing-{occasion.value}"):
            return warned(
                f"the announcement was being handed to {to} when this run was left",
                go_on="look whether it arrived; `upgrade-console run announce` sends another",
            )
        return failed("the announcement has not gone out", go_on="send it")

    boxes = (box,) if box else ()
    return (
        Step(
            f"{prefix}.announcement",
            StepKind.CONFIRMATION,
            f"Read the announcement ({occasion.value})",
            "Fills the announcement in from chain and node as they are now, and shows it whole. Nothing is sent yet.",
            draft,
            ask="Is the text right, and may it go out?",
            boxes=boxes,
        ),
        Step(
            f"{prefix}.announce",
            StepKind.ACTION,
            f"Send the announcement ({occasion.value})",
            "Sends exactly the text that was read to the services of `[notify]` that are for this network, and keeps it"
            " in the record. Where there is none, the record holds the text for sending it by hand.",
            send,
            done,
            undo="a message that went out cannot be taken back; send a correction",
            boxes=boxes,
            deadline_s=90.0,
        ),
    )


async def _drafted(context: StepContext, occasion: Occasion) -> Finding:
    snapshot = await context.snapshot()
    text = announcement(
        occasion, snapshot, context.now(), context.arguments.get("note", ""), context.arguments.get("contact", "")
    )
    document = {"severity": text.message.severity.value, "subject": text.message.subject, "body": text.message.body}
    path = context.folder / f"announcement-{occasion.value}.json"
    await asyncio.to_thread(write_durably, path, json.dumps(document).encode(), 0o600)
    services = announced_to(load_notify(), context.network.name, text.message.severity)
    to = f"to {', '.join(services)}" if services else "no service is for this network: it is yours to send"
    return passed(f"the announcement is drafted; {to}", *text.lines)


async def _sent(context: StepContext, occasion: Occasion) -> Finding:
    text = await asyncio.to_thread(_read, context, occasion)
    settings = load_notify()
    services = announced_to(settings, context.network.name, text.message.severity)
    to = ", ".join(services) or "nobody"
    # Known before it goes out: a second message is worse here than one that a person has to send again.
    context.remember(f"announcing-{occasion.value}", to)
    finding = await announce(settings, context.network.name, text)
    if finding.outcome is not Outcome.FAIL:
        context.remember(f"announced-{occasion.value}", to)
    return finding


def _read(context: StepContext, occasion: Occasion) -> Announcement:
    path = context.folder / f"announcement-{occasion.value}.json"
    try:
        document = json.loads(path.read_bytes())
        message = Message(Severity(document["severity"]), str(document["subject"]), str(document["body"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NodeError(
            f"the draft {path} cannot be read", safe="nothing was sent", next_step="begin the announcement again"
        ) from error
    return Announcement(occasion, message)


def _accepted(value: str) -> str:
    try:
        return Occasion(value.strip()).value
    except ValueError:
        raise ValueError(", ".join(Occasion)) from None


def _steps(arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return steps_of("announce", Occasion(arguments.get("occasion", Occasion.PLANNED)))


ANNOUNCE = Procedure(
    "announce",
    "Announce a maintenance",
    "Tells the operator's own services that a maintenance is planned, begins, is done or was aborted. The text is"
    " filled in from chain and node, shown, and sent only as it was read. The lists before an upgrade do it as well.",
    _steps,
    (
        Parameter("occasion", "planned, start, done or aborted", Occasion.PLANNED.value, _accepted),
        NOTE,
        CONTACT,
    ),
)
