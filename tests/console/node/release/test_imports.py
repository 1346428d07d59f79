"""What signatures cost whoever checks none: nothing, at start and at rest."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import importlib, json, pkgutil, sys
import console.node.release as package
names = [found.name for found in pkgutil.iter_modules(package.__path__, package.__name__ + ".")]
for name in names:
    importlib.import_module(name)
from console.errors import SignatureRefused
from console.node.release import sshsig
try:
    sshsig.parse(b"x")
except SignatureRefused:
    print(json.dumps([names, sorted(sys.modules)]))
"""


def test_no_module_of_signatures_loads_the_library_before_one_is_checked() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60)
    names, modules = json.loads(done.stdout)
    assert "console.node.release.sshsig" in names
    assert not set(modules) & {"cryptography", "asyncssh", "httpx", "web3", "textual", "eth_account"}
