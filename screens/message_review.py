"""What would be said to a Cosmos chain by its daemon: messages, fee, who signs, and the commands as they run."""

from __future__ import annotations

from textual.content import Content

from console.model import MessageReview
from widgets.drawn import MUTED, STRONG, stacked
from widgets.plan_rows import PlanCheck, check_rows, warning_rows

NAME_COLUMNS = 11


def message_content(review: MessageReview, network: str) -> Content:
    """Everything that would be signed.

    Args:
        review: As the daemon built it.
        network: The network's name in the settings.
    """
    message = review.message
    return stacked(
        Content.styled(message.effect, STRONG),
        "",
        *(
            _row("message" if not place else "", f"{name}: {value}")
            for place, (name, value) in enumerate(review.messages)
        ),
        *([_row("memo", review.memo)] if review.memo else []),
        _row("network", f"{network}, chain {review.chain_id}"),
        _row("signed by", review.sender),
        _row("", review.key),
        _row("fee", f"{review.fee}, for at most {review.gas:,} gas"),
        _row("to undo", message.undo or "—"),
        *check_rows(PlanCheck("the chain, asked just now, would carry it out", passed=True), "checks"),
        *(line for warning in review.warnings for line in warning_rows(warning)),
        "",
        Content.styled("These commands make it; the last one signs. What its keyring asks, it asks itself:", MUTED),
        *(Content.assemble(("$ ", MUTED), command) for command in review.commands),
    )


def _row(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<{NAME_COLUMNS}}", MUTED), value)
