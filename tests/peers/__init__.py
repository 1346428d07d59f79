"""Programs of other makers that tests run against: pinned here, built by `make peers`, kept by their pins' hash.

Nodes of older SDKs are built by `make older-peers`: they take longer, and only long tests ask for them.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
STORE = ROOT.parent.parent / ".peers"
"""Where built ones are kept; a changed pin gets a folder of its own."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One program.

    Attributes:
        name: What it is called; its folder here, with the pins, unless `folder` says another.
        program: The file's name.
        package: The Go package of its command; empty for a program that an npm package carries.
        module: The npm package that carries it, with {platform}.
        folder: The folder of pins that it shares with another.
        linked: Go variables that the linker sets, as name=value.
        built_by: What one types to have it.
    """

    name: str
    program: str
    package: str = ""
    module: str = ""
    folder: str = ""
    linked: tuple[str, ...] = ()
    built_by: str = "make peers"

    @property
    def pins(self) -> Path:
        """The folder with its go.mod and go.sum and its sources, or package.json and package-lock.json."""
        return ROOT / (self.folder or self.name)

    @property
    def path(self) -> Path:
        """Where it is once it is built, from these pins for this machine."""
        digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
        for pin in sorted(each for each in self.pins.rglob("*") if each.is_file()):
            digest.update(pin.relative_to(self.pins).as_posix().encode() + b"\0" + pin.read_bytes() + b"\0")
        digest.update("".join(self.linked).encode())
        return STORE / f"{self.name}-{digest.hexdigest()[:12]}" / self.program


_COMETBFT = "github.com/cometbft/cometbft/cmd/cometbft"
COMETBFT_037 = Peer("cometbft-0.37", "cometbft", package=_COMETBFT)
"""The version that ipc-cli carries."""
COMETBFT_038 = Peer("cometbft-0.38", "cometbft", package=_COMETBFT)
ANVIL = Peer("anvil", "anvil", module="@foundry-rs/anvil-{platform}")
COSMOVISOR = Peer("cosmovisor", "cosmovisor", package="cosmossdk.io/tools/cosmovisor/cmd/cosmovisor")


def _cosmos_node(version: str, plan: str = "") -> Peer:
    about = "github.com/cosmos/cosmos-sdk/version."
    linked = (f"{about}Name=testchain", f"{about}AppName=testchaind", f"{about}Version={version}", f"main.plan={plan}")
    return Peer(f"cosmos-node-{version}", "testchaind", package=".", folder="cosmos-node", linked=linked)


def _older_sdk(version: str, name: str, package: str = ".") -> Peer:
    about = "github.com/cosmos/cosmos-sdk/version."
    linked = (f"{about}Name=sim", f"{about}AppName=simd", f"{about}Version={version}")
    return Peer(f"sdk-{name}", "simd", package=package, linked=linked, built_by="make older-peers")


COSMOS_V1 = _cosmos_node("v1.0.0")
"""The node of our own small chain on the Cosmos SDK, as the chain starts with it."""
COSMOS_V2 = _cosmos_node("v2.0.0", plan="v2")
"""The same with the handler of the plan `v2`, which adds a module with a store of its own."""
SDK_045 = _older_sdk("v0.45.16", "0.45")
"""The SDK's own example chain on Tendermint 0.34, whose x/gov knows nothing but content."""
SDK_046 = _older_sdk("v0.46.16", "0.46")
"""The same of the next SDK, with the handler of the plan `v045-to-v046`."""
SDK_047 = _older_sdk("v0.47.17", "0.47", "cosmossdk.io/simapp/simd")
"""The same on CometBFT 0.37, with the handler of the plan `v046-to-v047`."""
OLDER_SDKS = (SDK_045, SDK_046, SDK_047)
PEERS = (COMETBFT_037, COMETBFT_038, ANVIL, COSMOVISOR, COSMOS_V1, COSMOS_V2)


def require(peer: Peer) -> Path:
    """The program; the test is skipped where it was not built."""
    if not peer.path.is_file():
        pytest.skip(f"{peer.name} is not here: `{peer.built_by}` builds it, with Go or npm")
    return peer.path
