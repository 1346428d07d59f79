"""Exit codes and evidence: what is a halt and what is not (DESIGN §4.4)."""

from __future__ import annotations

import dataclasses

import pytest

from console.model import Arming, Attempt, Crossing, Preparation, Verdict
from console.node.evidence import halt_evidence, halt_lines, last_words, wrong_app_hash
from console.node.exits import ExitMeaning, RunEnd, judge
from console.text import untrusted

LINE = b"03:00:00Z INFO fendermint/app/src/app.rs:785: Stopping node due to reaching halt height height=100\n"

ATTEMPT = Attempt(
    id=1,
    proposal_id=1,
    name=untrusted("v0.2.0"),
    target_height=100,
    freeze_blocks=5,
    scheduled_at=50,
    release_kind=0,
    release_hash="11" * 32,
    release_url="http://127.0.0.1:1/x",
    breaking=True,
    preparation=Preparation.READY,
    arming=Arming.ARMED,
    crossing=Crossing.NONE,
    verdict=Verdict.CROSS,
    failure_code=0,
    tries_left=3,
    note="",
    generation="v0.2.0",
    generation_hash="11" * 32,
)

HALT = RunEnd(exe_sha256="00" * 32, halt_height=100, exit_code=2, asked=False, log=LINE, app_height=99)


def meaning(end: RunEnd, attempt: Attempt | None = ATTEMPT, restart_on_error: bool = False) -> ExitMeaning:
    return judge(end, attempt, restart_on_error=restart_on_error).meaning


@pytest.mark.parametrize("line", [LINE, b""])
@pytest.mark.parametrize("app_height", [99, 98, None])
@pytest.mark.parametrize("code", [2, 1, None])
@pytest.mark.parametrize("armed", [100, 0])
def test_two_of_three_signs_make_a_halt(line: bytes, app_height: int | None, code: int | None, armed: int) -> None:
    signs = (line == LINE) + (app_height == 99) + (code == 2 and armed == 100)
    end = dataclasses.replace(HALT, log=line, app_height=app_height, exit_code=code, halt_height=armed)
    assert (meaning(end) is ExitMeaning.HALTED) == (signs >= 2)


def test_the_halt_line_of_another_height_is_no_sign() -> None:
    other = LINE.replace(b"height=100", b"height=1000")
    assert halt_lines(other) == {1000}
    evidence = halt_evidence(ATTEMPT, run_halt_height=0, exit_code=2, log=other, app_height=99)
    assert not evidence.halted


def test_a_usage_error_of_an_armed_node_is_no_halt() -> None:
    end = dataclasses.replace(HALT, log=b"error: unexpected argument '--frob'\n", app_height=70)
    assert meaning(end) is ExitMeaning.SAME_RUN_AGAIN


@pytest.mark.parametrize(
    ("code", "restart", "expected"),
    [
        (0, False, ExitMeaning.STAYS_DOWN),
        (0, True, ExitMeaning.STAYS_DOWN),
        (1, False, ExitMeaning.STAYS_DOWN),
        (1, True, ExitMeaning.CRASHED),
        (2, False, ExitMeaning.STAYS_DOWN),
        (101, False, ExitMeaning.CRASHED),
        (137, False, ExitMeaning.CRASHED),
        (-9, False, ExitMeaning.CRASHED),
        (None, False, ExitMeaning.CRASHED),
    ],
)
def test_outside_an_upgrade_the_policy_decides(code: int | None, restart: bool, expected: ExitMeaning) -> None:
    end = RunEnd("00" * 32, 0, code, asked=False, log=b"", app_height=70)
    assert meaning(end, None, restart) is expected


@pytest.mark.parametrize("code", [0, 1, 2, -9])
def test_a_node_whose_cometbft_ended_is_no_node_that_was_stopped(code: int) -> None:
    end = RunEnd("00" * 32, 0, 0, False, b"", 70, companion="cometbft", companion_code=code)
    judged = judge(end, None, restart_on_error=False)
    assert judged.meaning is ExitMeaning.CRASHED
    assert judged.why == f"cometbft ended with exit code {code}, and the rest of the node was stopped"
    assert judge(dataclasses.replace(end, asked=True), None, restart_on_error=False).meaning is ExitMeaning.ASKED
    own = dataclasses.replace(end, exit_code=1)
    assert judge(own, None, restart_on_error=False).meaning is ExitMeaning.STAYS_DOWN, "the app's own code counts"
    armed = dataclasses.replace(end, halt_height=100)
    assert judge(armed, ATTEMPT, restart_on_error=False).meaning is ExitMeaning.SAME_RUN_AGAIN


