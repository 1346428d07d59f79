"""A table of settings as rows: read with its types checked, and written for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.errors import SettingsError
from console.setting_kinds import Kind
from console.setting_words import nearest, quoted


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting."""

    key: str
    kind: Kind
    default: str
    """As the documentation says it."""
    meaning: str


def read_rows(table: Mapping[str, Any], rows: Sequence[SettingRow], where: str) -> dict[str, Any]:
    """The values of a table, each as its row wants it; what is not written is not there.

    Args:
        table: As TOML gives it.
        rows: What may be in it.
        where: Whose it is, for the sentence.

    Raises:
        SettingsError: A key is not known, or a value is not acceptable.
    """
    known = {row.key: row for row in rows}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(
                f"{where}: there is no setting {quoted(key)}{nearest(key, list(known))}",
                next_step="mend the name, or take the line out",
            )
        try:
            values[key] = known[key].kind.decode(value)
        except ValueError as error:
            told = f", not {quoted(value)}" if isinstance(value, str | int | float) else ""
            raise SettingsError(f"{where}: {key} must be {error}{told}") from error
    return values


def rows_markdown(rows: Sequence[SettingRow], title: str) -> str:
    """The rows as a table."""
    lines = [f"| {title} | default | meaning |", "|---|---|---|"]
    lines += [f"| `{row.key}` | {row.default} | {row.meaning} |" for row in rows]
    return "\n".join(lines) + "\n"
