"""What a release is held against on this machine, before anything is known of a plan or a node."""

from __future__ import annotations

from datetime import UTC, datetime

from console.node.cosmovisor.plan_info import this_platform
from console.node.release.trust import Trusted
from console.node.release.verification import Expected
from console.release_settings import ReleaseSettings


def expected_here(chain_id: str, demands: ReleaseSettings, trusted: Trusted | None) -> Expected:
    """What a release of a network is held against on this machine and now.

    Args:
        chain_id: Of the network.
        demands: Of the network.
        trusted: What this machine trusts; None where nothing is pinned.
    """
    seen = None if trusted is None else trusted.releases.get(chain_id)
    return Expected(
        chain_id=chain_id,
        platform=this_platform(),
        required=demands.signatures == "required",
        keyring=None if trusted is None else trusted.keyring,
        highest=None if seen is None else (seen.sequence, seen.sha256),
        now=datetime.now(UTC),
    )
