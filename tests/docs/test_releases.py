"""What the page on releases says of keys and signatures: its tables, its keyring, and its commands, which are run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from console.node.release.allowed_signers import allowed_signers
from console.node.release.keyring import make_keyring, parse_keyring
from console.node.release.public_key import KeyKind
from console.node.release.roles import Role
from console.node.release.signature_files import signature_path
from tests.console.node.release.forge import TestKey, ring, ring_key, signed

PAGE = (Path(__file__).parents[2] / "docs" / "releases.md").read_text("utf-8")
MANIFEST = b'{"name": "v2"}\n'


def test_the_page_names_every_role_namespace_and_kind() -> None:
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| `(\w+@upgrade-console)` \|$", PAGE, re.MULTILINE)
    assert rows == [(role.value, role.namespace) for role in Role]
    assert all(f"`{kind.value}`" in PAGE for kind in KeyKind)


def test_the_keyring_shown_has_the_shape_of_one_and_every_field_is_explained() -> None:
    block = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    shown = json.loads(block.group(1))
    made = json.loads(make_keyring("demo", 1, {Role.DEVELOPER: 1}, [ring_key("alice")]).content)
    assert list(shown) == list(made)
    assert list(shown["keys"][0]) == list(made["keys"][0])
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert {*shown, *shown["keys"][0]} <= explained
    # The key is a real one; the example wants two developers, so with one more it is a keyring.
    shown["keys"].append(made["keys"][0] | {"name": "bob", "key": TestKey("bob").public.text})
    assert parse_keyring(json.dumps(shown).encode()).version == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page's commands want to find."""
    first = ring(ring_key("alice", Role.DEVELOPER, Role.BUILDER), ring_key("bob"), builder=1)
    second = ring(ring_key("alice"), ring_key("carol"), version=2)
    manifest, following = tmp_path / "manifest.json", tmp_path / second.file_name
    manifest.write_bytes(MANIFEST)
    following.write_bytes(second.content)
    (tmp_path / "allowed_signers").write_text(allowed_signers(first))
    for path, word, role in (
        (manifest, "alice", Role.DEVELOPER),
        (manifest, "bob", Role.DEVELOPER),
        (manifest, "alice", Role.BUILDER),
        (following, "alice", Role.KEYRING),
    ):
        signature_path(path, word, role).write_bytes(signed(word, path.read_bytes(), role))
    return tmp_path


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_the_commands_shown_check_what_they_say(folder: Path) -> None:
    block = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    commands = [line for line in block.group(1).splitlines() if line.startswith("ssh-keygen ")]
    assert len(commands) == 5
    for command in commands:
        done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert re.search(r"^(Good .* signature for (alice|bob) with ED25519 key|bob$)", done.stdout), done.stdout
    (folder / "manifest.json").write_bytes(MANIFEST + b" ")
    for command in commands[:3]:
        done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0
    assert TestKey("alice").public.text in (folder / "allowed_signers").read_text()
