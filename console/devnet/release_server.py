"""The release server: static files of one folder on a loopback port, no listing.

Usage: `python -m console.devnet.release_server --dir DIR/releases --port N`
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from console.devnet.ports import LOOPBACK


def application(folder: Path) -> web.Application:
    """Serve the files below `folder`; links that lead out of it and folders are not served."""
    served = web.Application()
    served.router.add_static("/", folder, show_index=False, follow_symlinks=False)
    return served


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; exits 0."""
    parser = argparse.ArgumentParser(prog="release_server", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="folder to serve")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    options = parser.parse_args(arguments)
    web.run_app(application(options.dir), host=LOOPBACK, port=options.port, print=None, handle_signals=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
