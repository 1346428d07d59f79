"""What a network demands of a release before it is staged: `[networks.NAME.releases]` of the settings (DESIGN §4.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from console import setting_kinds as kinds
from console.setting_kinds import Kind
from console.setting_rows import SettingRow, read_rows, rows_markdown

Signatures = Literal["required", "off"]

PROVEN_HOURS = 48.0
"""Hours of the other network's block time that are demanded where a proof is and nobody says how many."""
_MOST_HOURS = 24 * 366


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """What is demanded besides the chain's own hash. Something always is: never nothing."""

    signatures: Signatures
    """`required`: a manifest signed as the pinned keyring says. `off`: the chain's hash, or the plan's checksum."""
    trust_dir: Path
    """Where the pinned keyring and the highest release are kept."""
    own_builds: bool = False
    """Whether a binary that the operator built and attested may run in place of the makers' one."""
    attest_keys: tuple[str, ...] = ()
    """Public keys, as in `id_ed25519.pub`, of which one must sign an attestation; empty: the typed reason is enough."""
    proven_on: str = ""
    """The network on which a release has to have been executed before it is armed for here; empty: none is named."""
    proven_hours: float = 0.0
    """Hours of that network's block time since; 0: no such proof is demanded."""

    @property
    def proven_s(self) -> int:
        """`proven_hours` in whole seconds."""
        return math.ceil(self.proven_hours * 3600)


def _hours(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_HOURS:
        raise ValueError(f"hours from 0 to {_MOST_HOURS}")
    return float(value)


HOURS = Kind(_hours, lambda value: f"{value:g}", bare=False)


_ROWS = (
    SettingRow(
        "signatures",
        kinds.choice("required", "off"),
        "`required` on an IPC network of stage `mainnet`, else `off`",
        "`required`: nothing is staged by itself without a manifest that enough of the pinned keyring's keys signed."
        " `off`: the hash that the chain names is enough, or on Cosmos the checksum in the plan. Never nothing.",
    ),
    SettingRow(
        "trust_dir",
        kinds.PATH,
        "`$XDG_STATE_HOME/upgrade-console/trust/NETWORK`",
        "Where the pinned keyring, and the highest release and keyring ever trusted, are kept.",
    ),
    SettingRow(
        "own_builds",
        kinds.BOOLEAN,
        "`false`",
        "Whether a binary that the operator built and attested (`release attest`) may run in place of the makers' one.",
    ),
    SettingRow(
        "attest_keys",
        kinds.TEXTS,
        "`[]`",
        "Public keys, as in `id_ed25519.pub`, of which one must sign an attestation; empty: a typed reason is enough.",
    ),
    SettingRow(
        "proven_on",
        kinds.LINE,
        '`""`',
        "Another network of the settings, with a registry: a release must have been executed there before nodes of this"
        " one arm for it. Demanded and none named: nothing is proven, and the operator decides each time.",
    ),
    SettingRow(
        "proven_hours",
        HOURS,
        "48 on an IPC network of stage `mainnet` and wherever `proven_on` is set, else 0",
        "Hours of the other network's block time, not of this machine's clock, since its crossing. `0`: no proof is"
        " demanded.",
    ),
)


def default_releases(kind: str, stage: str, trust_dir: Path) -> ReleaseSettings:
    """What holds where the settings say nothing.

    On Cosmos chains plans have no place for a manifest's hash, and few releases there are signed for this tool: the
    plan's checksum is what its operators know.

    Args:
        kind: `ipc` or `cosmos`.
        stage: Of the network.
        trust_dir: Where trust is kept.
    """
    careful = stage == "mainnet" and kind == "ipc"
    return ReleaseSettings("required" if careful else "off", trust_dir, proven_hours=PROVEN_HOURS if careful else 0.0)


def parse_releases(table: Mapping[str, Any], where: str, defaults: ReleaseSettings) -> ReleaseSettings:
    """Check the table `releases` of a network.

    Args:
        table: As TOML gives it.
        where: Its network, for messages.
        defaults: For what is not in it.

    Raises:
        SettingsError: A key is not known, or a value is not acceptable.
    """
    values = read_rows(table, _ROWS, f"{where}, releases")
    proven_on = values.get("proven_on", defaults.proven_on)
    return ReleaseSettings(
        signatures=values.get("signatures", defaults.signatures),
        trust_dir=values.get("trust_dir", defaults.trust_dir),
        own_builds=values.get("own_builds", defaults.own_builds),
        attest_keys=values.get("attest_keys", defaults.attest_keys),
        proven_on=proven_on,
        proven_hours=values.get("proven_hours", PROVEN_HOURS if proven_on else defaults.proven_hours),
    )


def releases_markdown() -> str:
    """The table of these settings, for the documentation."""
    return rows_markdown(_ROWS, "release setting")
