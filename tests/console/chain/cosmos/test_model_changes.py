"""Proposals that change a model: found in either version of x/gov, and refused where they cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.cosmos import model_changes
from console.chain.cosmos.model_changes import model_version, parse_model_changes, read_model_changes
from console.chain.rest import Rest, RestAnswer
from console.errors import BadAnswer, EndpointDown
from tests.console.node.cosmos_nodes import served

TYPE = "/virtengine.veid.v1.MsgUpdateModel"
MESSAGE: dict[str, Any] = {
    "@type": TYPE,
    "model_version": "v1.1.0",
    "model_hash": "sha256:" + "ab" * 32,
    "effective_height": "6000000",
}


def answer(*messages: dict[str, Any], number: int = 42, **more: Any) -> dict[str, Any]:
    entry = {"id": str(number), "status": "PROPOSAL_STATUS_PASSED", "title": "Model v1.1.0", "messages": list(messages)}
    return {"proposals": [entry | more]}


@pytest.mark.parametrize(
    "body",
    [
        answer({"@type": "/cosmos.bank.v1beta1.MsgSend"}, MESSAGE),
        answer({"@type": "/cosmos.gov.v1.MsgExecLegacyContent", "content": MESSAGE}),
        # As the operators' document shows it.
        {"proposals": [{"proposal_id": "42", "status": "PROPOSAL_STATUS_PASSED", "content": MESSAGE}]},
        answer(MESSAGE | {"effective_height": 6000000, "model_hash": "AB" * 32}),
    ],
)
def test_a_change_is_found_wherever_it_stands(body: dict[str, Any]) -> None:
    (found,) = parse_model_changes(body, TYPE)
    assert (found.proposal, found.status, found.version) == (42, "PASSED", "v1.1.0")
    assert (found.checksum, found.height, found.url) == ("sha256:" + "ab" * 32, 6_000_000, "")


def test_another_message_is_none() -> None:
    assert parse_model_changes(answer(MESSAGE), "/virtengine.veid.v1.MsgOther") == ()
    assert parse_model_changes({"proposals": None}, TYPE) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"model_version": "../../etc/passwd"},
        {"model_version": ".hidden"},
        {"model_version": "v1\n"},
        {"model_version": None},
        {"model_hash": "sha256:abc123..."},
        {"model_hash": "md5:" + "ab" * 16},
        {"effective_height": "0"},
        {"effective_height": -1},
        {"effective_height": "soon"},
        {"model_url": 7},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        parse_model_changes(answer(MESSAGE | wrong), TYPE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MESSAGE, "messages", "id"]), inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(body=st.fixed_dictionaries({"proposals": st.lists(JSON, max_size=3)}) | JSON)
def test_whatever_comes_is_read_or_refused(body: Any) -> None:
    try:
        for change in parse_model_changes(body, TYPE):
            assert model_version(change.version) == change.version
    except BadAnswer:
        pass


@pytest.mark.anyio
async def test_endpoints_have_to_say_the_same_and_one_that_is_down_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_changes, "BETWEEN_S", 0.0)
    rest = Rest()
    try:
        with (
            served(json.dumps(answer(MESSAGE)).encode()) as (one, asked),
            served(json.dumps(answer(MESSAGE | {"model_hash": "cd" * 32})).encode()) as (other, _),
        ):
            (found,) = await read_model_changes(rest, [one, "http://127.0.0.1:9"], TYPE)
            assert found.version == "v1.1.0"
            assert asked[0].startswith("/cosmos/gov/v1/proposals?pagination.limit=30")
            with pytest.raises(BadAnswer, match="tell different proposals"):
                await read_model_changes(rest, [one, other], TYPE)
            assert len(asked) == 1 + model_changes.LOOKS
        with pytest.raises(EndpointDown):
            await read_model_changes(rest, ["http://127.0.0.1:9"], TYPE)
    finally:
        await rest.close()


@pytest.mark.anyio
async def test_one_that_is_a_block_behind_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_changes, "BETWEEN_S", 0.0)
    voting = json.dumps(answer(MESSAGE, status="PROPOSAL_STATUS_VOTING_PERIOD")).encode()
    passed = json.dumps(answer(MESSAGE)).encode()
    told = iter((voting, passed, passed, passed))

    class Later(Rest):
        async def get(self, base: str, path: str, headers: Mapping[str, str] | None = None) -> RestAnswer:
            return RestAnswer(json.loads(next(told)), {})

    (found,) = await read_model_changes(Later(), ["http://one", "http://other"], TYPE)
    assert found.status == "PASSED"
