"""`python -m console.devnet.program`: the node program straight from the source tree."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
