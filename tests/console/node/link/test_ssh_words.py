"""What an end of `ssh` means."""

from __future__ import annotations

import pytest

from console.node.link.ssh_words import why_ended


@pytest.mark.parametrize(
    ("code", "said", "greeted", "part"),
    [
        (
            255,
            ["ssh: Could not resolve hostname nowhere: Name or service not known"],
            False,
            "the name of v is not known",
        ),
        (
            255,
            ["ssh: connect to host 10.0.0.9: Connection timed out"],
            False,
            "v cannot be reached: ssh: connect",
        ),
        (255, ["/root/.ssh/config: line 3: Bad configuration option: hosst"], False, "its own configuration"),
        (255, ["Timeout, server far not responding."], True, "SSH to v is lost: Timeout, server far not responding"),
        (None, [], True, "SSH to v is lost; its node"),
        (-9, [], False, "v cannot be reached: ssh ended without a word"),
        (1, ["upgrade-console: network n has no node 'x'."], False, "v: network n has no node 'x'."),
        (3, [], False, "v: the command there ended with code 3"),
    ],
)
def test_each_end_is_one_sentence(code: int | None, said: list[str], greeted: bool, part: str) -> None:
    sentence = str(why_ended("v", code, said, greeted))
    assert part in sentence
    assert sentence.count("\n") == 0
