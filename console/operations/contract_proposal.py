"""A proposal of contract calls alone: no node stops for it, and it is made once the vote is won."""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.addresses import checksummed
from console.errors import InputError
from console.model import LinkedCall, RegistryCall, RegistryRules, ReleaseKind
from console.operations.governance import propose_call
from console.operations.propose_request import ProposeRequest, Terms

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


def contract_proposal(
    name: str,
    calls: Sequence[LinkedCall],
    rules: RegistryRules,
    *,
    voting_blocks: int | None = None,
    init_allowed: bool = False,
) -> RegistryCall:
    """The proposal, as the registry takes it.

    Args:
        name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.
        calls: What the registry calls once the vote is won. A proposal without a release has no undo: the cut that
            takes one back is a proposal of its own.
        rules: The registry's.
        voting_blocks: Blocks that the vote is open; the registry's least when not given.
        init_allowed: Whether a cut may have an initialiser.

    Raises:
        InputError: The registry would refuse it.
    """
    if not _NAME.fullmatch(name):
        raise InputError("the name must be 1 to 64 of a-z, 0-9, '.', '_' and '-', and start with a letter or digit")
    if not calls:
        raise InputError("there is no call to propose", safe="nothing was sent")
    strange = next((call.target for call in calls if checksummed(call.target) not in rules.targets), None)
    if strange is not None:
        raise InputError(
            f"the registry may not call {strange}: it is not among its targets",
            safe="nothing was sent",
            next_step="have setTarget voted first",
        )
    blocks = rules.min_voting_blocks if voting_blocks is None else voting_blocks
    if blocks < rules.min_voting_blocks:
        raise InputError(f"a vote is open for at least {rules.min_voting_blocks} blocks here, not {blocks}")
    return propose_call(
        ProposeRequest(
            name=name,
            height=0,
            url="",
            release_hash="",
            kind=ReleaseKind.NONE,
            breaking=False,
            terms=Terms(voting_blocks=blocks),
            init_allowed=init_allowed,
            calls=tuple((call.target, call.data) for call in calls),
        )
    )
