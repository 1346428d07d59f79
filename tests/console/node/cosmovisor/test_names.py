"""Plan names become folders and are compared as Go does; the tables are Go's own output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.cosmovisor.names import plan_folder, same_name
from console.node.generation_folders import folder_name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("v2.0.0", "v2.0.0"),
        ("V2 Big", "v2%20big"),
        ("some spaces", "some%20spaces"),
        ("a/b", "a%2Fb"),
        ("$&+=:@-_.~,;?", "$&+=:@-_.~%2C%3B%3F"),
        ("ÄÖ", "%C3%A4%C3%B6"),
        ("İI", "ii"),
        ("ΣΑΣ", "%CF%83%CE%B1%CF%83"),
    ],
)
def test_a_folder_is_what_go_makes_of_the_name(name: str, folder: str) -> None:
    assert plan_folder(name) == folder


def test_disabled_recase_keeps_the_case() -> None:
    assert plan_folder("V2", recase=False) == "V2"


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "x" * 256, "\ud800"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(NodeError):
        plan_folder(name)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=40))
def test_both_halves_of_the_program_agree_on_folders(name: str) -> None:
    try:
        folder = plan_folder(name)
    except NodeError:
        return
    assert folder == folder_name(name)
    assert "/" not in folder


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("v2", "V2", True),
        ("v2", "v2.1", False),
        ("K", "\u212a", True),
        ("s", "\u017f", True),
        ("İ", "i", False),
        ("ı", "I", False),
        ("ß", "SS", False),
    ],
)
def test_names_are_compared_as_go_folds_case(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same
    assert same_name(other, one) is same
