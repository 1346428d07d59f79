"""`--unsafe-skip-upgrades` in all its forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.skip_heights import skip_heights, with_skips


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


@pytest.mark.parametrize(
    ("arguments", "heights", "expected"),
    [
        (("start",), (), ("start",)),
        (("start",), (20, 10), ("start", "--unsafe-skip-upgrades=10,20")),
        (("start", "--unsafe-skip-upgrades", "10", "--x"), (10,), ("start", "--unsafe-skip-upgrades", "10", "--x")),
        (("start", "--unsafe-skip-upgrades=10", "--x"), (20,), ("start", "--x", "--unsafe-skip-upgrades=10,20")),
        (("start", "--unsafe-skip-upgrades", "10", "20"), (), ("start", "--unsafe-skip-upgrades=10,20")),
        (("start", "--", "file"), (10,), ("start", "--unsafe-skip-upgrades=10", "--", "file")),
    ],
)
def test_heights_of_the_settings_are_said_to_the_node(
    arguments: tuple[str, ...], heights: tuple[int, ...], expected: tuple[str, ...]
) -> None:
    assert with_skips(arguments, heights) == expected


@given(
    st.lists(st.sampled_from(["start", "--x", "--unsafe-skip-upgrades", "--unsafe-skip-upgrades=7", "5", "6,7", "--"])),
    st.sets(st.integers(0, 99), max_size=3),
)
def test_the_node_reads_all_of_them_once_they_are_said(arguments: list[str], heights: set[int]) -> None:
    said = with_skips(tuple(arguments), heights)
    found = skip_heights(said)
    assert found.heights == skip_heights(arguments).heights | heights
    assert found.unseen_by_node == frozenset()
    assert with_skips(said, heights) == said
