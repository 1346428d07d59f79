"""`node abort`: counted from the journalled membership, and only more than 2/3 goes back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from console.errors import ControllerDown, InputError, JournalError, NodeError
from console.model import Crossing, NodeStatus, PlanOrigin
from console.node.abort import SignedStatement, Statement
from console.node.journal import Journal
from console.operations.node_abort import AbortCase, abort, abort_case, counted, own_statement
from console.ports.keys import KeyReference
from console.settings import NodeSettings
from tests.console.operations.examples import ADDRESSES, a_node_status
from tests.console.operations.homes import a_network, a_node
from tests.console.operations.test_node_stage import a_plan

pytestmark = pytest.mark.anyio

SECRETS = tuple(number.to_bytes(32, "big") for number in range(1, 5))
POWERS = (40, 30, 20, 10)


def a_halted(folder: Path, *, membership: str | None = None, height: int = 499) -> NodeSettings:
    """A node that stands at its halt before 500, with the membership of four that the freeze stored."""
    key = folder / "operator.key"
    key.write_text("0x" + SECRETS[0].hex())
    key.chmod(0o600)
    node = a_node(folder, operator_key=KeyReference(key))
    node.state_dir.mkdir()
    journal = Journal(node.state_dir / "journal.db")
    journal.open_attempt(a_plan("v2", "ab" * 32), PlanOrigin.REGISTRY, "v2")
    journal.observe(height, 499, "v1")
    stored = {address: [power, ""] for address, power in zip(ADDRESSES, POWERS, strict=True)}
    journal.set_meta("membership", json.dumps(stored) if membership is None else membership)
    journal.close()
    return node


def line(case: AbortCase, number: int) -> str:
    statement = Statement(case.plan, ADDRESSES[number], 499)
    signature = Account.sign_message(encode_defunct(text=statement.text()), SECRETS[number]).signature
    return SignedStatement(statement, "0x" + bytes(signature).hex()).line()


class Control:
    """A controller that notes the reason."""

    def __init__(self, *, down: bool = False) -> None:
        self.reasons: list[str] = []
        self._down = down

    async def abort(self, reason: str) -> NodeStatus:
        if self._down:
            raise ControllerDown("nobody")
        self.reasons.append(reason)
        return a_node_status()


async def test_more_than_two_thirds_goes_back_and_the_journal_learns_who(tmp_path: Path) -> None:
    node = a_halted(tmp_path)
    case = abort_case(a_network(node), node)
    assert "67 of 100 power" in case.lines[1]
    assert "`upgrade-console node abort --with FILE --reason TEXT`" in case.lines[3]
    control = Control()
    count = counted(case, "\n".join([line(case, 0), "hello", line(case, 1)]))
    assert count.lines[0] == "70 of 100 power agrees (70%)."
    assert ADDRESSES[2] in count.lines[1]
    assert "line 2" in count.lines[2]
    await abort(control, count, "a panic in the migration")
    assert control.reasons == [
        f"70 of 100 power agreed: {ADDRESSES[0]}, {ADDRESSES[1]}; a panic in the migration",
    ]


async def test_two_thirds_or_less_asks_nobody_and_says_whom_to_call(tmp_path: Path) -> None:
    node = a_halted(tmp_path)
    case = abort_case(a_network(node), node)
    control = Control()
    with pytest.raises(InputError, match=f"60 of 100 power is not more than 2/3.*{ADDRESSES[1]}"):
        await abort(control, counted(case, "\n".join([line(case, 0), line(case, 2), line(case, 0)])))
    with pytest.raises(InputError, match="0 of 100"):
        await abort(control, counted(case, ""))
    assert control.reasons == []


async def test_our_own_line_counts_for_ourselves(tmp_path: Path) -> None:
    node = a_halted(tmp_path)
    case = abort_case(a_network(node), node)
    found = counted(case, await own_statement(case, node)).found
    assert (found.agreeing, found.power, found.rejected) == ((ADDRESSES[0],), 40, ())


@pytest.mark.parametrize("height", [498, 501])
async def test_nothing_is_signed_elsewhere_than_at_the_halt(tmp_path: Path, height: int) -> None:
    node = a_halted(tmp_path, height=height)
    with pytest.raises(InputError, match="nothing was signed"):
        await own_statement(abort_case(a_network(node), node), node)


async def test_a_proven_halt_counts_more_than_an_old_reading(tmp_path: Path) -> None:
    """A release that executes H and dies before it opens its RPC is never read there."""
    node = a_halted(tmp_path, height=490)
    journal = Journal(node.state_dir / "journal.db")
    attempt = journal.latest_attempt()
    assert attempt is not None
    for crossing in (Crossing.HALTED, Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED, Crossing.STARTING):
        attempt = journal.change(attempt, crossing=crossing)
    journal.close()
    case = abort_case(a_network(node), node)
    assert counted(case, await own_statement(case, node)).found.power == 40


async def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    node = dataclasses.replace(a_halted(tmp_path), operator_key=None)
    with pytest.raises(InputError, match="has no operator key"):
        await own_statement(abort_case(a_network(node), node), node)


@pytest.mark.parametrize("membership", ["[]", "{", '{"0xab": 1}', '{"0xab": [-1, ""]}', '{"0xab": [true, ""]}', "1"])
async def test_a_membership_that_cannot_be_read_decides_nothing(tmp_path: Path, membership: str) -> None:
    node = a_halted(tmp_path, membership=membership)
    with pytest.raises(JournalError, match="membership in the journal cannot be read"):
        abort_case(a_network(node), node)


async def test_without_upgrade_or_membership_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    node = a_halted(tmp_path / "a", membership="")
    with pytest.raises(NodeError, match="does not know who decides"):
        abort_case(a_network(node), node)
    node = a_node(tmp_path / "b")
    with pytest.raises(NodeError, match="knows of no upgrade"):
        abort_case(a_network(node), node)


async def test_what_is_over_cannot_be_aborted(tmp_path: Path) -> None:
    node = a_halted(tmp_path)
    journal = Journal(node.state_dir / "journal.db")
    attempt = journal.latest_attempt()
    assert attempt is not None
    journal.change(attempt, crossing=Crossing.RESUMED_OLD)
    journal.close()
    with pytest.raises(NodeError, match="no crossing is going on"):
        abort_case(a_network(node), node)


def test_on_a_cosmos_chain_nothing_is_signed_and_the_way_back_is_told(tmp_path: Path) -> None:
    node = a_halted(tmp_path)
    with pytest.raises(
        NodeError, match=r"more than 2/3 of the power skip.*skip_upgrade_heights=500`, then `node start`"
    ):
        abort_case(dataclasses.replace(a_network(node), kind="cosmos"), node)
