"""When a hotfix may go past the normal upgrade, and when two places are one."""

from __future__ import annotations

import pytest

from console.model.hotfix import (
    RESPONSES,
    Severity,
    lateness,
    read_bypasses,
    same_source,
    why_not_twice,
    why_not_without_governance,
)

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_the_table_is_that_of_the_operators_document() -> None:
    assert [(each.value, RESPONSES[each].words) for each in Severity] == [
        ("critical", "at once, by emergency call"),
        ("high", "within 4h 00m, by validator chat"),
        ("medium", "within 24h 00m, by the normal process".replace("24h 00m", "1d 0h")),
    ]


def test_a_response_is_late_after_its_time_and_never_where_it_is_at_once() -> None:
    assert lateness(Severity.HIGH, 0, 4 * 3600) == ""
    assert lateness(Severity.HIGH, 0, 5 * 3600) == "1h 00m late"
    assert lateness(Severity.CRITICAL, 0, 10**9) == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("https://A.example/x", "http://a.example", True),
        ("https://a.example/x", "https://b.example/x", False),
        ("the  call", "The call", True),
        ("the call", "https://a.example", False),
        ("https://[broken", "https://[broken", True),
    ],
)
def test_two_places_are_one_where_one_person_holds_both(one: str, other: str, same: bool) -> None:
    assert same_source(one, other) is same


def test_a_checksum_is_confirmed_by_two_places_that_agree() -> None:
    assert why_not_twice(A, "the site", A, "the call") == ""
    assert "one place" in why_not_twice(A, "the site", A, "The Site")
    assert "somebody is lying" in why_not_twice(A, "the site", B, "the call")
    assert "have to be named" in why_not_twice(A, "the site", A, " ")


@pytest.mark.parametrize(
    ("breaking", "stands", "planned", "allowed"),
    [
        (False, False, False, True),
        (False, True, False, True),
        (True, True, False, True),
        (True, False, False, False),
        (False, False, True, False),
        (True, True, True, False),
    ],
)
def test_a_breaking_fix_never_goes_in_beside_a_living_chain(
    breaking: bool, stands: bool, planned: bool, allowed: bool
) -> None:
    assert (why_not_without_governance(breaking=breaking, chain_stands=stands, planned=planned) == "") is allowed


def test_what_is_left_out_is_named_once_with_its_reason() -> None:
    assert read_bypasses("") == {}
    assert read_bypasses(" governance = the chain stands ;notice=none needed;") == {
        "governance": "the chain stands",
        "notice": "none needed",
    }
    for wrong, why in (
        ("governance", "governance has ''"),
        ("governance=x", "governance has 'x'"),
        ("signatures=not needed", "where STEP is"),
        ("notice=a reason; notice=another", "notice is named twice"),
    ):
        with pytest.raises(ValueError, match=why):
            read_bypasses(wrong)
