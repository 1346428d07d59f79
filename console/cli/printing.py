"""Lines on stdout and stderr: data on the one, sentences on the other."""

from __future__ import annotations

import json
import sys
from typing import Any

from console.text import untrusted

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
