"""Which Cosmovisor is here, and what is known of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.cosmovisor.versions import DEFECTS, PINNED, PINNED_INSTALL, advice, defects_of, parse_version


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ('cosmovisor version: v1.7.1\n7:12AM INF running app args=["version"]\nv0.50.1\n', (1, 7, 1)),
        ('{"cosmovisor_version":"v1.6.0","app_version":{"version":"9.9.9"}}\n', (1, 6, 0)),
        ("cosmovisor version: v1.7.2-0.20250101000000-abcdef\n", (1, 7, 2)),
        ("cosmovisor version: (devel)\n", None),
        ('{"cosmovisor_version":5}', None),
        ("v0.50.1\n", None),
        ("", None),
    ],
)
def test_its_answer_is_read(output: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(output).version == version


def test_the_pinned_release_has_all_twenty_measured_defects() -> None:
    assert {defect.code for defect in defects_of(PINNED)} == {f"S{number}" for number in range(1, 21)}
    assert defects_of(None) == defects_of(PINNED)


def test_defects_belong_to_the_releases_that_have_them() -> None:
    older = {defect.code for defect in defects_of((1, 6, 0))}
    assert "#22167" in older
    assert not {"S1", "S2", "#20464", "#16963"} & older
    assert "R1" in older
    assert "#23652" in {defect.code for defect in defects_of((1, 7, 0))}
    assert len({defect.code for defect in DEFECTS}) == len(DEFECTS)


def test_the_advice_ends_with_the_pinned_install() -> None:
    for said in ("v1.7.1", "v1.8.0", "v1.5.0", "(devel)"):
        lines = advice(parse_version(f"cosmovisor version: {said}"))
        assert PINNED_INSTALL in lines[-1]
        assert any(line.startswith("S9: ") for line in lines)
    assert "newer" in advice(parse_version("cosmovisor version: v1.8.0"))[0]
    assert "older" in advice(parse_version("cosmovisor version: v1.5.0"))[0]


@given(st.text(max_size=80))
def test_any_answer_is_read(output: str) -> None:
    found = parse_version(f"cosmovisor version: {output}")
    assert found.shown.isprintable()
