"""The announcement of an emergency hotfix: filled in from the template, read by a person, sent once."""

from __future__ import annotations

import asyncio
import hashlib

from console.checks.notices import announce
from console.errors import NodeError
from console.files import write_durably
from console.model import Finding, Outcome
from console.model.hotfix import RESPONSES, Severity
from console.model.procedure import failed, passed, warned
from console.monitoring.rules import Severity as Weight
from console.node.shape import shape_of
from console.notify.announcing import Announcement, Occasion
from console.notify.message import MAX_BODY, MAX_SUBJECT, Message, cut
from console.notify_settings import load_notify
from console.operations.filled_template import bullets, fill, one_line, template_text
from console.procedures.here import node_of
from console.procedures.moments import moment_of, shown_moment
from console.procedures.step import StepContext

ANNOUNCEMENT = "announcement.txt"


async def fill_in(context: StepContext) -> Finding:
    """Fill the emergency template in; nothing is sent."""
    given = context.arguments
    node = node_of(context)
    severity = Severity(given["severity"])
    within = RESPONSES[severity].within_s or 2 * 3600.0
    identified = moment_of(given["identified"])
    values = {
        "urgency": "URGENT" if severity is not Severity.MEDIUM else "ACTION",
        "project": given["project"] or context.network.name,
        "severity": severity.value.upper(),
        "by_when": "immediately" if severity is Severity.CRITICAL else f"by {shown_moment(identified + within)}",
        "fixed": given["version"],
        "affected": given["affected"],
        "issue": given["issue"],
        "impact": given["impact"],
        "url": given["url"],
        "checksum": given["checksum"],
        "source": given["source"],
        "source_2": given["source-2"],
        "program": " ".join((node.daemon, *shape_of(node).version_command())),
        "stop": given["stop"] or f"upgrade-console node stop --network {context.network.name}",
        "start": given["start"] or f"upgrade-console node start --network {context.network.name}",
        "identified": given["identified"],
        "developed": given["developed"] or "before this announcement",
        "sent": shown_moment(context.now()),
        "majority": shown_moment(context.now() + within),
    }
    lines = {name: one_line(value) for name, value in values.items()} | {"support": bullets(given["support"])}
    text = fill(template_text("hotfix"), lines)
    path = context.folder / ANNOUNCEMENT
    try:
        await asyncio.to_thread(write_durably, path, text.encode())
    except OSError as error:
        return failed(f"cannot write {path}: {error.strerror}", go_on="free disk space, and go on")
    return passed(f"the announcement is in {path}", f"sha256 {hashlib.sha256(text.encode()).hexdigest()}")


async def drafted(context: StepContext) -> str:
    """The announcement as it was filled in. Raises NodeError."""
    path = context.folder / ANNOUNCEMENT
    try:
        return await asyncio.to_thread(path.read_text, "utf-8")
    except (OSError, ValueError) as error:
        raise NodeError(
            f"{path} cannot be read: {error}", safe="nothing was sent", next_step="fill the announcement in again"
        ) from error


async def filled_in(context: StepContext) -> Finding:
    """Whether it is filled in."""
    text = await drafted(context)
    return passed(f"the announcement is in {context.folder / ANNOUNCEMENT}", f"{len(text)} characters")


async def show(context: StepContext) -> Finding:
    """The whole text, for whoever lets it go."""
    text = await drafted(context)
    how = RESPONSES[Severity(context.arguments["severity"])].coordination
    return passed(f"to be sent by {how}", *(line for line in text.splitlines() if line.strip()))


async def send(context: StepContext) -> Finding:
    """Send exactly that text, once."""
    text = await drafted(context)
    subject, _, body = text.partition("\n")
    weight = Weight.WARNING if context.arguments["severity"] == Severity.MEDIUM else Weight.CRITICAL
    message = Message(weight, subject.removeprefix("Subject: ")[:MAX_SUBJECT], cut(body.strip(), MAX_BODY))
    # Known before it goes out: a second message is worse than one that a person has to send again.
    context.remember("announcing", shown_moment(context.now()))
    finding = await announce(load_notify(), context.network.name, Announcement(Occasion.START, message))
    if finding.outcome is not Outcome.FAIL:
        context.remember("announced", shown_moment(context.now()))
    return finding


async def sent(context: StepContext) -> Finding:
    """Whether it went out."""
    if at := context.remembered("announced"):
        return passed(f"the announcement went out at {at}")
    if at := context.remembered("announcing"):
        return warned(
            f"the announcement was going out at {at}, when this run was left",
            go_on="look whether it arrived, and send the text yourself where it did not",
        )
    return failed("the announcement has not gone out", go_on="send it")
