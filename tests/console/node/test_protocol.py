"""A status over the socket and back."""

from __future__ import annotations

import json

import pytest

from console.errors import NodeError
from console.model import Fetching, Proof, ProofState
from console.node.protocol import status_from_json, status_to_json
from console.text import UntrustedText
from tests.console.operations.examples import a_node_status

HALF = Fetching(50, 100, 10.5, 4.8, UntrustedText("releases.example"))


@pytest.mark.parametrize("fetching", [None, HALF, Fetching(5, None, 0.0, None, UntrustedText("x"))])
def test_a_download_that_goes_on_is_told(fetching: Fetching | None) -> None:
    status = a_node_status(fetching=fetching)
    assert status_from_json(json.loads(json.dumps(status_to_json(status)))) == status


def test_a_status_of_another_version_is_read_as_far_as_it_is_known() -> None:
    document = status_to_json(a_node_status(fetching=HALF))
    older = {key: value for key, value in document.items() if key != "fetching"}
    assert status_from_json(older).fetching is None
    newer = document | {"fetching": document["fetching"] | {"peers": 5}}
    assert status_from_json(newer).fetching == HALF


@pytest.mark.parametrize("fetching", [5, "x", [], {}, {"source": "x"}])
def test_a_download_that_is_not_understood_is_refused(fetching: object) -> None:
    with pytest.raises(NodeError, match="not understood"):
        status_from_json(status_to_json(a_node_status()) | {"fetching": fetching})


def test_the_source_is_shown_safe() -> None:
    document = status_to_json(a_node_status(fetching=HALF))
    document["fetching"]["source"] = "evil\x1b[2J"
    found = status_from_json(document).fetching
    assert found is not None
    assert "\x1b" not in found.source


RUNNING = Proof("testnet", ProofState.RUNNING, 3600, 60, "not proven yet")


@pytest.mark.parametrize("proof", [None, RUNNING, Proof("", ProofState.UNKNOWN, 3600, None, "nobody")])
def test_how_far_a_release_is_proven_is_told(proof: Proof | None) -> None:
    status = a_node_status(proof=proof)
    document = json.loads(json.dumps(status_to_json(status)))
    assert status_from_json(document) == status
    older = {key: value for key, value in document.items() if key != "proof"}
    assert status_from_json(older).proof is None


@pytest.mark.parametrize("proof", [5, "x", [], {}, {"state": "sure"}, {"state": "proven"}])
def test_a_proof_that_is_not_understood_is_refused(proof: object) -> None:
    with pytest.raises(NodeError, match="not understood"):
        status_from_json(status_to_json(a_node_status()) | {"proof": proof})
