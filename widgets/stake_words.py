"""A validator of a Cosmos chain in words: whether it is bonded, jailed, and what it missed. Pure."""

from __future__ import annotations

from console.model import Bond, Stake, Validator
from console.text import duration
from widgets.moments import UNKNOWN


def stake_words(validator: Validator) -> str:
    """Its standing with the chain in one or two words."""
    stake = validator.stake
    if stake is None:
        return "active" if validator.power else UNKNOWN
    if stake.tombstoned:
        return "tombstoned"
    if stake.jailed:
        return "jailed"
    if validator.power:
        return "active"
    return stake.bond.value if stake.bond is not Bond.BONDED else "bonded, inactive"


def stake_tone(validator: Validator) -> str:
    """`bad` for the jailed, `warn` for whoever misses a tenth of the blocks that may be missed, else empty."""
    stake = validator.stake
    if stake is None:
        return ""
    if stake.jailed or stake.tombstoned:
        return "bad"
    return "warn" if misses_much(stake) or not validator.power else ""


def misses_much(stake: Stake) -> bool:
    """Whether it missed more than a tenth of the window."""
    return stake.missed_blocks is not None and stake.missed_blocks * 10 > stake.signing_window > 0


def missed_words(stake: Stake | None) -> str:
    """Blocks missed of the window: `3 of 10,000`; `—` where it is not known."""
    if stake is None or stake.missed_blocks is None:
        return UNKNOWN
    window = f" of {stake.signing_window:,}" if stake.signing_window else ""
    return f"{stake.missed_blocks:,}{window}"


def jail_words(stake: Stake, now: float) -> str:
    """Until when it is jailed; empty where it is not."""
    if stake.tombstoned:
        return "for good: it signed twice; its operator has to begin anew with another key"
    if not stake.jailed:
        return ""
    if stake.jailed_until is None or stake.jailed_until <= now:
        return "its operator may have it released now (tx slashing unjail)"
    return f"for {duration(stake.jailed_until - now)} more; then its operator may have it released (tx slashing unjail)"
