"""Text of a template with every placeholder filled in: nothing is left open, and nothing foreign breaks its lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from console.errors import InputError
from console.text import untrusted

_PLACEHOLDER = re.compile(r"\{\{([a-z0-9_]+)\}\}")
_LEFT_OPEN = re.compile(
    r"\{\{[^}\n]*\}\}|\[[A-Z][A-Z0-9+ ]*\]|\[(?:brief|potential|official)\b[^\]\n]*\]|\b(?:TODO|TBD|XXX)\b", re.I
)
"""What somebody meant to fill in: our placeholders, and those of the operators' document."""
_MOST = 500
"""Characters of one value."""
TEMPLATES = Path(__file__).parent / "templates"


def placeholders(template: str) -> tuple[str, ...]:
    """Names in it, in order of appearance, each once."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(template)))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text.

    Args:
        template: With `{{name}}`.
        values: By name. A value is one line; lists come as lines that were made safe by `bullets`.

    Raises:
        InputError: A name has no value, or a value is something that itself has to be filled in.
    """
    missing = [name for name in placeholders(template) if not values.get(name, "").strip()]
    if missing:
        raise InputError(
            f"the announcement needs {', '.join(missing)}", safe="nothing was sent", next_step="give what is missing"
        )
    for name in placeholders(template):
        if open_place := _LEFT_OPEN.search(values[name]):
            raise InputError(
                f"{name} still holds {open_place.group()!r}",
                safe="nothing was sent",
                next_step="write what belongs there",
            )
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)


def one_line(value: str) -> str:
    """A value safe to stand in a line."""
    return str(untrusted(" ".join(value.split()), _MOST))


def bullets(values: str) -> str:
    """`a; b` as a list, a line each."""
    return "\n".join(f"- {one_line(each)}" for each in values.split(";") if each.strip())


def template_text(name: str) -> str:
    """A template that comes with the console."""
    return (TEMPLATES / f"{name}.txt").read_text("utf-8")
