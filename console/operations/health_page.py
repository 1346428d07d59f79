"""The health of a daemon as it tells it over HTTPS: one question, and what was checked of whoever answered."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from console.errors import NodeError, SettingsError
from console.node.redaction import redacted
from console.provider_settings import ProviderSettings
from console.text import UntrustedText, untrusted

_DEADLINE_S = 10.0
_MOST = 64 * 1024
"""Bytes of an answer that are read."""
_GOOD = 200


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """What a daemon said of its health."""

    good: bool
    """Whether it answered with status 200."""
    status: int
    body: UntrustedText
    """The first of it, without secrets."""
    how: str
    """Who was asked and how its certificate was checked."""
    seconds: float


async def ask_health(settings: ProviderSettings, *, deadline_s: float = _DEADLINE_S) -> HealthAnswer:
    """Ask once.

    Raises:
        SettingsError: No URL is set, or the file of certificates is none.
        NodeError: Nobody answers, or whoever does has another certificate.
    """
    # Imported here: only who asks needs it.
    import httpx

    url = settings.health_url
    if not url:
        raise SettingsError("no health_url is set for the provider", next_step="set it in [networks.NAME.provider]")
    verify, how = _trust(settings)
    began = time.monotonic()
    try:
        async with (
            httpx.AsyncClient(verify=verify, trust_env=False, timeout=deadline_s) as client,
            client.stream("GET", url) as answer,
        ):
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) >= _MOST or time.monotonic() - began > deadline_s:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise NodeError(f"{untrusted(url)} does not answer: {untrusted(error) or type(error).__name__}") from error
    said = untrusted(redacted(body[:_MOST].decode("utf-8", "replace")).strip(), 300)
    return HealthAnswer(answer.status_code == _GOOD, answer.status_code, said, how, time.monotonic() - began)


def _trust(settings: ProviderSettings) -> tuple[ssl.SSLContext | bool, str]:
    url = settings.health_url
    if not url.startswith("https:"):
        return True, f"{url}, without TLS"
    if not settings.health_verify:
        return False, f"{url}, its certificate was not checked (health_verify = false)"
    if settings.health_ca is None:
        return ssl.create_default_context(), f"{url}, its certificate checked against the system's"
    return _own(settings.health_ca), f"{url}, its certificate checked against {settings.health_ca}"


def _own(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"health_ca {path} holds no certificates: {error}") from error
