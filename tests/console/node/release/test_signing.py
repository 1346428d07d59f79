"""Signing by the real ssh-keygen: what is written counts, and what does not count is not written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from console.errors import SignatureRefused, SigningFailed
from console.node.release.counting import count
from console.node.release.keyring import Keyring, RingKey, make_keyring
from console.node.release.public_key import KeyKind, parse_public_key
from console.node.release.roles import Role
from console.node.release.signature_files import MAX_FILES, signature_path, signatures_beside
from console.node.release.signing import sign, sign_as_listed, sign_as_named
from console.node.release.sshsig import MAX_FILE, TokenUse, verify
from tests.console.node.release import software_token as software
from tests.console.node.release.forge import TestKey, signed, token_key
from tests.console.node.release.openssh import keygen, needs_ssh_keygen, new_key, written_key

pytestmark = needs_ssh_keygen

CONTENT = b'{"name": "v2"}\n'


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "release" / "manifest.json"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def listed(key: Path, *roles: Role, version: int = 1) -> Keyring:
    public = parse_public_key(key.with_name(f"{key.name}.pub").read_text())
    return make_keyring("demo", version, {Role.DEVELOPER: 1}, [RingKey("alice", public, frozenset(roles))])


def test_a_signature_is_written_beside_and_counts(tmp_path: Path, manifest: Path) -> None:
    key = new_key(tmp_path, "id")
    made = listed(key, Role.DEVELOPER, Role.BUILDER)
    for role in (Role.DEVELOPER, Role.BUILDER):
        done = sign_as_listed(manifest, CONTENT, key, role, [made])
        assert done.file == signature_path(manifest, "alice", role)
        assert done.name == "alice"
    assert sorted(signatures_beside(manifest)) == [
        "manifest.json.alice.builder.sshsig",
        "manifest.json.alice.developer.sshsig",
    ]
    found = count(CONTENT, signatures_beside(manifest), made, Role.DEVELOPER, 1)
    assert found.reached
    assert [refused.made_for for refused in found.refused] == [Role.BUILDER]
    # Signed again, the file is replaced.
    assert sign_as_listed(manifest, CONTENT, key, Role.DEVELOPER, [made]).sha256 == done.sha256


def test_the_bytes_that_were_shown_are_signed_and_not_what_the_file_holds_now(tmp_path: Path, manifest: Path) -> None:
    key = new_key(tmp_path, "id")
    manifest.write_bytes(b"other")
    done = sign_as_listed(manifest, CONTENT, key, Role.DEVELOPER, [listed(key, Role.DEVELOPER)])
    verify(done.file.read_bytes(), CONTENT, Role.DEVELOPER)
    assert not list(manifest.parent.glob("*.sig"))


def test_a_key_that_may_not_sign_in_this_role_is_refused_before_anybody_is_asked(
    tmp_path: Path, manifest: Path
) -> None:
    key = new_key(tmp_path, "id", passphrase="secret")
    with pytest.raises(SigningFailed, match="sign nothing as builder"):
        sign_as_listed(manifest, CONTENT, key, Role.BUILDER, [listed(key, Role.DEVELOPER)])
    # Without its public key beside it, it is known only by its signature.
    plain = new_key(tmp_path, "plain")
    other = listed(plain, Role.DEVELOPER)
    plain.with_name("plain.pub").unlink()
    with pytest.raises(SigningFailed, match="sign nothing as builder"):
        sign_as_listed(manifest, CONTENT, plain, Role.BUILDER, [other])
    assert not signatures_beside(manifest)


def test_a_keyring_is_signed_by_those_of_the_old_one_and_of_the_new_one(tmp_path: Path) -> None:
    old_key, new = new_key(tmp_path, "old"), new_key(tmp_path, "new")
    rings = [listed(old_key, Role.DEVELOPER), listed(new, Role.DEVELOPER, version=2)]
    path = tmp_path / rings[1].file_name
    for key in (old_key, new):
        assert sign_as_listed(path, rings[1].content, key, Role.KEYRING, rings).name == "alice"
    with pytest.raises(SigningFailed, match="keyring 1 or 2 lets"):
        sign_as_listed(path, rings[1].content, new_key(tmp_path, "none"), Role.KEYRING, rings)


def test_an_operator_attests_under_a_name_of_their_own(tmp_path: Path, manifest: Path) -> None:
    key = new_key(tmp_path, "id")
    done = sign_as_named(manifest, CONTENT, key, Role.ATTESTER, "node1")
    assert done.file.name == "manifest.json.node1.attester.sshsig"
    verify(done.file.read_bytes(), CONTENT, Role.ATTESTER)
    with pytest.raises(SigningFailed, match="up to 32 letters"):
        sign_as_named(manifest, CONTENT, key, Role.ATTESTER, "../node1")


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE) as process:
        # It says its socket once it listens.
        assert process.stdout is not None
        process.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield socket
        process.terminate()


def test_a_key_in_the_agent_signs_by_its_public_key(tmp_path: Path, manifest: Path, agent: Path) -> None:
    key = new_key(tmp_path, "id")
    subprocess.run(["ssh-add", "-q", str(key)], check=True, timeout=60)
    key.unlink()
    public = key.with_name("id.pub")
    done = sign_as_listed(manifest, CONTENT, public, Role.DEVELOPER, [listed(key, Role.DEVELOPER)])
    verify(done.file.read_bytes(), CONTENT, Role.DEVELOPER)


ASK = """
import sys
from pathlib import Path
from console.node.release.roles import Role
from console.node.release.signing import sign
print("made", sign(b"x", Path(sys.argv[1]), Role.DEVELOPER)[1].role.value, flush=True)
"""


def test_ssh_keygen_itself_asks_for_the_passphrase_on_the_terminal(tmp_path: Path) -> None:
    key = new_key(tmp_path, "id", passphrase="a long secret")
    environment = {**os.environ, "SSH_AUTH_SOCK": "", "DISPLAY": ""}
    child = pexpect.spawn(sys.executable, ["-c", ASK, str(key)], env=environment, encoding="utf-8", timeout=60)
    child.expect("Enter passphrase")
    child.waitnoecho()
    child.sendline("a long secret")
    child.expect("made developer")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_wrong_passphrase_writes_nothing(tmp_path: Path) -> None:
    key = new_key(tmp_path, "id", passphrase="a long secret")
    environment = {**os.environ, "SSH_AUTH_SOCK": "", "DISPLAY": ""}
    child = pexpect.spawn(sys.executable, ["-c", ASK, str(key)], env=environment, encoding="utf-8", timeout=60)
    child.expect("Enter passphrase")
    child.waitnoecho()
    child.sendline("wrong")
    child.expect("SigningFailed.*did not sign with")
    child.expect(pexpect.EOF)


def test_an_rsa_key_is_refused_by_its_public_key_and_by_its_signature(tmp_path: Path) -> None:
    key = new_key(tmp_path, "id", "rsa")
    with pytest.raises(SigningFailed, match="'ssh-rsa' do not count"):
        sign(CONTENT, key.with_name("id.pub"), Role.DEVELOPER)
    key.with_name("id.pub").unlink()
    with pytest.raises(SigningFailed, match="a signature that is not accepted"):
        sign(CONTENT, key, Role.DEVELOPER)


def test_a_signature_by_another_key_than_was_named_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = written_key(tmp_path, TestKey("alice"))
    other = tmp_path / "other.sig"
    other.write_bytes(signed("bob", CONTENT))
    program(tmp_path, f'for last; do :; done; cp {other} "$last.sig"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    with pytest.raises(SigningFailed, match=f"signed with {re.escape(TestKey('bob').public.fingerprint)}"):
        sign(CONTENT, key, Role.DEVELOPER)


@pytest.fixture
def software_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of software that this OpenSSH takes."""
    probe = software.private_file(tmp_path, token_key("probe"))
    for version in software.API_VERSIONS:
        try:
            environment = software.environment(software.compiled(tmp_path, version))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no C compiler that works: {error}")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if keygen("-Y", "sign", "-f", str(probe), "-n", "probe", stdin=b"x").returncode == 0:
            return
    pytest.skip("this OpenSSH takes no token of software")


