"""What a controller at rest does not load: the chain's heavy libraries come with the first word that is said."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("web3", "eth_account", "eth_abi", "eth", "textual", "yaml")

_LOADED = """
import json, sys
import console.daemon, console.chain.plans, console.chain.transactions, console.chain.xupgrade, console.node.parts
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("package", HEAVY)
def test_a_controller_does_not_load_what_it_does_not_need_yet(package: str, loaded: frozenset[str]) -> None:
    assert package not in loaded


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    """Top packages in a process that has imported the whole controller."""
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    return frozenset(json.loads(done.stdout))
