"""From an empty folder to a devnet that can be started."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
from eth_account import Account

from console.devnet import keys
from console.devnet.creation import CREATION_STEPS, choose, create
from console.devnet.layout import Layout
from console.devnet.migrations import KINDS, release_migration
from console.devnet.options import UpOptions
from console.devnet.ports import PortBook
from console.devnet.record import Record
from console.files import sha256_of
from console.settings import load_network


def made(layout: Layout, record: Record) -> tuple[list[str], Record]:
    """Create everything; the steps in words and the last record."""
    steps = list(create(layout, record))
    return [text for text, _ in steps[:-1]], steps[-1][1]


def chosen(place: Path) -> tuple[Layout, Record]:
    """A new devnet of two validators, not yet created."""
    layout = Layout.of(place / "net")
    layout.folder.mkdir()
    return layout, choose(layout, UpOptions(layout.folder, powers=(10, 30), block_time_ms=250), PortBook(place / "xdg"))


def test_defaults(place: Path) -> None:
    layout = Layout.of(place / "net")
    layout.folder.mkdir()
    record = choose(layout, UpOptions(layout.folder), PortBook(place / "xdg"))
    assert [each.power for each in record.validators] == [10, 10, 10, 10]
    assert (record.block_time_ms, record.freeze_blocks, record.execution_window) == (1000, 5, 10_000)
    assert len(record.ports) == 18
    assert not record.complete


def test_two_devnets_do_not_meet(place: Path) -> None:
    records = []
    for name in ("one", "two"):
        layout = Layout.of(place / name)
        layout.folder.mkdir()
        records.append(choose(layout, UpOptions(layout.folder), PortBook(place / "xdg")))
    one, two = records
    assert one.chain_id != two.chain_id
    assert not set(one.ports) & set(two.ports)


def test_a_created_devnet_is_what_the_settings_say(place: Path) -> None:
    layout, record = chosen(place)
    steps, record = made(layout, record)
    assert len(steps) == CREATION_STEPS
    assert record.complete
    network = load_network("devnet", layout.folder)
    assert network.chain_id == record.chain_id
    assert network.registry == record.registry
    assert network.evm_chain_id == 31337
    assert network.block_time_s == 0.25
    assert network.cometbft_rpc == tuple(each.cometbft_rpc for each in record.validators)
    assert network.proposer_key is not None
    assert network.proposer_key.path == layout.admin_key
    for number, node in enumerate(network.nodes, start=1):
        assert node.name == f"node{number}"
        assert node.home == layout.node(node.name).home
        assert node.state_dir.is_dir()
        assert node.arguments == ("node", "start", "--home", "{home}")
        assert node.allow_scripts
        assert node.rollback_space_margin_bytes < 1 << 30
        assert node.address == keys.validator_key(number).address
        assert node.operator_key is not None
        assert Account.from_key(node.operator_key.path.read_text().strip()).address == keys.operator_key(number).address
        assert stat.S_IMODE(node.operator_key.path.stat().st_mode) == 0o600


def test_releases_are_recorded_by_their_bytes(place: Path) -> None:
    layout, record = chosen(place)
    _, record = made(layout, record)
    assert [each.version for each in record.releases] == ["v0.1.5", "v0.2.0"]
    for release in record.releases:
        assert sha256_of(layout.release(release.version)) == release.sha256
    for validator in record.validators:
        binary = layout.node(validator.name).home / "cosmovisor/current/bin/subnetd"
        assert sha256_of(binary) == record.releases[0].sha256


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_release_carries_the_migration_and_it_lies_beside_it(place: Path, kind: str) -> None:
    layout = Layout.of(place / "net")
    layout.folder.mkdir()
    options = UpOptions(layout.folder, validators=1, migration=kind)
    _, record = made(layout, choose(layout, options, PortBook(place / "xdg")))
    expected = release_migration(kind, record.registry)
    for version, carried in (("v0.1.5", ""), ("v0.2.0", expected.carried)):
        with zipfile.ZipFile(layout.release(version)) as build:
            assert f"MIGRATION = {carried!r}" in build.read("program/release.py").decode()
    beside = {path.name: path.read_bytes() for path in layout.release("v0.2.0").parent.iterdir()}
    section = beside.get("migration.json")
    assert (section is None) == (kind == "none")
    if section is not None:
        assert json.loads(section) == expected.section
    assert beside.get("migration.wasm", b"") == expected.module


def test_an_interrupted_creation_is_done_again_with_the_same_choices(place: Path) -> None:
    layout, record = chosen(place)
    steps = create(layout, record)
    for _ in range(3):
        next(steps)
    steps.close()
    (layout.nodes / "half").mkdir(parents=True, exist_ok=True)
    _, again = made(layout, record)
    assert again.complete
    assert (again.chain_id, again.ports) == (record.chain_id, record.ports)
    assert {path.name for path in layout.nodes.iterdir()} == {"node1", "node2"}


def test_the_evm_genesis_deploys_the_registry_and_names_every_operator(place: Path) -> None:
    layout, record = chosen(place)
    _, record = made(layout, record)
    document = json.loads(layout.evm_genesis.read_text())
    assert document["time"] == record.created
    # Five facets, gateway, power source, the registry's two halves, the handing over, then a setOperator per validator.
    assert len(document["txs"]) == 5 + 4 + 1 + 2
    operators = {keys.operator_key(number).address.lower() for number in (1, 2)}
    assert operators <= set(document["alloc"])
    # Whoever joins, and whoever stops an upgrade, pays for it.
    others = {keys.validator_key(16), keys.operator_key(16), *(keys.council_key(number) for number in range(1, 6))}
    assert {key.address.lower() for key in others} <= set(document["alloc"])


def test_every_key_has_a_file_of_its_own(place: Path) -> None:
    layout, record = chosen(place)
    made(layout, record)
    files = {path.name for path in layout.keys.iterdir()}
    council = {f"council{number}.key" for number in range(1, 6)}
    nodes = {f"node{number}-{whose}.key" for number in (1, 2) for whose in ("validator", "operator")}
    assert files == {"admin.key", "parent.key", *council, *nodes}
    assert {path.stat().st_mode & 0o777 for path in layout.keys.iterdir()} == {0o600}


def test_the_release_server_has_the_gateways_next_facet(place: Path) -> None:
    layout, record = chosen(place)
    made(layout, record)
    (facet,) = layout.contracts.iterdir()
    assert json.loads(facet.read_text())["contractName"] == "GatewayGetterFacetV2"
