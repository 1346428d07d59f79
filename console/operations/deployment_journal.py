"""What was deployed from this machine, written down before it is sent: a crash deploys nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from console import strict_json
from console.errors import InputError
from console.files import write_durably
from console.settings import NetworkSettings, state_folder

_SCHEMA = 1
_MOST_FILE = 4 << 20


@dataclass(frozen=True, slots=True)
class Deployment:
    """One contract that was sent, or was about to be."""

    chain_id: int
    sender: str
    nonce: int
    """Sender and nonce make the address, so that it is known before anything is sent."""
    address: str
    name: str
    code: str
    """sha256 of the creation code with its arguments, 64 hex digits."""


def deployments_of(network: NetworkSettings) -> DeploymentJournal:
    """What this user deployed; a devnet's goes with its folder."""
    return DeploymentJournal((network.folder or state_folder()) / "deployments.json")


def code_id(creation: bytes) -> str:
    """What a deployment is found by: sha256 of its creation code with arguments."""
    return hashlib.sha256(creation).hexdigest()


class DeploymentJournal:
    """The journal in one file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self._path

    def find(self, chain_id: int, sender: str, creation: bytes) -> Deployment | None:
        """The last deployment of this code by this account on this chain, None when there is none.

        Raises:
            InputError: The file is damaged; nothing is guessed from it.
        """
        wanted = (chain_id, sender, code_id(creation))
        found = [entry for entry in self._entries() if (entry.chain_id, entry.sender, entry.code) == wanted]
        return found[-1] if found else None

    def add(self, entry: Deployment) -> None:
        """Write one down, durably. Raises InputError when the file is damaged or cannot be written."""
        entries = [*self._entries(), entry]
        document = {"schema": _SCHEMA, "deployments": [asdict(each) for each in entries]}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(self._path, json.dumps(document, indent=1).encode())
        except OSError as error:
            raise InputError(
                f"cannot write {self._path}: {os.strerror(error.errno or 0)}", safe="nothing was sent"
            ) from None

    def _entries(self) -> list[Deployment]:
        try:
            body = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {os.strerror(error.errno or 0)}") from None
        damaged = InputError(
            f"{self._path} is not a journal of deployments",
            safe="nothing was sent",
            next_step="move it away, and look on the chain for what was deployed already",
        )
        try:
            document = strict_json.loads(body) if len(body) <= _MOST_FILE else None
        except strict_json.NotStrictJson:
            raise damaged from None
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
            raise damaged
        rows = document.get("deployments")
        if not isinstance(rows, list):
            raise damaged
        try:
            entries = [Deployment(**row) for row in rows]
        except TypeError:
            raise damaged from None
        kinds = {"chain_id": int, "sender": str, "nonce": int, "address": str, "name": str, "code": str}
        if not all(isinstance(getattr(entry, key), kind) for entry in entries for key, kind in kinds.items()):
            raise damaged
        return entries
