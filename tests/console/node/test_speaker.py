"""What is said to the chain again, after it was refused."""

from __future__ import annotations

import pytest

from console.errors import ContractRefused
from console.model import Preparation
from console.node import speaker
from tests.console.node.bench import Bench, until

pytestmark = pytest.mark.anyio


async def test_a_word_is_said_again_once_the_registry_knows_the_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A validator that joins is one before it names its operator key."""
    monkeypatch.setattr(speaker, "_UNKNOWN_KEY_S", 0.1)
    bench.plan()
    bench.chain.refuse = ContractRefused("neither a validator nor the operator key of one", name="NotAValidator")
    async with bench.controller() as controller:
        await until(controller, lambda status: status.attempt is not None)
        await controller.commands.add_upgrade("v0.2.0", bench.given)
        await until(
            controller, lambda status: status.attempt is not None and status.attempt.preparation is Preparation.READY
        )
        assert "ready" not in {what for what, _ in bench.chain.said}
        bench.chain.refuse = None
        await until(controller, lambda _: "ready" in {what for what, _ in bench.chain.said})