def test_an_asked_end_means_nothing_else() -> None:
    assert meaning(dataclasses.replace(HALT, asked=True)) is ExitMeaning.ASKED


def test_an_old_binary_past_the_height_missed_its_halt_unless_the_network_aborted() -> None:
    log = b'E CONSENSUS FAILURE!!! err="wrong Block.Header.AppHash. Expected A, got B"'
    end = RunEnd("00" * 32, 0, 1, asked=False, log=log, app_height=100)
    assert wrong_app_hash(log)
    assert meaning(end) is ExitMeaning.MISSED_HALT
    assert meaning(end, dataclasses.replace(ATTEMPT, verdict=Verdict.ABORT)) is ExitMeaning.STAYS_DOWN


def test_the_end_of_the_new_binary_is_a_failed_try() -> None:
    attempt = dataclasses.replace(ATTEMPT, crossing=Crossing.STARTING)
    end = RunEnd(ATTEMPT.release_hash, 0, 101, asked=False, log=b"", app_height=99)
    assert meaning(end, attempt) is ExitMeaning.FAILED_TRY
    # The same judgement again, after a kill between acting on it and closing the run.
    assert meaning(end, dataclasses.replace(attempt, crossing=Crossing.SWITCHED)) is ExitMeaning.FAILED_TRY


def test_a_halt_is_judged_again_after_a_kill() -> None:
    assert meaning(HALT, dataclasses.replace(ATTEMPT, crossing=Crossing.HALTED)) is ExitMeaning.HALTED


def test_a_release_that_runs_already_halts_too_when_it_is_proposed_again() -> None:
    assert meaning(dataclasses.replace(HALT, exe_sha256=ATTEMPT.release_hash)) is ExitMeaning.HALTED


def test_colours_do_not_hide_the_halt_line() -> None:
    coloured = LINE.replace(b"height=100", b"\x1b[3mheight\x1b[0m\x1b[2m=\x1b[0m100")
    assert halt_lines(coloured) == {100}


def a_later_halt(crossing: Crossing, **changes: object) -> ExitMeaning:
    """A new binary that was started armed for a later height ends there."""
    line = LINE.replace(b"height=100", b"height=150")
    end = RunEnd(exe_sha256="11" * 32, halt_height=150, exit_code=2, asked=False, log=line, app_height=149)
    return meaning(dataclasses.replace(end, **changes), dataclasses.replace(ATTEMPT, crossing=crossing))  # type: ignore[arg-type]


@pytest.mark.parametrize("crossing", [Crossing.STARTING, Crossing.WAITING_FOR_QUORUM, Crossing.PROBATION])
def test_a_new_binary_that_stops_at_the_next_halt_did_not_fail(crossing: Crossing) -> None:
    assert a_later_halt(crossing) is ExitMeaning.NEXT_HALT
    # The last reading of an application whose database nobody can read is of some blocks before.
    assert a_later_halt(crossing, app_height=120) is ExitMeaning.NEXT_HALT


def test_a_new_binary_that_is_armed_and_fails_has_failed() -> None:
    assert a_later_halt(Crossing.STARTING, exit_code=1, log=b"", app_height=120) is ExitMeaning.FAILED_TRY
    assert a_later_halt(Crossing.STARTING, log=b"", app_height=120) is ExitMeaning.FAILED_TRY


def test_last_words_are_one_line_without_colour_control_or_secret() -> None:
    assert last_words(b"") == ""
    assert last_words(b"first\n\x1b[31mnode_key.json does not exist\x1b[0m\n\n") == "node_key.json does not exist"
    assert last_words(b"panic: token=abcdef") == "panic: token=<hidden>"
    assert "\x07" not in last_words(b"bell \x07")


def test_of_a_go_panic_the_reason_is_told_and_not_the_end_of_its_trace() -> None:
    frame = b"main.main()\n\tchain/main.go:45 +0x22a\n"
    log = b"INF starting\npanic: version of store epochs mismatch\n\ngoroutine 1 [running]:\n" + frame * 100
    assert last_words(log) == "panic: version of store epochs mismatch"
    assert last_words(log + b"goroutine 2 [select]:\n" + frame) == "panic: version of store epochs mismatch"
    assert last_words(b"goroutine 1 [running]:\n" + frame) == "chain/main.go:45 +0x22a"
