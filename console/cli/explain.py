"""`explain`: what a word of the console means, what is safe and what to do, from the runbook."""

from __future__ import annotations

import argparse
import dataclasses
import re
import textwrap

from console.cli.printing import print_json
from console.operations.runbook.book import entries, explained
from console.operations.runbook.entry import Entry

_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
_WIDTH = 80


def run(arguments: argparse.Namespace) -> int:
    """Print the word's entries, or name all words.

    Raises:
        InputError: The runbook does not know the word.
    """
    words = " ".join(arguments.word)
    found = explained(words) if words else entries()
    if arguments.json:
        print_json({"entries": [dataclasses.asdict(entry) for entry in found]})
    elif words:
        print("\n\n".join(_text(entry) for entry in found))
    else:
        print("\n".join(f"{entry.kind.value:<13} {entry.heading}" for entry in found))
    return 0


def _text(entry: Entry) -> str:
    parts = (("it means", entry.means), ("safe", entry.safe), ("do", entry.do))
    return "\n".join([f"{entry.heading} ({entry.kind.value})", *(_filled(name, words) for name, words in parts)])


def _filled(name: str, words: str) -> str:
    """A paragraph that hangs behind its name, without what is for a page alone."""
    plain = _LINK.sub(r"\1 (docs/\2)", words).replace("**", "")
    return textwrap.fill(plain, _WIDTH, initial_indent=f"  {name:<10}", subsequent_indent=" " * 12)
