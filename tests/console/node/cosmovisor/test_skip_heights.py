"""`--unsafe-skip-upgrades` in all its forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.skip_heights import skip_heights


@pytest.mark.parametrize(
    ("arguments", "heights", "unseen"),
    [
        (["start"], set(), set()),
        (["start", "--unsafe-skip-upgrades", "10"], {10}, set()),
        (["start", "--unsafe-skip-upgrades", "10", "20", "--home", "30"], {10, 20}, {20}),
        (["start", "--unsafe-skip-upgrades", "10,20"], {10, 20}, set()),
        (["start", "--unsafe-skip-upgrades=10,20"], {10, 20}, set()),
        (["start", "--unsafe-skip-upgrades=10", "--unsafe-skip-upgrades", "20"], {10, 20}, set()),
        (["start", "--unsafe-skip-upgrades", "x", "-5", "10"], set(), set()),
        (["start", "--", "--unsafe-skip-upgrades", "10"], set(), set()),
        (["start", "--unsafe-skip-upgrades"], set(), set()),
    ],
)
def test_the_flag_is_read(arguments: list[str], heights: set[int], unseen: set[int]) -> None:
    found = skip_heights(arguments)
    assert (set(found.heights), set(found.unseen_by_node)) == (heights, unseen)
    assert bool(found.warning()) is bool(unseen)


def test_the_warning_says_what_to_write() -> None:
    found = skip_heights(["--unsafe-skip-upgrades", "10", "20"])
    assert found.warning() == "the node does not see the skipped heights 20; write --unsafe-skip-upgrades=10,20"
    assert found.skips(20)
    assert not found.skips(30)


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=5))
def test_the_right_form_is_read_whole(heights: list[int]) -> None:
    text = ",".join(map(str, heights))
    assert skip_heights([f"--unsafe-skip-upgrades={text}"]).heights == set(heights)


@given(st.lists(st.text(alphabet="-=,0129usafekip ", max_size=12) | st.just("--unsafe-skip-upgrades"), max_size=8))
def test_any_arguments_are_read(arguments: list[str]) -> None:
    assert all(height >= 0 for height in skip_heights(arguments).heights)
