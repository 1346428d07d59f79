"""A change of owner that must not be sent is refused before any key is used."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from console.addresses import f0_to_ethereum
from console.chain.diamond import Place
from console.errors import InputError
from console.model import CutReview, Upgradable
from console.operations.contract_deploy import Deployer
from console.operations.contract_ownership import HandOver, send_hand_over
from console.operations.contract_upgrade import check_upgradable
from tests.console.operations.examples import ADDRESSES, a_network

pytestmark = pytest.mark.anyio


def confirmed(shown: str) -> None:
    raise AssertionError("nothing was to be confirmed")


@pytest.mark.parametrize(("on_parent", "says"), [(True, "on the parent chain"), (False, "a proposal of its own")])
async def test_refused_without_a_key(tmp_path: Path, on_parent: bool, says: str) -> None:
    network = a_network(tmp_path)
    owner = ADDRESSES[0] if on_parent else network.registry
    place = Place("subnet-actor", ADDRESSES[1], ("http://127.0.0.1:1",), 1, on_parent=on_parent)
    plan = HandOver("subnet-actor", place, owner, ADDRESSES[2], ())
    with pytest.raises(InputError, match=says):
        # Not even the key's address is asked for.
        await send_hand_over(network, plan, cast("Deployer", None), confirmed=confirmed)


def test_the_call_names_the_new_owner() -> None:
    place = Place("gateway", ADDRESSES[1], (), 7)
    plan = HandOver("gateway", place, ADDRESSES[0], ADDRESSES[2], ("beware",))
    assert plan.data.hex() == "f2fde38b" + "00" * 12 + ADDRESSES[2][2:].lower()
    assert (plan.call.chain_id, plan.call.target, plan.linked.data) == (7, ADDRESSES[1], plan.data)
    assert plan.lines[-1] == "! beware"


def test_a_cut_that_nobody_can_make_is_refused_first() -> None:
    review = CutReview(
        target_name="gateway",
        target=ADDRESSES[1],
        owner=f0_to_ethereum("f00"),
        upgradable=Upgradable.NOBODY,
        on_parent=False,
        facets=(),
        init=ADDRESSES[0],
        init_code_hash="",
        init_data="0x",
        risks=(),
        data="",
        undo_data="0x",
        height=1,
    )
    with pytest.raises(InputError, match="cannot be upgraded by a transaction"):
        check_upgradable(review)
