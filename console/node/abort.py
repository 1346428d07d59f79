"""A network-wide abort, agreed off-chain while the chain is halted (DESIGN §4, issue 3).

No transaction can be mined then, so each validator signs one canonical text and the lines are exchanged over chat.
The text names everything that it is good for: chain, registry, plan, height and validator. Its signature is that of a
personal message (EIP-191), which can never be a transaction; the signer process signs texts of exactly this form only.
Old statements cannot be used again: a plan and its height never come back, and only statements issued at the halt
count. Each agreement is counted anew from the statements at hand: more than 2/3 of the power, in integers.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from console.errors import NodeError
from console.json_depth import MAX_DEPTH, deeper_than
from console.model import more_than_two_thirds
from console.text import UntrustedText, untrusted

MAX_TEXT = 4096
"""Characters of a statement's text."""

MAX_LINE = 16384
"""Characters of a line that is read."""

MAX_LINES = 2048
"""Lines that are read from one paste: eight for each of the 256 validators that IPC allows."""

_FIRST = "upgrade-console statement 1"
_PREFIX = "abort1."
_HEIGHT_MAX = (1 << 63) - 1
_NUMBER = r"(0|[1-9][0-9]{0,18})"
_FORM = re.compile(
    re.escape(_FIRST) + r"\n"
    r"action: ABORT\n"
    r"chain: ([!-~]{1,128})\n"
    r"registry: (none|0x[0-9a-f]{40})\n"
    rf"plan: {_NUMBER} (\"[ -~]{{0,3200}}\")\n"
    rf"target height: {_NUMBER}\n"
    r"validator: (0x[0-9a-f]{40}|[0-9A-Za-z]{20,100})\n"
    rf"issued at height: {_NUMBER}",
    re.ASCII,
)
_SIGNATURE = re.compile(r"0x[0-9a-f]{2,1024}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_ZERO = "0x" + "0" * 40
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class StatementError(NodeError):
    """A statement is not of the form, not signed by whom it should be, or not about this plan; it does not count."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an abort is about; two plans are the same only if all of it is equal."""

    chain_id: str
    """CometBFT's chain id."""
    registry: str
    """Address of the UpgradeRegistry; empty where the chain itself holds its plans (x/upgrade)."""
    id: int
    name: str
    target_height: int
    """H."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One validator's word that it aborts a plan."""

    plan: Plan
    validator: str
    """0x address in any case, or the chain's own spelling of a validator."""
    issued_at: int
    """Height of the block store when it was signed."""

    def text(self) -> str:
        """The canonical text that is signed.

        Raises:
            StatementError: A field cannot be in such a text.
        """
        text = "\n".join(
            (
                _FIRST,
                "action: ABORT",
                f"chain: {self.plan.chain_id}",
                f"registry: {self.plan.registry.lower() or 'none'}",
                f"plan: {self.plan.id} {json.dumps(self.plan.name)}",
                f"target height: {self.plan.target_height}",
                f"validator: {_spelling(self.validator)}",
                f"issued at height: {self.issued_at}",
            )
        )
        if parse_text(text) != self.canonical:
            raise StatementError("this plan cannot be written into a statement", safe="nothing was signed")
        return text

    @property
    def canonical(self) -> Statement:
        """The same with addresses in lower case, as they stand in the text."""
        plan = self.plan
        lower = Plan(plan.chain_id, plan.registry.lower(), plan.id, plan.name, plan.target_height)
        return Statement(lower, _spelling(self.validator), self.issued_at)


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement and its signature, not verified yet."""

    statement: Statement
    signature: str
    """0x and lower-case hex digits."""

    def line(self) -> str:
        """The one line that is exchanged; it holds nothing that a chat would turn or format."""
        document = json.dumps({"text": self.statement.text(), "signature": self.signature}, separators=(",", ":"))
        return _PREFIX + base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


class StatementKeys(Protocol):
    """How a chain's validators sign texts."""

    def signer_of(self, text: str, signature: str) -> str:
        """Address that signed the text, in the chain's spelling.

        Raises:
            StatementError: It is no signature.
        """
        ...


class EthereumKeys:
    """EIP-191 personal messages, signed by an Ethereum key: `StatementKeys` of IPC subnets."""

    def signer_of(self, text: str, signature: str) -> str:
        """Checksummed address that signed; only the low form of a signature is taken. Raises StatementError."""
        # Half a second of import, needed in an emergency only.
        from eth_account import Account
        from eth_account.messages import encode_defunct

        raw = bytes.fromhex(signature[2:])
        if len(raw) != 65 or raw[64] not in {27, 28} or int.from_bytes(raw[32:64], "big") > _HALF_ORDER:
            raise StatementError("the signature is not that of a personal message")
        try:
            return str(Account.recover_message(encode_defunct(text=text), signature=raw))
        except Exception:
            # The library's own errors are of many kinds and may quote what they choked on.
            raise StatementError("the signature is not that of a personal message") from None


@dataclass(frozen=True, slots=True)
class Member:
    """One validator of the membership that decides."""

    power: int
    operator: str
    """Its delegated operator address; empty or the zero address when there is none."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A statement that does not count."""

    validator: UntrustedText
    why: UntrustedText


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who agrees to abort, by power."""

    power: int
    """Power of the validators that agree."""
    total: int
    agreeing: tuple[str, ...]
    """As the membership spells them, greatest power first."""
    missing: tuple[str, ...]
    """Everybody else, greatest power first: whom to call."""
    rejected: tuple[Rejected, ...]

    @property
    def agreed(self) -> bool:
        """Whether more than 2/3 of the power agrees, in integers."""
        return more_than_two_thirds(self.power, self.total)


def parse_text(text: str) -> Statement:
    """Read a canonical text; nothing that is not exactly of the form is read, so that nothing else is ever signed.

    Raises:
        StatementError: It is not of the form.
    """
    match = _FORM.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None:
        raise StatementError("this is not the text of an abort statement")
    chain, registry, number, quoted, height, validator, issued = match.groups()
    try:
        name = json.loads(quoted)
    except ValueError:
        name = None
    # One spelling only: two texts must never mean the same.
    if not isinstance(name, str) or json.dumps(name) != quoted:
        raise StatementError("the plan's name in this statement is not written as it should be")
    numbers = [int(number), int(height), int(issued)]
    if max(numbers) > _HEIGHT_MAX or int(height) < 1:
        raise StatementError("a number in this statement is out of range")
    if validator != _spelling(validator):
        raise StatementError("the validator in this statement is not written as it should be")
    plan = Plan(chain, "" if registry == "none" else registry, int(number), name, int(height))
    return Statement(plan, validator, int(issued))


def parse_statement(line: str) -> SignedStatement:
    """Read one line from a chat: `abort1.` and base64url, or the JSON object itself.

    Raises:
        StatementError: It is not a statement.
    """
    stripped = line.strip(" \t\r\n`'\"<>") if len(line) <= MAX_LINE else ""
    if stripped.startswith(_PREFIX):
        stripped = _decoded(stripped.removeprefix(_PREFIX))
    try:
        if deeper_than(stripped.encode("utf-8", "replace"), MAX_DEPTH):
            raise ValueError("nested too deeply")
        document = json.loads(stripped, object_pairs_hook=_pairs)
    except ValueError:
        raise StatementError("this line is not a statement") from None
    if not isinstance(document, dict) or set(document) != {"text", "signature"}:
        raise StatementError("this line is not a statement")
    text, signature = document["text"], document["signature"]
    if not isinstance(text, str) or not isinstance(signature, str):
        raise StatementError("this line is not a statement")
    signature = signature.lower()
    if not _SIGNATURE.fullmatch(signature) or len(signature) % 2:
        raise StatementError("the signature of this statement is not 0x and hex digits")
    return SignedStatement(parse_text(text), signature)


def parse_statements(pasted: str) -> tuple[tuple[SignedStatement, ...], tuple[str, ...]]:
    """Read a paste of many lines, empty ones left out: the statements, and one sentence per line that is none.

    Raises:
        StatementError: There are more lines than any network needs.
    """
    lines = [(number, line) for number, line in enumerate(pasted.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_LINES:
        raise StatementError(f"{len(lines)} lines are more than the {MAX_LINES} that are read", safe="none was counted")
    found: list[SignedStatement] = []
    problems: list[str] = []
    for number, line in lines:
        try:
            found.append(parse_statement(line))
        except StatementError as error:
            problems.append(f"line {number}: {error.what}")
    return tuple(found), tuple(problems)


def verify_statement(signed: SignedStatement, member: Member, keys: StatementKeys | None = None) -> str:
    """Check that the validator's own key or its operator key signed.

    Args:
        signed: The statement.
        member: The validator's entry in the membership.
        keys: How this chain's keys sign; Ethereum keys when not given.

    Returns:
        The address that signed.

    Raises:
        StatementError: Somebody else signed, or nobody.
    """
    signer = (keys or EthereumKeys()).signer_of(signed.statement.text(), signed.signature)
    operator = _spelling(member.operator)
    allowed = {_spelling(signed.statement.validator)} | ({operator} if operator and operator != _ZERO else set())
    if _spelling(signer) not in allowed:
        raise StatementError(
            f"it was signed by {untrusted(signer, 100)}, who is neither the validator nor its operator"
        )
    return signer


def agreement(
    statements: Iterable[SignedStatement],
    membership: Mapping[str, Member],
    plan: Plan,
    keys: StatementKeys | None = None,
) -> Agreement:
    """Count who agrees to abort this plan; each validator counts once, with the power of the membership.

    Args:
        statements: What came in, in any order, repeated or hostile.
        membership: Validator address → power and operator: the membership that the freeze stored.
        plan: The plan of our own attempt.
        keys: How this chain's keys sign; Ethereum keys when not given.

    Raises:
        StatementError: The membership names a validator twice or has a negative power.
    """
    members = {_spelling(address): address for address in membership}
    if len(members) != len(membership) or any(member.power < 0 for member in membership.values()):
        raise StatementError("the membership names a validator twice or with a negative power", safe="nothing counts")
    agreeing: set[str] = set()
    rejected: dict[Rejected, None] = {}
    for signed in dict.fromkeys(statements):
        spelled = _spelling(signed.statement.validator)
        if spelled in agreeing:
            continue
        try:
            _check_subject(signed.statement, plan)
            if spelled not in members:
                raise StatementError("it is no validator of this network")
            verify_statement(signed, membership[members[spelled]], keys)
        except StatementError as error:
            rejected[Rejected(untrusted(signed.statement.validator, 100), untrusted(error.what))] = None
        else:
            agreeing.add(spelled)
    by_power = sorted(membership, key=lambda address: (-membership[address].power, address))
    yes = tuple(address for address in by_power if _spelling(address) in agreeing)
    return Agreement(
        power=sum(membership[address].power for address in yes),
        total=sum(member.power for member in membership.values()),
        agreeing=yes,
        missing=tuple(address for address in by_power if address not in yes),
        rejected=tuple(rejected),
    )


def _check_subject(statement: Statement, plan: Plan) -> None:
    found, wanted = statement.plan, plan
    for name, said, ours in (
        ("chain", found.chain_id, wanted.chain_id),
        ("registry", found.registry.lower(), wanted.registry.lower()),
        ("plan", found.id, wanted.id),
        ("plan name", found.name, wanted.name),
        ("target height", found.target_height, wanted.target_height),
    ):
        if said != ours:
            raise StatementError(f"it is about another {name}: {untrusted(said, 80) or 'none'}")
    if not plan.target_height - 1 <= statement.issued_at <= plan.target_height:
        # Before the halt nobody can know, and after it there is a commit that an abort would undo.
        raise StatementError(f"it was issued at height {statement.issued_at}, not at the halt")


def _spelling(address: str) -> str:
    return address.lower() if _ADDRESS.fullmatch(address) else address


def _decoded(text: str) -> str:
    if not _BASE64.fullmatch(text):
        raise StatementError("this line is not a statement")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
            raise StatementError("this line is not a statement")
        return raw.decode()
    except (binascii.Error, ValueError):
        raise StatementError("this line is not a statement") from None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found
