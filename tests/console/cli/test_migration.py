"""`migration show|self-test|dry-run` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.devnet.migrations import release_migration
from console.node.migration import migration_hash, parse_migration
from console.node.migration.exploits import exploits
from tests.console.cli.conftest import Run
from tests.console.node.migration.children import lying

MADE = release_migration("wasm", "0x" + "5a" * 20)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"migration": MADE.section}))
    return str(path)


def test_a_migration_is_shown_without_a_network(cli: Run, file: str) -> None:
    shown = cli("migration", "show", file)
    assert (shown.code, shown.err) == (0, "")
    digest = migration_hash(parse_migration(MADE.section))
    assert "may write, and nothing else:" in shown.out
    assert shown.out.endswith(f"Hash of the migration: {digest}\n")
    document = json.loads(cli("migration", "show", file, "--json").out)
    assert (document["sha256"], document["migration"]) == (digest, MADE.section)


def test_a_file_that_is_no_migration_is_refused(cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('{"kind":"\\u001b[2J"}')
    cli("migration", "show", str(path)).refused_with("<U+001B>", "is none of none, compiled")


def test_the_sandbox_is_tested(cli: Run) -> None:
    tested = cli("migration", "self-test")
    assert (tested.code, tested.err) == (0, "")
    assert len(tested.out.splitlines()) == len(list(exploits()))
    assert all(line.startswith("held ") for line in tested.out.splitlines())


def test_a_sandbox_that_does_not_hold_exits_1(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lying(tmp_path, monkeypatch, '{"run":{"failure":null,"sentence":"fine","fuel":1,"pages":1,"calls":1,"writes":[]}}')
    tested = cli("migration", "self-test", "--json")
    assert tested.code == 1
    assert json.loads(tested.out)["holds"] is False
    assert "does not hold on this machine" in tested.err


def test_a_dry_run_needs_a_network(cli: Run, file: str) -> None:
    refused = cli("migration", "dry-run", file, "m.wasm")
    assert refused.code == 2
    assert "say which network" in refused.err
