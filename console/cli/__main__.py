"""`python -m console.cli`: the same command without the installed script."""

from __future__ import annotations

import sys

from console.cli import main

if __name__ == "__main__":
    sys.exit(main())
