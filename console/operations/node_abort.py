"""`node abort`: a network-wide abort at a halted chain, counted from the validators' own signed words (DESIGN §4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from console.errors import InputError, JournalError, NodeError
from console.hand_lock import HandLock
from console.model import Crossing, NodeStatus
from console.node.abort import Agreement, Member, Plan, SignedStatement, Statement, agreement, parse_statements
from console.node.chain_halt import skip_words
from console.node.membership import MEMBERSHIP
from console.operations.node_alone import reading
from console.operations.node_command import CommandWords
from console.ports.keys import Terminal
from console.settings import NetworkSettings, NodeSettings
from console.text import UntrustedText, percent, untrusted

ABORT_WORDS = CommandWords(
    "takes {node} of {network} back to the old binary, which goes on without this upgrade",
    "there is no way forward again but a new proposal",
)
_NOTHING = "nothing was changed"
_OVER = frozenset({Crossing.COMMITTED, Crossing.RESUMED_OLD, Crossing.MISSED_HALT})


class AbortControl(Protocol):
    """What the verb needs of a controller's client."""

    async def abort(self, reason: str) -> NodeStatus: ...


@dataclass(frozen=True, slots=True)
class AbortCase:
    """What would be aborted, and who decides."""

    plan: Plan
    height: int | None
    """Of the block store, as far as it was read or proven; a statement is issued at the halt, at H−1 or H."""
    crossing: Crossing
    membership: Mapping[str, Member]

    @property
    def lines(self) -> tuple[str, ...]:
        """What the operator is told, and what is needed from whom."""
        total = sum(member.power for member in self.membership.values())
        needed = 2 * total // 3 + 1
        stands = "before its halt" if self.crossing is Crossing.NONE else self.crossing.value
        return (
            f"Abort of {untrusted(self.plan.name)} (plan {self.plan.id}, H {self.plan.target_height})"
            f" on {self.plan.chain_id}; this node is {stands}.",
            f"It needs the signed words of validators with {needed} of {total} power (more than 2/3).",
            "1. Each operator runs `upgrade-console node abort --statement` and sends the line that it prints.",
            "2. With the lines in a file: `upgrade-console node abort --with FILE --reason TEXT`"
            " (or `--with -` to paste them); every operator does this for their own node.",
            f"The {len(self.membership)} validators: "
            + ", ".join(f"{address} ({member.power})" for address, member in self.membership.items()),
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """What a paste of statements amounts to."""

    found: Agreement
    problems: tuple[str, ...]
    """A sentence for each line that is no statement."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The count for the operator: who agrees, who is missing, what does not count."""
        found = self.found
        lines = [f"{found.power} of {found.total} power agrees ({percent(found.power, found.total)})."]
        if found.missing:
            lines.append(f"Missing, greatest power first: {', '.join(found.missing)}.")
        lines += [f"Not counted: {entry.validator}: {entry.why}." for entry in found.rejected]
        return (*lines, *(f"Not counted: {problem}." for problem in self.problems))

    @property
    def reason(self) -> str:
        """For the journal: who agreed."""
        found = self.found
        return f"{found.power} of {found.total} power agreed: {', '.join(found.agreeing)}"[:480]


def abort_case(network: NetworkSettings, node: NodeSettings) -> AbortCase:
    """What could be aborted here, from the journal: it needs neither the chain nor the controller.

    Raises:
        NodeError: There is no upgrade, it is over here, or its membership is not known here.
        JournalError: The journal cannot be read.
    """
    with reading(node) as journal:
        attempt = None if journal is None else journal.latest_attempt()
        if journal is None or attempt is None:
            raise NodeError(f"{node.name} knows of no upgrade that could be aborted", safe=_NOTHING)
        if attempt.crossing in _OVER:
            raise NodeError(
                f"no crossing is going on at {node.name} that could be aborted: it is {attempt.crossing.value}"
                f" for {untrusted(attempt.name)}",
                safe=_NOTHING,
            )
        stored = journal.meta(MEMBERSHIP)
        observation = journal.observation
    if network.kind == "cosmos":
        raise NodeError(
            "nothing is signed for an abort on a Cosmos chain: it goes back when more than 2/3 of the power skip the"
            " upgrade with the old binary",
            safe=_NOTHING,
            next_step=f"when the others agree: {skip_words(attempt.target_height)}",
        )
    plan = Plan(network.chain_id, network.registry, attempt.proposal_id, str(attempt.name), attempt.target_height)
    if not stored:
        raise NodeError(
            "this node does not know who decides: it has not read the membership that the freeze stored",
            safe=_NOTHING,
            next_step="ask an operator whose node has it; before the halt the chain itself decides",
        )
    height = None if observation is None else observation.height
    if attempt.crossing is not Crossing.NONE:
        # That it stands at its halt was proven when the crossing began. The last reading may be older than that: a
        # release that dies before it opens its RPC is never read.
        height = max(height or 0, attempt.target_height - 1)
    return AbortCase(plan, height, attempt.crossing, _members(stored))


def _members(text: str) -> dict[str, Member]:
    try:
        return {
            str(untrusted(address, 100)): Member(_power(entry[0]), str(untrusted(entry[1], 100)))
            for address, entry in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError) as error:
        raise JournalError("the membership in the journal cannot be read", safe=_NOTHING) from error


def _power(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a power")
    return value


async def own_statement(case: AbortCase, node: NodeSettings, terminal: Terminal | None = None) -> str:
    """Our validator's signed word, as the line that is exchanged; the signer process signs it.

    Args:
        case: What would be aborted.
        node: With its operator key.
        terminal: Where the signer may ask for a passphrase; None: nowhere.

    Raises:
        InputError: This node has no operator key or no address, or is not at its halt.
        SignerError: The signer did not sign.
    """
    if node.operator_key is None or not node.address:
        raise InputError(f"{node.name} has no operator key in the settings that could sign", safe="nothing was signed")
    if case.height is None or not case.plan.target_height - 1 <= case.height <= case.plan.target_height:
        raise InputError(
            f"this node is at height {case.height}, and aborts are agreed at the halt before {case.plan.target_height}",
            safe="nothing was signed",
        )
    # The signer's way to the key is the chain's; half a second that only this verb pays.
    from console.chain.signing import SignerProcess

    statement = Statement(case.plan, node.address, case.height)
    text = statement.text()
    process = SignerProcess(terminal=terminal)
    try:
        signed = await process.sign_statement(node.operator_key, text)
    finally:
        await process.close()
    return SignedStatement(statement.canonical, signed.signature.lower()).line()


def counted(case: AbortCase, pasted: str) -> Counted:
    """Count the statements of a paste, ours among them; verified one by one. Raises StatementError: far too many."""
    statements, problems = parse_statements(pasted)
    return Counted(agreement(statements, case.membership, case.plan), problems)


async def abort(control: AbortControl, count: Counted, reason: str = "") -> NodeStatus:
    """Have the controller go back, when more than 2/3 agree.

    Raises:
        InputError: Too few agree.
        NodeError: The controller refused; in zone Z2 it always does.
        ControllerDown: Nobody answers.
    """
    if not count.found.agreed:
        raise InputError(
            f"{count.found.power} of {count.found.total} power is not more than 2/3",
            safe=_NOTHING,
            next_step=f"get the words of {shown_missing(count.found)}",
        )
    words = f"{count.reason}; {reason.strip()}" if reason.strip() else count.reason
    return await control.abort(words[:500])


class NetworkAbort:
    """The abort of one halted network as a screen goes through it: our word, everybody's lines, and going back.

    Args:
        case: What would be aborted.
        node: This machine's.
        control: Its controller's client.
        hands: Whether changes are let through.
        terminal: Where the signer may ask for a passphrase; None: nowhere.
    """

    def __init__(
        self, case: AbortCase, node: NodeSettings, control: AbortControl, hands: HandLock, terminal: Terminal | None
    ) -> None:
        self.case = case
        self.node = node.name
        self._node = node
        self._control = control
        self._hands = hands
        self._terminal = terminal

    async def own_line(self) -> str:
        """Our validator's signed word. Raises InputError: read-only or locked; and as `own_statement`."""
        self._hands.require_free()
        return await own_statement(self.case, self._node, self._terminal)

    async def count(self, lines: str) -> Counted:
        """Count these lines. Raises StatementError: far too many."""
        # Each signature takes a millisecond.
        return await asyncio.to_thread(counted, self.case, lines)

    async def go_back(self, lines: str, reason: str) -> NodeStatus:
        """Have the controller go back, when more than 2/3 agree. Raises InputError: read-only; and as `abort`."""
        self._hands.require_free()
        return await abort(self._control, await self.count(lines), reason)


def shown_missing(found: Agreement) -> UntrustedText:
    """Whom to call first."""
    more = f" and {len(found.missing) - 3} more" if len(found.missing) > 3 else ""
    return untrusted(", ".join(found.missing[:3]) + more)
