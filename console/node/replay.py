"""A replay from genesis behind upgrades that this node has crossed: with which binary it begins, and what it crosses.

Each upgrade is crossed again, in order, as a full node that syncs from genesis does: the first one is taken up from the
journal, so that the first start is armed for it; the others follow from what the chain says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from console.errors import NodeError
from console.model import Attempt, Crossing, PlanOrigin, Proposal, ReleaseKind, Verdict, plan_without_votes
from console.node.generation import Generations
from console.text import untrusted

_SAFE = "nothing was changed"
_MAX_URL = 512


def first_to_cross(attempts: Iterable[Attempt], missed: Attempt | None, generations: Generations) -> Attempt | None:
    """The first upgrade that a replay from genesis has to cross again; None when there was none before.

    Everything that it will need is looked for here, before any data is touched.

    Args:
        attempts: What the journal knows.
        missed: The attempt whose halt was missed; None where everything that was crossed is crossed again.
        generations: The binaries that are here. Each is hashed.

    Raises:
        NodeError: A binary of before is not here, or it is not known which one it was; it says what to do.
    """
    crossed: dict[int, Attempt] = {}
    for entry in attempts:
        before = missed is None or entry.target_height < missed.target_height
        if before and entry.crossing is Crossing.COMMITTED and entry.breaking and entry.origin is PlanOrigin.REGISTRY:
            # The newest of a height first: one that crossed it again may know more.
            crossed.setdefault(entry.target_height, entry)
    if not crossed:
        return None
    first = crossed[min(crossed)]
    _check_start(first, generations)
    for _, entry in sorted(crossed.items()):
        _check_release(entry, generations)
    return first


def plan_of(attempt: Attempt) -> Proposal:
    """The plan of a crossed attempt as it was frozen when it was taken up, with the verdict that was acted on."""
    plan = plan_without_votes(
        attempt.proposal_id,
        attempt.name,
        attempt.target_height,
        release_hash=attempt.release_hash,
        release_url=untrusted(attempt.release_url, _MAX_URL),
        breaking=attempt.breaking,
    )
    return replace(
        plan,
        release_kind=ReleaseKind(attempt.release_kind),
        scheduled_at=attempt.scheduled_at,
        freeze_blocks=attempt.freeze_blocks,
        grace_blocks=attempt.grace_blocks,
        verdict=Verdict.CROSS,
    )


def _check_start(first: Attempt, generations: Generations) -> None:
    if not first.left:
        raise NodeError(
            f"the journal does not say which binary ran before {first.name} (height {first.target_height})",
            safe=_SAFE,
            next_step="set up a fresh home with the binary of genesis, and let it cross every halt in order",
        )
    try:
        generations.generation(first.left)
    except NodeError as error:
        raise NodeError(
            f"the blocks before {first.name} (height {first.target_height}) need generation {first.left}: {error}",
            safe=_SAFE,
            next_step=f"put that binary back into its folder, then resync again (`node list` shows {first.left})",
        ) from error


def _check_release(entry: Attempt, generations: Generations) -> None:
    wanted = generations.folder_of_plan(str(entry.name))
    if entry.generation != wanted:
        raise NodeError(
            f"height {entry.target_height} was crossed with {entry.generation}, chosen by hand, and a replay would "
            f"cross it with {wanted}",
            safe=_SAFE,
            next_step="set up a fresh home with the binary of genesis, and choose again at that halt",
        )
    if generations.staged(entry.generation, entry.generation_hash) is None:
        raise NodeError(
            f"the replay has to cross {entry.name} (height {entry.target_height}), and its verified binary is not here",
            safe=_SAFE,
            next_step=f"give its bytes with `upgrade-console node add-upgrade {entry.name} FILE --force`, "
            "then resync again",
        )
