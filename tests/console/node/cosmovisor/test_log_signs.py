"""x/upgrade's lines in the node's log."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.log_signs import NamedHeight, log_signs
from console.text import untrusted

V2 = NamedHeight(untrusted("v2.0.0"), 5_000_000)


def test_a_plain_log_tells_the_halt() -> None:
    log = (
        b'9:15AM \x1b[1m\x1b[31mERR\x1b[0m UPGRADE "v2.0.0" NEEDED at height: 5000000: {"binaries":{}} module=x\n'
        b'9:15AM ERR CONSENSUS FAILURE!!! err="UPGRADE \\"v2.0.0\\" NEEDED at height: 5000000: " module=consensus\n'
    )
    signs = log_signs(log)
    assert signs.needed == (V2,)
    assert signs.consensus_failure
    assert signs.halted_at(5_000_000)
    assert not signs.halted_at(500_000)


def test_a_json_log_tells_the_halt() -> None:
    line = {"level": "error", "message": 'UPGRADE "v2.0.0" NEEDED at height: 5000000: x'}
    assert log_signs(json.dumps(line).encode()).needed == (V2,)


def test_the_other_lines_are_told_apart() -> None:
    log = (
        b'INF applying upgrade "v2.0.0" at height: 5000000\n'
        b'ERR UPGRADE "v2.0.0" SKIPPED at 5000000: \n'
        b'BINARY UPDATED BEFORE TRIGGER! UPGRADE "v3" - in binary but not executed on chain. Downgrade your binary\n'
        b"wrong app version 7, upgrade handler is missing for v4 upgrade plan\n"
    )
    signs = log_signs(log)
    assert signs.applying == (V2,)
    assert signs.skipped == (V2,)
    assert signs.too_early == ("v3",)
    assert signs.no_handler == ("v4",)
    assert (signs.needed, signs.consensus_failure) == ((), False)


def test_a_height_that_is_too_long_is_none() -> None:
    assert log_signs(b'UPGRADE "v" NEEDED at height: ' + b"9" * 20).needed == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_read(log: bytes) -> None:
    log_signs(log)
    signs = log_signs(b'UPGRADE "' + log + b'" NEEDED at height: 7\n')
    assert all(line.name.isprintable() for line in signs.needed)


def test_a_hostile_log_costs_little() -> None:
    signs = log_signs(b'UPGRADE "' * 200_000)
    assert signs.needed == ()
