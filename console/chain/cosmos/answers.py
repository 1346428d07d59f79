"""The answers of the SDK's modules, as REST gives them and `shapes` makes of protobuf, read with every field checked.

Both versions of x/gov are read: v1 of SDK 0.46 and later, and v1beta1, whose content comes bare, or wrapped in a
`MsgExecLegacyContent` of v1. A proposal whose messages have nothing to do with an upgrade is none of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.chain.address import consensus_address, ed25519_consensus_address
from console.chain.bech32 import bech32_bytes
from console.chain.fields import base64_bytes, exact_text, flag, integer, items, table, text, time_ns, wrong
from console.chain.xupgrade import UpgradePlan, plan_of_json
from console.errors import InputError
from console.model import ApplicationVersion, Bond, Choice, Coin, ModuleVersion, Stake, Tally, VoteRules
from console.model.ballot import ONE_E18
from console.text import UntrustedText

MOST_ON_A_PAGE = 1000
"""Entries of one answer that are read, whatever was asked for."""
MAX_MESSAGES = 100
MAX_COINS = 20
MAX_TITLE = 256
MAX_SUMMARY = 4000
MAX_PLAN_NAME = 1 << 12
MAX_PLAN_INFO = 1 << 20
"""Characters that a proposal may hold: x/upgrade itself sets no limit, a transaction's size does."""

_AMOUNT = re.compile(r"[0-9]{1,78}", re.ASCII)
"""An SDK Int: at most 256 bits."""
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)s", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,18}))?", re.ASCII)
_YEAR_ONE_NS = -62_135_596_800 * 10**9

_BONDS = {
    "BOND_STATUS_BONDED": Bond.BONDED,
    "BOND_STATUS_UNBONDING": Bond.UNBONDING,
    "BOND_STATUS_UNBONDED": Bond.UNBONDED,
}
_SCHEDULES = frozenset(
    {"/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal"}
)
_CANCELS = frozenset(
    {"/cosmos.upgrade.v1beta1.MsgCancelUpgrade", "/cosmos.upgrade.v1beta1.CancelSoftwareUpgradeProposal"}
)
_CHOICES = {
    "VOTE_OPTION_YES": Choice.YES,
    "VOTE_OPTION_ABSTAIN": Choice.ABSTAIN,
    "VOTE_OPTION_NO": Choice.NO,
    "VOTE_OPTION_NO_WITH_VETO": Choice.VETO,
}
_LEGACY = "/cosmos.gov.v1.MsgExecLegacyContent"
_PREFIX = "PROPOSAL_STATUS_"


@dataclass(frozen=True, slots=True)
class GovProposal:
    """A proposal of x/gov that schedules or cancels an upgrade, as the chain has it."""

    id: int
    status: str
    """`DEPOSIT_PERIOD`, `VOTING_PERIOD`, `PASSED`, `REJECTED` or `FAILED`."""
    plan: UpgradePlan | None
    """What it would schedule; None for one that cancels."""
    title: UntrustedText
    summary: UntrustedText
    metadata: UntrustedText
    failed_reason: UntrustedText
    proposer: UntrustedText
    messages: int
    expedited: bool
    deposit: tuple[Coin, ...]
    final: Tally
    submitted_at: float | None
    deposit_ends_at: float | None
    voting_starts_at: float | None
    voting_ends_at: float | None


@dataclass(frozen=True, slots=True)
class GovRules:
    """What votes need, and what opens one."""

    usual: VoteRules
    expedited: VoteRules
    min_deposit: tuple[Coin, ...]
    expedited_min_deposit: tuple[Coin, ...]
    voting_s: float | None = None
    """Seconds for which a vote is open; None where it is not told."""
    expedited_voting_s: float | None = None


@dataclass(frozen=True, slots=True)
class StakedValidator:
    """A validator as x/staking has it."""

    consensus_address: str
    """40 upper-case hex digits; empty for a key of a kind that is not known here."""
    moniker: UntrustedText
    stake: Stake


@dataclass(frozen=True, slots=True)
class SigningInfo:
    """What x/slashing counts of a validator."""

    missed_blocks: int
    tombstoned: bool
    jailed_until: float | None


