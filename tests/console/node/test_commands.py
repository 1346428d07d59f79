"""Short commands end in a result or in a sentence."""

from __future__ import annotations

import pytest

from console.errors import NodeError
from console.node.commands import CommandResult, SystemRunner


def test_a_command_gives_its_code_and_both_outputs() -> None:
    found = SystemRunner().run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], 10)
    assert found == CommandResult(3, "out\n", "err\n")


def test_a_command_runs_in_the_c_locale_so_that_its_words_can_be_read() -> None:
    assert SystemRunner().run(["/bin/sh", "-c", "echo $LC_ALL"], 10).stdout == "C\n"


def test_a_missing_command_and_one_without_an_end_are_sentences() -> None:
    with pytest.raises(NodeError, match="cannot be run"):
        SystemRunner().run(["/no/such/command"], 10)
    with pytest.raises(NodeError, match=r"did not end within 0 s"):
        SystemRunner().run(["/bin/sleep", "60"], 0.2)
