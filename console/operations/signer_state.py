"""The signer's state of a node of this machine: looked at before and after, never written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from console.errors import NodeError
from console.node.shape import shape_of
from console.node.signer_guard import Hrs, read_hrs
from console.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class SignerLook:
    """What was found."""

    remote: str
    """Where a remote signer is waited for: then no file here says anything; else empty."""
    path: str
    hrs: Hrs
    """Height, round and step of the last signature."""
    sha256: str

    @property
    def words(self) -> str:
        """One line of evidence."""
        if self.remote:
            return f"the signer is remote ({self.remote}): no file here tells what it signed"
        height, turn, step = self.hrs
        return f"{self.path}: height {height}, round {turn}, step {step}, sha256 {self.sha256}"

    @property
    def mark(self) -> str:
        """To be remembered and compared."""
        return " ".join(map(str, self.hrs))


def look_at_signer(node: NodeSettings) -> SignerLook:
    """Read it. Raises SignerStateError: it is missing or not readable; NodeError."""
    shape = shape_of(node)
    path = shape.signer_state()
    if remote := shape.remote_signer():
        return SignerLook(remote, str(path), (0, 0, 0), "")
    hrs = read_hrs(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NodeError(f"cannot read {path}: {error.strerror or error}") from error
    return SignerLook("", str(path), hrs, digest)


def went_back(before: str, now: SignerLook) -> bool:
    """Whether the signer's state is lower than its mark was."""
    return tuple(map(int, before.split())) > now.hrs
