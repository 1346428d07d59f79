"""One timeline of journal and record: sorted by kind, read again only where new, honest about what it cannot read."""

from __future__ import annotations

import argparse
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from console.chain.sent import SentTransaction, record_by_hand, record_by_node, sent_by_hand
from console.chain.signed_record import SignedRecord
from console.cli import audit as verb
from console.cli.sources import Target
from console.errors import InputError
from console.model import AuditKind, JournalEntry
from console.node.journal import Journal
from console.operations import audit
from console.operations.audit import AuditTrail, event_entry, journal_entry, kind_of, narrowed
from console.operations.audit_check import verify
from console.settings import NetworkSettings, NodeSettings
from console.text import UntrustedText
from tests.console.operations.examples import a_network

NOTHING_ASKED = ("since", "until", "kind", "attempt", "text", "head", "against", "export", "verify_export")


@pytest.fixture
def place(tmp_path: Path) -> tuple[NetworkSettings, NodeSettings]:
    network = replace(a_network(tmp_path), folder=tmp_path)
    node = network.nodes[0]
    node.state_dir.mkdir(parents=True, exist_ok=True)
    return network, node


def _journal(node: NodeSettings) -> Journal:
    return Journal(node.state_dir / "journal.db")


def sign(path: Path, act: str, chain_id: int, *, by: str = "hand", at: float = 5.0, ended: str = "in block") -> None:
    record = SignedRecord(path, by, clock=lambda: at)
    record.begun(
        act,
        what="transaction",
        chain_id=chain_id,
        sender="0x" + "11" * 20,
        target="0x" + "22" * 20,
        words="vote(id=1, support=true)",
        data="0x00",
        nonce=1,
        effect="Votes yes on proposal 1.",
    )
    if ended:
        record.ended(act, ended, good=ended == "in block", block=88 if ended == "in block" else 0)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("asked", AuditKind.OPERATOR),
        ("operator-pause", AuditKind.OPERATOR),
        ("led-on", AuditKind.OPERATOR),
        ("setting", AuditKind.OPERATOR),
        ("planned", AuditKind.STATE),
        ("staged", AuditKind.STATE),
        ("armed", AuditKind.STATE),
        ("quiesced+verdict", AuditKind.VERDICT),
        ("verdict", AuditKind.VERDICT),
        ("said-ready", AuditKind.SIGNAL),
        ("refused-ready", AuditKind.ERROR),
        ("failed", AuditKind.ERROR),
        ("parked", AuditKind.ERROR),
        ("run", AuditKind.RUN),
        ("end-judged", AuditKind.RUN),
        ("points-pruned", AuditKind.OTHER),
    ],
)
def test_kinds(event: str, kind: AuditKind) -> None:
    assert kind_of(event) is kind


def test_an_entry_of_the_journal_has_a_line_that_begins_with_the_reason() -> None:
    detail = {"height": 5, "reason": "too late", "note": None, "who": {"uid": 1}}
    entry = event_entry({"seq": 7, "at": 5.0, "attempt": 2, "kind": "refused-ready", "detail": detail})
    line = journal_entry(entry)
    words = UntrustedText('too late; height 5, who {"uid": 1}')
    assert line == JournalEntry(7, 5.0, 2, UntrustedText("refused-ready"), words)
    assert journal_entry(replace(entry, key="s0xab")) is None


def test_both_sources_in_one_order_and_only_what_is_new(place: tuple[NetworkSettings, NodeSettings]) -> None:
    network, node = place
    trail = AuditTrail(network, node)
    assert trail.read().entries == ()
    journal = _journal(node)
    journal.record("asked", method="pause", who="op", parameters={"reason": "\x1b[2Jdisk\u202e"})
    journal.record("refused-ready", reason="no gas")
    sign(record_by_hand(network), "0x" + "ab" * 32, network.evm_chain_id)
    sign(record_by_hand(network), "0x" + "cd" * 32, network.evm_chain_id + 1)
    sign(record_by_node(node), "0x" + "ef" * 32, network.evm_chain_id, by="controller", at=6.0, ended="refused by x")
    first = trail.read()
    head = journal.head()
    assert head is not None
    assert ("hash of the row and all before", head.hash) in first.entries[-1].detail
    assert [(entry.kind, entry.origin, entry.good) for entry in first.entries] == [
        (AuditKind.SENT, "console", True),
        (AuditKind.SENT, "controller", False),
        (AuditKind.OPERATOR, "controller", True),
        (AuditKind.ERROR, "controller", False),
    ]
    assert first.entries[0].words == "vote(id=1, support=true): in block 88"
    assert dict(first.entries[0].detail)["hash"] == "0x" + "ab" * 32
    assert all(text.isprintable() for entry in first.entries for _name, text in entry.detail)
    assert first.entries[2].words.startswith("asked: method pause, who op")
    journal.record("said-ready", value="1")
    assert len(trail.read().entries) == 5
    assert [entry.words for entry in narrowed(first, since=5.5, kinds=[AuditKind.SENT])] == [
        "vote(id=1, support=true): refused by x"
    ]
    journal.close()


