"""What a parent's proposal says to child networks: from its manifest, its plan's info or its metadata."""

from __future__ import annotations

from typing import Any

from console import strict_json
from console.errors import ManifestRefused
from console.model import Proposal, ReleaseKind
from console.model.cross_subnet import EVERY_CHILD, ChildWindow
from console.node.release.grammar import WrongShape
from console.node.release.manifest import VerifiedBytes, parse_manifest
from console.node.release.manifest_grammar import CHILDREN

_MOST_BYTES = 64 * 1024


def windows_in_texts(proposal: Proposal) -> tuple[ChildWindow, ...]:
    """What a proposal of a Cosmos chain says: `children` in its plan's info, else in its metadata.

    What is no such thing says nothing: both are free text.
    """
    metadata = "" if proposal.ballot is None else str(proposal.ballot.metadata)
    for text in (str(proposal.release_url), metadata):
        if found := _windows_in(text):
            return found
    return ()


def windows_in_manifest(content: bytes, sha256: str) -> tuple[ChildWindow, ...]:
    """What a release manifest says, whose hash the parent's chain has.

    Raises:
        ManifestRefused: It is another one, or not acceptable.
    """
    return parse_manifest(VerifiedBytes.by_hash(content, sha256)).children


def named_manifest(proposal: Proposal) -> bool:
    """Whether a proposal's release is a manifest that could say something."""
    return proposal.release_kind is ReleaseKind.MANIFEST and bool(proposal.release_hash)


def window_for(chain_id: str, windows: tuple[ChildWindow, ...]) -> ChildWindow | None:
    """The window of a child: its own, else that of every child; None where nothing is said to it."""
    own = next((each for each in windows if each.chain == chain_id), None)
    return own or next((each for each in windows if each.chain == EVERY_CHILD), None)


def _windows_in(text: str) -> tuple[ChildWindow, ...]:
    if not text.startswith("{") or len(text) > _MOST_BYTES:
        return ()
    try:
        document: Any = strict_json.loads(text.encode(), max_depth=8)
        if not isinstance(document, dict) or "children" not in document:
            return ()
        return tuple(ChildWindow(**each) for each in CHILDREN.read(document["children"], "children"))
    except (strict_json.NotStrictJson, WrongShape, ManifestRefused):
        return ()
