"""Who is told of what, as it is written in the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.errors import SettingsError
from console.monitoring.rules import Severity
from console.notify_settings import NotifySettings, Service, heaviest, load_notify, parse_notify

URLS = {"urls": "/etc/notify.urls"}


def test_what_is_written_and_what_is_not() -> None:
    assert parse_notify({}) == NotifySettings()
    services: dict[str, Any] = {"ops": {}, "pager": {"severity": "critical", "events": ["halted"], "networks": ["a"]}}
    found = parse_notify({**URLS, "proxy": "http://proxy:3128", "services": services})
    pager = Service("pager", Severity.CRITICAL, frozenset({"halted"}), frozenset({"a"}))
    assert found == NotifySettings(Path("/etc/notify.urls"), "http://proxy:3128", (Service("ops"), pager))
    assert found.service("pager") == pager
    with pytest.raises(SettingsError, match=r"no service 'pagr' \(did you mean pager\?\)"):
        found.service("pagr")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"services": {"ops": {}}}, "urls must name the file"),
        ({"urls": "notify.urls"}, "absolute path of a file of mode 0600"),
        ({"url": "/x"}, r"no setting 'url' \(did you mean urls\?\)"),
        ({**URLS, "services": {"ops": {"url": "json://secret"}}}, "no setting 'url'"),
        ({**URLS, "services": {"a b": {}}}, "name of a service"),
        ({**URLS, "services": {"ops": {"severity": "high"}}}, "severity must be info, warning, critical"),
        ({**URLS, "services": {"ops": {"events": ["halt"]}}}, r"no event 'halt' \(did you mean halted\?\)"),
        ({**URLS, "services": {"ops": {"events": "halted"}}}, "events must be a list"),
        ({"proxy": "http://user:secret@proxy"}, "without a password"),
        ({"proxy": "socks5://proxy"}, "http or https"),
        ({**URLS, "services": {f"s{number}": {} for number in range(17)}}, "at most 16"),
    ],
)
def test_what_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        parse_notify(table)
    assert "secret" not in str(raised.value)


def test_who_wants_what() -> None:
    pager = Service("pager", Severity.WARNING, frozenset({"halted", "verdict"}))
    assert pager.wants("halted", Severity.CRITICAL, "mainnet")
    assert not pager.wants("halted", Severity.INFO, "mainnet")
    assert not pager.wants("resumed", Severity.CRITICAL, "mainnet")
    assert not pager.wants("halted", Severity.CRITICAL, "devnet")
    assert heaviest([Severity.INFO, Severity.CRITICAL, Severity.WARNING]) is Severity.CRITICAL


def test_it_is_read_from_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_notify() == NotifySettings()
    folder = tmp_path / "upgrade-console"
    folder.mkdir()
    (folder / "config.toml").write_text('[notify]\nurls = "/u"\n[notify.services.ops]\n', "utf-8")
    assert load_notify().services == (Service("ops"),)
