// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What the UpgradeRegistry of a subnet understands
/// @notice One registry per subnet; its clock is the height of the subnet. Power decides, never heads: "more than 2/3"
///         is 3 * power > 2 * total, in integers.
///
///         Life of a proposal: Voting, then Approved or Rejected; an Approved release becomes Scheduled when it gets
///         its target height H; a Scheduled one becomes Executed, Aborted, Expired or RolledBack. Cancelled is possible
///         until H-F. F blocks before H the plan freezes: everything but confirmations is too late from then on.
///
///         Three approvals are collected by validators or the council outside a vote: a release is replaced, an
///         upgrade is rolled back, an emergency stops it.
interface IUpgradeRegistry {
    /// @notice What the release hash is the SHA-256 of: the binary itself, or a manifest. `None` is a proposal of
    ///         contract calls alone: no node stops for it, and it never has a height.
    enum ReleaseKind {
        Raw,
        Manifest,
        None
    }

    /// @notice How H comes about. `Fixed`: it is proposed. `AfterVote`: `delay` blocks after the vote is won.
    ///         `Readiness`: `delay` blocks after checkAndSchedule() found enough power ready, by `readinessDeadline`.
    enum ScheduleKind {
        Fixed,
        AfterVote,
        Readiness
    }

    /// @notice What the release does to the state at H. Wasm needs 3/4 of the power in the vote.
    enum MigrationKind {
        None,
        Compiled,
        Standard,
        Wasm
    }

    /// @notice Where a proposal stands.
    enum Status {
        None,
        Voting,
        Approved,
        Rejected,
        Scheduled,
        Executed,
        Aborted,
        Expired,
        Cancelled,
        RolledBack
    }

    /// @notice What the network does at the target height.
    enum Verdict {
        None,
        Cross,
        Abort
    }

    /// @notice A validator's vote.
    enum Choice {
        None,
        Yes,
        No
    }

    /// @notice What is approved by a number of keys outside a vote. Halt: by the council. The others: by power.
    enum ApprovalKind {
        Halt,
        Replace,
        Rollback
    }

    /// @notice A call that the registry makes once the proposal allows it.
    /// @dev Targets are allow-listed diamonds with `diamondCut`, a diamond's `transferOwnership` (alone in a proposal),
    ///      or the registry itself with one of its own settings (setCouncil, setPowerSource, setSuccessor, setTarget,
    ///      setProposers).
    struct LinkedCall {
        address target;
        bytes data;
    }

    /// @notice All that is proposed.
    struct ProposalInput {
        string name; // [a-z0-9][a-z0-9._-]{0,63}
        uint8 releaseKind; // a ReleaseKind
        bytes32 releaseHash; // zero for kind None, never otherwise
        string releaseUrl; // 1 to 512 bytes of printable ASCII; empty for kind None
        bool breaking; // whether a node that is not ready has to stop at H
        uint8 scheduleKind; // a ScheduleKind
        uint64 targetHeight; // H for Fixed; zero otherwise
        uint64 delay; // blocks, for AfterVote and Readiness: at least minimumLead(); zero for Fixed
        uint16 readinessBps; // for Readiness: 1 to 10000; zero otherwise
        uint64 readinessDeadline; // for Readiness: the last block in which it may be scheduled; zero otherwise
        uint64 votingBlocks; // blocks that the vote is open; zero where no vote is needed
        bool expedited; // a vote shorter than the registry's usual least
        uint64 executionWindow; // blocks after H (after the approval for kind None); zero for the registry's own
        uint64 graceBlocks; // blocks after H for which the old release may follow; said, not enforced
        uint8 migrationKind; // a MigrationKind
        bytes32 migrationHash; // SHA-256 of the migration; zero exactly for MigrationKind None
        bool contractsFirst; // the calls come before the freeze, otherwise after the resume
        bool initAllowed; // a cut may have an initialiser (the way of every takeover: it has to be asked for)
    }

