"""What can be said to a Cosmos chain, as messages: checked in words, neither built by the daemon nor signed yet.

The console's keys, the command line's verbs and the procedures all start here; `chain_daemon` goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from console.errors import InputError
from console.model import ChainMessage, DaemonRole
from console.model.chain_message import DOCUMENT

VOTE_CHOICES = ("yes", "no", "abstain", "no-with-veto")
"""As typed; the daemon writes the last one with underscores."""

ProviderStatus = Literal["ACTIVE", "PAUSED"]

_VOTE_AGAIN = "Vote again while the vote is open; the last vote counts. Once it is over there is no way back."

MAX_REASON = 200
"""Characters of a provider's reason."""

_NOTHING_SENT = "nothing was sent"
_WEIGHT = re.compile(r"[01]?\.[0-9]{1,18}|1", re.ASCII)
"""As the SDK's decimals: at most 18 digits behind the point."""
_COINS = re.compile(
    r"[0-9]{1,40}[a-zA-Z][a-zA-Z0-9/:._-]{2,127}(?:,[0-9]{1,40}[a-zA-Z][a-zA-Z0-9/:._-]{2,127})*", re.ASCII
)


def vote_message(proposal: int, choice: str, *, about: str = "") -> ChainMessage:
    """Vote with all the stake of the validator's account, and of those who delegate to it and do not vote themselves.

    Args:
        proposal: Its number.
        choice: One of `VOTE_CHOICES`.
        about: The proposal's title, where it is known; safe to be shown.

    Raises:
        InputError: There is no such choice or number.
    """
    if choice not in VOTE_CHOICES:
        raise InputError(f"a vote is {', '.join(VOTE_CHOICES[:-1])} or {VOTE_CHOICES[-1]}", safe=_NOTHING_SENT)
    return ChainMessage(
        ("gov", "vote", _number(proposal), choice.replace("-", "_")),
        DaemonRole.VOTER,
        proposal,
        f"Votes {_said(choice)} on proposal {_about(proposal, about)}.{_burns((choice,))}",
        _VOTE_AGAIN,
    )


def split_vote_message(proposal: int, weights: str, *, about: str = "") -> ChainMessage:
    """Vote with a part of the stake for one side and with the rest for others.

    Args:
        proposal: Its number.
        weights: As `yes=0.7,no=0.3`: sides of `VOTE_CHOICES` with their shares, which come to 1.
        about: The proposal's title, where it is known; safe to be shown.

    Raises:
        InputError: A side, a share or the number is not acceptable.
    """
    shares = _shares(weights)
    command = ",".join(f"{choice.replace('-', '_')}={share}" for choice, share in shares.items())
    said = ", ".join(f"{(share * 100).normalize():f} % {_said(choice)}" for choice, share in shares.items())
    return ChainMessage(
        ("gov", "weighted-vote", _number(proposal), command),
        DaemonRole.VOTER,
        proposal,
        f"Votes {said} on proposal {_about(proposal, about)}.{_burns(shares)}",
        _VOTE_AGAIN,
    )


def deposit_message(proposal: int, amount: str, *, about: str = "") -> ChainMessage:
    """Add to the deposit of a proposal: with enough of it its vote begins.

    Raises:
        InputError: The number or the amount is not acceptable.
    """
    coins = coins_of(amount, "the deposit")
    return ChainMessage(
        ("gov", "deposit", _number(proposal), coins),
        DaemonRole.PROPOSER,
        proposal,
        f"Adds {coins} to the deposit of proposal {_about(proposal, about)}; with enough of it the vote begins.",
        "It comes back when the vote is over; a proposal that is vetoed, or never voted on, may cost it.",
    )


def cancel_proposal_message(proposal: int, *, about: str = "") -> ChainMessage:
    """Take an own proposal back, while it is not over: from SDK 0.50 on.

    Raises:
        InputError: The number is not acceptable.
    """
    return ChainMessage(
        ("gov", "cancel-proposal", _number(proposal)),
        DaemonRole.PROPOSER,
        proposal,
        f"Takes proposal {_about(proposal, about)} back for good.",
        "No way back: it would have to be proposed anew. A part of its deposit is burnt, as the chain has it.",
    )


