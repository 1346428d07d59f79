"""What changes slowly on a Cosmos chain: its validators with their stake and missed blocks, its rules, its versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from console.chain.cosmos import queries
from console.chain.cosmos.answers import (
    GovRules,
    SigningInfo,
    StakedValidator,
    next_page,
    parse_application,
    parse_gov_rules,
    parse_modules,
    parse_pool,
    parse_signing_infos,
    parse_signing_window,
    parse_validators,
)
from console.chain.cosmos.queries import GovVersion, Page, Query, RulesKind
from console.chain.cosmos.source import Source, Told
from console.errors import ChainError, EndpointDown
from console.model import ApplicationVersion, ModuleVersion, ProposingRules

PAGE = 200
"""Validators, or signing infos, asked for at once."""

MOST_PAGES = 5
"""Pages that are read: a chain has at most a few hundred validators, most of them long unbonded."""

_RULES: Mapping[RulesKind, str] = {"tallying": "tally_params", "deposit": "deposit_params", "voting": "voting_params"}
"""Questions that the rules of votes are put together of, and the part of the answer that each is about."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Staking:
    """The validators of a chain, bonded or not."""

    validators: tuple[StakedValidator, ...]
    bonded_tokens: int
    """0 where it is not known."""


@dataclass(frozen=True, slots=True)
class SlowFacts:
    """Rules and versions; each None or empty where the chain does not tell it."""

    rules: GovRules | None
    application: ApplicationVersion | None
    modules: tuple[ModuleVersion, ...]


def proposing_of(rules: GovRules) -> ProposingRules:
    """What the rules want of a new proposal."""
    return ProposingRules(rules.min_deposit, rules.expedited_min_deposit, rules.voting_s, rules.expedited_voting_s)


async def read_staking(source: Source) -> Staking:
    """Read every validator, what it missed, and the pool.

    Raises:
        ChainError: The validators are not told.
    """
    first = Page(PAGE)
    told = await source.ask(
        [queries.validators(first), queries.signing_infos(first), queries.POOL, queries.SLASHING_PARAMS]
    )
    validators = [told.of(0), *await _further(source, told, 0, queries.validators)]
    infos = await _further(source, told, 1, queries.signing_infos)
    # Tens of milliseconds for some hundred validators, which must not stop the screen.
    return await asyncio.to_thread(_staking_of, told, validators, infos)


def _staking_of(told: Told, pages: Sequence[object], further_infos: Sequence[object]) -> Staking:
    infos = _or_default(told, 1, parse_signing_infos, dict[str, SigningInfo]())
    for page in further_infos:
        infos |= parse_signing_infos(page)
    window = _or_default(told, 3, parse_signing_window, 0)
    validators = (each for page in pages for each in parse_validators(page))
    unique = {each.stake.operator: _with_misses(each, infos, window) for each in validators}
    return Staking(tuple(unique.values()), _or_default(told, 2, parse_pool, 0))


async def read_slow_facts(source: Source, version: GovVersion) -> SlowFacts:
    """Read rules and versions.

    Raises:
        ChainError: None of it is told.
    """
    told = await source.ask(
        [*(queries.gov_params(version, kind) for kind in _RULES), queries.NODE_INFO, queries.MODULE_VERSIONS]
    )
    return SlowFacts(
        _rules_of(told.answers[: len(_RULES)]),
        _or_default(told, len(_RULES), parse_application, None),
        _or_default(told, len(_RULES) + 1, parse_modules, ()),
    )


def _rules_of(answers: Sequence[object]) -> GovRules | None:
    """The rules of votes, put together of what each kind of question is answered with; None where none is."""
    found: dict[str, object] = {}
    for part, answer in zip(_RULES.values(), answers, strict=True):
        if isinstance(answer, dict):
            # Up to SDK 0.45 the parts that were not asked for are there, too, and hold zeros; from 0.47 on `params` has
            # all of them each time.
            found |= {name: answer[name] for name in (part, "params") if answer.get(name)}
    return parse_gov_rules(found) if found else None


async def _further(source: Source, told: Told, place: int, query: Callable[[Page], Query]) -> list[dict[str, object]]:
    """The pages after the first, in their order. Raises ChainError."""
    pages: list[dict[str, object]] = []
    answer = told.answers[place]
    while isinstance(answer, dict) and len(pages) < MOST_PAGES - 1 and (key := next_page(answer)):
        answer = (await source.ask([query(Page(PAGE, key))])).of(0)
        pages.append(answer)
    return pages


def _with_misses(validator: StakedValidator, infos: dict[str, SigningInfo], window: int) -> StakedValidator:
    info = infos.get(validator.consensus_address)
    if info is None:
        return validator
    stake = replace(
        validator.stake,
        missed_blocks=max(0, info.missed_blocks),
        signing_window=window,
        tombstoned=info.tombstoned,
        jailed_until=info.jailed_until if validator.stake.jailed else None,
    )
    return replace(validator, stake=stake)


def _or_default(told: Told, place: int, parse: Callable[[object], T], default: T) -> T:
    """What one answer says; the default where this chain does not tell it."""
    try:
        return parse(told.of(place))
    except EndpointDown:
        raise
    except ChainError:
        return default
