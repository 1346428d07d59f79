"""Plans of a Cosmos SDK chain: x/upgrade as the controller's `PlanSource` (facts/cosmos.md §4.1).

The chain itself arms and decides: every node stops at the plan's height. Asked by `abci_query` over CometBFT's RPC,
which every node has; our own node also by its REST, where that is configured and the query is not answered; and, where
the network has more to say than our own node, by every REST of its settings. A plan vanishes from the chain when it was
applied, cancelled or replaced; which of them is told by `AppliedPlan` of the plans seen before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from console import strict_json
from console.chain.cometbft import parse_status
from console.chain.fields import base64_bytes, exact_text, flag, integer, table, wrong
from console.chain.protobuf import bytes_field, int64_field, message, text_field, text_message
from console.chain.rest import Rest
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.errors import BadAnswer, ChainError
from console.model import Proposal, ProposalStatus, plan_without_votes
from console.ports.chain import PlanReading
from console.settings import NetworkSettings, NodeSettings
from console.text import UntrustedText, untrusted

CURRENT_PLAN = "/cosmos.upgrade.v1beta1.Query/CurrentPlan"
APPLIED_PLAN = "/cosmos.upgrade.v1beta1.Query/AppliedPlan"

MAX_NAME = 256
"""Bytes of a plan's name."""

MAX_INFO = 64 * 1024
"""Bytes of a plan's info: download addresses of every platform."""

_MAX_KNOWN = 4
"""Plans whose end is asked for, besides the current one; each is one call of a batch."""

_HEIGHT_HEADERS = ("grpc-metadata-x-cosmos-block-height", "x-cosmos-block-height")


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """A plan as x/upgrade holds it, as compared."""

    name: str
    height: int
    """H: the first height that the new binary executes."""
    info: str


@dataclass(frozen=True, slots=True)
class _Answer:
    height: int
    """Height of the state that was read."""
    plan: UpgradePlan | None
    applied: Mapping[str, int]
    """Name of each plan asked about → height at which it was applied, 0 when it was not."""
    catching_up: bool
    """Whether the state may be far behind the chain's."""


@dataclass(frozen=True, slots=True)
class _Seen:
    plan: UpgradePlan
    at: int
    """Highest height of a state in which it was the current plan; 0 for one from the journal."""


class UpgradeModulePlans:
    """`console.ports.chain.PlanSource` on x/upgrade.

    Args:
        network: Its `chain_id`, `cometbft_rpc` and `rest` are used.
        node: Our node; its own CometBFT RPC and its own REST tell the state that it will execute on.
        known: Plans that were seen before this process began (of the journal's newest attempt).
    """

    def __init__(
        self,
        network: NetworkSettings,
        node: NodeSettings,
        *,
        known: Sequence[UpgradePlan] = (),
    ) -> None:
        self._rpc = JsonRpc(tokens=network.tokens)
        self._rest = Rest()
        self._chain_id = network.chain_id
        self._own, self._own_rest = node.cometbft_rpc, node.rest
        self._others = tuple(url for url in dict.fromkeys(network.cometbft_rpc) if url != node.cometbft_rpc)
        self._other_rests = tuple(base for base in dict.fromkeys(network.rest) if base != node.rest)
        self._seen: dict[tuple[str, int], _Seen] = {(plan.name, plan.height): _Seen(plan, 0) for plan in known}

    async def read(self, *, own_node_only: bool) -> PlanReading:
        """Read the plan: `console.ports.chain.PlanSource.read`.

        Args:
            own_node_only: Our own node alone, in one request where its RPC answers; else all endpoints at once, and
                the highest reading counts, our own among equals.

        Raises:
            ChainError: No usable answer; our own node's reason.
        """
        names = tuple(dict.fromkeys(name for name, _ in self._seen))
        asked = [self._by_own_node(names)]
        if not own_node_only:
            asked += [self._by_rpc(url, names) for url in self._others]
            asked += [self._by_rest(base, names) for base in self._other_rests]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        usable: list[_Answer] = []
        for answer in answers:
            if isinstance(answer, _Answer):
                usable.append(answer)
            elif not isinstance(answer, ChainError):
                raise answer
        if not usable:
            assert isinstance(answers[0], ChainError)
            raise answers[0]
        # max() keeps the first of equals, and our own node is first.
        best = max(usable, key=lambda answer: answer.height)
        return PlanReading(best.height, tuple(self._proposals(best)), None)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()
        await self._rest.close()

    def _proposals(self, answer: _Answer) -> list[Proposal]:
        current = answer.plan
        found: list[Proposal] = []
        if current is not None:
            key = (current.name, current.height)
            seen_at = max(answer.height, self._seen[key].at) if key in self._seen else answer.height
            self._seen[key] = _Seen(current, seen_at)
            found.append(_proposal(current, ProposalStatus.SCHEDULED))
        for seen in sorted(self._seen.values(), key=lambda entry: -entry.plan.height):
            if (fate := None if seen.plan == current else _fate(seen, answer)) is not None:
                found.append(_proposal(seen.plan, fate))
        while len(self._seen) > _MAX_KNOWN:
            del self._seen[next(key for key, seen in self._seen.items() if seen.plan != current)]
        return found

    async def _by_own_node(self, names: Sequence[str]) -> _Answer:
        try:
            return await self._by_rpc(self._own, names)
        except ChainError as error:
            if not self._own_rest:
                raise
            reason = error
        try:
            return await self._by_rest(self._own_rest, names)
        except ChainError:
            raise reason from None

    async def _by_rpc(self, url: str, names: Sequence[str]) -> _Answer:
        where = endpoint_name(url)
        calls = [Call("status", {}), _query(CURRENT_PLAN, b"")]
        calls.extend(_query(APPLIED_PLAN, text_message(1, name)) for name in names)
        replies = await self._rpc.batch(url, calls)
        status = parse_status(replies[0].value(f"status of {where}"))
        self._check_chain(status.chain_id, where)
        height, raw = _query_answer(replies[1], f"the upgrade plan of {where}")
        applied: dict[str, int] = {}
        # Later answers of a batch may be of the next height: they can only know more than the first.
        for name, reply in zip(names, replies[2:], strict=True):
            _, fate = _query_answer(reply, f"the applied plan of {where}")
            applied[name] = int64_field(message(fate, "the applied plan"), 1, "the height of the applied plan")
        return _Answer(height, parse_current_plan(raw), applied, status.catching_up)

    async def _by_rest(self, base: str, names: Sequence[str]) -> _Answer:
        where = endpoint_name(base)
        node = table((await self._rest.get(base, "/cosmos/base/tendermint/v1beta1/node_info")).body, "node_info")
        default = table(node.get("default_node_info"), "default_node_info")
        self._check_chain(exact_text(default.get("network"), "default_node_info.network"), where)
        current = await self._rest.get(base, "/cosmos/upgrade/v1beta1/current_plan")
        told = next((current.headers[name] for name in _HEIGHT_HEADERS if name in current.headers), None)
        height = integer(told, f"the height of {where}", low=1)
        syncing = table((await self._rest.get(base, "/cosmos/base/tendermint/v1beta1/syncing")).body, "syncing")
        applied: dict[str, int] = {}
        for name in names:
            path = f"/cosmos/upgrade/v1beta1/applied_plan/{quote(name, safe='')}"
            fate = table((await self._rest.get(base, path)).body, "the applied plan")
            applied[name] = integer(fate.get("height"), "the height of the applied plan")
        return _Answer(height, plan_of_json(current.body), applied, flag(syncing.get("syncing"), "syncing"))

    def _check_chain(self, found: str, where: str) -> None:
        if found != self._chain_id:
            raise BadAnswer(
                f"{where} belongs to chain {untrusted(found, 80)}, not to {self._chain_id}",
                next_step="check the URL and chain_id in the settings",
            )


