"""The process that sees a service's URL, and sends one message: `python -m console.notify.sender`.

One JSON object on stdin, one on stdout. It reads the file of URLs itself, so that no other process ever holds one, and
says nothing of what is in it. Only services of a closed list are loaded, and none that does anything but ask a host.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import signal
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from console import strict_json
from console.private_file import Refused, read_private_file

MAX_URLS = 64 * 1024
"""Bytes of the file."""
MAX_REQUEST = 64 * 1024
_MAX_URL = 2048
_LONGEST_LIFE_S = 60
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")

SCHEMES = {
    "mailto": ("email", "NotifyEmail"),
    "mailtos": ("email", "NotifyEmail"),
    "slack": ("slack", "NotifySlack"),
    "discord": ("discord", "NotifyDiscord"),
    "tgram": ("telegram", "NotifyTelegram"),
    "pagerduty": ("pagerduty", "NotifyPagerDuty"),
    "opsgenie": ("opsgenie", "NotifyOpsgenie"),
    "json": ("custom_json", "NotifyJSON"),
    "jsons": ("custom_json", "NotifyJSON"),
    "workflows": ("workflows", "NotifyWorkflows"),
    "mmost": ("mattermost", "NotifyMattermost"),
    "mmosts": ("mattermost", "NotifyMattermost"),
    "ntfy": ("ntfy", "NotifyNtfy"),
    "ntfys": ("ntfy", "NotifyNtfy"),
    "gotify": ("gotify", "NotifyGotify"),
    "gotifys": ("gotify", "NotifyGotify"),
    "pover": ("pushover", "NotifyPushover"),
}
"""Module and class of apprise by a URL's scheme; whatever is not here is refused."""

_HOST_IS_NO_SECRET = {"mailto", "mailtos", "json", "jsons", "mmost", "mmosts", "gotify", "gotifys"}
_REFUSED = frozenset({"verify", "template", "format", "emojis", "pgp", "pgpkey", "redirect", "overflow"})
"""Parameters that would weaken TLS, read files, or have the text be more than text."""


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    url: str


def main() -> int:
    """Answer one request; 0 when there is an answer, whatever it says."""
    # A machine that is busy with an upgrade goes on with that first. Whoever started us may be gone.
    os.nice(10)
    signal.alarm(_LONGEST_LIFE_S)
    try:
        request = strict_json.loads(sys.stdin.buffer.read(MAX_REQUEST))
        if not isinstance(request, dict):
            raise Refused("the request is no object")
        answer = _answered(request)
    except (Refused, strict_json.NotStrictJson) as error:
        answer = {"problem": str(error)}
    except Exception as error:
        # Its words may hold the URL.
        answer = {"problem": f"the message could not be sent ({type(error).__name__})"}
    sys.stdout.write(json.dumps(answer))
    return 0


def _answered(request: dict[str, Any]) -> dict[str, object]:
    places = _read(str(request["urls"]))
    if request["action"] == "list":
        return {"services": {name: masked(place) for name, place in places.items()}}
    name = str(request["service"])
    if name not in places:
        raise Refused(f"the file of URLs has no line {name}=…")
    problem = _sent(places[name], str(request["severity"]), str(request["subject"]), str(request["body"]))
    return {"problem": problem} if problem else {}


def _read(path: str) -> dict[str, _Place]:
    content, shown = read_private_file(path, "file of URLs", MAX_URLS)
    if len(content) > MAX_URLS:
        raise Refused(f"the file of URLs {shown} is larger than {MAX_URLS} bytes")
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise Refused(f"the file of URLs {shown} is no UTF-8 text") from None
    found: dict[str, _Place] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        if not equals or not _NAME.fullmatch(name) or name in found:
            raise Refused(f"line {number} of the file of URLs {shown} is not NAME=URL with a name of its own")
        found[name] = _place(value, name)
    return found


def _place(url: str, name: str) -> _Place:
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES or len(url) > _MAX_URL or not url.isprintable():
        # What stands there may be a secret without a scheme.
        raise Refused(f"the URL of {name} is none of a known service: {', '.join(f'{each}://' for each in SCHEMES)}")
    return _Place(scheme, url)


def masked(place: _Place) -> str:
    """The URL without anything that could be secret."""
    if place.scheme in _HOST_IS_NO_SECRET:
        try:
            parts = urlsplit(place.url)
            host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        except ValueError:
            host, port = "", ""
        if host and host.isascii() and host.isprintable():
            return f"{place.scheme}://{host}{port}/…"
    return f"{place.scheme}://…"


def _sent(place: _Place, severity: str, subject: str, body: str) -> str:
    """Send; why it was not taken, or empty."""
    from apprise import Apprise, AppriseAsset
    from apprise.common import NotifyFormat, NotifyType

    heard = _Heard()
    for logger in (logging.getLogger("apprise"), logging.getLogger("urllib3")):
        # What it says holds hosts and answers: it goes nowhere but into one of our own words.
        logger.handlers, logger.propagate = [heard], False
    module, class_name = SCHEMES[place.scheme]
    plugin = getattr(importlib.import_module(f"apprise.plugins.{module}"), class_name)
    parsed = plugin.parse_url(place.url)
    if not parsed:
        raise Refused(f"the URL is not as {place.scheme}:// wants it")
    refused = sorted(_REFUSED & {str(key).lower() for key in parsed.get("qsd", {})})
    if refused:
        raise Refused(f"the URL has the parameter {refused[0]}, which is not taken")
    asset = AppriseAsset(app_id="upgrade-console", app_desc="upgrade-console", app_url="", http_redirects=False)
    try:
        service = plugin(**parsed, asset=asset)
    except (TypeError, ValueError):
        raise Refused(f"the URL is not as {place.scheme}:// wants it") from None
    outlet = Apprise(asset=asset)
    outlet.add(service)
    kinds = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}
    body = fitting(body, plugin.body_maxlen, len(subject))
    taken = outlet.notify(body=body, title=subject, notify_type=kinds[severity], body_format=NotifyFormat.TEXT)
    return "" if taken else heard.why


def fitting(body: str, most: int, subject: int) -> str:
    """The text with what a service has no room for left out: some refuse what is longer (PagerDuty: 1,024).

    Args:
        body: As it should be.
        most: Characters that the service takes.
        subject: Characters of the subject, which some put into the body.
    """
    # A fifth is left for what is escaped on the way.
    room = max(0, most * 4 // 5 - subject)
    return body if len(body) <= room else body[:room] + "…"


class _Heard(logging.Handler):
    """Listens for why a message was not taken, and keeps a number or a kind of it alone."""

    def __init__(self) -> None:
        super().__init__()
        self.why = "the service did not take the message"

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            return
        if found := re.search(r"error=(\d{3})\b", said):
            self.why = f"the service answered with status {found[1]}"
        elif "onnection" in said or "timed out" in said or "resolve" in said:
            self.why = "the service cannot be reached"


if __name__ == "__main__":
    sys.exit(main())
