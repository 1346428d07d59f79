"""Whether the people to be told are told: messages that went out, and one sent now as a test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from console.errors import JournalError
from console.model import Finding
from console.model.procedure import failed, passed, skipped, warned
from console.notify.announcing import Announcement, announced_to
from console.notify.outbox import GIVEN_UP, WAITING, Letter, Outbox
from console.notify.telling import MessageSender, tell, trial_message
from console.notify_settings import NotifySettings
from console.text import utc

_NOBODY = "nobody is told of this network: no service in [notify] is for it"
_HOW = "add a [notify.services.NAME] table with this network (docs/notifications.md)"


async def notifications_sent(
    settings: NotifySettings,
    network: str,
    now: float,
    outbox: Outbox | None = None,
    sender: MessageSender | None = None,
) -> Finding:
    """Send a test message to every service of the network, and look at what went out of late.

    Args:
        settings: Who is told.
        network: The network's name.
        now: Unix seconds.
        outbox: The controller's; None where there is none to look at.
        sender: How messages go out.
    """
    services = [service.name for service in settings.services if service.serves(network)]
    if not services:
        return warned(_NOBODY, go_on=f"tell people yourself, or {_HOW}, and go on")
    outcomes = await tell(settings, services, trial_message(network, now), sender)
    letters = await asyncio.to_thread(_letters, outbox)
    return _judged(outcomes, letters, f"a test message at {utc(now)}")


def _letters(outbox: Outbox | None) -> Sequence[Letter] | str:
    if outbox is None:
        return ()
    try:
        return outbox.newest(20)
    except JournalError as error:
        return error.what


def _judged(outcomes: dict[str, str], letters: Sequence[Letter] | str, what: str) -> Finding:
    evidence = [f"{name}: {problem or 'taken'}" for name, problem in outcomes.items()]
    refused = [name for name, problem in outcomes.items() if problem]
    stuck: list[Letter] = []
    if isinstance(letters, str):
        evidence.append(f"what was told before cannot be read: {letters}")
    else:
        stuck = [each for each in letters if each.state in {WAITING, GIVEN_UP} and each.tries]
        evidence += [f"{each.state}: {each.service}: {each.message.subject}: {each.problem}" for each in stuck[:5]]
    taken = len(outcomes) - len(refused)
    if not taken:
        return failed(f"{what} was taken by nobody", *evidence, go_on="`upgrade-console notify test` says why")
    if refused:
        return warned(
            f"{what} was not taken by {', '.join(refused)}", *evidence, go_on="mend it: `upgrade-console notify list`"
        )
    if stuck:
        return warned(
            f"{what} was taken by all, but {len(stuck)} messages of before were not",
            *evidence,
            go_on="`upgrade-console notify list` shows them",
        )
    return passed(f"{what} was taken by {', '.join(outcomes)}", *evidence)


async def announce(
    settings: NotifySettings, network: str, announcement: Announcement, sender: MessageSender | None = None
) -> Finding:
    """Send an announcement to the operator's services; its whole text is the evidence.

    Args:
        settings: Who is told.
        network: The network's name.
        announcement: What.
        sender: How messages go out.
    """
    services = announced_to(settings, network, announcement.message.severity)
    if not services:
        return skipped(f"{_NOBODY}; tell people yourself with this text", *announcement.lines)
    outcomes = await tell(settings, services, announcement.message, sender)
    lines = [f"{name}: {problem or 'taken'}" for name, problem in outcomes.items()]
    refused = [name for name, problem in outcomes.items() if problem]
    if len(refused) == len(outcomes):
        return failed(
            f"the announcement was taken by nobody: {outcomes[refused[0]]}",
            *lines,
            *announcement.lines,
            go_on="mend the service, or send the text yourself",
        )
    if refused:
        return warned(
            f"the announcement was not taken by {', '.join(refused)}",
            *lines,
            *announcement.lines,
            go_on="send the text there yourself",
        )
    return passed(f"announced to {', '.join(outcomes)}", *lines, *announcement.lines)