def parse_current_plan(raw: bytes) -> UpgradePlan | None:
    """Read the protobuf answer of `CurrentPlan`; None when there is no plan. Raises BadAnswer."""
    answer = message(raw, "the upgrade plan")
    if 1 not in answer:
        return None
    plan = message(bytes_field(answer, 1, "the upgrade plan"), "the upgrade plan")
    return _checked(
        text_field(plan, 1, "the plan's name", most=MAX_NAME),
        int64_field(plan, 3, "the plan's height"),
        text_field(plan, 4, "the plan's info", most=MAX_INFO),
    )


def plan_of_json(value: object) -> UpgradePlan | None:
    """Read the REST answer of `current_plan`; None when there is no plan. Raises BadAnswer."""
    plan = table(value, "the upgrade plan").get("plan")
    if plan is None:
        return None
    entry = table(plan, "the upgrade plan")
    return _checked(
        exact_text(entry.get("name"), "the plan's name", most=MAX_NAME),
        integer(entry.get("height"), "the plan's height"),
        exact_text(entry.get("info", ""), "the plan's info", most=MAX_INFO),
    )


def _checked(name: str, height: int, info: str) -> UpgradePlan:
    # x/upgrade itself accepts no plan without both.
    if not name or height < 1:
        raise wrong("the upgrade plan", f"name {name!r}, height {height}")
    return UpgradePlan(name, height, info)


def _query(path: str, data: bytes) -> Call:
    return Call("abci_query", {"path": path, "data": data.hex(), "height": "0", "prove": False})


def _query_answer(reply: Reply, what: str) -> tuple[int, bytes]:
    response = table(table(reply.value(what), what).get("response"), what)
    code = integer(response.get("code", 0), what, high=(1 << 32) - 1)
    if code:
        raise BadAnswer(f"{what} was answered with code {code}: {untrusted(response.get('log', ''), 120)}")
    height = integer(response.get("height", "0"), what, low=1)
    return height, base64_bytes(response.get("value"), what, most=MAX_INFO * 2)


def _fate(seen: _Seen, answer: _Answer) -> ProposalStatus | None:
    """What became of a plan that is not the current one in this state; None when this state cannot tell."""
    applied_at = answer.applied.get(seen.plan.name)
    # A name can be applied once only, so another height under the same name is another plan's.
    if applied_at == seen.plan.height:
        return ProposalStatus.EXECUTED
    # The state of a node that catches up is older than the plan: there it is not withdrawn but not made yet.
    if applied_at is None or answer.catching_up or answer.height < seen.at:
        return None
    return ProposalStatus.CANCELLED


def shown_info(info: str) -> UntrustedText:
    """A plan's info, safe to show and still the same JSON where it is JSON."""
    try:
        # Line breaks between the tokens would be made visible, and then it were no JSON any more.
        info = json.dumps(strict_json.loads(info.encode("utf-8", "replace")), separators=(",", ":"))
    except strict_json.NotStrictJson:
        pass
    return untrusted(info, len(info))


@lru_cache(maxsize=8)
def _proposal(plan: UpgradePlan, status: ProposalStatus) -> Proposal:
    return plan_without_votes(
        plan.height,
        untrusted(plan.name),
        plan.height,
        # The chain says where the binaries are and not which bytes: never enough to run them (DESIGN §4, rule 2).
        release_hash="",
        release_url=shown_info(plan.info),
        breaking=True,
        status=status,
        halts_itself=True,
    )
