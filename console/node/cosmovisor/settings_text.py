"""Cosmovisor's settings written out: its config.toml and the tables of its `config` (facts/cosmos.md §1.1, §1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from console.files import write_durably
from console.node.cosmovisor.durations import format_duration
from console.node.cosmovisor.settings import TIME_FORMATS, VARIABLES, CosmovisorSettings, Kind, Source, Variable

CONFIG_MODE = 0o644


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """One line of the table of configurable values."""

    variable: str
    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class ConfigTables:
    """What `config` shows."""

    configurable: tuple[ConfigLine, ...]
    derived: tuple[tuple[str, str], ...]

    def text(self, *, sources: bool = True) -> str:
        """The tables as Cosmovisor prints them, with where each value is from unless `sources` is False."""
        lines = ["Configurable Values:"]
        for line in self.configurable:
            lines.append(f"  {line.variable}: {line.value}" + (f"  ({line.source})" if sources else ""))
        lines.append("Derived Values:")
        width = max(len(name) for name, _ in self.derived)
        lines += [f"  {name:>{width}}: {value}" for name, value in self.derived]
        return "\n".join(lines) + "\n"


def config_tables(settings: CosmovisorSettings) -> ConfigTables:
    """The values as Cosmovisor shows them, and the gRPC address, which it leaves out."""
    return ConfigTables(
        configurable=tuple(
            ConfigLine(variable.name, _shown(variable, settings), settings.source_of(variable.name))
            for variable in VARIABLES
        ),
        derived=(
            ("Root Dir", str(settings.root)),
            ("Upgrade Dir", str(settings.upgrades_dir)),
            ("Genesis Bin", str(settings.genesis_binary)),
            ("Monitored File", str(settings.upgrade_info_path)),
            ("Data Backup Dir", str(settings.data_backup_dir)),
        ),
    )


def encode_config(settings: CosmovisorSettings) -> str:
    """config.toml as `cosmovisor init` writes it: every key, durations in nanoseconds, text in single quotes."""
    import tomlkit

    document = tomlkit.document()
    for variable in VARIABLES:
        value = getattr(settings, variable.field)
        if isinstance(value, (str, Path)):
            text = str(value)
            # A literal string can hold neither its own quote nor a control character.
            literal = "'" not in text and text.isprintable()
            document.add(variable.key, tomlkit.string(text, literal=literal))
        else:
            document.add(variable.key, tomlkit.item(value))
    return tomlkit.dumps(document)


def write_config(settings: CosmovisorSettings) -> Path:
    """Replace the home's config.toml durably; returns where it is. Raises OSError."""
    write_durably(settings.config_path, encode_config(settings).encode(), CONFIG_MODE)
    return settings.config_path


def _shown(variable: Variable, settings: CosmovisorSettings) -> str:
    value = getattr(settings, variable.field)
    match variable.kind:
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.DURATION:
            return format_duration(value)
        case Kind.TIME_FORMAT:
            return TIME_FORMATS[value]
        case _:
            return str(value)
