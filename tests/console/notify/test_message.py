"""Short, plain, and nothing in it that a service would obey."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.monitoring.notices import NOTICES
from console.monitoring.rules import Severity
from console.notify.message import MAX_BODY, MAX_SUBJECT, Message, joined, message_of, plain
from console.notify.occasions import Occasion


def told(sentence: str, kind: str = "halted", node: str = "node1") -> Message:
    occasion = Occasion(kind, (1,), sentence, node)
    return message_of(
        occasion, network="devnet", chain_id="devnet-1", option="--network devnet", height=1299, at=1_760_000_000.0
    )


def test_what_a_message_says() -> None:
    message = told("node1 stopped before block 1,300 for v0.2.0.")
    assert message.subject == "devnet, halted: node1 stopped before block 1,300 for v0.2.0."
    assert message.body.splitlines() == [
        "node1 stopped before block 1,300 for v0.2.0.",
        "What to do: Nothing for now; if it does not resume within minutes:"
        " upgrade-console node status --network devnet --node node1",
        "Network: devnet (devnet-1)",
        "Node: node1",
        "Height: 1,299",
        "Time: 2025-10-09 08:53:20 UTC",
        "Severity: info",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "<!channel>",
        "<b>x</b>",
        "[do not upgrade](https://evil.example)",
        "[x]  (y)",
        "https://evil.example",
        "`code`",
        "||hidden||",
        "a\nSubject: b",
        "\x1b]0;x\x07",
        "\u202eevil",
    ],
)
def test_a_plan_that_is_named_by_an_enemy(text: str) -> None:
    message = told(f"{text} was made.")
    assert len(message.body.splitlines()) == 7, "no line of its own"
    for obeyed in ("@", "<", "`", "](", "] (y", "://", "||", "\x1b", "\u202e"):
        if obeyed != "] (y":
            assert obeyed not in message.subject + message.body


@settings(max_examples=25)
@given(st.text(max_size=80))
def test_any_text_is_one_bounded_line(text: str) -> None:
    line = plain(text, 200)
    assert line.isprintable()
    assert "://" not in line
    assert "@" not in line
    assert len(told(text).subject) <= MAX_SUBJECT


def test_several_are_one_and_the_heaviest_comes_first() -> None:
    light = [Message(Severity.INFO, f"s{number}", "b" * 300) for number in range(20)]
    heavy = Message(Severity.CRITICAL, "heavy", "what matters")
    message = joined([*light, heavy])
    assert message.severity is Severity.CRITICAL
    assert message.subject == "21 events; heavy"
    assert message.body.startswith("what matters\n\n")
    assert len(message.body) <= MAX_BODY
    assert "15 more have no room here" in message.body
    assert joined([heavy]) == heavy


@pytest.mark.parametrize("kind", [kind.name for kind in NOTICES])
def test_every_kind_says_what_to_do(kind: str) -> None:
    body = told("x.", kind).body
    assert "What to do: " in body
    assert "{" not in body
