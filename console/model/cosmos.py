"""What a Cosmos chain says of itself, beside what CometBFT tells. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from console.model.ballot import Coin
from console.model.network import Validator
from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class ApplicationVersion:
    """What the application of the node that was asked says of itself (`node_info.application_version`)."""

    name: UntrustedText
    version: UntrustedText
    git_commit: UntrustedText
    sdk_version: UntrustedText


@dataclass(frozen=True, slots=True)
class ModuleVersion:
    """The consensus version of one module's state, as x/upgrade holds it."""

    name: UntrustedText
    version: int


@dataclass(frozen=True, slots=True)
class ProposingRules:
    """What x/gov wants of a new proposal."""

    min_deposit: tuple[Coin, ...]
    """What opens its vote; empty where it is not known."""
    expedited_min_deposit: tuple[Coin, ...]
    voting_s: float | None = None
    """Seconds for which its vote is open; None where it is not known."""
    expedited_voting_s: float | None = None


@dataclass(frozen=True, slots=True)
class CosmosFacts:
    """What only a Cosmos chain has: its staking, its modules, its application."""

    outside: tuple[Validator, ...] = ()
    """Validators that are not in the active set: jailed, unbonding or unbonded. Their power is 0."""
    bonded_tokens: int = 0
    """0 where it is not known."""
    application: ApplicationVersion | None = None
    modules: tuple[ModuleVersion, ...] = ()
    proposing: ProposingRules | None = None
    """None where it is not known."""
    told_by: str = ""
    """Endpoint that all of it is from, and how: `http://127.0.0.1:1317 (REST)`."""
