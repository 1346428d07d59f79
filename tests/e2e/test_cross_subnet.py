"""A parent and its child, two networks that run: what the parent intends is seen and held to in the child."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.devnet import Devnet, Ran, run, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ONE = ("--validators", "1", "--block-time", "1s")


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Devnet, Devnet]]:
    """Parent and child; the child's settings name the parent, and `blind` is the child for who knows of none."""
    config = tmp_path / "config" / "upgrade-console" / "config.toml"
    config.parent.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with running(tmp_path / "parent", *ONE) as parent, running(tmp_path / "child", *ONE) as child:
        above, below = ((each.folder / "network.toml").read_text() for each in (parent, child))
        config.write_text(entry("above", above) + entry("blind", below))
        # Keys of the network itself stand before its tables.
        (child.folder / "network.toml").write_text('parent = "above"\n' + below)
        for verb in ("stop-controller", "start-controller"):
            assert child.verb(verb, "node1").code == 0
        yield parent, child


def entry(name: str, network: str) -> str:
    """A devnet's own settings as an entry of the settings file."""
    return f"[networks.{name}]\n" + network.replace("[nodes.", f"[networks.{name}.nodes.") + "\n"


def has_blocks(network: Devnet) -> bool:
    return int(network.status()["height"]) >= 20


def proposes(network: Devnet, height: int, *more: str, name: str = "v0.2.0", by: str = "") -> Ran:
    """Propose v0.2.0 of that network, by its own settings or by those of another name."""
    release = network.status()["releases"][1]
    fields = ("--name", name, "--height", str(height), "--binary-url", release["url"])
    line = ("propose", *fields, "--binary-hash", f"sha256:{release['sha256']}", *more)
    return run(*line, "--network", by) if by else network.call(*line)


def test_the_childs_height_is_held_between_the_bounds_that_its_parent_gives(
    networks: tuple[Devnet, Devnet], tmp_path: Path
) -> None:
    parent, child = networks
    chain_id = child.seen_by("node1")["network"]["chain_id"]
    assert child.seen_by("node1")["parent"]["bounds"] == []
    release = parent.status()["releases"][1]
    published = parent.folder / "releases" / "v0.2.0"
    manifest = published / "manifest.json"
    made = parent.call(
        "release", "make", "--name", "v0.2.0", "--version", "0.2.0", "--sequence", "2", "--out", str(manifest),
        "--binary", f"any:subnetd={published / 'subnetd'}", "--source", f"any:subnetd={release['url']}",
        "--project", "demo", "--keyring", "1", "--child", f"{chain_id}=600:500:v0.2.0", "--child", "*=5",
    )  # fmt: skip
    assert made.code == 0, made.err
    for each in networks:
        # Of fewer blocks nobody can tell how fast they come: the first ones wait for the network's own start.
        each.eventually("some blocks are made", partial(has_blocks, each))
    target = int(parent.status()["height"]) + 900
    url = release["url"].rsplit("/", 1)[0] + "/manifest.json"
    proposed = parent.call("propose", "--manifest", str(manifest), "--manifest-url", url, "--height", str(target))
    assert proposed.code == 0, proposed.err
    # Its only node is restarted for it, and is not heard for a moment.
    parent.eventually("the parent is armed", parent.all_are("ARMED"))

    def bounds() -> dict[str, object]:
        found = child.seen_by("node1")["parent"]["bounds"]
        return dict(found[0]) if found else {}

    child.eventually("the child's console tells the last safe height", lambda: bool(bounds().get("last_safe_height")))
    told = bounds()
    assert told["name"] == "v0.2.0"
    first, last = int(str(told["first_safe_height"])), int(str(told["last_safe_height"]))
    # Both make a block a second, the window is open from 400 to 1,500 blocks from now on, and neither clock is exact.
    now = int(child.status()["height"])
    assert now + 200 < first < now + 700 < last < now + 2200

    # Each asks anew how fast blocks come.
    late = proposes(child, 2 * last)
    assert late.code == 1, late.out
    assert f"height {2 * last:,} is after the last safe one" in late.err
    assert late.err.endswith("with v0.2.0; nothing was sent.\n")
    early = proposes(child, now + 80)
    assert (early.code, "above goes over to v0.2.0" in early.err) == (1, True), early.err
    other = proposes(child, (first + last) // 2, name="v0.9.9")
    assert (other.code, "with v0.2.0" in other.err) == (1, True), other.err
    assert child.tells("proposals")["proposals"] == []
    fits = proposes(child, (first + last) // 2, "--dry-run")
    assert fits.code == 0, fits.err

    # Somebody whose settings name no parent proposes it all the same: the controller goes by its chain, and warns.
    assert proposes(child, 2 * last, by="blind").code == 0
    child.eventually("it arms", child.all_are("ARMED"))
    child.eventually("its controller warns", lambda: "above" in child.told("node1")["note"], deadline_s=150)
    events = json.dumps(child.tells("node", "events", "--node", "node1"))
    assert "above goes over to v0.2.0" in events
    assert child.states() == {"node1": "ARMED"}
