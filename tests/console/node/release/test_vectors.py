"""One folder of `tests/vectors/release` is one test: `_ok` is accepted, `_fail` refused for the reason it names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from console.errors import KeyringRefused, TrustRefused
from console.node.release.counting import count
from console.node.release.keyring import parse_keyring
from console.node.release.roles import Role
from console.node.release.rotation import check_rotation
from console.node.release.signature_files import signatures_beside
from console.node.release.trust import Trust
from tests.vectors.release.make import FOLDER, vectors

FOLDERS = sorted(path for path in FOLDER.iterdir() if path.name.endswith(("_ok", "_fail")))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.sshsig")}


def ask_count(folder: Path, case: dict[str, Any]) -> tuple[bool, list[str]]:
    keyring = parse_keyring((folder / "keyring.json").read_bytes())
    manifest = (folder / "manifest.json").read_bytes()
    found = count(manifest, files(folder), keyring, Role(case["role"]), case["sequence"])
    assert [signer.name for signer in found.signers] == case["signers"]
    return found.reached, [refused.why for refused in found.refused]


def ask_keyring(folder: Path) -> tuple[bool, list[str]]:
    try:
        parse_keyring((folder / "keyring.json").read_bytes())
    except KeyringRefused as error:
        return False, [str(error)]
    return True, []


def ask_rotation(folder: Path) -> tuple[bool, list[str]]:
    old, new = (parse_keyring((folder / name).read_bytes()) for name in ("old.json", "new.json"))
    try:
        check_rotation(old, new, files(folder))
    except KeyringRefused as error:
        return False, [str(error)]
    return True, []


def ask_trust(folder: Path, case: dict[str, Any], state: Path) -> tuple[bool, list[str]]:
    *before, last = case["steps"]
    for step in before:
        take(folder, state, step)
    try:
        take(folder, state, last)
    except TrustRefused as error:
        return False, [str(error)]
    return True, []


def take(folder: Path, state: Path, step: list[Any]) -> None:
    trust, path = Trust(state), folder / step[-1]
    content = path.read_bytes()
    match step[0]:
        case "pin":
            trust.pin(content, hashlib.sha256(content).hexdigest())
        case "rotate":
            trust.rotate(content, signatures_beside(path))
        case "accept":
            trust.accept_release("chain", step[1], hashlib.sha256(content).hexdigest())
        case other:
            pytest.fail(f"no such step: {other}")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_vector_is_judged_as_its_name_says(folder: Path, tmp_path: Path) -> None:
    case = json.loads((folder / "case.json").read_bytes())
    match case["ask"]:
        case "count":
            accepted, said = ask_count(folder, case)
        case "keyring":
            accepted, said = ask_keyring(folder)
        case "rotation":
            accepted, said = ask_rotation(folder)
        case "trust":
            accepted, said = ask_trust(folder, case, tmp_path / "trust")
        case other:
            pytest.fail(f"nothing is asked by {other}")
    assert accepted == folder.name.endswith("_ok"), said
    for words in case["says"]:
        assert any(words in sentence for sentence in said), (words, said)


def test_the_folders_are_what_the_script_makes() -> None:
    made = {vector.name: vector.content() for vector in vectors()}
    assert sorted(made) == [folder.name for folder in FOLDERS]
    for folder in FOLDERS:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == made[folder.name]
    assert sum(name.endswith("_fail") for name in made) >= 40
