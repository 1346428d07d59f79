"""What a Cosmos chain says of itself, beside what CometBFT tells. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.model.ballot import Coin
from console.model.network import Validator
from console.text import UntrustedText

_SDK = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\..*)?", re.ASCII)


def sdk_of(told: str) -> tuple[int, int] | None:
    """Major and minor of a version of the SDK; None where it is none."""
    found = _SDK.fullmatch(told)
    return None if found is None else (int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class ApplicationVersion:
    """What the application of the node that was asked says of itself (`node_info.application_version`)."""

    name: UntrustedText
    version: UntrustedText
    git_commit: UntrustedText
    sdk_version: UntrustedText

    @property
    def sdk(self) -> tuple[int, int] | None:
        """Of which SDK it is: (0, 47) for `v0.47.17`; None where it does not tell."""
        return sdk_of(self.sdk_version)


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