def test_what_cannot_be_read_is_told_and_the_rest_is_there(place: tuple[NetworkSettings, NodeSettings]) -> None:
    network, node = place
    (node.state_dir / "journal.db").write_bytes(b"no database" * 500)
    sign(record_by_hand(network), "0x" + "ab" * 32, network.evm_chain_id)
    reading = AuditTrail(network, node).read()
    assert len(reading.entries) == 1
    assert "cannot be read" in reading.problems[0]
    assert "cannot be read" in verify(network, node).problems[0]
    assert len(AuditTrail(network, None).read().entries) == 1


def test_only_the_newest_rows_are_kept(
    place: tuple[NetworkSettings, NodeSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, node = place
    monkeypatch.setattr(audit, "MOST_EVENTS", 5)
    journal = _journal(node)
    for number in range(9):
        journal.record("said-ready", value=number)
    trail = AuditTrail(network, node)
    assert [entry.key for entry in trail.read().entries] == [f"j{number}" for number in range(5, 10)]
    assert trail.read().forgotten
    journal.record("said-ready", value=9)
    assert trail.read().entries[-1].key == "j10"
    assert len(trail.read().entries) == 5
    journal.close()


def test_whether_the_sources_are_whole(place: tuple[NetworkSettings, NodeSettings]) -> None:
    network, node = place
    assert not verify(network, node).problems
    journal = _journal(node)
    for number in range(4):
        journal.record("said-ready", value=number)
    journal.close()
    sign(record_by_hand(network), "0x" + "ab" * 32, network.evm_chain_id)
    check = verify(network, node)
    assert check.problems == ()
    assert any("4 rows without a gap" in finding for finding in check.findings)
    with sqlite3.connect(node.state_dir / "journal.db") as database:
        database.execute("DELETE FROM event WHERE seq = 2")
        database.execute("UPDATE event SET at = 5 WHERE seq = 4")
    sign(record_by_hand(network), "0x" + "cd" * 32, network.evm_chain_id, ended="")
    told = " ".join(verify(network, node).problems)
    assert "1 of 4 rows are missing" in told
    assert "1 rows are more than a minute older" in told
    assert "what came of 0xcdcd" in told


def test_the_verb(
    place: tuple[NetworkSettings, NodeSettings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network, node = place
    sign(record_by_hand(network), "0x" + "ab" * 32, network.evm_chain_id)
    journal = _journal(node)
    journal.record("staged", generation="v2")
    journal.close()
    monkeypatch.setattr(verb, "load_target", lambda _arguments: Target(network, node))

    def run(**given: object) -> int:
        asked = {**dict.fromkeys(NOTHING_ASKED), "lines": 0, "verify": False, "json": False, **given}
        return verb.run(argparse.Namespace(**asked))

    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("console     sent     vote(id=1, support=true): in block 88")
    assert lines[1].endswith("controller  state    staged: generation v2")
    assert run(json=True, kind=["sent"], verify=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert [entry["kind"] for entry in document["entries"]] == ["sent"]
    assert document["verified"]["problems"] == []
    assert run(lines=1, since="1d") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(InputError, match="no moment"):
        run(since="soon")
    with pytest.raises(InputError, match="known: state"):
        run(kind=["rumour"])
    (node.state_dir / "journal.db").write_bytes(b"no database" * 500)
    assert run() == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.anyio
async def test_what_is_on_its_way_is_no_fault_until_nobody_is_at_it(
    place: tuple[NetworkSettings, NodeSettings],
) -> None:
    network, node = place
    book = sent_by_hand(network)
    kept = record_by_hand(network).parent / f"{network.evm_chain_id}-{'0x' + '1' * 40}.json"
    sent = SentTransaction(
        hash="0x" + "ab" * 32,
        raw="0x02",
        chain_id=network.evm_chain_id,
        sender="0x" + "1" * 40,
        nonce=0,
        target="0x" + "2" * 40,
        data="0x",
        words="vote(id=1, support=true)",
    )
    async with book.held(sent.chain_id, sent.sender, 1.0) as held:
        held.write(sent)
        # Whoever holds the sender may have written the record and not its book yet.
        aside = kept.rename(kept.with_suffix(".aside"))
        assert not verify(network, node).problems
        aside.rename(kept)
    check = verify(network, node)
    assert not check.problems
    assert any(f"{sent.hash} (vote(id=1, support=true)) is on its way" in finding for finding in check.findings)
    # A book that is gone without an end in the record is one.
    kept.unlink()
    assert f"what came of {sent.hash}" in " ".join(verify(network, node).problems)
