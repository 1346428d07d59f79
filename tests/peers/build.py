"""`make peers`: builds what is missing of the pinned programs; without Go or npm it says so and leaves them out.

`make older-peers` builds the nodes of older SDKs instead, which few tests ask for.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.peers import OLDER_SDKS, PEERS, STORE, Peer

_GO_ROOTS = ("/usr/local/go/bin", "/usr/lib/go/bin")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def main() -> int:
    """Build all of them; 1 when one that could be built was not."""
    wanted = OLDER_SDKS if sys.argv[1:] == ["older"] else PEERS
    STORE.mkdir(exist_ok=True)
    failed = False
    for peer in wanted:
        if peer.path.is_file():
            _tell(f"{peer.name}: {peer.path}")
            continue
        tool = _go() if peer.package else shutil.which("npm")
        if tool is None:
            _tell(f"{peer.name} is left out: {'Go' if peer.package else 'npm'} is not here; its tests will skip")
            continue
        with tempfile.TemporaryDirectory(dir=STORE) as folder:
            made = Path(folder) / peer.program
            done = _go_build(tool, peer, made) if peer.package else _npm_install(tool, peer, made)
            if done:
                peer.path.parent.mkdir(exist_ok=True)
                made.replace(peer.path)
        failed |= not done
        _tell(f"{peer.name}: {peer.path}" if done else f"{peer.name} could not be built")
    return int(failed)


def _go() -> str | None:
    return shutil.which("go") or shutil.which("go", path=os.pathsep.join(_GO_ROOTS))


def _go_build(go: str, peer: Peer, made: Path) -> bool:
    """The same bytes for the same Go: no paths, no build id, no C; nothing that go.sum does not name."""
    link = " ".join(("-s -w -buildid=", *(f"-X {each}" for each in peer.linked)))
    flags = ("-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={link}")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    return _run([go, "build", *flags, "-o", str(made), peer.package], peer.pins, environment)


def _npm_install(npm: str, peer: Peer, made: Path) -> bool:
    """Install scripts are not needed, so none runs."""
    folder = made.parent
    for pin in ("package.json", "package-lock.json"):
        shutil.copy(peer.pins / pin, folder)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    if not _run([npm, "ci", *quiet], folder, dict(os.environ)):
        return False
    machine = f"{platform.system().lower()}-{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
    found = folder / "node_modules" / peer.module.format(platform=machine) / "bin" / peer.program
    if not found.is_file():
        _tell(f"{peer.module} does not carry {peer.program} for {machine}")
        return False
    shutil.copy2(found, made)
    return True


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> bool:
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
