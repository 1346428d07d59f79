// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryLife} from "./RegistryLife.sol";
import {RegistryText} from "./RegistryText.sol";

/// @title What is approved outside a vote: other bytes, a rollback, an emergency halt
/// @notice An approval is kept per proposal and kind, and counts while its signer is who it was: a member of the council
///         or a validator of the moment; for a rollback the frozen membership counts, which nobody leaves.
abstract contract RegistryApprovals is RegistryLife, RegistryText {
    /// @notice Approves other bytes for the release. By a validator, with its own key, before H-F; more than 2/3 of the
    ///         power of the moment for the same bytes and URL replaces them. Readiness starts again, arming stays. A
    ///         validator may change its mind for another replacement.
    /// @param id the approved or scheduled proposal
    /// @param releaseHash SHA-256 of the other release, of the same kind; not zero
    /// @param releaseUrl where it is to be had
    function replaceRelease(uint64 id, bytes32 releaseHash, string calldata releaseUrl) external {
        Proposal storage p = _existing(id);
        _beforeFreeze(id, p);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        if (status != IUpgradeRegistry.Status.Approved && status != IUpgradeRegistry.Status.Scheduled) {
            revert WrongStatus(id, status);
        }
        if (p.releaseKind == IUpgradeRegistry.ReleaseKind.None) revert NoRelease(id);
        if (releaseHash == bytes32(0)) revert ZeroReleaseHash();
        _checkUrl(releaseUrl);
        if (releaseHash == p.releaseHash && keccak256(bytes(releaseUrl)) == keccak256(bytes(p.releaseUrl))) {
            revert ReleaseUnchanged(id);
        }
        (IPowerSource.Member[] memory members, uint256 total) = _membership();
        if (_powerIn(members, msg.sender) == 0) revert NotAValidator(msg.sender);
        bytes32 subject = keccak256(abi.encode(releaseHash, releaseUrl));
        Approval storage given = _approvals[id][IUpgradeRegistry.ApprovalKind.Replace][msg.sender];
        bool again = given.approvedAt != 0 && given.round == p.releaseRound;
        if (again && given.subject == subject) revert AlreadyApproved(id, msg.sender);

        if (_replacements[id][subject].releaseHash == bytes32(0)) {
            _replacements[id][subject] = Release({releaseHash: releaseHash, url: releaseUrl});
        }
        given.approvedAt = uint64(block.number);
        given.round = p.releaseRound;
        given.subject = subject;
        if (!again) ++p.approvals;
        emit ApprovalGiven(
            id, IUpgradeRegistry.ApprovalKind.Replace, msg.sender, 0, releaseHash, releaseUrl
        );
        uint256 agreed = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            Approval storage a = _approvals[id][IUpgradeRegistry.ApprovalKind.Replace][members[i].validator];
            if (a.approvedAt != 0 && a.round == p.releaseRound && a.subject == subject) agreed += members[i].power;
        }
        if (!_moreThanTwoThirds(agreed, total)) return;
        p.releaseHash = releaseHash;
        p.releaseUrl = releaseUrl;
        ++p.releaseRound;
        emit ReleaseReplaced(id, releaseHash, releaseUrl, p.releaseRound);
    }

    /// @notice Approves that the network went on with the old release. By a validator of the frozen membership, with its
    ///         own key, from H on while the crossing is neither Executed nor over; more than 2/3 of the frozen power rolls
    ///         it back.
    /// @param id the proposal, frozen with the verdict Cross
    /// @param reason the signer's own words
    function rollback(uint64 id, string calldata reason) external {
        Proposal storage p = _existing(id);
        (IUpgradeRegistry.Status status, IUpgradeRegistry.Verdict verdict) = _effective(p, false);
        if (verdict != IUpgradeRegistry.Verdict.Cross) revert NotCrossing(id, verdict);
        if (status == IUpgradeRegistry.Status.Expired) revert TooLate(id, _crossingEnd(p), block.number);
        if (status != IUpgradeRegistry.Status.Scheduled) revert WrongStatus(id, status);
        if (block.number < p.targetHeight) revert TooEarly(id, p.targetHeight, block.number);
        Powers storage frozen = _frozen[id];
        if (frozen.powerOf[msg.sender] == 0) revert NotAValidator(msg.sender);

        _give(id, p, IUpgradeRegistry.ApprovalKind.Rollback, 0, reason);
        if (_moreThanTwoThirds(_rollbackPower(id), frozen.total)) _end(id, p, IUpgradeRegistry.Status.RolledBack);
    }

    /// @notice Approves that a proposal is cancelled at once. By a member of the council, before H-F. It can stop nothing
    ///         that the validators decide about the registry itself, such as who the council is.
    /// @param id the proposal: Voting, Approved or Scheduled
    /// @param code why, from 1
    /// @param text the signer's own words; no part of what has to agree
    function approveEmergencyHalt(uint64 id, uint16 code, string calldata text) external {
        Proposal storage p = _existing(id);
        if (!_inCouncil(msg.sender)) revert NotInCouncil(msg.sender);
        _beforeFreeze(id, p);
        (IUpgradeRegistry.Status status,) = _effective(p, false);
        if (
            status != IUpgradeRegistry.Status.Voting && status != IUpgradeRegistry.Status.Approved
                && status != IUpgradeRegistry.Status.Scheduled
        ) revert WrongStatus(id, status);
        if (p.aboutRegistry) revert NotHaltable(id);
        if (code == 0) revert ZeroHaltCode();

        _give(id, p, IUpgradeRegistry.ApprovalKind.Halt, code, text);
        if (_haltApprovals(id) >= _councilThreshold) _end(id, p, IUpgradeRegistry.Status.Cancelled);
    }

    function _give(
        uint64 id,
        Proposal storage p,
        IUpgradeRegistry.ApprovalKind kind,
        uint16 code,
        string calldata text
    ) private {
        _checkText(text);
        Approval storage given = _approvals[id][kind][msg.sender];
        if (given.approvedAt != 0) revert AlreadyApproved(id, msg.sender);
        given.approvedAt = uint64(block.number);
        given.code = code;
        given.text = text;
        ++p.approvals;
        emit ApprovalGiven(id, kind, msg.sender, code, bytes32(0), text);
    }

    function _inCouncil(address account) private view returns (bool) {
        for (uint256 i = 0; i < _council.length; ++i) {
            if (_council[i] == account) return true;
        }
        return false;
    }
}
