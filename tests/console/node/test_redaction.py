"""Secrets never leave the output of a program."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.redaction import HIDDEN, redacted

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "text",
    [
        'parent_http_auth_token = "s3cr3t-value"\nnext = 1',
        'parent_http_auth_token: Some(\n        "s3cr3t-value",\n    ),\nnext: 1',
        '{"auth_token": "s3cr3t-value", "next": 1}',
        '{"auth_token": "a\\"s3cr3t-value", "next": 1}',
        "password: s3cr3t-value\nnext: 1",
        'IpcSettings { api_key: Some("s3cr3t-value"), next: 1 }',
        'mnemonic = """\nword\ns3cr3t-value\n"""\nnext = 1',
        'secrets = ["x", "s3cr3t-value"]\nnext = 1',
        "Authorization: Bearer s3cr3t-value\nnext = 1",
        "PRIVATE_KEY=s3cr3t-value\nnext = 1",
        'url = "https://user:s3cr3t-value@host/rpc/v1"\nnext = 1',
        'url = "https://host/rpc/v1?key=s3cr3t-value"\nnext = 1',
    ],
)
def test_a_secret_is_hidden_and_what_follows_it_is_not(text: str) -> None:
    shown = redacted(text)
    assert SECRET not in shown
    assert HIDDEN in shown
    assert "next" in shown


def test_a_long_key_in_the_path_of_a_url_is_hidden() -> None:
    assert redacted("https://host/v2/aB3dE5gH7jK9mN1pQ3sT/x") == f"https://host/v2/{HIDDEN}/x"


def test_settings_without_secrets_are_shown_as_they_are() -> None:
    text = 'halt_height = 15000\n[eth.listen]\nhost = "127.0.0.1"\nurl = "https://host:8545/rpc/v1"\n'
    assert redacted(text) == text


@given(st.text(), st.text("abcdefghij0123456789", min_size=6, max_size=12), st.text(max_size=20))
def test_a_quoted_secret_is_hidden_whatever_surrounds_it(before: str, secret: str, after: str) -> None:
    if secret in before or secret in after:
        return
    assert secret not in redacted(f'{before}\nauth_token = "{secret}"{after}')


@pytest.mark.parametrize("unit", ["a", "token", "token ", "(", '"', "://", "/", "auth("])
def test_a_stranger_s_megabyte_takes_time_in_proportion_to_its_size(unit: str) -> None:
    def cost(count: int) -> float:
        text = unit * (count // len(unit))
        begun = time.process_time()
        redacted(text)
        return time.process_time() - begun

    small = min(cost(20_000) for _ in range(3))
    assert cost(400_000) < max(small, 0.002) * 20 * 8
