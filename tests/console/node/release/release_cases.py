"""Whole releases, good and attacked, as folders: `python -m tests.console.node.release.release_cases` writes them.

Each folder holds manifest.json, its signature files, the keyring and case.json with what it is held against; those
whose name ends in `_fail` must be refused with the exit code there. Keys are made of words, so every byte is the same
in every run, and stock OpenSSH can read them too.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.node.migration import migration_hash, parse_migration
from console.node.release.checks import Subject
from console.node.release.keyring import Keyring
from console.node.release.roles import Role
from tests.console.node.release.forge import Recipe, TestKey, ring, ring_key, signed, token_key
from tests.console.node.release.manifests import encoded, whole

FOLDER = Path(__file__).parent / "releases"
CHAIN = "r31337-t4example"
RING = ring(
    ring_key("alice"),
    ring_key("bob"),
    ring_key("carol"),
    ring_key("late", first=100),
    ring_key("gone", last=3),
    ring_key("bea", Role.BUILDER),
    ring_key("ben", Role.BUILDER),
    ring_key("ada", Role.AUDITOR),
    developer=2,
    builder=1,
    version=3,
)
WASM = whole()["migration"]


def document(**changes: Any) -> dict[str, Any]:
    return whole(**{"project": "demo", "keyring": 3, "migration": {"kind": "none"}, **changes})


@dataclass(frozen=True)
class Case:
    content: bytes
    signers: dict[str, bytes]
    subject: Subject | None
    """The check that fails first; None for a release that may be staged."""
    words: str
    """What a sentence of it says."""
    expected: dict[str, Any] = field(default_factory=dict)
    keyring: Keyring | None = RING

    @property
    def held_against(self) -> dict[str, Any]:
        return {
            "chain_id": CHAIN,
            "platform": "linux/amd64",
            "required": True,
            "release_hash": hashlib.sha256(self.content).hexdigest(),
            "highest": None,
            "plan_name": "v0.2.0",
            "target_height": 1500,
            "breaking": True,
            "programs": ["fendermint", "cometbft"],
            "now": "2026-12-01T00:00:00Z",
            **self.expected,
        }


def case(
    subject: Subject | None,
    words: str,
    made: dict[str, Any] | bytes | None = None,
    *,
    developers: str = "alice bob",
    builders: str = "bea",
    auditors: str = "",
    more: dict[str, bytes] | None = None,
    keyring: Keyring | None = RING,
    **expected: Any,
) -> Case:
    content = made if isinstance(made, bytes) else encoded(made or document())
    files: dict[str, bytes] = {}
    for role, names in ((Role.DEVELOPER, developers), (Role.BUILDER, builders), (Role.AUDITOR, auditors)):
        files |= {f"manifest.json.{name}.{role.value}.sshsig": signed(name, content, role) for name in names.split()}
    return Case(content, files | (more or {}), subject, words, expected, keyring)


WASM_HASH = migration_hash(parse_migration(WASM))
GOOD = encoded(document())
OTHER = encoded(document(version="0.2.1"))


def cases() -> dict[str, Case]:
    """Every case by its folder's name."""
    return {
        "signed_by_two": case(None, "2 of 2 signed (alice, bob)"),
        "signed_by_all": case(None, "3 of 2 signed", developers="alice bob carol"),
        "no_plan_yet": case(None, "no plan is known", release_hash="", target_height=None, plan_name=""),
        "expired_is_a_warning": case(None, "until 2027-01-31", now="2031-01-01T00:00:00Z"),
        "another_plan_name_is_a_warning": case(None, "the plan's name differs", plan_name="v0.2.0-again"),
        "plan_name_in_other_case": case(None, "2 of 2 signed", plan_name="V0.2.0"),
        "older_keyring_is_a_warning": case(None, "made under keyring 2", document(keyring=2)),
        "the_same_release_again": case(None, "the highest so far was 7", highest=[7, hashlib.sha256(GOOD).hexdigest()]),
        "junk_beside_good_ones": case(
            None,
            "2 of 2 signed",
            more={"manifest.json.z.sshsig": b"junk", "manifest.json.y.sshsig": signed("eve", GOOD)},
        ),
        "wasm_with_auditor": case(None, "1 of 1 signed (ada)", document(migration=WASM), auditors="ada"),
        "off_and_the_chain_knows_it": case(
            None, "the chain's hash alone", developers="", builders="", keyring=None, required=False
        ),
        "off_and_signed_by_too_few_is_a_warning": case(None, "do not demand it", developers="alice", required=False),
        "any_platform": case(
            None,
            "linux/riscv64: fendermint",
            document(platforms={"any": document()["platforms"]["linux/amd64"]}),
            platform="linux/riscv64",
        ),
        "wrong_hash_fail": case(Subject.HASH, "and the chain says", release_hash="0" * 64),
        "signed_bytes_of_another_release_fail": case(
            Subject.HASH, "and the chain says", OTHER, release_hash=hashlib.sha256(GOOD).hexdigest()
        ),
        "nobody_vouches_fail": case(Subject.VOUCHED, "nobody vouches", developers="", release_hash=""),
        "nobody_vouches_without_keyring_fail": case(
            Subject.VOUCHED, "no keyring is pinned", keyring=None, release_hash="", required=False
        ),
        "unsigned_and_wrong_hash_fail": case(Subject.HASH, "nobody vouches", developers="alice", release_hash="1" * 64),
        "broken_manifest_fail": case(Subject.MANIFEST, "text that is not JSON", b"{"),
        "key_twice_fail": case(
            Subject.MANIFEST, "a key twice", GOOD.replace(b'"sequence": 7', b'"sequence": 7, "sequence": 8')
        ),
        "newer_format_fail": case(Subject.MANIFEST, "has format 2", document(format=2)),
        "size_lies_fail": case(
            Subject.MANIFEST, "size must be a whole number", GOOD.replace(b'"size": 157286400', b'"size": 1e99')
        ),
        "size_beyond_bounds_fail": case(
            Subject.MANIFEST,
            "size must be a whole number",
            GOOD.replace(b'"size": 157286400', b'"size": 99999999999999'),
        ),
        "another_chain_fail": case(Subject.CHAIN, "this network is", chain_id="r1-mainnet"),
        "another_project_fail": case(Subject.CHAIN, "of project other", document(project="other")),
        "older_sequence_fail": case(Subject.SEQUENCE, "9 was trusted here already", highest=[9, "a" * 64]),
        "same_sequence_other_bytes_fail": case(Subject.SEQUENCE, "for another manifest", highest=[7, "a" * 64]),
        "no_keyring_fail": case(Subject.KEYRING, "demands signatures", keyring=None),
        "newer_keyring_fail": case(Subject.KEYRING, "rotate it first", document(keyring=4)),
        "one_too_few_fail": case(Subject.DEVELOPERS, "1 of 2 signed (alice)", developers="alice"),
        "nobody_signed_fail": case(Subject.DEVELOPERS, "0 of 2 signed", developers=""),
        "same_key_twice_fail": case(
            Subject.DEVELOPERS,
            "1 of 2 signed (alice)",
            developers="alice",
            more={
                "manifest.json.copy.sshsig": signed("alice", GOOD),
                "manifest.json.other-hash.sshsig": Recipe(TestKey("alice"), GOOD, hash_name="sha256").file,
            },
        ),
        "same_key_as_a_token_fail": case(
            Subject.DEVELOPERS,
            "not in keyring 3",
            developers="alice",
            more={"manifest.json.token.sshsig": Recipe(token_key("alice"), GOOD).file},
        ),
        "a_stranger_fail": case(Subject.DEVELOPERS, "not in keyring 3", developers="alice eve"),
        "signed_other_bytes_fail": case(
            Subject.DEVELOPERS,
            "not one of these bytes",
            developers="alice",
            more={"manifest.json.bob.sshsig": signed("bob", OTHER)},
        ),
        "developers_as_builders_fail": case(
            Subject.DEVELOPERS,
            "1 of 2 signed",
            developers="alice",
            more={"manifest.json.bob.sshsig": signed("bob", GOOD, Role.BUILDER)},
        ),
        "key_not_valid_yet_fail": case(Subject.DEVELOPERS, "counts from sequence 100", developers="alice late"),
        "key_not_valid_any_more_fail": case(Subject.DEVELOPERS, "counts from sequence 0 to 3", developers="alice gone"),
        "git_signature_fail": case(
            Subject.DEVELOPERS,
            "1 of 2 signed",
            developers="alice",
            more={"manifest.json.bob.sshsig": Recipe(TestKey("bob"), GOOD, "git").file},
        ),
        "no_builder_fail": case(Subject.BUILDERS, "0 of 1 signed", builders=""),
        "builder_is_a_developer_fail": case(Subject.BUILDERS, "is no builder", builders="alice"),
        "wasm_without_auditor_fail": case(Subject.AUDITORS, "0 of 1 signed", document(migration=WASM)),
        "wasm_audited_by_a_developer_fail": case(
            Subject.AUDITORS, "is no auditor", document(migration=WASM), auditors="alice"
        ),
        "plan_is_not_breaking_fail": case(Subject.RULES, "lets nodes go on with the old binary", breaking=False),
        "plan_is_stricter_is_a_warning": case(None, "stops every node all the same", document(breaking=False)),
        "migration_as_voted": case(
            None, "migration of kind wasm", document(migration=WASM), auditors="ada", migration=["WASM", WASM_HASH]
        ),
        "no_migration_as_voted": case(None, "migration of kind none", migration=["NONE", ""]),
        "wasm_voted_on_as_none_fail": case(
            Subject.VOTED, "of kind none was voted on", document(migration=WASM), auditors="ada", migration=["NONE", ""]
        ),
        "voted_on_as_wasm_and_has_none_fail": case(
            Subject.VOTED, "of kind wasm was voted on", migration=["WASM", WASM_HASH]
        ),
        "another_migration_voted_on_fail": case(
            Subject.VOTED,
            f"the migration has hash {WASM_HASH}",
            document(migration=WASM),
            auditors="ada",
            migration=["WASM", "5" * 64],
        ),
        "too_early_fail": case(Subject.HEIGHT, "the plan is for height 999", target_height=999),
        "too_late_fail": case(Subject.HEIGHT, "the plan is for height 2001", target_height=2001),
        "unknown_platform_fail": case(Subject.PLATFORM, "it has no binaries for darwin/arm64", platform="darwin/arm64"),
        "no_platform_fail": case(
            Subject.PLATFORM,
            "only for linux/arm64",
            document(platforms={"linux/arm64": document()["platforms"]["linux/amd64"]}),
        ),
        "another_program_fail": case(Subject.PLATFORM, "it has no gaiad", programs=["gaiad"]),
    }


def files(found: Case) -> dict[str, bytes]:
    """What is in a case's folder, by file name."""
    told = {
        **found.held_against,
        "exit_code": 0 if found.subject is None else found.subject.exit_code,
        "words": found.words,
    }
    content = {
        "manifest.json": found.content,
        "case.json": json.dumps(told, indent=1).encode() + b"\n",
        **found.signers,
    }
    return content if found.keyring is None else {**content, found.keyring.file_name: found.keyring.content}


def main() -> None:
    """Write the folders anew."""
    for name, found in cases().items():
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for file, content in files(found).items():
            (folder / file).write_bytes(content)


if __name__ == "__main__":
    main()
