"""The table `[monitoring]`."""

from __future__ import annotations

import pytest

from console.errors import SettingsError
from console.monitoring_settings import parse_monitoring


def test_a_base_url_or_nothing() -> None:
    assert parse_monitoring({}).prometheus == ""
    assert parse_monitoring({"prometheus": "http://127.0.0.1:9090/"}).prometheus == "http://127.0.0.1:9090"


@pytest.mark.parametrize("value", ["127.0.0.1:9090", "ftp://x", "http://", "http://x?y=1", 7, "http://x:99999"])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(SettingsError, match="http or https URL"):
        parse_monitoring({"prometheus": value})


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(SettingsError, match="did you mean prometheus"):
        parse_monitoring({"prometeus": "http://x"})
