"""A proposal that was prepared and that people have to complete; nothing of it is sent by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """What is prepared of a proposal, and what only people can fill in or settle."""

    network: str
    """The network's name where it was written."""
    kind: str
    """`ipc` or `cosmos`."""
    chain_id: str
    """CometBFT's chain id: what the draft is for."""
    takes_back: UntrustedText
    """Name of the upgrade that it reverts."""
    taken_height: int
    """H of that upgrade."""
    written_at: float
    """Unix seconds."""
    fields: Mapping[str, str]
    """By the names of the network's own propose form; an empty one is still to be filled in."""
    missing: Mapping[str, str]
    """What is missing, a sentence by its name: a field's, or else a question's that only people can settle."""
    before: UntrustedText
    """What ran before the upgrade, and who says so."""
    path: str = ""
    """The file that it was read from; empty for none."""

    @property
    def questions(self) -> Mapping[str, str]:
        """What people have to settle, and no field of the form says."""
        return {name: words for name, words in self.missing.items() if name not in self.fields}

    def unfilled(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """What is missing of these fields."""
        return {
            name: words
            for name, words in self.missing.items()
            if name in self.fields and not fields.get(name, "").strip()
        }
