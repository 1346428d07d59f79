"""Whether our validator signs: its signatures under the newest commits, and where the chain counts what it missed."""

from __future__ import annotations

from console.chain.signing_record import SigningRecords
from console.model import Finding, Signed, SigningRecord
from console.model.procedure import failed, passed, skipped, warned

BLOCKS = 30
"""Newest commits that are looked at."""
_FEW = 5


async def signs(
    records: SigningRecords, consensus_address: str, height: int, blocks: int = BLOCKS, after: int = 0
) -> Finding:
    """Whether a validator's signatures are under the newest commits.

    Args:
        records: Reads commits.
        consensus_address: 40 upper-case hex digits; empty for a node that is no validator.
        height: The chain's.
        blocks: How many of the newest commits.
        after: H of the last upgrade: what was signed up to it was signed by the release before; 0 for none.
    """
    if not consensus_address:
        return skipped("this node is no validator: it signs nothing")
    record = SigningRecord((), "", "")
    for _ in range(-(-blocks // 10)):
        record = await records.read(consensus_address, height)
    return judged(record, consensus_address, blocks, after)


def judged(record: SigningRecord, consensus_address: str, blocks: int, after: int = 0) -> Finding:
    """What a record comes to: signed in all of the newest, in some, or in none. Pure."""
    newest = [each for each in record.blocks[-blocks:] if each[0] > after]
    if record.blocks and not newest:
        return failed(f"no commit after H {after:,} is known yet", go_on="look again when the next block is there")
    commits = f"commit{'s' * (len(newest) != 1)}"
    since = f" after H {after:,}" if after and newest and newest[0][0] == after + 1 else ""
    if not newest:
        return failed(
            f"no commit can be read: {record.problem or 'no endpoint has one'}", go_on="look at the endpoints"
        )
    signed = [height for height, mark in newest if mark is Signed.BLOCK]
    absent = [height for height, mark in newest if mark is Signed.ABSENT]
    evidence = (
        f"validator {consensus_address}, commits {newest[0][0]:,} to {newest[-1][0]:,} of {record.source}",
        f"signed {len(signed)} of {len(newest)}"
        + (f", absent in {', '.join(f'{height:,}' for height in absent[-_FEW:])}" if absent else ""),
    )
    last = [mark for _, mark in newest[-_FEW:]]
    if Signed.BLOCK not in last:
        return failed(
            f"no signature of ours under the last {len(last)} {commits}",
            *evidence,
            go_on="`upgrade-console node status`; is the validator jailed, or the key used by another process?",
        )
    if len(signed) < len(newest):
        return warned(
            f"{len(newest) - len(signed)} of the last {len(newest)} {commits}{since} lack our signature",
            *evidence,
            go_on="look again in a few minutes: those of the restart itself are expected",
        )
    return passed(f"our signature is under all of the last {len(newest)} {commits}{since}", *evidence)
