"""The devnet's record: read back as written, damaged or foreign ones refused, contradictions found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from console.devnet import record as records
from console.devnet.layout import Layout
from console.devnet.options import UpOptions
from console.devnet.process_identity import ProcessIdentity
from console.devnet.record import Record, ReleaseRecord, ValidatorRecord
from console.errors import DevnetError


def example(folder: Path) -> Record:
    """A record of two validators."""
    return Record(
        folder=str(folder),
        chain_id="devnet-ab12cd",
        created=1_763_674_000,
        block_time_ms=250,
        freeze_blocks=5,
        execution_window=10_000,
        evm_chain_id=31337,
        python="/usr/bin/python3",
        validators=tuple(
            ValidatorRecord(f"node{number}", number, 10 * number, f"0x{number:040x}", *range(base, base + 3))
            for number, base in ((1, 20010), (2, 20020))
        ),
        evm_port=20001,
        release_port=20002,
        registry="0x" + "1" * 40,
        releases=(ReleaseRecord("v0.1.5", "a" * 64), ReleaseRecord("v0.2.0", "b" * 64)),
        complete=True,
        up=True,
        processes={"evm": ProcessIdentity(1, 2, "boot")},
    )


def test_a_record_is_read_back_as_written(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    example(tmp_path).save(layout)
    assert records.load(layout) == example(tmp_path)
    assert json.loads(layout.record.read_text())["schema"] == 1


def test_a_folder_without_a_record(tmp_path: Path) -> None:
    assert records.load(Layout.of(tmp_path)) is None
    assert records.load(Layout.of(tmp_path / "missing")) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is not the record of a devnet"),
        ('{"kind": "something else"}', "is not the record of a devnet"),
        ('{"kind": "upgrade-console devnet", "schema": 2}', "has schema 2, this program knows 1"),
        ('{"kind": "upgrade-console devnet", "schema": 1}', "is damaged"),
    ],
)
def test_what_is_not_our_record_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    layout = Layout.of(tmp_path)
    layout.record.write_text(content)
    with pytest.raises(DevnetError, match=sentence):
        records.load(layout)


def test_an_older_record_does_not_say_what_it_could_not_choose(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    document = example(tmp_path).to_json()
    for key in ("migration", "voting", "min_proposer_power", "gateway"):
        del document[key]
    layout.record.write_text(json.dumps(document))
    assert records.load(layout) == example(tmp_path)


def test_contradictions(tmp_path: Path) -> None:
    record = example(tmp_path)
    assert record.contradiction(UpOptions(tmp_path)) is None
    same = UpOptions(tmp_path, 2, (10, 20), 250, 5, 10_000, False, 1, "none")
    assert record.contradiction(same) is None
    for options, words in (
        (UpOptions(tmp_path, validators=4), "it has 2 validators, not 4"),
        (UpOptions(tmp_path, powers=(20, 10)), "its powers are 10,20, not 20,10"),
        (UpOptions(tmp_path, block_time_ms=1000), "its block time is 250ms, not 1s"),
        (UpOptions(tmp_path, freeze_blocks=6), "its plans freeze 5 blocks before H, not 6"),
        (UpOptions(tmp_path, execution_window=1), "its execution window is 10000 blocks, not 1"),
        (UpOptions(tmp_path, voting=True), "a release needs no vote there"),
        (UpOptions(tmp_path, min_proposer_power=20), "a validator needs a power of 1 to propose, not 20"),
        (UpOptions(tmp_path, migration="wasm"), "the migration of its second release is none, not wasm"),
    ):
        assert record.contradiction(options) == words


def test_a_count_does_not_contradict_uneven_powers(tmp_path: Path) -> None:
    assert example(tmp_path).contradiction(UpOptions(tmp_path, validators=2)) is None


def test_every_port_has_its_purpose(tmp_path: Path) -> None:
    record = example(tmp_path)
    assert len(record.ports) == 8
    assert record.ports[20021] == "node2's CometBFT RPC"


def test_an_unknown_node_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match=r"no node 'node9' \(known: node1, node2\)"):
        example(tmp_path).validator("node9")


def test_a_process_is_replaced(tmp_path: Path) -> None:
    fresh = ProcessIdentity(7, 8, "boot")
    changed = example(tmp_path).with_process("evm", fresh)
    assert changed == replace(example(tmp_path), processes={"evm": fresh})