    /// @notice A proposal as views show it. Blocks are heights, zero for "not yet"; powers are in the unit of the
    ///         power source.
    struct ProposalView {
        uint64 id;
        string name;
        uint8 releaseKind;
        bytes32 releaseHash;
        string releaseUrl;
        uint64 targetHeight; // zero until it is known
        bool breaking;
        address proposer;
        uint64 proposedAt;
        uint64 scheduledAt;
        uint8 status;
        uint8 verdict;
        uint64 frozenAt;
        uint64 freezeBlocks;
        uint256 readyPower;
        uint256 armedPower;
        uint256 goPower;
        uint256 confirmedPower;
        uint256 totalPower;
        uint8 scheduleKind;
        uint64 delay;
        uint16 readinessBps;
        uint64 readinessDeadline;
        uint64 votingEndsAt; // the last block in which votes count; zero where no vote is needed
        bool expedited;
        uint64 approvedAt;
        uint64 endedAt; // when it became Rejected, Executed, Aborted, Expired, Cancelled or RolledBack, where stored
        uint256 yesPower;
        uint256 noPower;
        uint256 votingPower; // the total of the copy of powers that votes are counted on
        uint64 executionWindow;
        uint64 graceBlocks;
        uint8 migrationKind;
        bytes32 migrationHash;
        uint16 releaseRound; // how often the release was replaced
        uint16 linkedCalls; // how many calls are linked
        bytes32 linkedHash; // keccak256(abi.encode(calls, undo)); zero without calls
        bool contractsFirst;
        bool initAllowed;
        uint64 contractsAt; // when the linked calls were made
        uint64 undoneAt; // when the undo calls were made
        uint16 haltApprovals;
        uint256 replacePower; // the most power that agrees on one replacement
        uint256 rollbackPower;
    }

    /// @notice One validator's part in a proposal: readiness on the membership of the moment, on the frozen one after
    ///         the freeze. 0 means "not said" in every field but `power`.
    struct ReadinessView {
        address validator;
        uint256 power;
        address operator;
        uint64 readyAt;
        uint64 readyTime;
        uint64 armedAt;
        uint16 failureCode;
        uint64 failedAt;
        uint64 confirmedAt;
        bytes32 exeHash;
        bytes32 appHash;
        bytes32 version; // advertised: ASCII, padded with zeros
        uint64 protocol;
        bytes32 advertisedHash;
        uint64 advertisedAt;
        uint64 advertisedTime;
    }

    /// @notice One validator's vote, on the copy of powers that the proposal is bound to.
    struct VoteView {
        address validator;
        uint256 power;
        uint8 choice; // a Choice
        uint64 votedAt;
    }

    /// @notice One approval that still counts.
    struct ApprovalView {
        address approver; // a council member, or a validator
        uint256 power; // 1 for a council member
        uint64 approvedAt;
        uint16 code; // of a halt: why
        string text; // of a halt or a rollback: the signer's own words; of a replacement: the new URL
        bytes32 subject; // of a replacement: the new release hash
    }

    /// @notice A linked call as stored.
    struct LinkedCallView {
        address target;
        bytes data;
        bytes32 codesHash; // keccak256 over the code hashes of every facet, then the initialiser's, at proposal time
    }

    /// @notice What the registry was deployed with, and what votes changed since.
    struct SettingsView {
        address powerSource;
        uint64 configurationNumber; // of the membership of the moment
        address admin; // may propose without being a validator; zero for none
        uint256 minProposerPower; // the least power of a validator that may propose; the largest number for "none may"
        bool votingRequired; // whether a release needs a vote; calls always do
        uint64 minVotingBlocks;
        uint64 minExpeditedBlocks;
        uint64 freezeBlocks;
        uint64 executionWindow;
        uint64 minimumLead;
        address successor;
        address[] council;
        uint8 councilThreshold;
        address[] targets;
        uint64 proposalCount;
        uint64 scheduledId;
    }

    /// @notice What a registry is deployed with.
    struct Config {
        address powerSource;
        address admin;
        uint256 minProposerPower;
        bool votingRequired;
        uint64 minVotingBlocks;
        uint64 minExpeditedBlocks;
        uint64 freezeBlocks; // F, at least 5
        uint64 executionWindow; // not zero
        address[] council; // at most 16; none for a registry without emergency halt
        uint8 councilThreshold; // more than half of the council
        address[] targets; // at most 16 diamonds that cuts may go to
    }

