"""What is at stake on a network, as every screen has to show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal["mainnet", "testnet", "devnet"]
"""What is at stake on a network."""

Accent = Literal["error", "warning", "success", "primary", "secondary", "accent", "none"]
"""A colour by its role in the theme, so that every theme keeps it readable."""

ACCENTS: tuple[Accent, ...] = get_args(Accent)

_OF_STAGE: Mapping[Stage, Accent] = {"mainnet": "error", "testnet": "warning", "devnet": "none"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A network's stage and the colour that goes with it. What nobody said anything about is a mainnet."""

    stage: Stage = "mainnet"
    accent: Accent | None = None
    """As the settings have it; None: the stage's own."""

    @property
    def role(self) -> Accent:
        """The colour behind the network's name; `none` draws the name alone."""
        return self.accent or _OF_STAGE[self.stage]

    def badge(self, network: str) -> str:
        """The network's name, with the stage as a word before it where the name does not say it."""
        return network if network == self.stage else f"{self.stage.upper()} {network}"


UNSAID = Standing()
"""Of a network of which nobody said what is at stake."""
