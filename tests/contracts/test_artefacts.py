"""The committed artefacts belong to the sources: by hash always, by compilation where Node and solc are installed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from console.chain.contracts import artefact

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "contracts"
LIBRARIES = SOURCES / "node_modules"
ARTEFACTS = ROOT / "console" / "chain" / "contracts"
NAMES = [
    "DiamondCutFacet",
    "DiamondLoupeFacet",
    "GatewayDiamond",
    "GatewayGetterFacet",
    "GatewayGetterFacetV2",
    "GatewayMembershipFacet",
    "GatewayPowerSource",
    "OwnershipFacet",
    "RegistryExtension",
    "StaticPowerSource",
    "SubnetActorPowerSource",
    "UpgradeRegistry",
]
CODE_LIMIT = 24 * 1024


def test_every_artefact_is_known() -> None:
    assert sorted(path.stem for path in ARTEFACTS.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_sources_are_those_that_were_compiled(name: str) -> None:
    recorded = json.loads((ARTEFACTS / f"{name}.json").read_text())["sources"]
    assert f"{name}.sol" in recorded
    # A library is in node_modules or nowhere; its exact version is the lockfile's.
    present = {file: digest for file, digest in recorded.items() if not file.startswith("@") or LIBRARIES.is_dir()}
    assert any(not file.startswith("@") for file in present)
    actual = {
        file: hashlib.sha256(((LIBRARIES if file.startswith("@") else SOURCES) / file).read_bytes()).hexdigest()
        for file in present
    }
    assert actual == present, "run `npm ci` in contracts/ and `node contracts/compile.mjs`"


def test_every_source_is_compiled() -> None:
    recorded: set[str] = set()
    for name in NAMES:
        recorded |= set(json.loads((ARTEFACTS / f"{name}.json").read_text())["sources"])
    assert {file for file in recorded if not file.startswith("@")} == {path.name for path in SOURCES.glob("*.sol")}


@pytest.mark.parametrize("name", NAMES)
def test_settings_run_on_every_fevm(name: str) -> None:
    raw = json.loads((ARTEFACTS / f"{name}.json").read_text())
    assert raw["compiler"].startswith("0.8.37+")
    assert raw["settings"]["evmVersion"] == "paris"
    assert raw["settings"]["metadata"] == {"bytecodeHash": "none", "appendCBOR": False}
    assert raw["settings"]["optimizer"] == {"enabled": True, "runs": 200}
    compiled = artefact(name)
    assert 0 < len(compiled.deployed_bytecode) < CODE_LIMIT
    assert compiled.name == name


def test_an_unknown_artefact_says_so() -> None:
    with pytest.raises(FileNotFoundError):
        artefact("Nothing")


def test_gateway_selectors_are_those_of_ipc() -> None:
    """facts/ipc.md §3.4: getCurrentMembership() is 0x6ad21bb0."""
    assert bytes.fromhex("6ad21bb0") in artefact("GatewayGetterFacet").deployed_bytecode


def test_the_lockfile_pins_the_compiler_and_names_no_host() -> None:
    text = (SOURCES / "package-lock.json").read_text()
    assert "://" not in text
    assert json.loads(text)["packages"]["node_modules/solc"]["version"] == "0.8.37"
    wanted = json.loads((SOURCES / "package.json").read_text())["devDependencies"]
    assert {name: json.loads(text)["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted


@pytest.mark.peer
def test_compiling_again_gives_the_same_bytes(tmp_path: Path) -> None:
    missing = [] if shutil.which("node") else ["node"]
    if not (SOURCES / "node_modules" / "solc").is_dir():
        missing.append("contracts/node_modules/solc (run `npm ci` in contracts/)")
    if missing:
        pytest.skip("missing: " + ", ".join(missing))
    command = ["node", str(SOURCES / "compile.mjs"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    for name in NAMES:
        assert (tmp_path / f"{name}.json").read_bytes() == (ARTEFACTS / f"{name}.json").read_bytes()
