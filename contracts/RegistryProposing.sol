// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryCalls} from "./RegistryCalls.sol";
import {RegistryText} from "./RegistryText.sol";

/// @title Proposing, and taking a proposal back
abstract contract RegistryProposing is RegistryCalls, RegistryText {
    /// @notice The most proposals that are open at once.
    uint256 public constant MAX_OPEN = 16;
    /// @notice The furthest that anything of a proposal may lie ahead, in blocks: three years of one a second.
    uint256 public constant MAX_BLOCKS_AHEAD = 100_000_000;

    /// @notice Proposes a release, calls of contracts, or both. By a current validator of enough power or the admin;
    ///         operator keys may not. What needs no vote is approved at once, and scheduled at once if it can be.
    /// @param input all about it; see IUpgradeRegistry.ProposalInput
    /// @param calls what the registry calls for it: at most MAX_CALLS
    /// @param undo what takes the calls back; needed for calls that come before the upgrade
    /// @return id the number of the proposal, from 1
    function propose(
        IUpgradeRegistry.ProposalInput calldata input,
        IUpgradeRegistry.LinkedCall[] calldata calls,
        IUpgradeRegistry.LinkedCall[] calldata undo
    ) external returns (uint64 id) {
        (IPowerSource.Member[] memory members, uint256 total, uint64 number) = _membershipOf(_powerSource);
        if (total == 0) revert NoPower();
        bool isAdmin = _admin != address(0) && msg.sender == _admin;
        if (!isAdmin) {
            uint256 power = _powerIn(members, msg.sender);
            if (power == 0 || power < _minProposerPower) revert NotAProposer(msg.sender);
        }
        // Calls always need a vote.
        bool voting = _votingRequired || calls.length != 0;
        uint256 lead = _minimumLead(members.length);
        _checkRelease(input, calls.length);
        _checkSchedule(input, voting, lead);
        _makeRoom(isAdmin);

        id = ++_count;
        _open.push(id);
        Proposal storage p = _proposals[id];
        _store(p, input, lead);
        _link(id, p, calls, undo);
        emit ProposalCreated(
            id,
            msg.sender,
            input.name,
            input.releaseKind,
            input.releaseHash,
            input.releaseUrl,
            input.targetHeight,
            input.breaking
        );
        if (voting) {
            p.status = IUpgradeRegistry.Status.Voting;
            p.votingEndsAt = uint64(block.number) + input.votingBlocks;
            p.powers = _copy(members, total, number);
            return id;
        }
        // Where nobody votes, a release that could not be scheduled now is better proposed later.
        if (input.scheduleKind != uint8(IUpgradeRegistry.ScheduleKind.Readiness) && _occupied(_lastScheduled)) {
            revert AlreadyScheduled(_lastScheduled);
        }
        _approve(id, p, lead);
    }

    /// @notice Takes a proposal back. By its proposer: before any vote, or, where no vote is needed, until H-F.
    /// @param id the proposal
    function cancel(uint64 id) external {
        Proposal storage p = _existing(id);
        if (msg.sender != p.proposer) revert NotTheProposer(msg.sender, p.proposer);
        _beforeFreeze(id, p);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        if (p.powers != 0) {
            if (p.yesPower != 0 || p.noPower != 0) revert VoteBegun(id);
            if (status != IUpgradeRegistry.Status.Voting) revert WrongStatus(id, status);
        } else if (status != IUpgradeRegistry.Status.Approved && status != IUpgradeRegistry.Status.Scheduled) {
            revert WrongStatus(id, status);
        }

        _end(id, p, IUpgradeRegistry.Status.Cancelled);
    }

    function _store(Proposal storage p, IUpgradeRegistry.ProposalInput calldata input, uint256 lead) private {
        p.name = input.name;
        p.releaseKind = IUpgradeRegistry.ReleaseKind(input.releaseKind);
        p.releaseHash = input.releaseHash;
        p.releaseUrl = input.releaseUrl;
        p.breaking = input.breaking;
        p.scheduleKind = IUpgradeRegistry.ScheduleKind(input.scheduleKind);
        p.targetHeight = input.targetHeight;
        p.delay = input.delay;
        p.readinessBps = input.readinessBps;
        p.readinessDeadline = input.readinessDeadline;
        p.expedited = input.expedited;
        p.executionWindow = input.executionWindow == 0 ? _executionWindow : input.executionWindow;
        p.graceBlocks = input.graceBlocks;
        p.migrationKind = IUpgradeRegistry.MigrationKind(input.migrationKind);
        p.migrationHash = input.migrationHash;
        p.contractsFirst = input.contractsFirst;
        p.initAllowed = input.initAllowed;
        p.proposer = msg.sender;
        p.proposedAt = uint64(block.number);
        p.lead = uint16(lead);
    }

    function _checkRelease(IUpgradeRegistry.ProposalInput calldata input, uint256 calls) private pure {
        _checkName(input.name);
        if (input.releaseKind > uint8(type(IUpgradeRegistry.ReleaseKind).max)) {
            revert InvalidReleaseKind(input.releaseKind);
        }
        if (input.migrationKind > uint8(type(IUpgradeRegistry.MigrationKind).max)) {
            revert InvalidMigrationKind(input.migrationKind);
        }
        bool migrates = input.migrationKind != uint8(IUpgradeRegistry.MigrationKind.None);
        if (input.releaseKind == uint8(IUpgradeRegistry.ReleaseKind.None)) {
            if (calls == 0) revert InvalidField("calls", 0);
            if (input.releaseHash != bytes32(0)) revert FieldNotAllowed("releaseHash");
            if (bytes(input.releaseUrl).length != 0) revert FieldNotAllowed("releaseUrl");
            if (input.breaking) revert FieldNotAllowed("breaking");
            if (migrates) revert FieldNotAllowed("migrationKind");
            if (input.graceBlocks != 0) revert FieldNotAllowed("graceBlocks");
            if (input.contractsFirst) revert FieldNotAllowed("contractsFirst");
        } else {
            if (input.releaseHash == bytes32(0)) revert ZeroReleaseHash();
            _checkUrl(input.releaseUrl);
        }
        if (calls == 0 && input.contractsFirst) revert FieldNotAllowed("contractsFirst");
        if (calls == 0 && input.initAllowed) revert FieldNotAllowed("initAllowed");
        if (migrates && input.migrationHash == bytes32(0)) revert InvalidField("migrationHash", 0);
        if (!migrates && input.migrationHash != bytes32(0)) revert FieldNotAllowed("migrationHash");
        _within("executionWindow", input.executionWindow);
        _within("graceBlocks", input.graceBlocks);
    }

    function _checkSchedule(IUpgradeRegistry.ProposalInput calldata input, bool voting, uint256 lead) private view {
        if (voting) {
            uint256 least = input.expedited ? _minExpeditedBlocks : _minVotingBlocks;
            if (input.votingBlocks < least) revert VoteTooShort(least, input.votingBlocks);
            _within("votingBlocks", input.votingBlocks);
        } else {
            if (input.votingBlocks != 0) revert FieldNotAllowed("votingBlocks");
            if (input.expedited) revert FieldNotAllowed("expedited");
        }
        if (input.scheduleKind > uint8(type(IUpgradeRegistry.ScheduleKind).max)) {
            revert InvalidScheduleKind(input.scheduleKind);
        }
        bool isFixed = input.scheduleKind == uint8(IUpgradeRegistry.ScheduleKind.Fixed);
        bool byReadiness = input.scheduleKind == uint8(IUpgradeRegistry.ScheduleKind.Readiness);
        bool release = input.releaseKind != uint8(IUpgradeRegistry.ReleaseKind.None);
        if (!release && !isFixed) revert FieldNotAllowed("scheduleKind");
        if (release && isFixed) {
            // A vote that is won in its last block still leaves the lead.
            uint256 ahead = input.targetHeight > block.number ? input.targetHeight - block.number : 0;
            if (ahead < input.votingBlocks + lead) revert LeadTooShort(input.votingBlocks + lead, ahead);
            _within("targetHeight", ahead);
        } else if (input.targetHeight != 0) {
            revert FieldNotAllowed("targetHeight");
        }
        if (isFixed) {
            if (input.delay != 0) revert FieldNotAllowed("delay");
        } else {
            if (input.delay < lead) revert LeadTooShort(lead, input.delay);
            _within("delay", input.delay);
        }
        if (byReadiness) {
            if (input.readinessBps == 0 || input.readinessBps > 10_000) {
                revert InvalidField("readinessBps", input.readinessBps);
            }
            if (input.readinessDeadline <= block.number + input.votingBlocks) {
                revert InvalidField("readinessDeadline", input.readinessDeadline);
            }
            _within("readinessDeadline", input.readinessDeadline - block.number);
        } else {
            if (input.readinessBps != 0) revert FieldNotAllowed("readinessBps");
            if (input.readinessDeadline != 0) revert FieldNotAllowed("readinessDeadline");
        }
    }

    function _within(bytes32 field, uint256 blocks) private pure {
        if (blocks > MAX_BLOCKS_AHEAD) revert InvalidField(field, blocks);
    }

    /// @dev Forgets those of the open proposals that are over, and refuses a second one of the same proposer, the
    ///      admin's apart. At most MAX_OPEN are looked at.
    function _makeRoom(bool isAdmin) private {
        uint256 i = 0;
        while (i < _open.length) {
            uint64 open = _open[i];
            if (_isOpen(open)) {
                if (!isAdmin && _proposals[open].proposer == msg.sender) revert OpenProposal(open);
                ++i;
            } else {
                _open[i] = _open[_open.length - 1];
                _open.pop();
            }
        }
        if (i >= MAX_OPEN) revert TooManyOpen(MAX_OPEN);
    }

    /// @dev The copy of a validator set that votes are counted on: made once per source and number.
    function _copy(IPowerSource.Member[] memory members, uint256 total, uint64 number) private returns (uint64 copy) {
        address source = address(_powerSource);
        copy = _copyOf[source][number];
        if (copy != 0) return copy;
        copy = ++_copies;
        _copyOf[source][number] = copy;
        _keep(_powers[copy], members, total);
        emit PowersCopied(copy, source, number, total);
    }
}
