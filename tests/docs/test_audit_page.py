"""The verifier on the page about the audit does what the page says, on a real export."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from console.chain.sent import record_by_hand
from console.node.journal import Journal
from console.operations.audit_export import export
from tests.console.operations.examples import a_network
from tests.console.operations.test_audit import sign

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def test_the_verifier_of_the_page_accepts_an_export_and_refuses_a_changed_one(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    network = replace(a_network(tmp_path), folder=tmp_path)
    node = network.nodes[0]
    node.state_dir.mkdir(parents=True, exist_ok=True)
    journal = Journal(node.state_dir / "journal.db")
    for number in range(3):
        journal.record("said-ready", value=f"{number} ünïcode")
    head = journal.head()
    journal.close()
    for act in ("0x" + "ab" * 32, "0x" + "cd" * 32):
        sign(record_by_hand(network), act, network.evm_chain_id)
    lines = list(export(network, node))

    def run(content: bytes) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "export.jsonl"
        path.write_bytes(content)
        command = [sys.executable, "-c", program, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert head is not None
    assert run(b"".join(lines)).stdout == f"3 rows, the last {head.hash}\n"
    for number in range(1, len(lines) - 1):
        assert "AssertionError" in run(b"".join(lines[:number] + lines[number + 1 :])).stderr
    assert "it was changed" in run(b"".join(lines).replace(b"said", b"paid", 1)).stderr


def test_an_export_is_verified_where_no_network_is_set_up(tmp_path: Path) -> None:
    path = tmp_path / "no"
    path.write_bytes(b"{}\n")
    command = [sys.executable, "-m", "console.cli", "audit", "--verify-export", str(path)]
    environment = {"HOME": str(tmp_path), "PATH": "/nonexistent", "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert (done.returncode, "is no export of an audit" in done.stderr) == (1, True), done.stderr
