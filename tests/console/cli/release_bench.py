"""A project with real OpenSSH keys, its release's files, and an operator's settings, for tests of `release …`."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.console.cli.conftest import Outcome, Run

CHAIN = "r31337-t4example"
SSH_KEYGEN = shutil.which("ssh-keygen")
PEOPLE = ("alice", "bob", "carol", "bea", "ada", "operator")


class Project:
    """Everything of a release's makers and one operator, below a folder; verbs are called as a shell would."""

    def __init__(self, folder: Path, cli: Run) -> None:
        self.folder = folder
        self.cli = cli
        folder.mkdir()
        for name in PEOPLE:
            command = [
                SSH_KEYGEN or "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                name,
                "-f",
                str(folder / name),
            ]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        (folder / "fendermint").write_bytes(b"\x7fELF the new one" * 1000)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def settings(self, **releases: Any) -> None:
        """The operator's settings: network `calib`, signatures required unless it is said otherwise."""
        lines = [
            "[networks.calib]",
            f'chain_id = "{CHAIN}"',
            "evm_chain_id = 1",
            'registry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"',
            'cometbft_rpc = ["http://127.0.0.1:1"]',
            'ethereum_rpc = ["http://127.0.0.1:1"]',
            "[networks.calib.releases]",
            f"trust_dir = {json.dumps(self.path('trust'))}",
            *(f"{key} = {json.dumps(value)}" for key, value in releases.items()),
        ]
        path = self.folder.parent / "config" / "upgrade-console" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def pub(self, name: str) -> str:
        return f"{name}={self.path(name)}.pub"

    def keyring(self, *more: str) -> str:
        """Make keyring 1: two of three developers, one builder, one auditor. Its sha256."""
        developers = [word for name in ("alice", "bob", "carol") for word in ("--developer", self.pub(name))]
        found = self.cli(
            "release", "keyring", "init", "--project", "demo", *developers, "--developers-needed", "2",
            "--builder", self.pub("bea"), "--builders-needed", "1", "--auditor", self.pub("ada"),
            "--out", self.path("keyring.1.json"), *more,
        )  # fmt: skip
        assert found.code == 0, found
        return hashlib.sha256((self.folder / "keyring.1.json").read_bytes()).hexdigest()

    def pin(self) -> None:
        found = self.cli("release", "keyring", "pin", self.path("keyring.1.json"), "--hash", f"sha256:{self.keyring()}")
        assert found.code == 0, found

    def make(self, *more: str, sequence: int = 7) -> str:
        """Make the manifest; its sha256."""
        found = self.cli(
            "release", "make", "--name", "v0.2.0", "--version", "0.2.0", "--sequence", str(sequence),
            "--binary", f"any:fendermint={self.path('fendermint')}",
            "--source", "any:fendermint=https://releases.example/fendermint",
            "--out", self.path("manifest.json"), *more,
        )  # fmt: skip
        assert found.code == 0, found
        return hashlib.sha256((self.folder / "manifest.json").read_bytes()).hexdigest()

    def sign(self, name: str, role: str = "developer", *more: str) -> Outcome:
        return self.cli(
            "release", "sign", self.path("manifest.json"), "--key", self.path(name), "--role", role, *more
        )  # fmt: skip

    def build(self, name: str = "bea") -> Outcome:
        return self.sign(name, "builder", "--binary", f"any:fendermint={self.path('fendermint')}")

    def verify(self, *more: str) -> Outcome:
        return self.cli("release", "verify", self.path("manifest.json"), *more)