def parse_proposals(value: object) -> tuple[GovProposal, ...]:
    """Those of a page that are about upgrades, in its order. Raises BadAnswer."""
    entries = items(table(value, "the proposals").get("proposals"), "the proposals", most=MOST_ON_A_PAGE)
    return tuple(found for entry in entries if (found := _proposal(table(entry, "a proposal"))) is not None)


def parse_tally(value: object) -> Tally:
    """Votes so far. Raises BadAnswer."""
    return _tally(table(value, "the tally").get("tally"))


def parse_votes(value: object) -> dict[bytes, Choice]:
    """A page of votes by the voter's address in bytes. Raises BadAnswer."""
    entries = items(table(value, "the votes").get("votes"), "the votes", most=MOST_ON_A_PAGE)
    return dict(found for each in entries if (found := _vote(each)) is not None)


def parse_vote(value: object) -> dict[bytes, Choice]:
    """One account's vote, as a page of one. Raises BadAnswer."""
    found = _vote(table(value, "a vote").get("vote"))
    return {} if found is None else dict((found,))


def parse_voters_prefix(value: object) -> str:
    """How the chain's accounts begin, by the first vote of a page; empty where there is none. Raises BadAnswer."""
    entries = items(table(value, "the votes").get("votes"), "the votes", most=MOST_ON_A_PAGE)
    voters = (exact_text(table(each, "a vote").get("voter", ""), "a voter") for each in entries)
    return next((voter.rpartition("1")[0] for voter in voters if bech32_bytes(voter) is not None), "")


def parse_gov_rules(value: object) -> GovRules:
    """What votes need, of one or of several answers put together. Raises BadAnswer."""
    top = table(value, "the rules of votes")
    every = _part(top, "params")
    usual = _vote_rules(every or _part(top, "tally_params"))
    deposit = every or _part(top, "deposit_params")
    faster = _share(every.get("expedited_threshold"), "expedited_threshold")
    min_deposit = _coins(deposit.get("min_deposit"), "min_deposit")
    return GovRules(
        usual,
        VoteRules(usual.quorum, faster, usual.veto) if faster else usual,
        min_deposit,
        _coins(every.get("expedited_min_deposit"), "expedited_min_deposit") or min_deposit,
        _span_s((every or _part(top, "voting_params")).get("voting_period"), "voting_period"),
        _span_s(every.get("expedited_voting_period"), "expedited_voting_period"),
    )


def parse_validators(value: object) -> tuple[StakedValidator, ...]:
    """A page of validators. Raises BadAnswer."""
    entries = items(table(value, "the validators").get("validators"), "the validators", most=MOST_ON_A_PAGE)
    return tuple(_validator(table(entry, "a validator")) for entry in entries)


def parse_signing_infos(value: object) -> dict[str, SigningInfo]:
    """A page of signing infos by consensus address. Raises BadAnswer."""
    found: dict[str, SigningInfo] = {}
    for each in items(table(value, "the missed blocks").get("info"), "the missed blocks", most=MOST_ON_A_PAGE):
        entry = table(each, "a signing info")
        address = bech32_bytes(exact_text(entry.get("address", ""), "signing info address"))
        if address is None or len(address) != 20:
            # Without an address, as very old chains leave it, nobody knows whose it is.
            continue
        found[address.hex().upper()] = SigningInfo(
            integer(entry.get("missed_blocks_counter", "0"), "missed_blocks_counter", low=-(1 << 62)),
            flag(entry.get("tombstoned", False), "tombstoned"),
            _seconds(entry.get("jailed_until"), "jailed_until", after=1.0),
        )
    return found


def parse_signing_window(value: object) -> int:
    """Blocks over which misses are counted. Raises BadAnswer."""
    params = table(table(value, "the slashing parameters").get("params"), "the slashing parameters")
    return integer(params.get("signed_blocks_window", "0"), "signed_blocks_window")


def parse_pool(value: object) -> int:
    """All bonded tokens. Raises BadAnswer."""
    return _amount(table(table(value, "the pool").get("pool"), "the pool").get("bonded_tokens", "0"), "bonded_tokens")


def parse_applied(value: object) -> int:
    """Height at which a plan was applied; 0 when it was not. Raises BadAnswer."""
    return integer(table(value, "the applied plan").get("height", "0"), "the height of the applied plan")


