"""Whether a release may be staged: whole folders, and what holds for every set of files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ReleaseError
from console.model import FailureCode, MigrationKind
from console.node.release.bundle import read_bundle
from console.node.release.checks import Outcome, Subject, exit_codes_markdown
from console.node.release.keyring import parse_keyring
from console.node.release.verification import Expected, Verification, verify_release
from tests.console.node.release.forge import signed
from tests.console.node.release.manifests import encoded
from tests.console.node.release.release_cases import CHAIN, FOLDER, GOOD, RING, cases, document, files

FOLDERS = sorted(path.name for path in FOLDER.iterdir())


def expected_of(folder: Path) -> Expected:
    told = json.loads((folder / "case.json").read_bytes())
    rings = [parse_keyring(path.read_bytes()) for path in folder.glob("keyring.*.json")]
    return Expected(
        chain_id=told["chain_id"],
        platform=told["platform"],
        required=told["required"],
        keyring=rings[0] if rings else None,
        highest=None if told["highest"] is None else (told["highest"][0], told["highest"][1]),
        release_hash=told["release_hash"],
        plan_name=told["plan_name"],
        target_height=told["target_height"],
        breaking=told["breaking"],
        migration=(MigrationKind[told["migration"][0]], told["migration"][1]) if "migration" in told else None,
        programs=tuple(told["programs"]),
        now=datetime.strptime(told["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
    )


def verified(folder: Path) -> Verification:
    bundle = read_bundle(folder / "manifest.json")
    return verify_release(bundle.content, bundle.signatures, expected_of(folder))


def test_the_folders_are_what_they_are_made_of() -> None:
    made = {f"{name}/{file}": content for name, case in cases().items() for file, content in files(case).items()}
    there = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in FOLDER.glob("*/*")}
    assert there == made, "run `python -m tests.console.node.release.release_cases`"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_whole_release(name: str) -> None:
    told = json.loads((FOLDER / name / "case.json").read_bytes())
    found = verified(FOLDER / name)
    assert found.exit_code == told["exit_code"], [each for each in found.checks if each.outcome is Outcome.FAILED]
    assert found.accepted == (not name.endswith("_fail")) == (found.exit_code == 0)
    assert any(told["words"] in each.sentence for each in found.checks), [each.sentence for each in found.checks]
    assert [each.subject for each in found.checks] == sorted(
        (each.subject for each in found.checks), key=list(Subject).index
    )
    if "_warning" in name:
        assert any(each.outcome is Outcome.WARNING and told["words"] in each.sentence for each in found.checks)
    if found.accepted:
        assert found.raise_on_failure() is found.manifest
    else:
        with pytest.raises(ReleaseError, match="the release is not trusted") as caught:
            found.raise_on_failure()
        wanted = FailureCode.HASH_MISMATCH if told["exit_code"] == 10 else FailureCode.NOT_TRUSTED
        assert caught.value.code == wanted
    json.dumps(found.document())


def test_every_check_of_the_table_but_those_of_running_has_a_folder_that_fails() -> None:
    failing = {case.subject for case in cases().values()} - {None}
    assert failing == set(Subject) - {Subject.EXPIRY, Subject.MIGRATION, Subject.SANDBOX, Subject.ARTEFACT}
    codes = [each.exit_code for each in Subject if each.exit_code]
    assert len(set(codes)) == len(codes)
    assert min(codes) > 2
    assert all(f"| {code} |" in exit_codes_markdown() for code in codes)


def test_what_nobody_vouches_for_is_not_read() -> None:
    found = verified(FOLDER / "nobody_vouches_fail")
    assert found.manifest is None
    unread = {each.subject for each in found.checks if each.outcome is Outcome.UNREAD}
    assert unread == {Subject.CHAIN, Subject.SEQUENCE, Subject.KEYRING, Subject.HEIGHT, Subject.RULES, Subject.PLATFORM}


BASE = Expected(
    chain_id=CHAIN,
    platform="linux/amd64",
    required=True,
    keyring=RING,
    release_hash=hashlib.sha256(GOOD).hexdigest(),
    programs=("fendermint",),
)
FILES = {
    f"{name}.{role}": signed(name, content, role)
    for name in ("alice", "bob", "carol", "gone", "bea", "eve")
    for role in dict(RING.thresholds)
    for content in (GOOD,)
}


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.sets(st.sampled_from(sorted(FILES))))
def test_accepted_only_with_two_developers_and_a_builder(names: set[str]) -> None:
    found = verify_release(GOOD, {name: FILES[name] for name in names}, BASE)
    developers = {name.split(".")[0] for name in names if name.endswith("DEVELOPER")} & {"alice", "bob", "carol"}
    assert found.accepted == (len(developers) >= 2 and "bea.Role.BUILDER" in names)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_is_accepted(position: int, change: int) -> None:
    content = bytearray(GOOD)
    content[position] ^= change
    found = verify_release(bytes(content), {"a": FILES["alice.Role.DEVELOPER"], "b": FILES["bob.Role.DEVELOPER"]}, BASE)
    assert found.exit_code == Subject.HASH.exit_code
    assert found.manifest is None


def test_images_are_asked_for_where_the_node_is_in_containers() -> None:
    expected = dataclasses.replace(BASE, contained=True)
    found = verify_release(GOOD, {}, expected)
    platform = next(each for each in found.checks if each.subject is Subject.PLATFORM)
    assert platform.outcome is Outcome.PASSED
    bare = document()
    del bare["platforms"]["linux/amd64"]["images"]
    content = encoded(bare)
    found = verify_release(content, {}, dataclasses.replace(expected, release_hash=hashlib.sha256(content).hexdigest()))
    assert "it has no images for linux/amd64" in {each.sentence for each in found.checks}
