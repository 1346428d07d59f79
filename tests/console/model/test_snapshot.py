"""What is derived from chain and node for the countdown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import ProposalStatus, upgrade_of
from tests.console.model.test_go import FULL, chain


def test_the_scheduled_proposal_is_the_current_one_else_the_newest() -> None:
    old = replace(FULL, id=1)
    new = replace(FULL, id=2, status=ProposalStatus.CANCELLED)
    view = replace(chain(old), proposals=(new, old))
    found = upgrade_of(view, None, 80)
    assert found is not None
    assert found.proposal.id == 1
    later = upgrade_of(replace(view, proposals=(new, replace(old, status=ProposalStatus.EXECUTED))), None, 80)
    assert later is not None
    assert later.proposal.id == 2


@pytest.mark.parametrize("height", [None, 150])
def test_without_a_height_or_past_it_nothing_is_invented(height: int | None) -> None:
    found = upgrade_of(chain(FULL), None, height)
    assert found is not None
    assert found.blocks_left == (None if height is None else -50)
    assert found.eta_s == (None if height is None else 0.0)


def test_no_chain_is_no_upgrade() -> None:
    assert upgrade_of(None, None, 5) is None