def parse_plan(value: object) -> UpgradePlan | None:
    """The current plan; None when there is none. Raises BadAnswer."""
    return plan_of_json(value)


def parse_modules(value: object) -> tuple[ModuleVersion, ...]:
    """The modules' versions by name. Raises BadAnswer."""
    entries = items(
        table(value, "the modules' versions").get("module_versions"), "the modules' versions", most=MOST_ON_A_PAGE
    )
    rows = [table(entry, "a module's version") for entry in entries]
    found = (
        ModuleVersion(text(row.get("name"), "module name", most=64), integer(row.get("version", "0"), "module version"))
        for row in rows
    )
    return tuple(sorted(found, key=lambda module: module.name))


def parse_application(value: object) -> ApplicationVersion:
    """What the application says of itself. Raises BadAnswer."""
    app = table(table(value, "node_info").get("application_version"), "application_version")
    return ApplicationVersion(
        text(app.get("name"), "application name", most=64),
        text(app.get("version"), "application version", most=64),
        text(app.get("git_commit"), "git_commit", most=64),
        text(app.get("cosmos_sdk_version"), "cosmos_sdk_version", most=64),
    )


def parse_chain_id(value: object) -> str:
    """The chain that a node belongs to, of `node_info`. Raises BadAnswer."""
    node = table(table(value, "node_info").get("default_node_info"), "default_node_info")
    return exact_text(node.get("network"), "default_node_info.network")


def next_page(value: object) -> bytes:
    """The key of the page that follows; empty for none. Raises BadAnswer."""
    pagination = table(value, "a page").get("pagination")
    if pagination is None:
        return b""
    return base64_bytes(table(pagination, "pagination").get("next_key"), "next_key", most=256)


def _vote(value: object) -> tuple[bytes, Choice] | None:
    """Who voted and what; None for an address that is none."""
    vote = table(value, "a vote")
    voter = bech32_bytes(exact_text(vote.get("voter", ""), "a voter"))
    if voter is None:
        return None
    options = [table(option, "a vote's option") for option in items(vote.get("options"), "options", most=8)]
    kinds = {exact_text(option.get("option", ""), "a vote's option") for option in options}
    # The first chains had one option, and no weights.
    kinds = kinds or {exact_text(vote.get("option", ""), "a vote's option")}
    return voter, _CHOICES.get(next(iter(kinds)), Choice.NONE) if len(kinds) == 1 else Choice.SPLIT


def _proposal(entry: Mapping[str, object]) -> GovProposal | None:
    legacy = entry.get("content")
    messages = (
        items(entry.get("messages"), "the proposal's messages", most=MAX_MESSAGES) if legacy is None else (legacy,)
    )
    about = _about(messages)
    if about is None:
        return None
    plan, content = about
    status = exact_text(entry.get("status"), "the proposal's status", most=64)
    return GovProposal(
        id=integer(entry.get("id", entry.get("proposal_id")), "the proposal's id", low=1),
        status=status.removeprefix(_PREFIX),
        plan=plan,
        title=text(entry.get("title") or content.get("title"), "the proposal's title", most=MAX_TITLE),
        summary=text(entry.get("summary") or content.get("description"), "the proposal's summary", most=MAX_SUMMARY),
        metadata=text(entry.get("metadata"), "the proposal's metadata"),
        failed_reason=text(entry.get("failed_reason"), "failed_reason"),
        proposer=text(entry.get("proposer"), "proposer", most=100),
        messages=len(messages),
        expedited=flag(entry.get("expedited", False), "expedited"),
        deposit=_coins(entry.get("total_deposit"), "total_deposit"),
        final=_tally(entry.get("final_tally_result")),
        submitted_at=_seconds(entry.get("submit_time"), "submit_time"),
        deposit_ends_at=_seconds(entry.get("deposit_end_time"), "deposit_end_time"),
        voting_starts_at=_seconds(entry.get("voting_start_time"), "voting_start_time"),
        voting_ends_at=_seconds(entry.get("voting_end_time"), "voting_end_time"),
    )


