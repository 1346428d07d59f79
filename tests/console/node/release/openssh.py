"""The real ssh-keygen, for tests that compare with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from console.node.release.roles import Role
from tests.console.node.release.forge import TestKey

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def keygen(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen where it can ask nobody."""
    return subprocess.run(
        ["ssh-keygen", *arguments], input=stdin, capture_output=True, timeout=60, check=False, start_new_session=True
    )


def new_key(folder: Path, name: str, kind: str = "ed25519", passphrase: str = "", comment: str = "work") -> Path:
    """Let ssh-keygen make a key. Returns the private one's path."""
    path = folder / name
    done = keygen("-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", str(path))
    assert done.returncode == 0, done.stderr
    return path


def written_key(folder: Path, key: TestKey) -> Path:
    """A key of ours as files of OpenSSH."""
    path = folder / key.word
    path.touch(mode=0o600)
    path.write_bytes(key.private_text)
    path.with_name(f"{key.word}.pub").write_text(f"{key.public.text} {key.word}\n")
    return path


def stock_verify(folder: Path, signers: str, name: str, role: Role, signature: bytes, message: bytes) -> bool:
    """What `ssh-keygen -Y verify` says."""
    allowed, file = folder / "allowed_signers", folder / "stock.sshsig"
    allowed.write_text(signers)
    file.write_bytes(signature)
    done = keygen(
        *("-Y", "verify", "-f", str(allowed), "-I", name, "-n", role.namespace, "-s", str(file)), stdin=message
    )
    return done.returncode == 0