@pytest.mark.parametrize("kind", [KeyKind.SK_ED25519, KeyKind.SK_ECDSA], ids=lambda kind: kind.value)
def test_a_key_in_a_token_signs_through_ssh_keygen(
    tmp_path: Path, manifest: Path, software_token: None, kind: KeyKind
) -> None:
    key = software.private_file(tmp_path, token_key("dave", kind))
    done = sign_as_listed(manifest, CONTENT, key, Role.DEVELOPER, [listed(key, Role.DEVELOPER)])
    assert done.signature.key.kind is kind
    assert done.signature.token == TokenUse(verified=False, counter=software.COUNTER)


def test_a_token_that_need_not_be_touched_signs_nothing_of_ours(tmp_path: Path, software_token: None) -> None:
    key = software.private_file(tmp_path, token_key("dave"), touch=False)
    with pytest.raises(SigningFailed, match="without anybody touching it"):
        sign(CONTENT, key, Role.DEVELOPER)


def program(folder: Path, text: str) -> None:
    path = folder / "bin" / "ssh-keygen"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_what_ssh_keygen_says_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key(tmp_path, "id")
    program(tmp_path, 'for last; do :; done; echo no > "$last.sig"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    with pytest.raises(SigningFailed, match="not one SSH signature"):
        sign(CONTENT, key, Role.DEVELOPER)
    (tmp_path / "bin" / "ssh-keygen").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(SigningFailed, match="could not be used"):
        sign(CONTENT, key, Role.DEVELOPER)


def test_one_who_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key(tmp_path, "id")
    program(tmp_path, "exec sleep 600")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    started: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Seen)
    with pytest.raises(SigningFailed, match="no signature within 1 s"):
        sign(CONTENT, key, Role.DEVELOPER, deadline_s=1.0)
    assert [process.returncode is None for process in started] == [False]


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SigningFailed, match="no key file"):
        sign(CONTENT, tmp_path / "none", Role.DEVELOPER)
    key = new_key(tmp_path, "id")
    with pytest.raises(SigningFailed, match="cannot be written"):
        sign_as_named(tmp_path / "gone" / "manifest.json", CONTENT, key, Role.ATTESTER, "me")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SigningFailed, match="ssh-keygen is not installed"):
        sign(CONTENT, key, Role.DEVELOPER)


def test_files_beside_are_found_by_the_name_of_what_they_sign(manifest: Path) -> None:
    folder = manifest.parent
    for name in ("manifest.json.a.sshsig", "manifest.json.sshsig", "manifest.json2.a.sshsig", "manifest.json.a.sig"):
        (folder / name).write_bytes(b"x" * (MAX_FILE + 100))
    (folder / "manifest.json.folder.sshsig").mkdir()
    os.mkfifo(folder / "manifest.json.pipe.sshsig")
    found = signatures_beside(manifest)
    assert sorted(found) == ["manifest.json.a.sshsig", "manifest.json.sshsig"]
    assert {len(content) for content in found.values()} == {MAX_FILE + 1}
    with pytest.raises(SignatureRefused, match="cannot be read"):
        signatures_beside(folder / "gone" / "manifest.json")
    for number in range(MAX_FILES):
        (folder / f"manifest.json.{number}.sshsig").touch()
    with pytest.raises(SignatureRefused, match="more than 1024"):
        signatures_beside(manifest)