def _about(messages: Sequence[object]) -> tuple[UpgradePlan | None, Mapping[str, object]] | None:
    """The plan and the content of the first message that is about an upgrade; None when none is."""
    for each in messages:
        message = table(each, "a message")
        if _kind(message) == _LEGACY:
            message = table(message.get("content"), "the content of a message")
        if _kind(message) in _CANCELS:
            return None, message
        if _kind(message) in _SCHEDULES and (plan := _proposed_plan(message)) is not None:
            return plan, message
    return None


def _kind(message: Mapping[str, object]) -> str:
    return exact_text(message.get("@type", ""), "the type of a message")


def _proposed_plan(message: Mapping[str, object]) -> UpgradePlan | None:
    """The plan; None for one of the first chains, which had a time instead of a height."""
    plan = table(message.get("plan"), "the plan of a proposal")
    height = integer(plan.get("height", "0"), "the height of a proposal's plan")
    name = exact_text(plan.get("name"), "the name of a proposal's plan", most=MAX_PLAN_NAME)
    info = exact_text(plan.get("info", ""), "the info of a proposal's plan", most=MAX_PLAN_INFO)
    return UpgradePlan(name, height, info) if name and height else None


def _tally(value: object) -> Tally:
    if value is None:
        return Tally()
    row = table(value, "the tally")
    # v1 adds `_count` to the names of v1beta1.
    yes, abstain, no, veto = (
        _amount(row.get(f"{name}_count", row.get(name, "0")), f"{name} votes")
        for name in ("yes", "abstain", "no", "no_with_veto")
    )
    return Tally(yes, abstain, no, veto)


def _vote_rules(row: Mapping[str, object]) -> VoteRules:
    return VoteRules(*(_share(row.get(name), name) for name in ("quorum", "threshold", "veto_threshold")))


def _validator(entry: Mapping[str, object]) -> StakedValidator:
    description = table(entry.get("description", {}), "a validator's description")
    bond = exact_text(entry.get("status", ""), "a validator's status", most=64)
    return StakedValidator(
        consensus_address=_consensus_address(entry.get("consensus_pubkey")),
        moniker=text(description.get("moniker"), "moniker", most=70),
        stake=Stake(
            operator=text(entry.get("operator_address"), "operator_address", most=100),
            tokens=_amount(entry.get("tokens", "0"), "tokens"),
            bond=_BONDS.get(bond, Bond.UNBONDED),
            jailed=flag(entry.get("jailed", False), "jailed"),
        ),
    )


def _consensus_address(value: object) -> str:
    if value is None:
        return ""
    key = table(value, "a validator's key")
    raw = base64_bytes(key.get("key"), "a validator's key", most=128)
    kind = key.get("@type")
    try:
        if kind == "/cosmos.crypto.ed25519.PubKey":
            return ed25519_consensus_address(raw)
        if kind == "/cosmos.crypto.secp256k1.PubKey":
            return consensus_address(raw)
    except InputError as error:
        raise wrong("a validator's key", error.what) from None
    return ""


def _coins(value: object, what: str) -> tuple[Coin, ...]:
    rows = (table(entry, what) for entry in items(value, what, most=MAX_COINS))
    return tuple(Coin(text(row.get("denom"), what, most=128), _amount(row.get("amount", "0"), what)) for row in rows)


def _amount(value: object, what: str) -> int:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise wrong(what, value)
    return int(value)


def _share(value: object, what: str) -> int:
    """A decimal of the SDK in 1/10**18; 0 where it is absent."""
    if value is None or value == "":
        return 0
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(what, value)
    share = int(match[1]) * ONE_E18 + int((match[2] or "").ljust(18, "0"))
    if share > ONE_E18:
        raise wrong(what, value)
    return share


def _seconds(value: object, what: str, *, after: float = float("-inf")) -> float | None:
    """Unix seconds; None where it is unset, which Go writes as null or as the year 1."""
    if value is None:
        return None
    nanoseconds = time_ns(value, what)
    seconds = nanoseconds / 1e9
    return None if nanoseconds <= _YEAR_ONE_NS or seconds <= after else seconds


def _span_s(value: object, what: str) -> float | None:
    """Seconds of a duration as protobuf's JSON has it, `172800s`; None where it is absent."""
    if value is None or value == "":
        return None
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(what, value)
    return float(match[1])


def _part(top: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = top.get(name)
    return {} if value is None else table(value, name)