def provider_status_message(status: str, reason: str = "") -> ChainMessage:
    """Tell the chain whether this provider takes new work.

    Args:
        status: `ACTIVE` or `PAUSED`.
        reason: For everybody to read; PAUSED needs one.

    Raises:
        InputError: A value is not acceptable.
    """
    wanted = status.strip().upper()
    if wanted not in {"ACTIVE", "PAUSED"}:
        raise InputError("a provider's status is ACTIVE or PAUSED", safe=_NOTHING_SENT)
    said = reason.strip()
    if wanted == "PAUSED" and not said:
        raise InputError("say why the provider pauses: it is kept on the chain", safe=_NOTHING_SENT)
    if len(said) > MAX_REASON or not said.isprintable():
        raise InputError(f"the reason must be at most {MAX_REASON} printable characters", safe=_NOTHING_SENT)
    told = ("--reason", said) if said else ()
    effect = "This provider takes no new work." if wanted == "PAUSED" else "This provider takes work again."
    undo = "Set it to ACTIVE again." if wanted == "PAUSED" else "Set it to PAUSED again."
    command = ("provider", "set-status", "--status", wanted, *told)
    return ChainMessage(command, DaemonRole.PROVIDER, 0, effect, undo)


def model_confirmation_message(words: Sequence[str], version: str, checksum: str) -> ChainMessage:
    """Confirm that this validator has a model, verified and loaded.

    Args:
        words: Of the command behind `tx`, with `{version}` and `{hash}`.
        version: The model's.
        checksum: `sha256:` and 64 hex digits of its file.
    """
    command = tuple(word.replace("{version}", version).replace("{hash}", checksum) for word in words)
    effect = f"Confirms that this validator has model {version}, {checksum}."
    return ChainMessage(command, DaemonRole.VOTER, 0, effect, "No way back is needed: it says what is on this machine.")


def document_message(
    document: dict[str, object], effect: str, undo: str, upgrade: tuple[str, int] | None
) -> ChainMessage:
    """Propose what a file of messages says (gov v1)."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return ChainMessage(
        ("gov", "submit-proposal", DOCUMENT), DaemonRole.PROPOSER, 0, effect, undo, document=text, upgrade=upgrade
    )


def coins_of(typed: str, what: str) -> str:
    """An amount with its denomination: `10000000stake`, or several with commas.

    Raises:
        InputError: It is none.
    """
    coins = typed.strip().replace(" ", "")
    if not _COINS.fullmatch(coins):
        raise InputError(f"{what} must be an amount with its denom, as 10000000stake", safe=_NOTHING_SENT)
    return coins


def _shares(weights: str) -> dict[str, Decimal]:
    """The sides of a split vote with their shares. Raises InputError."""
    found: dict[str, Decimal] = {}
    for part in weights.replace(" ", "").split(","):
        choice, _, share = part.lower().replace("_", "-").partition("=")
        if choice not in VOTE_CHOICES or not _WEIGHT.fullmatch(share) or not Decimal(share) or choice in found:
            raise InputError(
                f"a split vote is as yes=0.7,no=0.3: each of {', '.join(VOTE_CHOICES)} at most once, its share above 0",
                safe=_NOTHING_SENT,
            )
        found[choice] = Decimal(share)
    if sum(found.values()) != 1:
        raise InputError(f"the shares come to {sum(found.values()):f}; they have to come to 1", safe=_NOTHING_SENT)
    return found


def _said(choice: str) -> str:
    return choice.replace("-", " ").upper()


def _burns(choices: Collection[str]) -> str:
    return " With 1/3 of vetoes it is rejected, and its deposit burnt." if "no-with-veto" in choices else ""


def _number(proposal: int) -> str:
    if not 0 < proposal < 1 << 64:
        raise InputError("a proposal's number is a whole number from 1", safe=_NOTHING_SENT)
    return str(proposal)


def _about(proposal: int, title: str) -> str:
    # The number alone is easily mistaken for another one.
    return f"{proposal} ({title})" if title else str(proposal)
