// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryLife} from "./RegistryLife.sol";

/// @title What the registry shows
/// @notice Pages of plain rows, so that one call draws one panel. A view looks at a block that is over: at H-2 without a
///         freeze it says Abort. Views are not meant to be read by other contracts in that block.
abstract contract RegistryViews is RegistryLife {
    /// @notice One proposal as it stands after the block that is asked about.
    /// @param id its number, from 1
    function proposal(uint64 id) external view returns (IUpgradeRegistry.ProposalView memory) {
        _existing(id);
        // Empty and zero for one that is frozen, which does not look at them.
        // slither-disable-start uninitialized-local
        IPowerSource.Member[] memory members;
        uint256 total;
        // slither-disable-end uninitialized-local
        if (_proposals[id].frozenAt == 0) (members, total) = _membership();
        return _view(id, members, total);
    }

    /// @notice Proposals, newest first.
    /// @param offset how many of the newest to leave out
    /// @param limit how many to return; at most MAX_PAGE are
    /// @return page the proposals
    /// @return total how many proposals there are in all
    function proposals(uint256 offset, uint256 limit)
        external
        view
        returns (IUpgradeRegistry.ProposalView[] memory page, uint256 total)
    {
        total = _count;
        uint256 size = _pageSize(offset, limit, total);
        page = new IUpgradeRegistry.ProposalView[](size);
        // Empty, zero and false until the first that is not frozen.
        // slither-disable-start uninitialized-local
        IPowerSource.Member[] memory members;
        uint256 totalPower;
        bool loaded;
        // slither-disable-end uninitialized-local
        for (uint256 i = 0; i < size; ++i) {
            uint64 id = uint64(total - offset - i);
            if (!loaded && _proposals[id].frozenAt == 0) {
                (members, totalPower) = _membership();
                loaded = true;
            }
            page[i] = _view(id, members, totalPower);
        }
    }

    /// @notice Each validator's part in a proposal: over the membership of the moment, over the frozen one after the
    ///         freeze, in the order of the power source.
    /// @param id its number; 0 for the scheduled proposal, else the newest, else (none yet) just the validators
    /// @param offset how many validators to leave out
    /// @param limit how many to return; at most MAX_PAGE are
    /// @return page one row per validator
    /// @return total how many validators there are in all
    function readiness(uint64 id, uint256 offset, uint256 limit)
        external
        view
        returns (IUpgradeRegistry.ReadinessView[] memory page, uint256 total)
    {
        if (id > _count) revert UnknownProposal(id);
        if (id == 0) {
            id = scheduledId();
            if (id == 0) id = _count;
        }
        IPowerSource.Member[] memory members;
        if (_proposals[id].frozenAt == 0) (members,) = _membership();
        else members = _kept(_frozen[id]);
        total = members.length;
        uint256 size = _pageSize(offset, limit, total);
        page = new IUpgradeRegistry.ReadinessView[](size);
        for (uint256 i = 0; i < size; ++i) {
            _readinessRow(page[i], id, members[offset + i]);
        }
    }

    /// @notice Each validator's vote, over the copy of powers that the proposal is bound to; no rows where no vote is
    ///         needed.
    /// @param id its number, from 1
    /// @param offset how many validators to leave out
    /// @param limit how many to return; at most MAX_PAGE are
    /// @return page one row per validator
    /// @return total how many validators there are in all
    function votes(uint64 id, uint256 offset, uint256 limit)
        external
        view
        returns (IUpgradeRegistry.VoteView[] memory page, uint256 total)
    {
        Powers storage powers = _powers[_existing(id).powers];
        total = powers.members.length;
        uint256 size = _pageSize(offset, limit, total);
        page = new IUpgradeRegistry.VoteView[](size);
        for (uint256 i = 0; i < size; ++i) {
            address validator = powers.members[offset + i];
            Vote storage cast = _votes[id][validator];
            page[i] = IUpgradeRegistry.VoteView({
                validator: validator,
                power: powers.powerOf[validator],
                choice: uint8(cast.choice),
                votedAt: cast.votedAt
            });
        }
    }

    /// @notice The approvals of a kind that still count, in the order of the council or of the power source.
    /// @param id its number, from 1
    /// @param kind an ApprovalKind
    /// @param offset how many approvals to leave out
    /// @param limit how many to return; at most MAX_PAGE are
    /// @return page one row per approval
    /// @return total how many approvals count in all
    function approvals(uint64 id, uint8 kind, uint256 offset, uint256 limit)
        external
        view
        returns (IUpgradeRegistry.ApprovalView[] memory page, uint256 total)
    {
        Proposal storage p = _existing(id);
        if (kind > uint8(type(IUpgradeRegistry.ApprovalKind).max)) revert InvalidApprovalKind(kind);
        IUpgradeRegistry.ApprovalKind what = IUpgradeRegistry.ApprovalKind(kind);
        IPowerSource.Member[] memory approvers = _approvers(id, what);
        // Those that approved move to the front.
        for (uint256 i = 0; i < approvers.length; ++i) {
            Approval storage a = _approvals[id][what][approvers[i].validator];
            bool counts = a.approvedAt != 0 && a.round == _roundOf(p, what);
            if (counts) approvers[total++] = approvers[i];
        }
        uint256 size = _pageSize(offset, limit, total);
        page = new IUpgradeRegistry.ApprovalView[](size);
        for (uint256 i = 0; i < size; ++i) {
            address approver = approvers[offset + i].validator;
            Approval storage a = _approvals[id][what][approver];
            Release storage release = _replacements[id][a.subject];
            bool replaces = what == IUpgradeRegistry.ApprovalKind.Replace;
            page[i] = IUpgradeRegistry.ApprovalView({
                approver: approver,
                power: approvers[offset + i].power,
                approvedAt: a.approvedAt,
                code: a.code,
                text: replaces ? release.url : a.text,
                subject: replaces ? release.releaseHash : bytes32(0)
            });
        }
    }

    /// @notice The calls of a proposal and their undo, as they would be made.
    /// @param id its number, from 1
    function linked(uint64 id)
        external
        view
        returns (IUpgradeRegistry.LinkedCallView[] memory calls, IUpgradeRegistry.LinkedCallView[] memory undo)
    {
        _existing(id);
        Linked storage stored = _linked[id];
        calls = _callViews(stored.calls, stored.callCodes);
        undo = _callViews(stored.undo, stored.undoCodes);
    }

    /// @notice What the registry was deployed with, and what votes changed since.
    function settings() external view returns (IUpgradeRegistry.SettingsView memory shown) {
        (IPowerSource.Member[] memory members,, uint64 number) = _membershipOf(_powerSource);
        shown.powerSource = address(_powerSource);
        shown.configurationNumber = number;
        shown.admin = _admin;
        shown.minProposerPower = _minProposerPower;
        shown.votingRequired = _votingRequired;
        shown.minVotingBlocks = _minVotingBlocks;
        shown.minExpeditedBlocks = _minExpeditedBlocks;
        shown.freezeBlocks = _freezeBlocks;
        shown.executionWindow = _executionWindow;
        shown.minimumLead = uint64(_minimumLead(members.length));
        shown.successor = _successor;
        shown.council = _council;
        shown.councilThreshold = _councilThreshold;
        shown.targets = _targets;
        shown.proposalCount = _count;
        shown.scheduledId = scheduledId();
    }

    /// @notice The key that a validator lets signal for it; zero when there is none.
    function operatorOf(address validator) external view returns (address) {
        return _operatorOf[validator];
    }

    /// @notice The validator that an operator key signals for; zero when there is none.
    function validatorOf(address operator) external view returns (address) {
        return _validatorOf[operator];
    }

    /// @notice The number that the next signed message of this key must carry.
    function nonces(address signer) external view returns (uint256) {
        return _nonces[signer];
    }

    /// @notice The least distance from now to a target height, in blocks: the freeze, three blocks for each arming turn,
    ///         and three to be seen.
    function minimumLead() external view returns (uint256) {
        (IPowerSource.Member[] memory members,) = _membership();
        return _minimumLead(members.length);
    }

    /// @notice The proposal that is Scheduled after the block that is asked about; 0 when none is.
    function scheduledId() public view returns (uint64) {
        uint64 id = _lastScheduled;
        if (id == 0) return 0;
        (IUpgradeRegistry.Status status,) = _effective(_proposals[id], true);
        return status == IUpgradeRegistry.Status.Scheduled ? id : 0;
    }

    /// @dev `members` and `total` are those of the moment; a frozen proposal does not look at them but for replacements.
    function _view(uint64 id, IPowerSource.Member[] memory members, uint256 total)
        private
        view
        returns (IUpgradeRegistry.ProposalView memory row)
    {
        Proposal storage p = _proposals[id];
        (IUpgradeRegistry.Status status, IUpgradeRegistry.Verdict verdict) = _effective(p, true);
        row.id = id;
        row.name = p.name;
        row.releaseKind = uint8(p.releaseKind);
        row.releaseHash = p.releaseHash;
        row.releaseUrl = p.releaseUrl;
        row.targetHeight = p.targetHeight;
        row.breaking = p.breaking;
        row.proposer = p.proposer;
        row.proposedAt = p.proposedAt;
        row.scheduledAt = p.scheduledAt;
        row.status = uint8(status);
        row.verdict = uint8(verdict);
        row.frozenAt = p.frozenAt;
        row.freezeBlocks = _freezeBlocks;
        row.confirmedPower = p.confirmedPower;
        if (p.frozenAt == 0) {
            (row.readyPower, row.armedPower, row.goPower) = _tally(id, members);
            row.totalPower = total;
        } else {
            row.readyPower = p.readyPower;
            row.armedPower = p.armedPower;
            row.goPower = p.goPower;
            row.totalPower = p.totalPower;
        }
        _viewPlan(row, p);
        if (p.approvals != 0) {
            row.haltApprovals = _haltApprovals(id);
            row.replacePower = _replacePower(id, members);
            row.rollbackPower = _rollbackPower(id);
        }
    }

    function _viewPlan(IUpgradeRegistry.ProposalView memory row, Proposal storage p) private view {
        row.scheduleKind = uint8(p.scheduleKind);
        row.delay = p.delay;
        row.readinessBps = p.readinessBps;
        row.readinessDeadline = p.readinessDeadline;
        row.votingEndsAt = p.votingEndsAt;
        row.expedited = p.expedited;
        row.approvedAt = p.approvedAt;
        row.endedAt = p.endedAt;
        row.yesPower = p.yesPower;
        row.noPower = p.noPower;
        row.votingPower = _powers[p.powers].total;
        row.executionWindow = p.executionWindow;
        row.graceBlocks = p.graceBlocks;
        row.migrationKind = uint8(p.migrationKind);
        row.migrationHash = p.migrationHash;
        row.releaseRound = p.releaseRound;
        row.linkedCalls = p.linkedCalls;
        row.linkedHash = p.linkedHash;
        row.contractsFirst = p.contractsFirst;
        row.initAllowed = p.initAllowed;
        row.contractsAt = p.contractsAt;
        row.undoneAt = p.undoneAt;
    }

    /// @dev What was said of the bytes before a replacement is not shown.
    function _readinessRow(IUpgradeRegistry.ReadinessView memory row, uint64 id, IPowerSource.Member memory member)
        private
        view
    {
        Signal storage s = _signals[id][member.validator];
        row.validator = member.validator;
        row.power = member.power;
        row.operator = _operatorOf[member.validator];
        if (s.round == _proposals[id].releaseRound) {
            row.readyAt = s.readyAt;
            row.readyTime = s.readyTime;
            row.failureCode = s.failureCode;
            row.failedAt = s.failedAt;
        }
        row.armedAt = s.armedAt;
        row.confirmedAt = s.confirmedAt;
        row.exeHash = s.exeHash;
        row.appHash = s.appHash;
        Advertised storage a = _advertised[member.validator];
        row.version = a.version;
        row.protocol = a.protocol;
        row.advertisedHash = a.releaseHash;
        row.advertisedAt = a.saidAt;
        row.advertisedTime = a.saidTime;
    }

    /// @dev Who can approve: a council member has the power 1.
    function _approvers(uint64 id, IUpgradeRegistry.ApprovalKind kind)
        private
        view
        returns (IPowerSource.Member[] memory members)
    {
        if (kind == IUpgradeRegistry.ApprovalKind.Rollback) return _kept(_frozen[id]);
        if (kind == IUpgradeRegistry.ApprovalKind.Replace) {
            (members,) = _membership();
            return members;
        }
        members = new IPowerSource.Member[](_council.length);
        for (uint256 i = 0; i < members.length; ++i) {
            members[i] = IPowerSource.Member({validator: _council[i], power: 1});
        }
    }

    /// @dev Approvals of other bytes count in the round of the release that they were given in.
    function _roundOf(Proposal storage p, IUpgradeRegistry.ApprovalKind kind) private view returns (uint16) {
        return kind == IUpgradeRegistry.ApprovalKind.Replace ? p.releaseRound : 0;
    }

    /// @dev The most power that agrees on one replacement. Grows with the square of those that approve, at most 256.
    function _replacePower(uint64 id, IPowerSource.Member[] memory members) private view returns (uint256 most) {
        bytes32[] memory subjects = new bytes32[](members.length);
        uint256[] memory powers = new uint256[](members.length);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            Approval storage a = _approvals[id][IUpgradeRegistry.ApprovalKind.Replace][members[i].validator];
            if (a.approvedAt == 0 || a.round != _proposals[id].releaseRound) continue;
            uint256 place = 0;
            while (place < count && subjects[place] != a.subject) ++place;
            if (place == count) subjects[count++] = a.subject;
            powers[place] += members[i].power;
            if (powers[place] > most) most = powers[place];
        }
    }

    function _callViews(bytes memory encoded, bytes32[] memory codes)
        private
        pure
        returns (IUpgradeRegistry.LinkedCallView[] memory shown)
    {
        if (encoded.length == 0) return shown;
        IUpgradeRegistry.LinkedCall[] memory calls = abi.decode(encoded, (IUpgradeRegistry.LinkedCall[]));
        shown = new IUpgradeRegistry.LinkedCallView[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            shown[i] = IUpgradeRegistry.LinkedCallView({
                target: calls[i].target,
                data: calls[i].data,
                codesHash: codes[i]
            });
        }
    }

    function _pageSize(uint256 offset, uint256 limit, uint256 total) private pure returns (uint256) {
        if (offset >= total) return 0;
        uint256 left = total - offset;
        if (limit > MAX_PAGE) limit = MAX_PAGE;
        return limit < left ? limit : left;
    }
}
