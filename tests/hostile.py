"""Hostile text of facts/safety.md §7, and Snapshots that hold it everywhere."""

from __future__ import annotations

from dataclasses import replace

from console.model import NetworkIdentity, Snapshot
from console.text import UntrustedText, untrusted
from tests.fakes import partly_ready, snapshot

HOSTILE = (
    "\x1b[2J\x1b[Hgone",
    "\x1b]0;title\x07",
    "\x9b31mred",
    "\x90+q\x9c",
    "a\rb\x08c\x00d",
    "[/]",
    "[bold",
    "[@click=app.quit]quit[/]",
    "[red on red]x",
    "$x \\[",
    "v0.2.0\u202e0.9v",
    "zero\u200bwidth\u2066\u2069",
    "line\u2028sep\u2029",
    "tag\U000e0041\U000e007f",
    "private\ue000",
    "fendermint with Cyrillic \u0430",
    "wide \u4e2d\u6587 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "surrogate \udc80",
    "x" * 5000,
    "",
    "%s {0} {name}",
)
"""Bad inputs of facts/safety.md §7."""


def hostile(text: str, *, first_wall: bool = True) -> Snapshot:
    """Every foreign string is `text`; with `first_wall` False it comes raw, as if somebody forgot `untrusted`."""
    foreign = untrusted(text) if first_wall else UntrustedText(text)
    base = partly_ready()
    assert base.chain is not None
    assert base.node is not None
    assert base.node.attempt is not None
    entry = replace(base.chain.proposals[0], name=foreign, release_url=foreign, proposer=foreign)
    view = replace(
        base.chain,
        validators=tuple(replace(each, moniker=foreign) for each in base.chain.validators),
        nodes=tuple(replace(each, moniker=foreign, version=foreign, url=foreign) for each in base.chain.nodes),
        proposals=(entry,),
        problem=foreign,
    )
    status = replace(base.node, version=foreign, note=foreign, generation=foreign, name=foreign)
    network = NetworkIdentity(name="devnet", kind="ipc", chain_id=foreign)
    shown = snapshot(view, status)
    return replace(shown, network=network, chain_problem=foreign, node_problem=foreign)
