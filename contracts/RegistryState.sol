// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IUpgradeRegistry} from "./IUpgradeRegistry.sol";
import {IPowerSource} from "./IPowerSource.sol";
import {RegistryErrors} from "./RegistryErrors.sol";
import {RegistryEvents} from "./RegistryEvents.sol";

/// @title All that the UpgradeRegistry stores
/// @notice Both halves of the registry begin with this, so that they agree on every slot. Nothing above it stores
///         anything that the other half could touch.
abstract contract RegistryState is ReentrancyGuard, RegistryErrors, RegistryEvents {
    struct Proposal {
        string name;
        string releaseUrl;
        bytes32 releaseHash;
        bytes32 migrationHash;
        bytes32 linkedHash;
        uint64 targetHeight;
        uint64 proposedAt;
        uint64 approvedAt;
        uint64 scheduledAt;
        uint64 frozenAt;
        uint64 endedAt;
        uint64 contractsAt;
        uint64 undoneAt;
        uint64 delay;
        uint64 readinessDeadline;
        uint64 votingEndsAt;
        uint64 executionWindow;
        uint64 graceBlocks;
        uint64 approvedUntil; // the last block in which an Approved proposal goes on
        uint64 powers; // which copy of powers votes are counted on; zero where no vote is needed
        uint16 lead; // minimumLead() when it was proposed
        uint16 readinessBps;
        uint16 releaseRound;
        bool breaking;
        bool expedited;
        address proposer;
        uint16 linkedCalls;
        uint16 approvals; // how many were ever given, of all kinds
        IUpgradeRegistry.ReleaseKind releaseKind;
        IUpgradeRegistry.ScheduleKind scheduleKind;
        IUpgradeRegistry.MigrationKind migrationKind;
        IUpgradeRegistry.Status status; // as stored; time may have ended it (see RegistryLife)
        IUpgradeRegistry.Verdict verdict;
        bool contractsFirst;
        bool initAllowed;
        bool aboutRegistry; // calls the registry itself
        uint256 yesPower;
        uint256 noPower;
        uint256 readyPower;
        uint256 armedPower;
        uint256 goPower;
        uint256 confirmedPower;
        uint256 totalPower;
    }

    /// @dev `round` is the release round that readiness and failure are of; both are void in a later one.
    struct Signal {
        uint64 readyAt;
        uint64 readyTime;
        uint64 armedAt;
        uint64 failedAt;
        uint64 confirmedAt;
        uint16 failureCode;
        uint16 round;
        bytes32 exeHash;
        bytes32 appHash;
    }

    struct Advertised {
        bytes32 version;
        bytes32 releaseHash;
        uint64 protocol;
        uint64 saidAt;
        uint64 saidTime;
    }

    struct Vote {
        IUpgradeRegistry.Choice choice;
        uint64 votedAt;
    }

    /// @dev `round` is the release round that a replacement was approved in. `subject` is the key of a Release.
    struct Approval {
        uint64 approvedAt;
        uint16 code;
        uint16 round;
        bytes32 subject;
        string text;
    }

    struct Release {
        bytes32 releaseHash;
        string url;
    }

    /// @dev A validator set as it was, each address once.
    struct Powers {
        uint256 total;
        address[] members;
        mapping(address validator => uint256) powerOf;
    }

    /// @dev ABI-encoded lists of calls, and what the code of each call's facets hashed to when it was proposed.
    struct Linked {
        bytes calls;
        bytes undo;
        bytes32[] callCodes;
        bytes32[] undoCodes;
    }

    /// @notice The largest validator set that is read: the gateway's own limit.
    uint256 public constant MAX_VALIDATORS = 256;
    /// @notice The most rows that one view returns.
    uint256 public constant MAX_PAGE = 256;

    // Some of these are written by one half alone and read by both: they are all at one address.
    // slither-disable-start uninitialized-state
    IPowerSource internal _powerSource;
    uint64 internal _freezeBlocks;
    bool internal _votingRequired;
    uint8 internal _councilThreshold;
    address internal _admin;
    uint64 internal _minVotingBlocks;
    uint256 internal _minProposerPower;
    address internal _successor;
    uint64 internal _minExpeditedBlocks;
    uint64 internal _executionWindow;
    uint64 internal _count;
    uint64 internal _lastScheduled;
    uint64 internal _copies;
    address[] internal _council;
    address[] internal _targets;
    uint64[] internal _open;

    mapping(address validator => address) internal _operatorOf;
    mapping(address operator => address) internal _validatorOf;
    mapping(address validator => Advertised) internal _advertised;
    mapping(address signer => uint256) internal _nonces;
    mapping(uint64 id => Proposal) internal _proposals;
    mapping(uint64 id => mapping(address validator => Signal)) internal _signals;
    mapping(uint64 id => mapping(address validator => Vote)) internal _votes;
    mapping(uint64 id => mapping(IUpgradeRegistry.ApprovalKind kind => mapping(address approver => Approval))) internal
        _approvals;
    mapping(uint64 id => mapping(bytes32 subject => Release)) internal _replacements;
    mapping(uint64 id => Linked) internal _linked;
    mapping(uint64 id => Powers) internal _frozen;
    mapping(uint64 copy => Powers) internal _powers;
    mapping(address source => mapping(uint64 configurationNumber => uint64)) internal _copyOf;
    // slither-disable-end uninitialized-state
}
