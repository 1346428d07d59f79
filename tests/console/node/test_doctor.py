"""The doctor sees what is wrong with a node, says what to do, and changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from pathlib import Path

import pytest

from console.errors import NodeError
from console.model import Arming, Crossing, PlanOrigin, Preparation
from console.node.discovery import Finding, Level
from console.node.doctor import DoctorReport, DoctorRequest, examine, refuse_change_of_supervisor, state_for_move
from console.node.journal import Journal
from console.node.journal_schema import SCHEMA
from console.node.machine_health import cache_finding, clock_findings, disk_findings
from tests.console.node.discovery import homes_for_tests as homes
from tests.console.node.fakes import proposal


@pytest.fixture
def request_(tmp_path: Path) -> DoctorRequest:
    home = homes.embedded(tmp_path / "home")
    homes.write(home / "cosmovisor" / "genesis" / "bin" / "ipc-cli", "#!/bin/sh\n", 0o755)
    (home / "cosmovisor" / "current").symlink_to("genesis")
    (tmp_path / "state" / "run").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    return DoctorRequest(home=home, state_dir=tmp_path / "state", unit_roots=(), temporary=tmp_path / "tmp")


def said(report: DoctorReport, topic: str) -> list[tuple[Level, str]]:
    return [(finding.level, finding.what) for finding in report.findings if finding.topic == topic]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_a_healthy_node_fails_nowhere_and_nothing_is_changed(request_: DoctorRequest, tmp_path: Path) -> None:
    before = tree(tmp_path)
    report = examine(request_)
    assert [finding for finding in report.findings if finding.level is Level.FAIL and finding.topic != "disk"] == []
    assert report.state == "IDLE"
    topics = {finding.topic for finding in report.findings}
    assert topics >= {
        "journal",
        "halt height",
        "keys",
        "layout",
        "signer",
        "foreign holder",
        "controller",
        "disk",
        "clock",
        "limits",
        "cometbft cache",
    }
    assert tree(tmp_path) == before
    assert "s3cr3t" not in json.dumps(report.to_json())


def test_a_folder_that_is_no_home_is_one_finding(request_: DoctorRequest, tmp_path: Path) -> None:
    report = examine(dataclasses.replace(request_, home=tmp_path / "nowhere"))
    assert report.level is Level.FAIL
    assert report.discovery is None
    assert said(report, "home")


def test_a_lost_current_and_an_incomplete_generation_are_found(request_: DoctorRequest) -> None:
    root = request_.home / "cosmovisor"
    (root / "upgrades" / "v2" / "bin").mkdir(parents=True)
    (root / "upgrades" / ".v3.new").mkdir()
    (root / "current").unlink()
    levels = [level for level, _ in said(examine(request_), "layout")]
    assert levels == [Level.FAIL, Level.WARN]


def test_a_signer_state_below_the_journal_s_mark_is_found(request_: DoctorRequest) -> None:
    journal = Journal(request_.state_dir / "journal.db")
    journal.raise_signer_mark((9, 0, 1))
    journal.close()
    assert Level.FAIL in [level for level, _ in said(examine(request_), "signer")]


def test_a_remote_signer_switches_the_rules_for_the_file_off(request_: DoctorRequest) -> None:
    homes.embedded(request_.home, remote="tcp://127.0.0.1:26659")
    (request_.home / "cometbft" / "data" / "priv_validator_state.json").unlink()
    assert [level for level, _ in said(examine(request_), "signer")] == [Level.WARN]


def test_a_broken_journal_and_one_of_a_newer_version_are_said_and_nothing_is_guessed(request_: DoctorRequest) -> None:
    path = request_.state_dir / "journal.db"
    path.write_bytes(b"not a database" * 100)
    report = examine(request_)
    assert [level for level, _ in said(report, "journal")] == [Level.FAIL]
    assert report.state == ""
    path.unlink()
    journal = Journal(path)
    journal.set_meta("schema", str(SCHEMA + 1))
    journal.close()
    assert "newer version" in said(examine(request_), "journal")[0][1]


def test_an_open_upgrade_shows_its_state_and_refuses_the_move(request_: DoctorRequest) -> None:
    journal = Journal(request_.state_dir / "journal.db")
    journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.close()
    report = examine(request_)
    assert report.state == "PLANNED"
    with pytest.raises(NodeError, match="PLANNED"):
        refuse_change_of_supervisor(report.state)


def test_only_an_idle_node_may_change_its_supervisor(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    attempt = journal.open_attempt(proposal(), PlanOrigin.REGISTRY, "v0.2.0")
    journal.close()
    for crossing in Crossing:
        for preparation in (Preparation.PLANNED, Preparation.READY):
            found = dataclasses.replace(attempt, crossing=crossing, preparation=preparation, arming=Arming.DISARMED)
            state = state_for_move(found, armed=False, needs_operator=False)
            assert (state == "IDLE") == (crossing in {Crossing.COMMITTED, Crossing.RESUMED_OLD}), crossing
            assert state_for_move(found, armed=False, needs_operator=True) == "NEEDS_OPERATOR"
    assert state_for_move(None, armed=True, needs_operator=False) == "ARMED"
    assert state_for_move(None, armed=False, needs_operator=False) == "IDLE"
    refuse_change_of_supervisor("IDLE")
    with pytest.raises(NodeError, match="cannot be read"):
        refuse_change_of_supervisor("")


def test_what_was_found_of_cosmovisor_is_part_of_the_report(request_: DoctorRequest) -> None:
    finding = Finding(Level.WARN, "cosmovisor", "v1.7.1 is here", "see its defects")
    report = examine(dataclasses.replace(request_, cosmovisor=(finding,)))
    assert finding in report.findings


def test_a_clock_that_was_set_back_is_found(request_: DoctorRequest) -> None:
    journal = Journal(request_.state_dir / "journal.db")
    journal.observe(5, 4, "v1")
    observed = journal.observation
    journal.close()
    assert observed is not None
    back = dataclasses.replace(request_, now=observed.read_at - 3600)
    assert any("set back" in what for _, what in said(examine(back), "clock"))
    assert not any("set back" in finding.what for finding in clock_findings(observed.read_at, observed.read_at))


def test_the_cached_cometbft_is_warned_of_and_a_stranger_s_fails(tmp_path: Path) -> None:
    assert cache_finding(tmp_path).level is Level.OK
    cached = homes.write(tmp_path / "cometbft", "", 0o755)
    assert cache_finding(tmp_path).level is Level.WARN
    cached.chmod(0o777)
    assert cache_finding(tmp_path).level is Level.FAIL


def test_folders_on_one_disk_share_the_sentence_on_room_and_a_missing_one_fails(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    found = disk_findings([("home", tmp_path), ("data", tmp_path / "a"), ("state", tmp_path / "no")])
    assert [finding.level for finding in found][-1] is Level.FAIL
    assert sum("free" in finding.what for finding in found) == 1


def test_a_recorded_run_that_cannot_be_read_is_said(request_: DoctorRequest) -> None:
    (request_.state_dir / "run" / "node.json").write_text("{")
    assert [level for level, _ in said(examine(request_), "run")] == [Level.FAIL]


def test_a_journal_is_read_while_a_controller_writes_it(request_: DoctorRequest) -> None:
    journal = Journal(request_.state_dir / "journal.db")
    other = sqlite3.connect(request_.state_dir / "journal.db")
    try:
        other.execute("BEGIN IMMEDIATE")
        assert [level for level, _ in said(examine(request_), "journal")] == [Level.OK]
    finally:
        other.close()
        journal.close()
