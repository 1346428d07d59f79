"""A release as its makers and operators handle it: a signed manifest, demanded by the network, crosses."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e import judge
from tests.e2e.devnet import LEAD, Devnet

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"),
]


def test_a_signed_manifest_crosses_and_an_unsigned_one_does_not(devnet: Devnet, tmp_path: Path) -> None:
    devnet.up("--block-time", "1s")  # signing and fetching again take their time between proposal and freeze
    names = [node["name"] for node in devnet.status()["nodes"]]
    demand_signatures(devnet, names)
    pin_a_keyring(devnet, tmp_path)
    release = devnet.status()["releases"][1]
    published = devnet.folder / "releases" / "v0.2.0"
    manifest = published / "manifest.json"
    made = devnet.call(
        "release", "make", "--name", "v0.2.0", "--version", "0.2.0", "--sequence", "2", "--out", str(manifest),
        "--binary", f"any:subnetd={published / 'subnetd'}", "--source", f"any:subnetd={release['url']}",
    )  # fmt: skip
    assert made.code == 0, made.err
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    sign(devnet, tmp_path, manifest, "alice")

    height = int(devnet.status()["height"]) + devnet.lead(LEAD)
    url = release["url"].rsplit("/", 1)[0] + "/manifest.json"
    proposed = devnet.call("propose", "--manifest", str(manifest), "--manifest-url", url, "--height", str(height))
    assert proposed.code == 0, proposed.err
    devnet.eventually("one signature is too few", lambda: "1 of 2 signed (alice)" in devnet.told("node1")["note"])
    assert not (devnet.home("node1") / "cosmovisor" / "upgrades" / "v0.2.0").exists()
    assert devnet.call("release", "verify", str(manifest), "--hash", digest).code == 16

    sign(devnet, tmp_path, manifest, "bob")
    assert devnet.call("release", "verify", str(manifest), "--hash", digest).code == 0
    devnet.eventually("all four are armed", devnet.all_are("ARMED"))
    devnet.eventually("all four cross", devnet.all_are("COMMITTED"), deadline_s=240)
    for name in names:
        judge.crossed(devnet, name, height)
        folder = devnet.home(name) / "cosmovisor" / "upgrades" / "v0.2.0"
        assert (folder / "manifest.json").read_bytes() == manifest.read_bytes()
        assert len(list(folder.glob("manifest.json.*.sshsig"))) == 2
        assert json.loads((folder / "release.json").read_bytes())["sha256"] == release["sha256"]
        assert judge.last_run(devnet, name)["exe_sha256"] == release["sha256"]
    judge.nobody_signed_twice(devnet)
    judge.same_app_hash(devnet, names, height)
    devnet.eventually("the registry says executed", lambda: devnet.upgrade("node1").get("status") == "executed")
    trusted = devnet.call("release", "keyring", "show", "--json").json
    assert [each["sha256"] for each in trusted["releases"].values()] == [digest]


def demand_signatures(devnet: Devnet, names: list[str]) -> None:
    settings = devnet.folder / "network.toml"
    settings.write_text(settings.read_text() + '\n[releases]\nsignatures = "required"\n')
    for name in names:
        assert devnet.verb("stop-controller", name).code == 0
        assert devnet.verb("start-controller", name).code == 0


def pin_a_keyring(devnet: Devnet, keys: Path) -> None:
    developers = []
    for name in ("alice", "bob", "carol"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(keys / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        developers += ["--developer", f"{name}={keys / name}.pub"]
    ring = keys / "keyring.1.json"
    more = ["--project", "demo", "--developers-needed", "2", "--out", str(ring)]
    made = devnet.call("release", "keyring", "init", *more, *developers)
    assert made.code == 0, made.err
    digest = hashlib.sha256(ring.read_bytes()).hexdigest()
    pinned = devnet.call("release", "keyring", "pin", str(ring), "--hash", digest)
    assert pinned.code == 0, pinned.err


def sign(devnet: Devnet, keys: Path, manifest: Path, name: str) -> None:
    signed = devnet.call("release", "sign", str(manifest), "--key", str(keys / name))
    assert signed.code == 0, signed.err
