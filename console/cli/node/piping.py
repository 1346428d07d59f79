"""`node pipe`: what a console of another machine starts here by SSH."""

from __future__ import annotations

import argparse
import sys

from console.cli.node.choosing import chosen


def pipe(arguments: argparse.Namespace) -> int:
    """Pass bytes between stdio and the controller's socket. Raises ConsoleError: no such node."""
    from console.operations.node_pipe import serve

    _, node = chosen(arguments)
    return serve(node, sys.stdin.fileno(), sys.stdout.fileno())
