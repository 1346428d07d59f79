"""The pre-upgrade checklist just before H: health once more, the way back, and the start of maintenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.checks.backups import state_backed_up
from console.checks.countdown import Phase
from console.checks.release import rollback_binary
from console.checks.telling import together
from console.model import Finding, StepKind
from console.model.procedure import passed
from console.node.chain_halt import back_together
from console.notify.announcing import Occasion
from console.procedures.announcements import CONTACT, NOTE, steps_of
from console.procedures.checklist import READS_EVERYTHING_S, due, health_steps
from console.procedures.here import node_of
from console.procedures.step import Procedure, Step, StepContext


async def _way_back(context: StepContext) -> Finding:
    client, node = context.client(), node_of(context)
    binary = await rollback_binary(client, node)
    state = await state_backed_up(client, node, full=False)
    return together((binary, state), "binary and rollback point to go back to are there")


async def _known_way_back(context: StepContext) -> Finding:
    attempt = (await context.client().status()).attempt
    together = "as `upgrade-console node status` says then" if attempt is None else back_together(attempt)
    rules = (
        "H not executed yet: a start that fails is rolled back by the controller, and the node parked",
        f"H executed, no block after it committed: only with the network, {together}",
        "a block after H committed: forward only, by another release or a revert upgrade",
        "the pages: docs/verification.md, `upgrade-console run rollback --dry-run --why rehearsal`",
    )
    return passed(f"the way back of {context.network.name}", *rules)


def _now(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        due(Phase.NOW),
        *health_steps("now", "Final health check"),
        Step(
            "now.rollback",
            StepKind.CHECK,
            "Look for the way back",
            "The binary to go back to is whole and runs, and a rollback point is there or will have room.",
            _way_back,
            boxes=("Have rollback procedure ready",),
            deadline_s=READS_EVERYTHING_S,
        ),
        Step(
            "now.rollback-known",
            StepKind.CONFIRMATION,
            "Know the way back",
            "Says which way back there is until when. A person has the page open and knows who decides.",
            _known_way_back,
            ask="Do you have the rollback procedure at hand, and know who decides on an abort?",
            boxes=("Have rollback procedure ready",),
        ),
        *steps_of("now", Occasion.START, "Announce start of maintenance"),
    )


CHECKLIST_NOW = Procedure(
    "checklist-now",
    "Checklist just before H",
    "The last list, within half an hour of H: health once more, the way back, and the announcement of the start.",
    _now,
    (NOTE, CONTACT),
)
