"""A lint: no foreign text can reach a place that parses markup (facts/safety.md §7)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    [
        *(ROOT / "screens").rglob("*.py"),
        *(ROOT / "widgets").rglob("*.py"),
        ROOT / "console" / "app.py",
        ROOT / "console" / "welcome_app.py",
    ]
)
MARKUP_FALSE = {"Static", "Label", "notify", "OptionList", "from_text"}
"""Calls that parse a `str` as markup unless told otherwise."""
CONTENT_ONLY = {"Button", "Checkbox", "RadioButton", "Tab", "TabPane", "Collapsible"}
"""Calls whose label must be a Content."""
HELPED = {"Hit", "DiscoveryHit"}
"""Lines of the palette, whose help must be a Content."""
TITLES = {"border_title", "border_subtitle", "tooltip"}
FORBIDDEN = {"from_markup", "from_ansi", "escape"}
CELLS = {"add_row", "add_column", "update_cell"}


def findings(source: str) -> list[str]:
    """Each place of a source where a `str` could be parsed as markup."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found += _call(node)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in TITLES and not _is_content(node.value):
                    found.append(f"line {node.lineno}: {target.attr} is not a Content")
    return found


def _call(node: ast.Call) -> list[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    owner = node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
    if name in FORBIDDEN and owner not in {"re", "regex"}:
        return [f"line {node.lineno}: {name}"]
    # A condition's `notify` says nothing to anybody.
    if name in MARKUP_FALSE and (name != "notify" or node.args):
        markup = keywords.get("markup")
        if not (isinstance(markup, ast.Constant) and markup.value is False):
            return [f"line {node.lineno}: {name} without markup=False"]
    if name in CONTENT_ONLY and node.args and not _is_content(node.args[0]):
        return [f"line {node.lineno}: {name} with a label that is not a Content"]
    if name in HELPED and not _is_content(keywords.get("help", node)):
        return [f"line {node.lineno}: {name} with a help that is not a Content"]
    if name in CELLS and any(isinstance(argument, ast.Constant | ast.JoinedStr) for argument in node.args[2:3]):
        return [f"line {node.lineno}: {name} with a str cell"]
    return []


def _is_content(value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return value.id == "title"
    if not isinstance(value, ast.Call):
        return isinstance(value, ast.Constant) and value.value is None
    function = value.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.value.id == "Content"
    return isinstance(function, ast.Name) and function.id == "Content"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_markup_sink(path: Path) -> None:
    assert findings(path.read_text()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "Static(f'{name}')",
        "self.notify(name)",
        "self.notify(name, markup=True)",
        "box.border_title = name",
        "box.border_title = f'[b]{name}[/b]'",
        "Button(name)",
        "OptionList(*options)",
        "widget.tooltip = name",
        "Content.from_text(name)",
        "Hit(1, Content(name), run, help=reason)",
        "DiscoveryHit(Content(name), run)",
        "Content.from_markup(name)",
        "table.update_cell(row, column, f'{name}')",
    ],
)
def test_the_lint_finds_what_is_planted(planted: str) -> None:
    assert findings(planted)


def test_no_symbol_takes_two_columns() -> None:
    from rich.cells import cell_len

    for path in SOURCES:
        wide = {character for character in path.read_text() if cell_len(character) > 1}
        assert not wide, path
