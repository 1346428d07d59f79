"""The environment that Textual reads at import."""

from __future__ import annotations

from console.terminal import prepare_environment


def test_it_is_quiet_and_leaves_the_terminal_type_alone() -> None:
    environment = {"TERM": "xterm", "HOME": "/root", "COLUMNS": "80", "LINES": "24"}
    prepare_environment(environment)
    assert environment == {"TERM": "xterm", "HOME": "/root", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}


def test_escape_waits_longer_over_ssh_unless_the_operator_says_otherwise() -> None:
    over_ssh = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    prepare_environment(over_ssh)
    assert over_ssh["ESCDELAY"] == "300"
    own = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "ESCDELAY": "50"}
    prepare_environment(own)
    assert own["ESCDELAY"] == "50"
