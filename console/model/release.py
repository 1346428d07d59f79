"""What a controller verified of the release that it is to run, as the console and the command line show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReleaseCheck:
    """One question and its answer."""

    check: str
    """What it is about, as `release verify` names it."""
    outcome: str
    """`passed`, `warning`, `failed`, `not asked` or `not read`."""
    sentence: str


@dataclass(frozen=True, slots=True)
class RoleCount:
    """Who signed in one role."""

    role: str
    """`developer`, `builder` or `auditor`."""
    names: tuple[str, ...]
    """Of distinct keys, as the keyring has them."""
    needed: int
    """Distinct keys; 0: none is asked for."""

    @property
    def words(self) -> str:
        """`2 of 2: alice, bob`."""
        count = f"{len(self.names)} of {self.needed}" if self.needed else f"{len(self.names)}, none is asked for"
        return f"{count}: {', '.join(self.names)}" if self.names else count


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """A release by its manifest, held against this network, node and plan just now. Every text is safe to show."""

    generation: str
    """Folder name of the plan."""
    reason: str = ""
    """Why nothing of a manifest is known, one sentence; then every field below has its default."""
    path: str = ""
    """Where the manifest is on the node's machine; empty while it is not kept there."""
    accepted: bool = False
    """Whether it may be staged."""
    sha256: str = ""
    """Of the manifest."""
    checks: tuple[ReleaseCheck, ...] = ()
    """In the order of `release verify`."""
    counts: tuple[RoleCount, ...] = ()
    """Empty without a keyring."""
    facts: tuple[tuple[str, str], ...] = ()
    """What the manifest says, by heading; empty when nobody vouches for its bytes."""
    migration: tuple[str, ...] = ()
    """What it will change, line by line; indented lines belong to the line above them."""
