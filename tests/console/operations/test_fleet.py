"""The fleet as its controllers tell it: who answers, who does not, and what is known of both."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import NodeError
from console.model import FleetNode, OwnConsensus, last_word
from console.node import protocol
from console.node.client import NodeClient
from console.operations.controllers import Member
from console.operations.fleet import FleetReader, fleet_document
from tests.console.node.bench import Bench
from tests.console.node.test_service import serving
from tests.console.operations.examples import a_network, a_node_status

pytestmark = pytest.mark.anyio

SEEN = OwnConsensus(12, 11, False, 3, 10, 40, True, "AB" * 20)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "bench")
    yield bench
    await bench.end()


async def test_who_does_not_answer_keeps_nobody_waiting(bench: Bench, tmp_path: Path) -> None:
    there = Member("val-1", "", "", NodeClient(bench.state_dir), bench.node)
    gone = Member("val-2", "far", "", NodeClient(tmp_path / "nowhere"), None)
    reader = FleetReader(a_network(tmp_path), fleet=(there, gone))
    async with serving(bench):
        first, second = await reader.read()
        assert first.status is not None
        assert (first.name, first.status.state, first.problem, first.point_at) == ("val-1", "IDLE", "", None)
        assert "no controller answers" in second.problem
        assert (second.status, second.read_at, second.signs) == (None, None, None)
        document = json.loads(json.dumps(fleet_document((first, second), (first.read_at or 0) + 3)))
        assert [each["age_s"] for each in document["nodes"]] == [3.0, None]

        followed = reader.follow()
        heard = [await anext(followed) for _ in range(3)]
        assert {each.name for each in heard[-1]} == {"val-1", "val-2"}
        await followed.aclose()
    # What it said last stays, and that it is not of now is said.
    (again, _) = await reader.read()
    assert again.status == first.status or again.status is not None
    assert "no controller answers" in again.problem
    assert again.signs is None


def test_who_takes_part_in_consensus() -> None:
    status = replace(a_node_status(), pid=7)
    node = FleetNode("n", "", status, SEEN, None, 1.0)
    assert node.signs is True
    assert replace(node, consensus=replace(SEEN, catching_up=True)).signs is False
    assert replace(node, consensus=replace(SEEN, signed=False)).signs is False
    assert replace(node, consensus=None).signs is False
    assert replace(node, status=replace(status, pid=None)).signs is False
    assert replace(node, problem="gone").signs is None


def test_the_last_word_is_the_alarm_first() -> None:
    status = replace(a_node_status(), note="a note", alarm="an alarm", paused="")
    assert last_word(status) == "an alarm"
    assert last_word(replace(status, alarm="")) == "a note"
    assert last_word(replace(status, alarm="", note="", paused="why")) == "paused: why"


def test_consensus_over_the_wire() -> None:
    sent = json.loads(json.dumps(protocol.consensus_to_json(SEEN)))
    assert protocol.consensus_from_json(sent) == SEEN
    assert protocol.consensus_from_json(protocol.consensus_to_json(None)) is None
    for wrong in ({"height": -1}, {"peers": "3"}, {"power": None}):
        with pytest.raises(NodeError):
            protocol.consensus_from_json({"consensus": {**sent["consensus"], **wrong}})
    with pytest.raises(NodeError):
        protocol.consensus_from_json({"consensus": []})
