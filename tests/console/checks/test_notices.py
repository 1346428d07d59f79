"""Announcements and test messages: who is told, what becomes of it, and that the text is all filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.checks.notices import announce, notifications_sent
from console.model import Outcome
from console.monitoring.rules import Severity
from console.notify.announcing import Occasion, announced_to, announcement
from console.notify.message import Message
from console.notify.outbox import News, Outbox
from console.notify.sending import NotSent
from console.notify_settings import NotifySettings, Service
from tests import fakes

pytestmark = pytest.mark.anyio

SETTINGS = NotifySettings(
    Path("/nowhere"),
    services=(
        Service("chat", networks=frozenset({"devnet"})),
        Service("pager", Severity.CRITICAL, networks=frozenset({"devnet"})),
        Service("halts", events=frozenset({"halted"}), networks=frozenset({"devnet"})),
        Service("others", networks=frozenset({"mainnet"})),
    ),
)


@dataclass
class Recorded:
    """Takes messages, or does not."""

    refusing: frozenset[str] = frozenset()
    came: list[tuple[str, Message]] = field(default_factory=list)

    async def send(self, settings: NotifySettings, service: str, message: Message) -> None:
        if service in self.refusing:
            raise NotSent("the service answered with status 503")
        self.came.append((service, message))


async def test_a_test_message_goes_to_every_service_of_the_network() -> None:
    sender = Recorded()
    found = await notifications_sent(SETTINGS, "devnet", fakes.NOW, sender=sender)
    assert found.outcome is Outcome.PASS
    assert sorted(name for name, _ in sender.came) == ["chat", "halts", "pager"]
    partly = await notifications_sent(SETTINGS, "devnet", fakes.NOW, sender=Recorded(frozenset({"pager"})))
    assert (partly.outcome, "pager" in partly.sentence) == (Outcome.WARN, True)
    none = await notifications_sent(SETTINGS, "mainnet", fakes.NOW, sender=Recorded(frozenset({"others"})))
    assert none.outcome is Outcome.FAIL
    # Whoever tells people by himself goes on with the list.
    alone = await notifications_sent(NotifySettings(), "devnet", fakes.NOW)
    assert (alone.outcome, "tell people yourself" in alone.go_on) == (Outcome.WARN, True)


async def test_a_message_that_waits_since_before_is_said(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "notify.db", lambda: fakes.NOW)
    outbox.take([News("k", "halted", Message(Severity.CRITICAL, "s", "b"), ("chat",))], begun=True)
    outbox.failed(outbox.due()[0], "the service answered with status 503")
    found = await notifications_sent(SETTINGS, "devnet", fakes.NOW, outbox, Recorded())
    assert (found.outcome, "1 messages of before" in found.sentence) == (Outcome.WARN, True)


def test_every_announcement_is_filled_in_and_says_what_it_is_about() -> None:
    planned = announcement(Occasion.PLANNED, fakes.go(), fakes.NOW, "Expect a minute without blocks.", "#validators")
    text = "\n".join(planned.lines)
    for word in (
        "v0.2.0",
        "1,300",
        "devnet-ab12cd",
        fakes.HASH,
        "Expect a minute",
        "#validators",
        "Expected: 2025-10-09",
    ):
        assert word in text
    assert "{" not in text
    done = announcement(Occasion.DONE, fakes.committed(), fakes.NOW)
    assert "is done" in done.message.body
    assert "Running: v0.2.0" in done.message.body
    assert announcement(Occasion.ABORTED, fakes.idle(), fakes.NOW).message.severity is Severity.WARNING


def test_foreign_words_in_an_announcement_address_nobody() -> None:
    text = announcement(Occasion.START, fakes.go(), fakes.NOW, "@everyone see [here](http://x) <b>").message.body
    assert "@" not in text
    assert "](" not in text


async def test_it_goes_to_those_that_want_its_weight_and_its_whole_text_is_kept() -> None:
    planned = announcement(Occasion.PLANNED, fakes.go(), fakes.NOW)
    assert announced_to(SETTINGS, "devnet", planned.message.severity) == ("chat",)
    sender = Recorded()
    found = await announce(SETTINGS, "devnet", planned, sender)
    assert (found.outcome, [name for name, _ in sender.came]) == (Outcome.PASS, ["chat"])
    assert {*planned.lines} <= {*found.evidence}
    refused = await announce(SETTINGS, "devnet", planned, Recorded(frozenset({"chat"})))
    assert (refused.outcome, "503" in refused.sentence) == (Outcome.FAIL, True)
    nobody = await announce(NotifySettings(), "devnet", planned)
    assert (nobody.outcome, planned.lines[0] in nobody.evidence) == (Outcome.SKIP, True)
