"""An export tells by itself whether it is whole, and an earlier one whether the journal still is."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from console.chain.sent import record_by_hand, record_by_node
from console.cli import audit as verb
from console.cli.sources import Target
from console.errors import InputError
from console.node.journal import Journal
from console.operations.audit_check import heads_of, verify
from console.operations.audit_export import export, marks_of_export, verify_export
from console.settings import NetworkSettings, NodeSettings
from tests.console.operations.examples import a_network
from tests.console.operations.test_audit import NOTHING_ASKED, sign

Place = tuple[NetworkSettings, NodeSettings]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A network with a node, four rows in its journal and two records."""
    network = replace(a_network(tmp_path), folder=tmp_path)
    node = network.nodes[0]
    node.state_dir.mkdir(parents=True, exist_ok=True)
    _record(node, 4)
    sign(record_by_hand(network), "0x" + "ab" * 32, network.evm_chain_id)
    sign(record_by_node(node), "0x" + "cd" * 32, network.evm_chain_id, by="controller")
    return network, node


def _record(node: NodeSettings, rows: int) -> None:
    journal = Journal(node.state_dir / "journal.db")
    for number in range(rows):
        journal.record("said-ready", value=f"{number} \u202e ünïcode")
    journal.close()


def _exported(place: Place, path: Path) -> list[bytes]:
    lines = list(export(*place))
    path.write_bytes(b"".join(lines))
    return lines


def test_a_whole_export(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    lines = _exported(place, path)
    assert len(lines) == 1 + 4 + 4 + 1
    check = verify_export(path)
    assert check.problems == ()
    assert "is whole: 4 rows, the last 4:" in check.findings[0]
    assert [words.split(":")[0] for words in check.findings[1:]] == ["record 0", "record 1"]
    assert verify(*place, marks_of_export(path)).problems == ()
    _record(place[1], 3)
    found = verify(*place, marks_of_export(path))
    assert found.problems == ()
    assert any(words.startswith("its head is 7:") for words in found.findings)


def test_whatever_is_done_to_an_export_shows(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    lines = _exported(place, path)
    for number in range(len(lines)):
        without = [*lines[:number], *lines[number + 1 :]]
        path.write_bytes(b"".join(without))
        if number:
            assert verify_export(path).problems, f"without line {number}"
        else:
            with pytest.raises(InputError, match="no export"):
                verify_export(path)
    path.write_bytes(b"".join(lines)[:-1])
    assert verify_export(path).problems
    path.write_bytes(b"".join(lines) + b"{}\n")
    assert verify_export(path).problems == (f"line {len(lines) + 1} cannot be read",)
    path.write_bytes(b"".join(lines).replace(b'"seq":2,', b'"seq":2,"more":1,'))
    assert "line 3 cannot be read" in verify_export(path).problems
    path.write_bytes(b"".join(lines).replace(b"said-ready", b"said-armed", 1))
    assert verify_export(path).problems == (
        "its end does not fit what is before it: it was changed",
        "of its journal, row 1 is not what was written: the hash does not fit",
    )
    with pytest.raises(InputError, match="nothing can be held against"):
        marks_of_export(path)


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"[]\n", b"\xff\xfe\n", b'{"format":2,"what":"upgrade-console audit"}\n']
)
def test_what_is_no_export(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no export of an audit"):
        verify_export(path)


def test_a_journal_that_was_written_anew_shows_against_an_export(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    _exported(place, path)
    journal = place[1].state_dir / "journal.db"
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (journal.parent / name).unlink(missing_ok=True)
    _record(place[1], 5)
    assert verify(*place).problems == ()
    (told,) = verify(*place, marks_of_export(path)).problems
    assert "row 4 is not what was noted elsewhere" in told
    journal.unlink()
    (told,) = verify(*place, marks_of_export(path)).problems
    assert "its journal is gone" in told
    (told,) = verify(place[0], None, heads_of(["1:" + "0" * 64])).problems
    assert "no node here" in told


def test_what_the_controllers_log_noted_is_held_against_the_journal(place: Place) -> None:
    network, node = place
    with_head = Journal(node.state_dir / "journal.db")
    head = with_head.head()
    with_head.close()
    log = node.state_dir / "run" / "controller.log"
    log.parent.mkdir()
    log.write_text(f"2026-11-29T00:00:00 INFO    journal head {head}\n")
    assert "the head that the controller's log noted is in it" in verify(network, node).findings
    log.with_name("controller.log.1").write_text(f"2026-11-28T00:00:00 INFO    journal head 9:{'0' * 64}\n")
    (told,) = verify(network, node).problems
    assert "5 of 9 rows are missing, the first is row 5" in told


def test_an_older_journal_is_not_exported(place: Place) -> None:
    with sqlite3.connect(place[1].state_dir / "journal.db") as database:
        database.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
    with pytest.raises(InputError, match="before its rows had hashes"):
        list(export(*place))
    assert any("from before rows had hashes" in words for words in verify(*place).findings)


def test_the_verb(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(verb, "load_target", lambda _arguments: Target(*place))

    def run(**given: object) -> int:
        asked = {**dict.fromkeys(NOTHING_ASKED), "lines": 0, "verify": False, "json": False, **given}
        return verb.run(argparse.Namespace(**asked))

    path = tmp_path / "audit.jsonl"
    assert run(export=path) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"10 lines are in" in capsysbinary.readouterr().out
    assert run(export=Path("-")) == 0
    printed = capsysbinary.readouterr().out.splitlines()
    assert printed[1:-1] == path.read_bytes().splitlines()[1:-1]
    assert run(verify_export=path) == 0
    capsysbinary.readouterr()
    assert run(against=path, json=True) == 0
    document = json.loads(capsysbinary.readouterr().out)
    head = next(words for words in document["verified"]["findings"] if words.startswith("its head is "))
    assert run(head=[head.removeprefix("its head is ")]) == 0
    assert run(head=["4:" + "0" * 64]) == 1
    assert b"row 4 is not what was noted elsewhere" in capsysbinary.readouterr().err
    with pytest.raises(InputError, match="64 hex digits"):
        run(head=["4"])
    with pytest.raises(InputError, match="File exists"):
        run(export=path)
    with pytest.raises(InputError, match="an export is the whole audit"):
        run(export=tmp_path / "part", text="ready")
    assert run(text="ÜNÏCODE", until="2001-01-01") == 0
    assert not (tmp_path / "part").exists()
    capsysbinary.readouterr()
    assert run(text="ÜNÏCODE", lines=2) == 0
    assert len(capsysbinary.readouterr().out.splitlines()) == 2
    assert run(attempt=7) == 0
    assert not capsysbinary.readouterr().out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_leaves_no_half_export(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "load_target", lambda _arguments: Target(*place))
    path = tmp_path / "audit.jsonl"
    opened = os.open
    monkeypatch.setattr(
        os, "open", lambda name, *rest: opened("/dev/full", os.O_WRONLY) if name == path else opened(name, *rest)
    )
    asked = {**dict.fromkeys(NOTHING_ASKED), "lines": 0, "verify": False, "json": False, "export": path}
    path.touch()
    with pytest.raises(InputError, match="No space left"):
        verb.run(argparse.Namespace(**asked))
    assert not path.exists()
