"""What daemons and chains say, told in our words with the next step."""

from __future__ import annotations

import pytest

from console.chain.daemon_words import explained, quoted_line


@pytest.mark.parametrize(
    ("said", "told", "next_step"),
    [
        ("Enter keyring passphrase (attempt 1/3):\n", "no passphrase was given", ""),
        ("Error: too many failed passphrase attempts", "the passphrase was not right", "try again"),
        ("Error: account virt1xyz not found", "never received anything", "send it enough"),
        (
            "Error: rpc error: code = NotFound desc = account virt1xyz not found: key not found",
            "never received",
            "send",
        ),
        (
            "raw_log: 'failed to execute message; message index: 0: 5: unknown proposal'",
            "no such proposal",
            "proposals",
        ),
        (
            "Error: rpc error: code = Unknown desc = rpc error: code = Unknown desc = failed to execute message; "
            "message index: 0: virt1xyz: provider not found [x/p/keeper.go:104] with gas used: '35': unknown request",
            "the chain has no such provider (virt1xyz: provider not found)",
            "`from.provider`",
        ),
        ("minimum deposit is too small: 1stake < 10stake", "not what this chain takes", "another --deposit"),
        ("Error: error in json rpc client, post failed: dial tcp: connection refused", "could not reach", "node"),
        ("Error: unknown flag: --expedited\nUsage:\n  d tx gov [flags]\n", "no such command", "version"),
        ("panic: nil map\ngoroutine 1 [running]:\nmain.main()", "panic: nil map", ""),
        ("Error: nobody is not a valid name or address: decoding bech32 failed", "no such key", "keys list"),
        ("", "no reason was given", ""),
    ],
)
def test_each_failure_has_its_sentence(said: str, told: str, next_step: str) -> None:
    found = explained(said)
    assert told in found.what
    assert next_step in found.next_step


def test_how_a_command_is_used_is_no_cause() -> None:
    usage = "Usage:\n  d tx provider set-status [flags]\n\nFlags:\n  --reason string   as: insufficient funds\n"
    assert explained(f"Error: the model is asleep\n{usage}").what == "the model is asleep"


def test_nobody_there_is_not_a_wrong_passphrase() -> None:
    found = explained("Error: too many failed passphrase attempts", nobody_there=True)
    assert "nobody could be asked" in found.what


def test_where_in_the_source_it_was_said_is_left_out_and_nothing_is_obeyed() -> None:
    line = "Error: rpc error: code = Unknown desc = \x1b[2Jno [cosmos/cosmos-sdk@v0.53.4/baseapp/baseapp.go:1051] gas"
    assert quoted_line(line) == "<U+001B>[2Jno gas"
    assert len(quoted_line("x" * 10_000)) < 300
