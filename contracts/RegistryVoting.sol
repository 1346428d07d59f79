// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryLife} from "./RegistryLife.sol";

/// @title Votes, and what follows from them: a height, or an end
abstract contract RegistryVoting is RegistryLife {
    /// @notice Votes. By a validator of the copy of powers that the proposal is bound to, with its own key, up to
    ///         votingEndsAt; a vote may be changed. A vote that decides takes effect at once.
    /// @param id the proposal
    /// @param support yes or no
    function vote(uint64 id, bool support) external {
        _vote(id, support, msg.sender);
    }

    /// @notice Stores that the time of a vote ran out. By anyone. (A vote that is decided is stored as it is cast.)
    /// @param id the proposal
    function finalize(uint64 id) external {
        Proposal storage p = _existing(id);
        if (p.status != IUpgradeRegistry.Status.Voting) revert WrongStatus(id, p.status);
        if (block.number <= p.votingEndsAt) revert TooEarly(id, uint256(p.votingEndsAt) + 1, block.number);

        _end(id, p, IUpgradeRegistry.Status.Rejected);
    }

    /// @notice Gives an Approved proposal its height, once. By anyone. By readiness: `delay` blocks from now, if enough
    ///         power of the moment is ready. Otherwise: as at the approval, if that could not be then.
    /// @param id the proposal
    function checkAndSchedule(uint64 id) external {
        Proposal storage p = _existing(id);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        if (status != IUpgradeRegistry.Status.Approved) revert WrongStatus(id, status);
        if (p.releaseKind == IUpgradeRegistry.ReleaseKind.None) revert NoRelease(id);
        if (_occupied(_lastScheduled)) revert AlreadyScheduled(_lastScheduled);
        (IPowerSource.Member[] memory members, uint256 total) = _membership();
        uint256 lead = _minimumLead(members.length);
        uint256 height;
        if (p.scheduleKind == IUpgradeRegistry.ScheduleKind.Readiness) {
            (uint256 ready,,) = _tally(id, members);
            if (!_readyEnough(p, ready, total)) revert NotEnoughReady(id, ready, total, p.readinessBps);
            // The set may have grown since the delay was found long enough.
            height = block.number + (p.delay < lead ? lead : p.delay);
        } else {
            height = _heightOf(p, lead);
            if (height < block.number + lead) revert LeadTooShort(lead, height - block.number);
        }

        _schedule(id, p, height);
    }

    /// @notice Stores that a proposal ran out of time: Expired, or Aborted for want of a freeze. By anyone.
    /// @param id the proposal
    function expire(uint64 id) external {
        Proposal storage p = _existing(id);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        bool over = status == IUpgradeRegistry.Status.Expired || status == IUpgradeRegistry.Status.Aborted;
        if (status == p.status || !over) {
            if (status == IUpgradeRegistry.Status.Approved) {
                revert TooEarly(id, uint256(p.approvedUntil) + 1, block.number);
            }
            if (status == IUpgradeRegistry.Status.Scheduled) {
                uint256 last = p.frozenAt == 0 ? uint256(p.targetHeight) - 2 : _crossingEnd(p);
                revert TooEarly(id, last + 1, block.number);
            }
            revert WrongStatus(id, status);
        }

        _end(id, p, status);
    }

    /// @dev A vote of `validator`, whoever sent it.
    function _vote(uint64 id, bool support, address validator) internal {
        Proposal storage p = _existing(id);
        if (p.status != IUpgradeRegistry.Status.Voting) revert WrongStatus(id, p.status);
        if (block.number > p.votingEndsAt) revert TooLate(id, p.votingEndsAt, block.number);
        Powers storage powers = _powers[p.powers];
        uint256 power = powers.powerOf[validator];
        if (power == 0) revert NotAValidator(validator);
        Vote storage cast = _votes[id][validator];
        IUpgradeRegistry.Choice choice = support ? IUpgradeRegistry.Choice.Yes : IUpgradeRegistry.Choice.No;
        if (cast.choice == choice) revert VoteUnchanged(id, validator);

        if (cast.choice == IUpgradeRegistry.Choice.Yes) p.yesPower -= power;
        if (cast.choice == IUpgradeRegistry.Choice.No) p.noPower -= power;
        if (support) p.yesPower += power;
        else p.noPower += power;
        cast.choice = choice;
        cast.votedAt = uint64(block.number);
        emit VoteCast(id, validator, support, p.yesPower, p.noPower);
        if (_passes(p, powers.total)) {
            // Calls alone need no height, so that a power source that fails can be replaced.
            uint256 lead = 0;
            if (p.releaseKind != IUpgradeRegistry.ReleaseKind.None) {
                (IPowerSource.Member[] memory members,) = _membership();
                lead = _minimumLead(members.length);
            }
            _approve(id, p, lead);
        } else if (_fails(p, powers.total)) {
            _end(id, p, IUpgradeRegistry.Status.Rejected);
        }
    }
}
