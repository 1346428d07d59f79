"""Unlocking the console: a deliberate act, by a dialog like that of any change."""

from __future__ import annotations

from console.actions import action, key_names
from console.hand_lock import HandLock
from screens.plan import PlanScreen
from widgets.plan_rows import Plan


class UnlockScreen(PlanScreen):
    """Asks before changes are let through again.

    Args:
        hands: Unlocked on confirmation.
        network: Which network the changes would be made on.
    """

    def __init__(self, hands: HandLock, network: str) -> None:
        minutes = round(hands.after_s / 60)
        again = f" It locks itself after {minutes} minutes without a key." if minutes else ""
        plan = Plan(
            title="Unlock the console",
            effect=("Keys that change something work again; each still asks before it does.",),
            label="Unlock",
            network=network,
            undo=f"{key_names(action('lock'))} locks it at once.{again}",
        )
        super().__init__(plan, None, unlocks=hands)
