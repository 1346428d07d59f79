"""What may go over a fleet node by node: a release whose manifest is vouched for, and that is not breaking."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import InputError, NodeError
from console.files import sha256_of
from console.operations.roll import RolledRelease, check_release
from console.settings import load_network
from tests.console.cli.conftest import Run
from tests.console.cli.release_bench import SSH_KEYGEN, Project

pytestmark = pytest.mark.skipif(SSH_KEYGEN is None, reason="OpenSSH's ssh-keygen is not installed")


def checked(project: Project, file: Path, name: str = "v0.2.0") -> RolledRelease:
    manifest = project.folder / "manifest.json"
    return check_release(load_network("calib"), None, name, file, f"sha256:{sha256_of(file)}", manifest)


def signed(project: Project, *more: str) -> None:
    project.make(*more)
    for name in ("alice", "bob"):
        assert project.sign(name).code == 0
    assert project.build().code == 0


def test_a_manifest_is_vouched_for_holds_the_program_and_is_not_breaking(cli: Run, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", cli)
    project.settings()
    project.pin()
    program = project.folder / "fendermint"
    project.make("--not-breaking")
    # Nobody has signed it yet.
    with pytest.raises(NodeError):
        checked(project, program)
    signed(project, "--not-breaking", "--force")
    found = checked(project, program)
    assert found.sha256 == sha256_of(program)
    assert found.evidence[-1].endswith(": 0.2.0, not breaking")
    other = tmp_path / "other"
    other.write_bytes(b"\x7fELF another one")
    with pytest.raises(InputError, match="no program of the manifest has"):
        checked(project, other)


def test_a_breaking_release_goes_by_a_proposal(cli: Run, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", cli)
    project.settings()
    project.pin()
    signed(project)
    with pytest.raises(InputError, match="is declared breaking: node by node the network would split"):
        checked(project, project.folder / "fendermint")
