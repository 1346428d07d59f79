"""One key of a TOML file: what is around it stays to the byte, and what is unclear is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ConsoleError
from console.operations.toml_key import plan_key, value_of

FILE = """# identity of this validator
[scoring]   # how
model_path = "/m/v1.h5"  # set by ops
threshold = 0.5

[other]
model_path = 'stays'
"""


def test_only_the_value_changes(tmp_path: Path) -> None:
    path = tmp_path / "identity.toml"
    path.write_text(FILE)
    edit = plan_key(path, "scoring.model_path", "/m/v1.1.0.h5")
    assert edit.after.decode() == FILE.replace("/m/v1.h5", "/m/v1.1.0.h5")
    assert (edit.old, edit.changes, path.read_text()) == ("/m/v1.h5", True, FILE)
    path.write_bytes(edit.after)
    assert not plan_key(path, "scoring.model_path", "/m/v1.1.0.h5").changes
    assert value_of(path, "other.model_path") == "stays"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("x = 1\n", "has no key scoring.model_path"),
        ("scoring = 1\n", "has no key scoring.model_path"),
        ("[scoring]\nmodel_path = 3\n", "is no text"),
        ('[scoring]\nmodel_path = "a"\nmodel_path = "b"\n', "a key that is written twice is an error too"),
        ('[scoring]\nmodel_path = "a"\n[scoring]\n', "is not readable as TOML"),
        ("model_path: /m/v1\n", "is not readable as TOML"),
        ("\xff", "is not readable as TOML"),
    ],
)
def test_a_file_that_does_not_say_it_once_is_left_alone(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "identity.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConsoleError) as refused:
        plan_key(path, "scoring.model_path", "/m/v2")
    assert why in str(refused.value)
    assert "the file was not changed" in str(refused.value)
    assert path.read_bytes() == content.encode("latin-1")


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="there is no file"):
        plan_key(tmp_path / "none.toml", "model_path", "/m/v2")


@settings(max_examples=40)
@given(value=st.text(max_size=60))
def test_any_text_comes_back_as_it_was_meant(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(FILE)
    try:
        edit = plan_key(path, "scoring.model_path", value)
    except ConsoleError:
        return
    assert tomllib.loads(edit.after.decode())["scoring"]["model_path"] == value
