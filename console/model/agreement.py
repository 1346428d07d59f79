"""Whether what is read from the chain was held against a second witness (DESIGN §7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AgreementState(StrEnum):
    """How far what is read can be trusted."""

    OWN = "own"
    """Our own synced node says it: that is binding."""
    AGREED = "agreed"
    """Two endpoints or more say the same of one height."""
    UNCHECKED = "unchecked"
    """Only one endpoint is there, or no two have spoken of one height yet."""
    DISAGREED = "disagreed"
    """Two endpoints contradict each other about one height."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the endpoints of a network say of each other."""

    state: AgreementState
    sentence: str
    """For the operator, without a full stop; endpoints by scheme, host and port."""
    required: bool = False
    """Whether the settings refuse to sign on what is not cross-checked."""

    @property
    def blocks(self) -> bool:
        """Whether nothing may be signed or executed on it. Arming that was made goes on in any case."""
        return self.state is AgreementState.DISAGREED or (self.required and self.state is AgreementState.UNCHECKED)