    // ------------------------------------------------------------ proposing and voting

    function propose(ProposalInput calldata input, LinkedCall[] calldata calls, LinkedCall[] calldata undo)
        external
        returns (uint64 id);
    /// By the proposer, before any vote; where no vote is needed, until H-F.
    function cancel(uint64 id) external;
    /// By validators of the copy; a vote may be changed while the vote is open.
    function vote(uint64 id, bool support) external;
    function voteBySig(uint64 id, bool support, address validator, uint256 deadline, bytes calldata signature) external;
    /// By anyone: stores that a vote was lost or ran out.
    function finalize(uint64 id) external;
    /// By anyone: gives an Approved proposal its height, once.
    function checkAndSchedule(uint64 id) external;
    /// By anyone: stores that a proposal ran out of time.
    function expire(uint64 id) external;

    // ------------------------------------------------------------ signals (validator's own key or its operator key)

    function setOperator(address operator) external;
    function signalReady(uint64 id, bytes32 releaseHash) external;
    function signalReadyBySig(uint64 id, bytes32 releaseHash, address signer, uint256 deadline, bytes calldata signature)
        external;
    function withdrawReady(uint64 id) external;
    function signalArmed(uint64 id, uint64 height) external;
    function reportFailure(uint64 id, uint16 code) external;
    function advertise(bytes32 version, uint64 protocol, bytes32 releaseHash) external;

    // ------------------------------------------------------------ verdict and crossing

    function freeze(uint64 id) external;
    function confirmCrossed(uint64 id, bytes32 exeHash, bytes32 appHash) external;

    // ------------------------------------------------------------ linked calls

    /// By anyone: contractsFirst: Scheduled and before H-F. Otherwise after H with the verdict Cross. Kind None: once
    /// Approved, within the execution window.
    function executeContracts(uint64 id) external;
    /// By anyone: takes cuts back that were made for an upgrade that did not come.
    function undoContracts(uint64 id) external;

    // ------------------------------------------------------------ approvals outside a vote

    /// By validators, before H-F, by more than 2/3 of the power of the moment: other bytes, readiness starts again.
    function replaceRelease(uint64 id, bytes32 releaseHash, string calldata releaseUrl) external;
    /// By validators of the frozen membership, from H on, unless Executed: the network went on with the old release.
    function rollback(uint64 id, string calldata reason) external;
    /// By the council, before H-F: the threshold of approvals cancels. The reason is each signer's own.
    function approveEmergencyHalt(uint64 id, uint16 code, string calldata text) external;

    // ------------------------------------------------------------ settings, by the registry itself (a linked call)

    function setCouncil(address[] calldata members, uint8 threshold) external;
    function setPowerSource(address source) external;
    function setSuccessor(address registry) external;
    function setTarget(address target, bool allowed) external;
    function setProposers(address admin, uint256 minProposerPower) external;

    // ------------------------------------------------------------ views

    function proposal(uint64 id) external view returns (ProposalView memory);
    function proposals(uint256 offset, uint256 limit)
        external
        view
        returns (ProposalView[] memory page, uint256 total);
    function readiness(uint64 id, uint256 offset, uint256 limit)
        external
        view
        returns (ReadinessView[] memory page, uint256 total);
    function votes(uint64 id, uint256 offset, uint256 limit)
        external
        view
        returns (VoteView[] memory page, uint256 total);
    function approvals(uint64 id, uint8 kind, uint256 offset, uint256 limit)
        external
        view
        returns (ApprovalView[] memory page, uint256 total);
    function linked(uint64 id) external view returns (LinkedCallView[] memory calls, LinkedCallView[] memory undo);
    function settings() external view returns (SettingsView memory);
    function scheduledId() external view returns (uint64);
    function minimumLead() external view returns (uint256);
    function operatorOf(address validator) external view returns (address);
    function validatorOf(address operator) external view returns (address);
    /// The number that the next signed message of this key must carry.
    function nonces(address signer) external view returns (uint256);
}
