// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {RegistryPower} from "./RegistryPower.sol";

/// @title Where a proposal stands
/// @notice Time ends proposals without a transaction: what is stored says how far a proposal came, `_effective` says
///         where it stands in a block.
abstract contract RegistryLife is RegistryPower {
    /// @dev The status and verdict at block.number. `looking` is true in a view, which looks at a block that is over:
    ///      at H-2 a transaction may still freeze, but after that block nobody can.
    function _effective(Proposal storage p, bool looking)
        internal
        view
        returns (IUpgradeRegistry.Status status, IUpgradeRegistry.Verdict verdict)
    {
        status = p.status;
        verdict = p.verdict;
        if (status == IUpgradeRegistry.Status.Voting) {
            if (block.number > p.votingEndsAt) status = IUpgradeRegistry.Status.Rejected;
        } else if (status == IUpgradeRegistry.Status.Approved) {
            if (block.number > p.approvedUntil) status = IUpgradeRegistry.Status.Expired;
        } else if (status == IUpgradeRegistry.Status.Scheduled) {
            if (p.frozenAt != 0) {
                if (block.number > _crossingEnd(p)) status = IUpgradeRegistry.Status.Expired;
            } else if (block.number > p.targetHeight - (looking ? 3 : 2)) {
                return (IUpgradeRegistry.Status.Aborted, IUpgradeRegistry.Verdict.Abort);
            }
        }
    }

    /// @dev The last block in which confirmations, a rollback and calls after the resume count.
    function _crossingEnd(Proposal storage p) internal view returns (uint256) {
        return uint256(p.targetHeight) + p.executionWindow;
    }

    /// @dev Whether a proposal keeps others from being scheduled. One that was stopped does until its height is over,
    ///      because the armed nodes still stop there.
    function _occupied(uint64 id) internal view returns (bool) {
        if (id == 0) return false;
        Proposal storage p = _proposals[id];
        (IUpgradeRegistry.Status status, IUpgradeRegistry.Verdict verdict) = _effective(p, false);
        if (status == IUpgradeRegistry.Status.Scheduled) return true;
        return verdict == IUpgradeRegistry.Verdict.Abort && block.number <= p.targetHeight;
    }

    /// @dev Whether a proposal may still come to something.
    function _isOpen(uint64 id) internal view returns (bool) {
        (IUpgradeRegistry.Status status,) = _effective(_proposals[id], false);
        return status == IUpgradeRegistry.Status.Voting || status == IUpgradeRegistry.Status.Approved
            || status == IUpgradeRegistry.Status.Scheduled;
    }

    function _existing(uint64 id) internal view returns (Proposal storage) {
        if (id == 0 || id > _count) revert UnknownProposal(id);
        return _proposals[id];
    }

    /// @dev Everything but confirmations is too late from H-F on.
    function _beforeFreeze(uint64 id, Proposal storage p) internal view {
        if (p.scheduledAt == 0) return;
        uint256 frozenFrom = p.targetHeight - _freezeBlocks;
        if (block.number >= frozenFrom) revert TooLate(id, frozenFrom - 1, block.number);
    }

    /// @dev Stores an end. One that was scheduled and is stopped has the verdict Abort: armed nodes still ask for it.
    function _end(uint64 id, Proposal storage p, IUpgradeRegistry.Status status) internal {
        bool stopped =
            status == IUpgradeRegistry.Status.Cancelled || status == IUpgradeRegistry.Status.Aborted;
        if (stopped && p.scheduledAt != 0) p.verdict = IUpgradeRegistry.Verdict.Abort;
        p.status = status;
        p.endedAt = uint64(block.number);
        emit ProposalEnded(id, status);
    }

    /// @dev The vote is won, or none is needed. A release that has or gets a height is scheduled at once if that can
    ///      be; checkAndSchedule() may do it later.
    function _approve(uint64 id, Proposal storage p, uint256 lead) internal {
        p.status = IUpgradeRegistry.Status.Approved;
        p.approvedAt = uint64(block.number);
        bool release = p.releaseKind != IUpgradeRegistry.ReleaseKind.None;
        // Kinds are equal or not: there is no balance here that anyone could push past a limit.
        // slither-disable-next-line incorrect-equality
        if (release && p.scheduleKind == IUpgradeRegistry.ScheduleKind.Fixed) {
            p.approvedUntil = p.targetHeight - p.lead;
            // slither-disable-next-line incorrect-equality
        } else if (release && p.scheduleKind == IUpgradeRegistry.ScheduleKind.Readiness) {
            p.approvedUntil = p.readinessDeadline;
        } else {
            p.approvedUntil = uint64(block.number) + p.executionWindow;
        }
        emit ProposalApproved(id);
        if (!release || p.scheduleKind == IUpgradeRegistry.ScheduleKind.Readiness || _occupied(_lastScheduled)) return;
        uint256 height = _heightOf(p, lead);
        if (height >= block.number + lead) _schedule(id, p, height);
    }

    /// @dev H for a release that is Fixed or AfterVote.
    function _heightOf(Proposal storage p, uint256 lead) internal view returns (uint256 height) {
        if (p.scheduleKind == IUpgradeRegistry.ScheduleKind.Fixed) return p.targetHeight;
        height = uint256(p.approvedAt) + p.delay;
        if (height < block.number + lead) height = block.number + lead;
    }

    function _schedule(uint64 id, Proposal storage p, uint256 height) internal {
        p.status = IUpgradeRegistry.Status.Scheduled;
        p.scheduledAt = uint64(block.number);
        p.targetHeight = uint64(height);
        _lastScheduled = id;
        emit ProposalScheduled(id, uint64(height));
    }

    /// @dev How many members of the council of the moment want to stop the proposal.
    function _haltApprovals(uint64 id) internal view returns (uint16 count) {
        for (uint256 i = 0; i < _council.length; ++i) {
            if (_approvals[id][IUpgradeRegistry.ApprovalKind.Halt][_council[i]].approvedAt != 0) ++count;
        }
    }

    /// @dev How much of the frozen power wants it rolled back.
    function _rollbackPower(uint64 id) internal view returns (uint256 power) {
        Powers storage frozen = _frozen[id];
        for (uint256 i = 0; i < frozen.members.length; ++i) {
            address validator = frozen.members[i];
            if (_approvals[id][IUpgradeRegistry.ApprovalKind.Rollback][validator].approvedAt != 0) {
                power += frozen.powerOf[validator];
            }
        }
    }
}
