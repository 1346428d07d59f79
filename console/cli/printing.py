"""Lines on stdout and stderr: data on the one, sentences on the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from console.text import untrusted

if TYPE_CHECKING:
    from console.node.discovery.finding import Finding

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}
_LONGEST_SENTENCE = 2000


def complain(sentence: str) -> None:
    """Say one sentence on stderr, on one line, with nothing in it that a terminal would obey."""
    line = untrusted(" ".join(sentence.split()), _LONGEST_SENTENCE)
    try:
        print(f"upgrade-console: {line}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody listens; the exit code still says it


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON object; only ASCII, so that no locale and no terminal changes it."""
    print(json.dumps(document, indent=2, allow_nan=False))


def print_findings(findings: Iterable[Finding]) -> None:
    """Print what was found, with what to do where something has to be done."""
    for finding in findings:
        print(f"{_MARKS[finding.level.value]}  {finding.topic}: {finding.what}")
        if finding.next_step and finding.level.value != "ok":
            print(f"      {finding.next_step}")
