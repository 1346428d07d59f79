"""Whether another network ran the release."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from console.checks.proven import judged, proven_elsewhere
from console.model import Outcome, Proof, ProofState
from tests import fakes
from tests.console.operations.homes import a_cosmos_node, a_network

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (ProofState.PROVEN, Outcome.PASS),
        (ProofState.FORCED, Outcome.WARN),
        (ProofState.RUNNING, Outcome.WARN),
        (ProofState.NOT_EXECUTED, Outcome.FAIL),
        (ProofState.UNKNOWN, Outcome.FAIL),
    ],
)
def test_a_proof_by_its_state(state: ProofState, outcome: Outcome) -> None:
    found = judged(Proof("calibration", state, 3600, None, "as it is"))
    assert (found.outcome, found.sentence) == (outcome, "as it is")


async def test_the_controllers_word_comes_first_and_nobody_to_ask_is_no_failure(tmp_path: Path) -> None:
    network = a_network(a_cosmos_node(tmp_path))
    assert (await proven_elsewhere(network, fakes.unproven(), [])).outcome is Outcome.WARN
    assert (await proven_elsewhere(network, fakes.go(), [])).outcome is Outcome.SKIP


async def test_a_network_that_is_not_in_the_settings_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    network = a_network(a_cosmos_node(tmp_path))
    releases = dataclasses.replace(network.demands, proven_on="nowhere")
    found = await proven_elsewhere(dataclasses.replace(network, releases=releases), fakes.go(), [])
    assert (found.outcome, "nowhere" in found.sentence) == (Outcome.FAIL, True)
