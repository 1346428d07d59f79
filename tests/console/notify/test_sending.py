"""The sending process against real servers on this machine, and what it says when they fail."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path

import pytest

from console.monitoring.rules import Severity
from console.notify.message import MAX_BODY, MAX_SUBJECT, Message
from console.notify.sender import SCHEMES, fitting
from console.notify.sending import NotSent, Sender
from console.notify_settings import NotifySettings
from tests.console.notify.receivers import mailbox, silent_server, urls_file, webhook

pytestmark = pytest.mark.anyio

MESSAGE = Message(Severity.CRITICAL, "devnet, halted: node1 stopped", "node1 stopped.\nWhat to do: *nothing* & wait")
SECRET = "s3cretT0ken"


async def refused(settings: NotifySettings, service: str = "hook", deadline_s: float = 30.0) -> str:
    with pytest.raises(NotSent) as raised:
        await Sender(deadline_s).send(settings, service, MESSAGE)
    assert SECRET not in str(raised.value)
    return raised.value.what


async def test_a_webhook_gets_it_whole_and_no_proxy_of_the_environment_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with webhook() as hook:
        urls = urls_file(tmp_path, f"hook = 'json://{SECRET}@127.0.0.1:{hook.port}/x'")
        await Sender().send(NotifySettings(urls), "hook", MESSAGE)
        assert [(each["title"], each["message"], each["type"]) for each in hook.came] == [
            (MESSAGE.subject, MESSAGE.body, "failure")
        ]
        hook.status = 500
        assert await refused(NotifySettings(urls)) == "the service answered with status 500"
        hook.status = 307
        assert await refused(NotifySettings(urls)) == "the service answered with status 307"
        assert len(hook.came) == 3, "nobody was sent elsewhere"


async def test_mail_gets_there(tmp_path: Path) -> None:
    async with mailbox() as (port, came):
        urls = urls_file(tmp_path, f"mail=mailto://127.0.0.1:{port}/?from=console@example.org&to=ops@example.org")
        await Sender().send(NotifySettings(urls), "mail", MESSAGE)
    (mail,) = came
    assert mail["Subject"] == MESSAGE.subject
    assert "ops@example.org" in mail["To"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == MESSAGE.body.split()


async def test_a_service_that_is_not_there_hangs_or_has_no_name(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    urls = urls_file(tmp_path, f"hook=json://127.0.0.1:{port}/{SECRET}", f"lost=json://{SECRET}.invalid/x")
    assert await refused(NotifySettings(urls)) == "the service cannot be reached"
    assert await refused(NotifySettings(urls), "lost") == "the service cannot be reached"
    async with silent_server() as port:
        urls = urls_file(tmp_path, f"hook=json://127.0.0.1:{port}/{SECRET}?rto=60&cto=60")
        assert await refused(NotifySettings(urls), deadline_s=2.5) == "the service took longer than 2.5 s"


async def test_what_is_not_taken_from_the_file(tmp_path: Path) -> None:
    async def told(*lines: str, mode: int = 0o600) -> str:
        path = urls_file(tmp_path, *lines)
        path.chmod(mode)
        return await refused(NotifySettings(path))

    assert "run `chmod 600` on it" in await told(f"hook=json://h/{SECRET}", mode=0o640)
    for url in (f"syslog://{SECRET}", f"dbus://{SECRET}", f"file:///{SECRET}", SECRET):
        assert (await told(f"hook={url}")).startswith("the URL of hook is none of a known service: mailto://")
    assert await told(f"hook=json://h/{SECRET}?verify=no") == "the URL has the parameter verify, which is not taken"
    assert await told(f"other=json://h/{SECRET}") == "the file of URLs has no line hook=…"
    assert (await told(f"json://h/{SECRET}")).startswith("line 2 of the file of URLs")
    assert "is not as slack:// wants it" in await told(f"hook=slack://{SECRET}")
    missing = NotifySettings(tmp_path / "none")
    assert (await refused(missing)).startswith("there is no file of URLs")


async def test_what_is_shown_of_a_url(tmp_path: Path) -> None:
    urls = urls_file(
        tmp_path,
        f"hook=jsons://user:{SECRET}@hooks.example:8443/{SECRET}?x={SECRET}",
        f"chat=tgram://123456789:{SECRET}/-100",
        f"mail=mailtos://ops:{SECRET}@example.org",
    )
    assert await Sender().masked(NotifySettings(urls)) == {
        "hook": "jsons://hooks.example:8443/…",
        "chat": "tgram://…",
        "mail": "mailtos://example.org/…",
    }


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_every_service_of_the_list_is_there_and_takes_the_url_that_the_page_shows() -> None:
    from apprise import Apprise

    shown = {
        "mailto": "mailto://mail.example/?to=ops@example.org&from=a@example.org",
        "mailtos": "mailtos://USER:PASSWORD@mail.example?to=ops@example.org",
        "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#upgrades",
        "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram": "tgram://123456789:abcdefg_hijklmnop/-10012345",
        "pagerduty": "pagerduty://INTEGRATIONKEY@APIKEY",
        "opsgenie": "opsgenie://a7f3b1c2-0d4e-4f5a-8b6c-7d8e9f0a1b2c",
        "json": "json://hooks.example/upgrade",
        "jsons": "jsons://hooks.example/upgrade",
        "workflows": "workflows://prod.example:443/643e69f83c8944/z-9rXJwlTvX",
        "mmost": "mmost://chat.example/3ccdd113474722377935511fc85d3dd4",
        "mmosts": "mmosts://chat.example/3ccdd113474722377935511fc85d3dd4",
        "ntfy": "ntfy://ntfy.example/upgrades",
        "ntfys": "ntfys://ntfy.example/upgrades",
        "gotify": "gotify://gotify.example/AbCdEfGh1234567",
        "gotifys": "gotifys://gotify.example/AbCdEfGh1234567",
        "pover": "pover://" + "u" * 30 + "@" + "a" * 30,
    }
    assert set(shown) == set(SCHEMES)
    for scheme, url in shown.items():
        module, name = SCHEMES[scheme]
        plugin = getattr(importlib.import_module(f"apprise.plugins.{module}"), name)
        outlet = Apprise()
        assert outlet.add(plugin(**plugin.parse_url(url))), scheme
        fitted = fitting("b" * MAX_BODY, plugin.body_maxlen, MAX_SUBJECT)
        assert 600 < len(fitted) <= plugin.body_maxlen - MAX_SUBJECT, scheme
    assert fitting("short", 1000, MAX_SUBJECT) == "short"
