"""Shapes of nodes: what differs between the binaries that the controller runs (DESIGN §5, facts/ipc.md §1.1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HALT_VARIABLE = "FM_HALT_HEIGHT"
"""Beats every settings file of Fendermint (facts/ipc.md §1.4)."""


@dataclass(frozen=True, slots=True)
class NodeShape:
    """One process that embeds the application and consensus, as `ipc-cli node start` is.

    Args:
        home: The node's home.
        arguments: Arguments of a start, `{home}` replaced already.
    """

    home: Path
    arguments: tuple[str, ...]

    def config_display(self) -> tuple[str, ...]:
        """Arguments that print the merged settings without starting anything."""
        return ("config", "display", "--home", str(self.home))

    def displayed_halt_height(self, output: str) -> int | None:
        """`halt_height` in the printed settings; None when it is not there."""
        for line in output.splitlines():
            name, _, value = line.strip().strip(",").replace('"', "").partition("=" if "=" in line else ":")
            if name.strip() == "halt_height" and value.strip().isdigit():
                return int(value.strip())
        return None

    def application_height(self) -> int | None:
        """Last height in the stopped node's state database; None when it cannot be read."""
        try:
            document = json.loads((self.home / "fendermint" / "data" / "app.json").read_bytes())
            return int(document["height"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def signer_state(self) -> Path:
        """The file that guards against double signing; it is never restored (facts/cosmos.md §6)."""
        return self.home / "cometbft" / "data" / "priv_validator_state.json"
