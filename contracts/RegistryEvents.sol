// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";

/// @title What the UpgradeRegistry tells
/// @notice Hints for those who watch; views are the truth (nodes prune logs).
abstract contract RegistryEvents {
    /// @notice A proposal was made; the views have all of it.
    event ProposalCreated(
        uint64 indexed id,
        address indexed proposer,
        string name,
        uint8 releaseKind,
        bytes32 releaseHash,
        string releaseUrl,
        uint64 targetHeight,
        bool breaking
    );
    /// @notice The powers of a validator set were copied for votes.
    event PowersCopied(uint64 indexed copy, address indexed source, uint64 configurationNumber, uint256 totalPower);
    /// @notice A validator voted, or changed its vote.
    event VoteCast(uint64 indexed id, address indexed validator, bool support, uint256 yesPower, uint256 noPower);
    /// @notice The vote is won, or none was needed; controllers fetch from here on.
    event ProposalApproved(uint64 indexed id);
    /// @notice A proposal has its height; controllers act from here on.
    event ProposalScheduled(uint64 indexed id, uint64 targetHeight);
    /// @notice A proposal came to its end; for Executed by confirmations there is ProposalExecuted.
    event ProposalEnded(uint64 indexed id, IUpgradeRegistry.Status status);
    /// @notice A validator named the key that signals for it (zero: none any more).
    event OperatorSet(address indexed validator, address indexed previous, address indexed operator);
    /// @notice A validator verified, staged and checked the release. Clears a failure that it reported before.
    event ReadySignalled(uint64 indexed id, address indexed validator, address sender);
    /// @notice A validator took its readiness back.
    event ReadyWithdrawn(uint64 indexed id, address indexed validator, address sender);
    /// @notice The running node of a validator has loaded the target height.
    event ArmedSignalled(uint64 indexed id, address indexed validator, address sender, uint64 height);
    /// @notice A validator's preparation failed.
    event FailureReported(uint64 indexed id, address indexed validator, address sender, uint16 code);
    /// @notice A validator says what it runs.
    event VersionAdvertised(
        address indexed validator, address sender, bytes32 version, uint64 protocol, bytes32 releaseHash
    );
    /// @notice The plan is frozen and the verdict stands.
    event ProposalFrozen(
        uint64 indexed id,
        IUpgradeRegistry.Verdict verdict,
        uint256 readyPower,
        uint256 armedPower,
        uint256 goPower,
        uint256 totalPower
    );
    /// @notice A validator runs the new release and has seen H committed.
    event CrossingConfirmed(
        uint64 indexed id, address indexed validator, address sender, bytes32 exeHash, bytes32 appHash
    );
    /// @notice More than 2/3 of the frozen power confirmed the crossing.
    event ProposalExecuted(uint64 indexed id, uint256 confirmedPower, uint256 totalPower);
    /// @notice The linked calls of a proposal were made.
    event ContractsExecuted(uint64 indexed id, address indexed caller);
    /// @notice The linked calls of a proposal were taken back.
    event ContractsUndone(uint64 indexed id, address indexed caller);
    /// @notice A member of the council or a validator approved a halt, a replacement or a rollback.
    event ApprovalGiven(
        uint64 indexed id,
        IUpgradeRegistry.ApprovalKind indexed kind,
        address indexed approver,
        uint16 code,
        bytes32 subject,
        string text
    );
    /// @notice A release was replaced; readiness starts again.
    event ReleaseReplaced(uint64 indexed id, bytes32 releaseHash, string releaseUrl, uint16 round);
    /// @notice The council and its threshold.
    event CouncilSet(address[] members, uint8 threshold);
    /// @notice Where power comes from.
    event PowerSourceSet(address indexed previous, address indexed source);
    /// @notice The registry that follows this one (zero: none).
    event SuccessorSet(address indexed registry);
    /// @notice Whether linked calls may go to a diamond.
    event TargetSet(address indexed target, bool allowed);
    /// @notice Who may propose.
    event ProposersSet(address indexed admin, uint256 minProposerPower);
}
