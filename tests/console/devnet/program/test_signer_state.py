"""The signer never signs two things at one step, also across restarts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.devnet.program.errors import NodeError, SignerRefusedError
from console.devnet.program.keys import ValidatorKey, load_validator_key
from console.devnet.program.signer_state import Signer, load_signer_state
from console.devnet.program.votes import VoteType

from .network import write_key

HASHES = ["", "AA" * 32, "BB" * 32]


def _key(folder: Path) -> ValidatorKey:
    write_key(folder / "key.json", "someone")
    return load_validator_key(folder / "key.json")


def _signer(folder: Path) -> Signer:
    return Signer(_key(folder), "chain", folder / "state.json", folder / "signed.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state.json").write_text('{"height":"0","round":0,"step":0}')
    return tmp_path


def test_the_file_has_cometbfts_form(folder: Path) -> None:
    signed = _signer(folder).vote(VoteType.PRECOMMIT, 361402, 0, HASHES[1], 5)
    document = json.loads((folder / "state.json").read_text())
    assert list(document) == ["height", "round", "step", "signature", "signbytes"]
    assert (document["height"], document["round"], document["step"]) == ("361402", 0, 3)
    assert base64.b64decode(document["signature"]) == signed.signature
    assert document["signbytes"] == bytes.fromhex(document["signbytes"]).hex().upper()
    assert (folder / "state.json").stat().st_mode & 0o777 == 0o600


def test_the_same_vote_again_is_the_same_signature(folder: Path) -> None:
    first = _signer(folder).vote(VoteType.PREVOTE, 7, 1, HASHES[1], 5)
    assert _signer(folder).vote(VoteType.PREVOTE, 7, 1, HASHES[1], 99) == first


@pytest.mark.parametrize(
    ("kind", "height", "round_", "block_hash"),
    [
        (VoteType.PREVOTE, 7, 1, HASHES[2]),
        (VoteType.PREVOTE, 7, 1, ""),
        (VoteType.PREVOTE, 6, 9, HASHES[1]),
        (VoteType.PRECOMMIT, 7, 0, HASHES[1]),
    ],
)
def test_going_back_or_contradicting_is_refused(
    folder: Path, kind: VoteType, height: int, round_: int, block_hash: str
) -> None:
    _signer(folder).vote(VoteType.PREVOTE, 7, 1, HASHES[1], 5)
    before = (folder / "state.json").read_bytes(), (folder / "signed.jsonl").read_bytes()
    with pytest.raises(SignerRefusedError):
        _signer(folder).vote(kind, height, round_, block_hash, 5)
    assert ((folder / "state.json").read_bytes(), (folder / "signed.jsonl").read_bytes()) == before


steps = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 2), st.sampled_from(HASHES), st.booleans())


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(steps, max_size=25))
def test_no_step_is_ever_signed_twice(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[int, int, int, str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("signer")
    (folder / "state.json").write_text('{"height":"0","round":0,"step":0}')
    signer = _signer(folder)
    for index, (what, height, round_, block_hash, restart) in enumerate(requests):
        if restart:
            signer = _signer(folder)
        try:
            if what == 0:
                signer.proposal(height, round_, -1, block_hash or HASHES[1], index)
            else:
                signer.vote(VoteType(1 + what % 2), height, round_, block_hash, index)
        except SignerRefusedError:
            continue
    lines = [json.loads(line) for line in (folder / "signed.jsonl").read_text().splitlines()]
    released = {(line["height"], line["round"], line["step"], line["block_hash"]) for line in lines}
    assert len({each[:3] for each in released}) == len(released)
    order = [(line["height"], line["round"], line["step"]) for line in lines]
    assert order == sorted(order)


@pytest.mark.parametrize("content", [None, "", "{}", '{"height":"x","round":0,"step":0}', "[]"])
def test_a_lost_or_damaged_state_does_not_start(folder: Path, content: str | None) -> None:
    path = folder / "state.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(NodeError, match="could sign twice"):
        load_signer_state(path)
