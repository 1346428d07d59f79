"""Our key on a height that this node cannot have signed: no false alarm at a halt, no start after a true one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.journal import Journal
from console.node.key_elsewhere import DOWN_S, KeyElsewhere, KeyWatch, heights_to_ask, not_ours_from
from console.node.shape import NodeShape
from console.ports.chain import MOST_SIGNED_HEIGHTS
from tests.console.node.fakes import FakeChain

pytestmark = pytest.mark.anyio

H = 100


class TestRule:
    @pytest.mark.parametrize(
        ("signed", "last", "first"),
        [
            # Halted: H was decided and signed, its commit was read or not yet.
            (H, H, H + 2),
            (H, H - 1, H + 1),
            # Voted on the height after the last one that was read.
            (H + 1, H, H + 2),
            # Voted on far higher ones than were read.
            (H + 20, H, H + 21),
            # A full node, or one that catches up: it signed long ago.
            (0, H, H + 2),
            (H, None, H + 1),
        ],
    )
    def test_what_the_live_signer_state_covers_is_ours(self, signed: int, last: int | None, first: int) -> None:
        assert not_ours_from(signed=signed, last=last, decided_while_down=None) == first

    def test_with_a_remote_signer_only_what_was_decided_while_it_was_down_counts(self) -> None:
        assert not_ours_from(signed=None, last=H, decided_while_down=None) is None
        assert not_ours_from(signed=None, last=H, decided_while_down=H + 3) == H + 5

    @settings(derandomize=True, deadline=None)
    @given(st.integers(0, 10**6), st.none() | st.integers(0, 10**6), st.none() | st.integers(0, 10**6))
    def test_no_height_that_the_signer_state_covers_is_ever_asked_for(
        self, signed: int, last: int | None, newest: int | None
    ) -> None:
        first = not_ours_from(signed=signed, last=last, decided_while_down=None)
        for height in heights_to_ask(first, newest):
            assert height > signed
            assert last is None or height > last + 1
            assert newest is not None
            assert height <= newest

    @settings(derandomize=True, deadline=None)
    @given(st.integers(1, 1000), st.integers(1, 1000))
    def test_the_heights_are_few_spread_and_hold_the_newest(self, first: int, newest: int) -> None:
        found = heights_to_ask(first, newest)
        assert len(found) == max(0, min(MOST_SIGNED_HEIGHTS, newest - first + 1))
        assert list(found) == sorted(set(found))
        assert not found or (found[-1] == newest and found[0] in {first, newest})


class Case:
    """A node that is down, on a chain that goes on."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.db")
        self.home = folder / "home"
        (self.home / "cometbft" / "data").mkdir(parents=True)
        (self.home / "cometbft" / "config").mkdir()
        self.chain = FakeChain(height=H)
        self.down_s = DOWN_S + 1
        self.sign(H)
        run = self.journal.open_run("genesis", 0, "")
        self.journal.close_run(run.id, 0)
        ended = self.journal.runs(1)[0].ended_at
        assert ended is not None
        self.ended_at = ended
        self.watch = KeyWatch(self.journal, NodeShape(self.home, ()), lambda: self.ended_at + self.down_s)

    def sign(self, height: int) -> None:
        path = self.home / "cometbft" / "data" / "priv_validator_state.json"
        path.write_text(json.dumps({"height": str(height), "round": 0, "step": 3}))

    async def ran(self) -> None:
        """The node ran and stopped at H: its address is known, and its last height."""
        self.watch.learn(await self.chain.own())
        self.journal.observe(H, H - 1, "v0.1.5")

    def remote(self) -> None:
        path = self.home / "cometbft" / "config" / "config.toml"
        path.write_text('priv_validator_laddr = "tcp://127.0.0.1:9"\n')


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    case = Case(tmp_path)
    yield case
    case.journal.close()


async def test_our_signatures_up_to_the_halt_are_no_alarm(case: Case) -> None:
    await case.ran()
    case.chain.height = H + 50
    case.chain.signed = frozenset(range(H + 1))
    await case.watch.before_start(case.chain)
    assert "signed" in case.chain.asked


async def test_a_signature_on_a_later_height_refuses_the_start(case: Case) -> None:
    await case.ran()
    case.chain.height = H + 50
    case.chain.signed = frozenset(range(H + 60))
    with pytest.raises(KeyElsewhere, match=f"signed height {H + 50}.*used elsewhere.*could sign a height twice"):
        await case.watch.before_start(case.chain)
    assert case.journal.events()[-1]["kind"] == "key-elsewhere"


async def test_it_stays_refused_until_the_other_signers_state_is_here(case: Case) -> None:
    await case.ran()
    case.chain.height = H + 50
    case.chain.signed = frozenset(range(H + 60))
    with pytest.raises(KeyElsewhere):
        await case.watch.before_start(case.chain)
    case.chain.signed = frozenset()
    case.down_s = 0
    with pytest.raises(KeyElsewhere):
        await case.watch.before_start(case.chain)
    case.sign(H + 50)
    await case.watch.before_start(case.chain)
    assert case.watch.found == ""


async def test_a_downtime_as_short_as_a_halt_is_not_held_up_by_a_question(case: Case) -> None:
    await case.ran()
    case.down_s = DOWN_S - 1
    case.chain.signed = frozenset(range(H + 60))
    await case.watch.before_start(case.chain)
    assert case.chain.asked == []


async def test_whom_nobody_answers_is_started(case: Case) -> None:
    await case.ran()

    async def silent() -> int | None:
        return None

    case.chain.highest_peer = silent  # type: ignore[method-assign]
    case.chain.signed = frozenset(range(H + 60))
    await case.watch.before_start(case.chain)


async def test_a_key_whose_address_was_never_read_cannot_be_looked_for(case: Case) -> None:
    case.chain.height = H + 50
    await case.watch.before_start(case.chain)
    assert case.chain.asked == ["height"]


async def test_a_remote_signer_that_serves_another_node_calls_the_operator_and_refuses_nothing(case: Case) -> None:
    await case.ran()
    case.remote()
    case.chain.height = H + 3
    case.chain.signed = frozenset(range(H + 60))
    await case.watch.look(case.chain, H + 3)
    await case.watch.look(case.chain, H + 4)
    assert case.watch.suspicion == ""
    await case.watch.look(case.chain, H + 5)
    assert f"signed height {H + 5}" in case.watch.suspicion
    case.chain.height = H + 5
    await case.watch.before_start(case.chain)
    case.watch.learn(await case.chain.own())
    assert case.watch.suspicion == ""
