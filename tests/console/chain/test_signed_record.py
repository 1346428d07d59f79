"""The record of what is signed: durable before the act, readable after a crash, never in the way of reading."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from console.chain.signed_record import RecordError, SignedRecord, read_record

HASH = "0x" + "ab" * 32


def _begun(record: SignedRecord, act: str = HASH, words: str = "vote(id=1, support=true)") -> None:
    record.begun(
        act,
        what="transaction",
        chain_id=31,
        sender="0x" + "11" * 20,
        target="0x" + "22" * 20,
        words=words,
        data="0xdead",
        nonce=7,
        effect="Votes yes on proposal 1.",
    )


def test_an_act_is_there_before_it_is_done_and_ends_once_known(tmp_path: Path) -> None:
    path, moments = tmp_path / "sent" / "record.jsonl", iter((100.0, 101.5))
    record = SignedRecord(path, clock=lambda: next(moments))
    _begun(record)
    (act,) = read_record(path).acts
    assert (act.at, act.outcome, act.good, act.by, act.nonce) == (100.0, "", False, "hand", 7)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    record.ended(HASH, "in block", good=True, block=88)
    (act,) = read_record(path).acts
    assert (act.ended_at, act.outcome, act.block, act.good) == (101.5, "in block", 88, True)
    assert "dead" not in path.read_text()


def test_a_torn_line_and_foreign_ones_are_told_and_cost_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    record = SignedRecord(path)
    _begun(record)
    with path.open("ab") as stream:
        stream.write(b'{"format":1,"step":"signed","id":"0x')
    _begun(record, "0x" + "cd" * 32, words="\x1b[2J\u202e" + "x" * 9000)
    with path.open("ab") as stream:
        stream.write(b'{"format":2}\n[]\n{"format":1,"step":"ended","id":"nobody","at":1,"outcome":"","good":true}\n')
    reading = read_record(path)
    assert [act.id for act in reading.acts] == [HASH, "0x" + "cd" * 32]
    assert reading.acts[1].words.isprintable()
    assert reading.problems == (f"4 lines of {path} cannot be read",)


def test_nothing_is_signed_that_cannot_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "sent").write_text("no folder")
    record = SignedRecord(tmp_path / "sent" / "record.jsonl")
    with pytest.raises(RecordError, match="nothing was sent"):
        _begun(record)
    record.ended(HASH, "in block", good=True)
    link = tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError):
        _begun(SignedRecord(link))


def test_no_record_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_record(tmp_path / "none.jsonl").problems == ()
    assert "cannot be read" in read_record(tmp_path).problems[0]


def test_what_is_sent_again_is_one_act(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    record = SignedRecord(path)
    _begun(record)
    _begun(record)
    assert len(read_record(path).acts) == 1
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == ["signed", "signed"]
