"""The 95 % rule as a finding: who is proven on the new rules, and what is prepared for whom to start."""

from __future__ import annotations

from console.model import Finding, SuccessMeasure, UpgradeSuccess
from console.model.procedure import failed, passed, skipped, warned

ABORT_STEPS = (
    "1. each operator at the halt: `upgrade-console node abort --statement` prints a signed line; exchange them",
    "2. with the lines of more than 2/3 of the power, each: `upgrade-console node abort --with FILE --reason TEXT`",
)


def judged(success: UpgradeSuccess | None, prepared: tuple[str, ...] = ()) -> Finding:
    """What the rule comes to.

    Args:
        success: From `console.model.upgrade_success`; None where there is nothing to judge.
        prepared: What was prepared, in lines.
    """
    if success is None:
        return skipped("there is no upgrade past its height that the 95 % rule could be held against")
    lines = [f"zone of the network: {success.zone.value}"]
    lines += [
        f"missing: {each.moniker or each.address} ({each.power} power, {each.address})" for each in success.missing[:20]
    ]
    if success.measure is SuccessMeasure.NOTHING:
        return passed(success.sentence, *lines)
    if success.measure is SuccessMeasure.WAIT:
        return warned(
            success.sentence, *lines, go_on="look again then; call the operators of those that are missing now"
        )
    if success.measure is SuccessMeasure.PREPARE_ABORT:
        return failed(
            success.sentence,
            *lines,
            *(prepared or ABORT_STEPS),
            go_on="decide together: wait for who is missing, or agree to abort; nothing of it starts by itself",
        )
    return failed(
        success.sentence,
        *lines,
        *prepared,
        go_on="call who is missing; if the new rules themselves are wrong, complete and propose the revert draft",
    )
