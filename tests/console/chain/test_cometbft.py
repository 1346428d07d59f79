"""CometBFT's answers: the real shapes read, every damaged one refused, block times from headers."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain import cometbft
from console.chain.cometbft import HEADER_WINDOW, HeaderTimes
from console.chain.rpc import Reply
from console.errors import BadAnswer
from tests.console.chain.network_double import CHAIN_ID, KEYS, START_NS, CometDouble, NetworkDouble

NETWORK = NetworkDouble()
NODE = CometDouble(NETWORK, 1)
STATUS = NODE.answer("status", {})
ABCI_INFO = NODE.answer("abci_info", {})
NET_INFO = NODE.answer("net_info", {})
COMMIT = NODE.answer("commit", {})
VALIDATORS = NODE.answer("validators", {"page": "1", "per_page": "100"})


def pages(network: NetworkDouble) -> list[Reply]:
    node = CometDouble(network, 0)
    replies = []
    for call in cometbft.validator_calls():
        try:
            replies.append(Reply(node.answer(call.method, call.params)))
        except Exception:
            replies.append(Reply(error=cometbft_error()))
    return replies


def cometbft_error() -> Any:
    from console.chain.rpc import RpcError
    from console.text import untrusted

    return RpcError(-32603, untrusted("Internal error: page"))


READERS: list[tuple[Callable[[Any], object], Any]] = [
    (cometbft.parse_status, STATUS),
    (cometbft.parse_abci_info, ABCI_INFO),
    (cometbft.parse_net_info, NET_INFO),
    (cometbft.parse_signed_header, COMMIT),
    (lambda value: cometbft.parse_validator_set([Reply(value)]), VALIDATORS),
]


class TestShapes:
    def test_status(self) -> None:
        status = cometbft.parse_status(STATUS)
        assert (status.chain_id, status.moniker, status.height, status.power) == (CHAIN_ID, "node2", 100, 10)
        assert status.time_ns == START_NS + 100 * 10**9
        assert status.consensus_address == KEYS[1].consensus_address
        assert not status.catching_up

    def test_status_as_in_the_facts(self) -> None:
        """facts/cosmos.md §5, an Ed25519 chain of another vendor."""
        status = cometbft.parse_status(
            {
                "node_info": {"network": "virtengine-1", "version": "0.38.17", "moniker": "val-1"},
                "sync_info": {
                    "latest_block_height": "1262196",
                    "latest_block_time": "2026-08-01T11:52:22.818762194Z",
                    "catching_up": False,
                },
                "validator_info": {"address": "5D6A51A8E9899C44079C6AF90618BA0369070E6E", "voting_power": "0"},
            }
        )
        assert (status.height, status.power) == (1262196, 0)
        assert status.time_ns % 10**9 == 818762194

    def test_zero_valued_fields_may_be_absent(self) -> None:
        app = cometbft.parse_abci_info({"response": {}})
        assert (app.height, app.app_hash, app.version) == (0, "", "")

    def test_numbers_or_strings(self) -> None:
        changed = copy.deepcopy(STATUS)
        changed["sync_info"]["latest_block_height"] = 100
        assert cometbft.parse_status(changed) == cometbft.parse_status(STATUS)

    def test_commit(self) -> None:
        signed = cometbft.parse_signed_header(COMMIT)
        assert signed.header.height == signed.commit.height == 100
        assert signed.commit.block_id == NETWORK.block_id(100)
        assert [entry.flag for entry in signed.commit.signatures] == [2, 2, 2, 2]

    def test_block(self) -> None:
        value = {
            "block_id": {"hash": "AB" * 32, "parts": {"total": 1, "hash": "CD" * 32}},
            "block": {"header": NETWORK.header(10), "data": {"txs": []}, "last_commit": NETWORK.commit(9)},
        }
        block = cometbft.parse_block(value)
        assert block.header.height == 10
        assert block.last_commit is not None
        assert block.last_commit.height == 9

    @pytest.mark.parametrize("count", [1, 4, 100, 101, 256])
    def test_validators_of_all_pages(self, count: int) -> None:
        found = cometbft.parse_validator_set(pages(NetworkDouble(validators=count)))
        assert [entry.ethereum_address for entry in found.validators] == [key.address for key in KEYS[:count]]
        assert found.total_power == 10 * count
        entry = found.of(KEYS[0].address)
        assert entry is not None
        assert entry.consensus_address == KEYS[0].consensus_address
        assert found.of(KEYS[259].address) is None

    def test_other_key_types_have_no_ethereum_address(self) -> None:
        value = copy.deepcopy(VALIDATORS)
        value["validators"][0]["pub_key"] = {
            "type": "tendermint/PubKeySr25519",
            "value": base64.b64encode(bytes(32)).decode(),
        }
        found = cometbft.parse_validator_set([Reply(value)])
        assert (found.validators[0].ethereum_address, found.validators[0].key_kind) == ("", "")
        assert found.total_power == 40
        assert found.of("") is None

    def test_a_key_of_the_cosmos_hub_is_named_by_its_consensus_address(self) -> None:
        """The sample of cometbft rpc/openapi/openapi.yaml, which is of a real validator."""
        value = copy.deepcopy(VALIDATORS)
        address = "000001E443FD237E4B616E2FA69DF4EE3D49A94F"
        value["validators"][0]["address"] = address
        value["validators"][0]["pub_key"] = {
            "type": "tendermint/PubKeyEd25519",
            "value": "9tK9IT+FPdf2qm+5c2qaxi10sWP+3erWTKgftn2PaQM=",
        }
        found = cometbft.parse_validator_set([Reply(value)])
        assert (found.validators[0].address, found.validators[0].key_kind) == (address, "ed25519")
        assert found.of(address) == found.validators[0]
        value["validators"][0]["address"] = KEYS[9].consensus_address
        with pytest.raises(BadAnswer, match="another address"):
            cometbft.parse_validator_set([Reply(value)])


class TestRefused:
    @pytest.mark.parametrize("height", [-1, "-1", "x", None, 1.5, 1 << 63, "1e3", True, [], {}])
    def test_heights(self, height: object) -> None:
        changed = copy.deepcopy(STATUS)
        changed["sync_info"]["latest_block_height"] = height
        with pytest.raises(BadAnswer, match="latest_block_height"):
            cometbft.parse_status(changed)

    def test_a_key_of_another_address(self) -> None:
        value = copy.deepcopy(VALIDATORS)
        value["validators"][0]["address"] = KEYS[9].consensus_address
        with pytest.raises(BadAnswer):
            cometbft.parse_validator_set([Reply(value)])

    def test_a_validator_twice(self) -> None:
        value = copy.deepcopy(VALIDATORS)
        value["validators"][1] = value["validators"][0]
        with pytest.raises(BadAnswer, match="twice"):
            cometbft.parse_validator_set([Reply(value)])

    def test_a_total_that_is_not_there(self) -> None:
        for total in ("3", "5", "0", "-1"):
            with pytest.raises(BadAnswer):
                cometbft.parse_validator_set([Reply({**VALIDATORS, "total": total})])

    def test_more_than_the_pages_hold(self) -> None:
        with pytest.raises(BadAnswer, match="301 validators"):
            cometbft.parse_validator_set([Reply({**VALIDATORS, "total": "301"})] * 3)

    def test_pages_of_two_heights(self) -> None:
        replies = pages(NetworkDouble(validators=150))
        second = replies[1].result
        assert isinstance(second, dict)
        replies[1] = Reply({**second, "block_height": "101"})
        with pytest.raises(BadAnswer, match="changed between"):
            cometbft.parse_validator_set(replies)

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.data())
    def test_any_damage_is_read_or_refused(self, data: st.DataObject) -> None:
        """One place of a good answer replaced by anything: a value or a BadAnswer, nothing else."""
        read, good = data.draw(st.sampled_from(READERS))
        value = copy.deepcopy(good)
        junk: object = data.draw(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=20)
            | st.just([])
            | st.just({})
            | st.just([[]])
        )
        if _replace_somewhere(value, junk, data):
            try:
                read(value)
            except BadAnswer:
                pass

    @settings(derandomize=True, deadline=None, max_examples=50)
    @given(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.lists(st.integers())
        | st.dictionaries(st.text(), st.none())
    )
    def test_anything_else(self, value: object) -> None:
        for read, _ in READERS:
            with pytest.raises(BadAnswer):
                read(value)


def _replace_somewhere(value: Any, junk: object, data: st.DataObject) -> bool:
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        if not keys:
            return False
        key = data.draw(st.sampled_from(keys))
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.booleans()):
            value[key] = junk
            return True
        value = value[key]


class TestCalls:
    def test_64_bit_numbers_are_strings(self) -> None:
        assert cometbft.commit_call(7).params == {"height": "7"}
        assert cometbft.commit_call().params == {}
        assert cometbft.validator_calls(7)[1].params == {"height": "7", "page": "2", "per_page": "100"}

    def test_batches_fit_cometbfts_limit(self) -> None:
        whole = [*cometbft.overview_calls(), *cometbft.validator_calls(), *([cometbft.commit_call()] * 4)]
        assert len(whole) <= cometbft.MAX_BATCH


class TestBlockTime:
    def test_unknown_until_two_headers(self) -> None:
        times = HeaderTimes()
        assert times.seconds_per_block is None
        times.add(10, START_NS)
        times.add(10, START_NS + 5)
        assert times.seconds_per_block is None
        times.add(11, START_NS + 1_500_000_000)
        assert times.seconds_per_block == 1.5

    def test_median_and_not_mean(self) -> None:
        times = HeaderTimes()
        at = START_NS
        for height in range(1, 30):
            at += 60_000_000_000 if height == 15 else 400_000_000
            times.add(height, at)
        assert times.seconds_per_block == 0.4

    def test_gaps_count_with_their_blocks(self) -> None:
        times = HeaderTimes()
        times.add(100, START_NS)
        times.add(150, START_NS + 50 * 10**9)
        times.add(151, START_NS + 59 * 10**9)
        assert times.seconds_per_block == 1.0

    def test_time_that_goes_back_is_left_out(self) -> None:
        times = HeaderTimes()
        times.add(1, START_NS)
        times.add(2, START_NS - 10**9)
        assert times.seconds_per_block is None
        times.add(3, START_NS + 10**9)
        assert times.seconds_per_block == 2.0

    def test_only_the_window_counts(self) -> None:
        times = HeaderTimes()
        times.add(1, START_NS)
        times.add(2, START_NS + 100 * 10**9)
        for height in range(3, 300):
            times.add(height, START_NS + 100 * 10**9 + height * 10**9)
        assert len(times._times) == HEADER_WINDOW + 1
        assert times.seconds_per_block == 1.0

    @pytest.mark.parametrize(
        ("newest", "heights"),
        [
            (1, ()),
            (2, ()),
            (3, (2,)),
            (10, (9, 5, 2)),
            (1000, (999, 995, 980, 950)),
        ],
    )
    def test_which_headers_are_missing(self, newest: int, heights: tuple[int, ...]) -> None:
        assert HeaderTimes().missing(newest, 4) == heights

    def test_nothing_is_missing_for_long(self) -> None:
        times = HeaderTimes()
        times.add(1000, START_NS)
        for height in times.missing(1000, 4):
            times.add(height, START_NS - (1000 - height) * 10**9)
        assert times.missing(1000, 4) == ()
        assert times.missing(1030, 4) == ()
        assert times.seconds_per_block == 1.0

    @settings(derandomize=True, deadline=None)
    @given(st.lists(st.tuples(st.integers(-5, 2**63), st.integers(-(2**70), 2**70)), max_size=30))
    def test_any_headers(self, headers: list[tuple[int, int]]) -> None:
        times = HeaderTimes()
        for height, at in headers:
            times.add(height, at)
        seconds = times.seconds_per_block
        assert seconds is None or seconds > 0
