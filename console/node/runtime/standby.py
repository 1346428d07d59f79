"""A shim that waits: started before it is needed, and nothing until it is told (facts/build.md, processes)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping


class Standby:
    """A shim that waits for the word to start.

    Args:
        process: With pipes to it and from it.
        environment: Its own.
    """

    def __init__(self, process: subprocess.Popen[bytes], environment: Mapping[str, str]) -> None:
        self.process = process
        self.environment = environment

    def tell(self, word: object) -> None:
        """Send one word. Raises OSError when it is gone."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(word).encode() + b"\n")

    def leave(self) -> None:
        """Leave it to its work."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> None:
        """It ends when its standard input does."""
        self.leave()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
