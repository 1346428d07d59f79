"""What a network demands of a release before it is staged: `[networks.NAME.releases]` of the settings (DESIGN §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from console import setting_kinds as kinds
from console.errors import SettingsError
from console.setting_kinds import Kind
from console.settings_table import nearest, quoted

Stage = Literal["mainnet", "testnet", "devnet"]
Signatures = Literal["required", "off"]

STAGE = kinds.choice("mainnet", "testnet", "devnet")


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


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    kind: Kind
    default: str
    meaning: str


_ROWS = (
    _Row(
        "signatures",
        kinds.choice("required", "off"),
        "`required` on an IPC network of stage `mainnet`, else `off`",
        "`required`: nothing is staged by itself without a manifest that enough of the pinned keyring's keys signed."
        " `off`: the hash that the chain names is enough, or on Cosmos the checksum in the plan. Never nothing.",
    ),
    _Row(
        "trust_dir",
        kinds.PATH,
        "`$XDG_STATE_HOME/upgrade-console/trust/NETWORK`",
        "Where the pinned keyring, and the highest release and keyring ever trusted, are kept.",
    ),
    _Row(
        "own_builds",
        kinds.BOOLEAN,
        "`false`",
        "Whether a binary that the operator built and attested (`release attest`) may run in place of the makers' one.",
    ),
    _Row(
        "attest_keys",
        kinds.TEXTS,
        "`[]`",
        "Public keys, as in `id_ed25519.pub`, of which one must sign an attestation; empty: a typed reason is enough.",
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
    return ReleaseSettings("required" if stage == "mainnet" and kind == "ipc" else "off", trust_dir)


def parse_releases(table: Mapping[str, Any], where: str, defaults: ReleaseSettings) -> ReleaseSettings:
    """Check the table `releases` of a network.

    Args:
        table: As TOML gives it.
        where: Its network, for messages.
        defaults: For what is not in it.

    Raises:
        SettingsError: A key is not known, or a value is not acceptable.
    """
    rows = {row.key: row for row in _ROWS}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in rows:
            raise SettingsError(
                f"{where}, releases: there is no setting {quoted(key)}{nearest(key, list(rows))}",
                next_step="mend the name, or take the line out",
            )
        try:
            values[key] = rows[key].kind.decode(value)
        except ValueError as error:
            told = f", not {quoted(value)}" if isinstance(value, str | int | float) else ""
            raise SettingsError(f"{where}, releases: {key} must be {error}{told}") from error
    return ReleaseSettings(
        signatures=values.get("signatures", defaults.signatures),
        trust_dir=values.get("trust_dir", defaults.trust_dir),
        own_builds=values.get("own_builds", defaults.own_builds),
        attest_keys=values.get("attest_keys", defaults.attest_keys),
    )


def releases_markdown() -> str:
    """The table of these settings, for the documentation."""
    lines = ["| release setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{row.key}` | {row.default} | {row.meaning} |" for row in _ROWS]
    return "\n".join(lines) + "\n"
